"""The run as the business sees it: opened once per piece of work, taken by one process at a time, ended once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import KeyConflict, content_hash
from accordant.platform.storage import execute, maybe, one, rows


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"
    FAILED = "failed"  # stopped by an error that nobody has answered yet
    COMPENSATED = "compensated"
    SUPERSEDED = "superseded"
    DISMISSED = "dismissed"


FREEING = frozenset({RunState.COMPENSATED, RunState.SUPERSEDED, RunState.DISMISSED})
"""Ends that free the run's key: the same piece of work may be started again."""


class Overtaking(StrEnum):
    """What a newer event of a key does to the run that waits."""

    BLOCK = "block"  # it waits until the run ended
    SUPERSEDE = "supersede"  # the waiting run ends, the new one starts; one that has written outside is waited for
    ALLOW = "allow"  # both go on


class Fenced(Exception):
    """Another process has taken this run: whatever this one still does must not count."""


@dataclass(frozen=True)
class Start:
    """What is needed to start a run.

    Args:
        flow: registered name, without version.
        key: names one piece of work.
        rank: orders newer events of the same key; equal rank with another input is a `KeyConflict`.
        input: ids, versions and money only.
    """

    flow: str
    version: int
    key: str
    input: dict[str, Any]
    rank: int = 0
    overtaking: Overtaking = Overtaking.BLOCK
    entity: str = ""
    subject: str = ""
    tier: str = "standard"
    snapshot: str = ""
    queue: str = "interactive"
    priority: int = 100

    @property
    def workflow(self) -> str:
        """The name under which the engine knows this version of the flow."""
        return f"{self.flow}@{self.version}"


@dataclass(frozen=True)
class Opened:
    """What opening a run came to: `created`, `existing` (same input) or `blocked` (waits its turn)."""

    run_id: str
    outcome: str


@dataclass
class Taken:
    """A run in the hands of this process; `attempt` is its fencing token."""

    run_id: str
    attempt: int
    executor: str
    input: dict[str, Any]
    start: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)  # what earlier executions recorded


def open_run(connection: Connection, start: Start) -> Opened:
    """Open the run of a piece of work, inside the transaction that causes it.

    Raises:
        KeyConflict: the key belongs to a run with another input of the same rank.
    """
    execute(connection, "select pg_advisory_xact_lock(hashtextextended(:k, 7))", k=f"{start.flow}:{start.key}")
    digest = content_hash(start.input)
    current = maybe(
        connection,
        """select id, input_hash, rank, state from run
           where flow = :flow and key = :key and not freed""",
        flow=start.flow,
        key=start.key,
    )
    if current is None:
        return Opened(_insert(connection, start, digest), "created")
    if current.input_hash == digest or start.rank < current.rank:
        return Opened(current.id, "existing")
    if start.rank == current.rank:
        raise KeyConflict(
            f"{start.flow} for {start.key} already exists with another input.",
            remedy="Look at the existing run; start a new version of the work if the new input is right.",
            operation=start.flow,
            correlation_id=start.subject,
            detail={"run": current.id},
        )
    return _overtake(connection, start, digest, current)


def _overtake(connection: Connection, start: Start, digest: str, current: Any) -> Opened:
    if start.overtaking is Overtaking.ALLOW or current.state == RunState.DONE:
        execute(connection, "update run set freed = true where id = :id", id=current.id)
        return Opened(_insert(connection, start, digest), "created")
    may_end = current.state == RunState.PARKED and not _has_written(connection, current.id)
    if start.overtaking is Overtaking.SUPERSEDE and may_end:
        _close(connection, current.id, RunState.SUPERSEDED, {"by_rank": start.rank})
        execute(
            connection,
            "delete from run_blocked where flow = :flow and key = :key and rank <= :rank",
            flow=start.flow,
            key=start.key,
            rank=start.rank,
        )
        return Opened(_insert(connection, start, digest), "created")
    execute(
        connection,
        """insert into run_blocked (flow, key, rank, start) values (:flow, :key, :rank, :start)
           on conflict (flow, key, rank) do nothing""",
        flow=start.flow,
        key=start.key,
        rank=start.rank,
        start=json.dumps({**start.__dict__, "overtaking": str(start.overtaking)}),
    )
    return Opened(current.id, "blocked")


def _has_written(connection: Connection, run_id: str) -> bool:
    """Say whether a run has begun to write outside: such a run is never left behind half done."""
    return maybe(connection, "select 1 from effect where run_id = :id limit 1", id=run_id) is not None


def _insert(connection: Connection, start: Start, digest: str) -> str:
    generation = one(
        connection,
        "select coalesce(max(generation), 0) + 1 as next from run where flow = :flow and key = :key",
        flow=start.flow,
        key=start.key,
    ).next
    run_id = f"{start.workflow}:{start.key}#{generation}"
    execute(
        connection,
        """insert into run (id, flow, version, key, generation, rank, input, input_hash, state, entity, subject, tier,
                            snapshot)
           values (:id, :flow, :version, :key, :generation, :rank, :input, :digest, 'running', :entity, :subject, :tier,
                   :snapshot)""",
        id=run_id,
        flow=start.flow,
        version=start.version,
        key=start.key,
        generation=generation,
        rank=start.rank,
        input=json.dumps(start.input),
        digest=digest,
        entity=start.entity,
        subject=start.subject,
        tier=start.tier,
        snapshot=start.snapshot,
    )
    return run_id


