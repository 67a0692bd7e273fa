"""The effect table: intents before calls, outcomes after them, in short transactions and by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, text

from accordant.kernel import AccordantError, KeyConflict
from accordant.platform.durable import Taken, require_hold
from accordant.platform.effects.controls import Controls
from accordant.platform.storage import execute, maybe, rows


@dataclass(frozen=True, slots=True)
class Item:
    """One write: what makes its key, and the hash of what is sent."""

    base: str
    payload_hash: str
    try_no: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Which writes: the system, the operation, its kind, and the run that asks.

    A repeatable write answers as done when it is sent twice: it is sent again instead of being looked up.
    """

    system: str
    operation: str
    kind: str
    taken: Taken
    entity: str = ""
    repeatable: bool = False
    target: str = ""  # a record that takes one put of this operation at a time


class Turn(Enum):
    """What the caller of a write has to do now."""

    SEND = "send"  # the intent is stored: call
    LOOK_UP = "look_up"  # a call may have happened: look before sending again
    DONE = "done"  # it was done: use the stored outcome
    FAILED = "failed"  # the system refused it, and nobody has said: again
    HELD = "held"  # a live process works on this key now


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one write stands after its intent was stored."""

    item: Item
    turn: Turn
    generation: int
    ref: str | None = None
    facts: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    age_s: float | None = None  # since the last call that may have happened; None when none may have
    adopted: bool = False

    @property
    def key(self) -> str:
        """The key the outside world sees: what was undone is never found again under it."""
        return f"{self.item.base}#{self.generation}"


# The newest generation of each base, locked; `live` says whether its holder still beats.
_CURRENT = """
select distinct on (e.base) e.base, e.generation, e.state, e.payload_hash, e.run_id, e.try_no, e.ref, e.facts, e.error,
       e.adopted, extract(epoch from clock_timestamp() - e.called_at)::float as age_s,
       e.holder <> '' and e.holder <> :me and exists (
         select from executor x where x.id = e.holder and x.reaped_at is null
           and x.beat_at > clock_timestamp() - make_interval(secs => x.lease_s)) as live
from (select * from effect where system = :system and operation = :operation and base = any(:bases)
      order by base, generation for update) e
order by e.base, e.generation desc
"""

_INSERT = """
insert into effect (system, operation, base, generation, kind, run_id, try_no, entity, payload_hash, state, holder,
                    calls, called_at, target)
select :system, :operation, t.base, t.generation, :kind, :run, t.try_no, :entity, t.hash, 'intent', :me, 1,
       clock_timestamp(), :target
from unnest(cast(:bases as text[]), cast(:generations as int[]), cast(:hashes as text[]), cast(:tries as int[]))
     as t(base, generation, hash, try_no)
on conflict do nothing returning base
"""

_TAKE = """
update effect e set state = case when e.state = 'failed' then 'intent' else e.state end, holder = :me, run_id = :run,
       payload_hash = t.hash, try_no = t.try_no, error = null, calls = e.calls + t.is_sent::int,
       called_at = case when t.is_sent then clock_timestamp() else e.called_at end
from unnest(cast(:bases as text[]), cast(:generations as int[]), cast(:hashes as text[]), cast(:tries as int[]),
            cast(:sent as boolean[])) as t(base, generation, hash, try_no, is_sent)
where e.system = :system and e.operation = :operation and e.base = t.base and e.generation = t.generation
"""


def intend(connection: Connection, scope: Scope, items: Sequence[Item], controls: Controls) -> list[Standing]:
    """Store the intent of each write and say what to do with it; one transaction, any number of items.

    Raises:
        KeyConflict: a key was already used with another payload.
        Fenced: another process has taken the run.
    """
    require_hold(connection, scope.taken)
    if not controls.intent:
        return [Standing(item, Turn.SEND, 1) for item in items]
    if scope.target and controls.lock and _is_busy(connection, scope, items):
        return [Standing(item, Turn.HELD, 1) for item in items]
    known = _current(connection, scope, items)
    fresh = [item for item in items if item.base not in known]
    inserted = _insert(connection, scope, [(item, 1) for item in fresh])
    lost = [item for item in fresh if item.base not in inserted]
    if lost:  # another process was quicker: its rows are committed now
        known |= _current(connection, scope, lost)
    standings = [Standing(item, Turn.SEND, 1) for item in fresh if item.base in inserted]
    return standings + _judge(connection, scope, [(i, known[i.base]) for i in items if i.base in known], controls)


def _is_busy(connection: Connection, scope: Scope, items: Sequence[Item]) -> bool:
    """Say whether another put on the same record is under way in a live process."""
    execute(connection, "select pg_advisory_xact_lock(hashtextextended(:t, 11))", t=f"{scope.operation}:{scope.target}")
    found = maybe(
        connection,
        """select 1 from effect e join executor x on x.id = e.holder and x.reaped_at is null
             and x.beat_at > clock_timestamp() - make_interval(secs => x.lease_s)
           where e.system = :system and e.operation = :operation and e.target = :target and e.state = 'intent'
             and e.base <> all(:bases) limit 1""",
        system=scope.system,
        operation=scope.operation,
        target=scope.target,
        bases=[item.base for item in items],
    )
    return found is not None


def _current(connection: Connection, scope: Scope, items: Sequence[Item]) -> dict[str, Any]:
    found = rows(
        connection,
        _CURRENT,
        system=scope.system,
        operation=scope.operation,
        bases=[item.base for item in items],
        me=scope.taken.executor,
    )
    return {row.base: row for row in found}


def _insert(connection: Connection, scope: Scope, pairs: Sequence[tuple[Item, int]]) -> set[str]:
    if not pairs:
        return set()
    return {row.base for row in connection.execute(text(_INSERT), _columns(scope, pairs)).all()}


def _columns(scope: Scope, pairs: Sequence[tuple[Item, int]]) -> dict[str, Any]:
    return {
        "system": scope.system,
        "operation": scope.operation,
        "kind": scope.kind,
        "run": scope.taken.run_id,
        "entity": scope.entity,
        "me": scope.taken.executor,
        "target": scope.target,
        "bases": [item.base for item, _ in pairs],
        "generations": [generation for _, generation in pairs],
        "hashes": [item.payload_hash for item, _ in pairs],
        "tries": [item.try_no for item, _ in pairs],
    }


def _judge(
    connection: Connection, scope: Scope, pairs: Sequence[tuple[Item, Any]], controls: Controls
) -> list[Standing]:
    standings, renewing = [], []
    taking: list[tuple[Item, int, bool]] = []
    for item, row in pairs:
        turn, generation = _turn(scope, item, row, controls), row.generation
        if turn is Turn.SEND and row.state in ("undone", "done"):
            generation += 1
            renewing.append((item, generation))
        elif turn in (Turn.SEND, Turn.LOOK_UP):
            taking.append((item, generation, turn is Turn.SEND))
        standings.append(Standing(item, turn, generation, row.ref, row.facts, row.error, row.age_s, row.adopted))
    _insert(connection, scope, renewing)
    if taking:
        columns = _columns(scope, [(item, generation) for item, generation, _ in taking])
        connection.execute(text(_TAKE), columns | {"sent": [is_sent for *_, is_sent in taking]})
    return standings


def _turn(scope: Scope, item: Item, row: Any, controls: Controls) -> Turn:
    if row.live and controls.lock and row.state in ("intent", "unsure"):
        return Turn.HELD
    if row.state == "undone":
        # Within one run an undone write stays what it was: its compensation goes on. Another run starts anew.
        return Turn.DONE if row.run_id == scope.taken.run_id else Turn.SEND
    if row.state == "failed":
        return Turn.SEND if row.run_id != scope.taken.run_id or item.try_no > row.try_no else Turn.FAILED
    if row.payload_hash != item.payload_hash:
        raise KeyConflict(
            f"{scope.operation} was already sent to {scope.system} for {item.base} with another content.",
            remedy="Compare both contents; correct the record there, or start a new version of the work.",
            code="effect.key_conflict",
            system=scope.system,
            operation=scope.operation,
            correlation_id=scope.taken.start.get("subject", ""),
            detail={"base": item.base, "run": row.run_id},
        )
    if row.state == "done":
        return Turn.DONE if controls.dedupe else Turn.SEND
    may_have_happened = row.age_s is not None and not scope.repeatable
    return Turn.LOOK_UP if may_have_happened and controls.lookup else Turn.SEND


def called(connection: Connection, scope: Scope, standings: Sequence[Standing]) -> None:
    """Record that a call leaves now, for the settling time of a later look-up."""
    _update(connection, scope, standings, "calls = calls + 1, called_at = clock_timestamp()")


def never_left(connection: Connection, scope: Scope, standings: Sequence[Standing]) -> None:
    """Record that the call surely did not happen, and give the key free."""
    _update(connection, scope, standings, "called_at = null, holder = ''")


def unsure(connection: Connection, scope: Scope, standings: Sequence[Standing]) -> None:
    """Record that nobody can say yet whether the call happened."""
    _update(connection, scope, standings, "state = 'unsure'")


def let_go(connection: Connection, scope: Scope, standings: Sequence[Standing]) -> None:
    """Give the key free for any process: this one stops working on it."""
    _update(connection, scope, standings, "holder = ''")


def _update(connection: Connection, scope: Scope, standings: Sequence[Standing], change: str) -> None:
    execute(
        connection,
        f"""update effect e set {change}
            from unnest(cast(:bases as text[]), cast(:generations as int[])) as t(base, generation)
            where (e.system, e.operation, e.base, e.generation) = (:system, :operation, t.base, t.generation)""",
        system=scope.system,
        operation=scope.operation,
        bases=[s.item.base for s in standings],
        generations=[s.generation for s in standings],
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How one write ended: with a record, or with the system's refusal."""

    standing: Standing
    ref: str | None = None
    facts: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    adopted: bool = False