def take_run(connection: Connection, run_id: str, executor: str) -> Taken:
    """Take the run into this process's hands; every older holder is fenced from here on."""
    row = one(
        connection,
        """update run set attempt = attempt + 1, executor = :executor, taken_at = clock_timestamp(),
                          state = case when state in ('parked', 'failed') then 'running' else state end
           where id = :id
           returning attempt, input, flow, version, key, generation, entity, subject, tier, snapshot""",
        id=run_id,
        executor=executor,
    )
    # An answered failure is passed by going on: a failure to come wants its own answer.
    execute(
        connection,
        """update gate set passed_at = clock_timestamp()
           where run_id = :id and kind = 'failed' and resolved_at is not null and passed_at is null""",
        id=run_id,
    )
    facts = {name: getattr(row, name) for name in ("flow", "version", "key", "generation", "entity", "subject", "tier")}
    recorded = rows(connection, "select name, result from run_step where run_id = :id", id=run_id)
    steps = {step.name: step.result for step in recorded}
    return Taken(run_id, row.attempt, executor, row.input, {**facts, "snapshot": row.snapshot}, steps)


def record_step(connection: Connection, taken: Taken, name: str, result: Any) -> None:
    """Keep what a run read or decided, for every later execution; Fenced when another process has the run."""
    require_hold(connection, taken)
    execute(
        connection,
        "insert into run_step (run_id, name, result) values (:run, :name, :result)",
        run=taken.run_id,
        name=name,
        result=json.dumps(result),
    )
    taken.steps[name] = result


def require_hold(connection: Connection, taken: Taken) -> None:
    """Check the fencing token, inside the transaction that is about to act; Fenced when it is stale."""
    row = maybe(connection, "select attempt, state from run where id = :id for key share", id=taken.run_id)
    if row is None or row.attempt != taken.attempt or row.state != RunState.RUNNING:
        raise Fenced(taken.run_id)


def end_run(
    connection: Connection, run_id: str, state: RunState, outcome: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """End a run; an end that compensates, supersedes or dismisses frees its key.

    Returns:
        The blocked start that may go now, or None. It is no longer blocked: the caller starts it, in this transaction.
    """
    row = _close(connection, run_id, state, outcome)
    if state is RunState.FAILED:
        return None
    blocked = maybe(
        connection,
        """delete from run_blocked where id = (select id from run_blocked where flow = :flow and key = :key
                                               order by rank limit 1)
           returning start""",
        flow=row.flow,
        key=row.key,
    )
    if blocked is None:
        return None
    execute(connection, "update run set freed = true where id = :id", id=run_id)
    return dict(blocked.start)


def replace_run(connection: Connection, run_id: str) -> None:
    """End a run because the same work starts anew now; what is blocked behind it waits for the new one."""
    _close(connection, run_id, RunState.DISMISSED, {"reprocessed": True})


def _close(connection: Connection, run_id: str, state: RunState, outcome: dict[str, Any] | None) -> Any:
    """Write the end of a run; what it still waited for is over, except for the answer to a failure."""
    row = one(
        connection,
        """update run set state = :state, outcome = :outcome, ended_at = clock_timestamp(), freed = freed or :freed
           where id = :id returning flow, key""",
        id=run_id,
        state=str(state),
        outcome=json.dumps(outcome),
        freed=state in FREEING,
    )
    if state is not RunState.FAILED:
        execute(
            connection,
            """update gate set resolved_at = coalesce(resolved_at, clock_timestamp()), passed_at = clock_timestamp(),
                      resolution = coalesce(resolution, json_build_object('ended', cast(:state as text)))
               where run_id = :id and passed_at is null""",
            id=run_id,
            state=str(state),
        )
    return row


@dataclass(frozen=True, slots=True)
class Note:
    """Something a run did, in its own words; `seq` is the same at every replay."""

    seq: int
    kind: str
    name: str
    detail: dict[str, Any]
    at: datetime


def write_notes(connection: Connection, run_id: str, notes: Sequence[Note]) -> set[int]:
    """Write what the run did; what a replay tells again is not written twice. Returns the numbers written now."""
    if not notes:
        return set()
    written = rows(
        connection,
        """insert into run_note (run_id, seq, kind, name, detail, at)
           select :run, * from unnest(cast(:seqs as int[]), cast(:kinds as text[]), cast(:names as text[]),
                                      cast(:details as json[]), cast(:ats as timestamptz[]))
           on conflict do nothing returning seq""",
        run=run_id,
        seqs=[n.seq for n in notes],
        kinds=[n.kind for n in notes],
        names=[n.name for n in notes],
        details=[json.dumps(n.detail) for n in notes],
        ats=[n.at for n in notes],
    )
    return {row.seq for row in written}