def conclude(connection: Connection, scope: Scope, endings: Sequence[Ending]) -> None:
    """Store outcomes; Fenced when the run was taken by another process meanwhile."""
    require_hold(connection, scope.taken)
    execute(
        connection,
        """update effect e set state = case when t.error is null then 'done' else 'failed' end, ref = t.ref,
                  facts = cast(t.facts as json), error = cast(t.error as json), adopted = t.adopted, holder = '',
                  ended_at = clock_timestamp()
           from unnest(cast(:bases as text[]), cast(:generations as int[]), cast(:refs as text[]),
                       cast(:facts as text[]), cast(:errors as text[]), cast(:adopted as boolean[]))
                as t(base, generation, ref, facts, error, adopted)
           where e.system = :system and e.operation = :operation and e.base = t.base and e.generation = t.generation""",
        system=scope.system,
        operation=scope.operation,
        bases=[e.standing.item.base for e in endings],
        generations=[e.standing.generation for e in endings],
        refs=[e.ref for e in endings],
        facts=[None if e.facts is None else json.dumps(dict(e.facts)) for e in endings],
        errors=[None if e.error is None else json.dumps(dict(e.error)) for e in endings],
        adopted=[e.adopted for e in endings],
    )


def mark_undone(connection: Connection, system: str, operation: str, base: str, generation: int) -> None:
    """Record that a write was taken back; it is never adopted again."""
    execute(
        connection,
        """update effect set state = 'undone' where system = :system and operation = :operation
           and base = :base and generation = :generation""",
        system=system,
        operation=operation,
        base=base,
        generation=generation,
    )


def done_by(connection: Connection, system: str, operation: str, bases: Sequence[str]) -> dict[str, str]:
    """Return the records that an operation has made, by base; what was undone is left out."""
    found = rows(
        connection,
        """select distinct on (base) base, ref, state from effect
           where system = :system and operation = :operation and base = any(:bases) order by base, generation desc""",
        system=system,
        operation=operation,
        bases=list(bases),
    )
    return {row.base: row.ref for row in found if row.state == "done" and row.ref}


def is_begun(connection: Connection, scope: Scope, bases: Sequence[str]) -> bool:
    """Say whether any of these writes may have happened: done, or called without a known end."""
    found = maybe(
        connection,
        """select 1 from effect where system = :system and operation = :operation and base = any(:bases)
             and (state in ('done', 'unsure', 'undone') or (state = 'intent' and called_at is not null)) limit 1""",
        system=scope.system,
        operation=scope.operation,
        bases=list(bases),
    )
    return found is not None


def adopt_by_hand(connection: Connection, base: str, operation: str, ref: str, by: str) -> int:
    """A person did it: store the record they name as the outcome of an open or failed write."""
    return execute(
        connection,
        """update effect set state = 'done', ref = :ref, adopted = true, holder = '', ended_at = clock_timestamp(),
                  facts = json_build_object('done_by_hand', cast(:by as text)), error = null
           where base = :base and operation = :operation and state in ('intent', 'unsure', 'failed')""",
        base=base,
        operation=operation,
        ref=ref,
        by=by,
    )


def stored_error(error: Mapping[str, Any]) -> AccordantError:
    """Build the error again that an effect ended with."""
    from accordant.kernel import errors  # noqa: PLC0415 - the tree by name

    cls = getattr(errors, str(error.get("class", "Rejected")), errors.Rejected)
    facts = {k: error[k] for k in ("code", "remedy", "system", "operation", "correlation_id", "detail") if k in error}
    result: AccordantError = cls(str(error.get("message", "")), **facts)
    return result
