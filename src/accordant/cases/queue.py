"""The exceptions queue: open once, count again, sort by what is at stake, assign, tag, escalate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from accordant.cases.actor import SYSTEM, Actor, require_entity, require_person
from accordant.cases.case import Case, CaseState, CaseView, Stage, masked
from accordant.cases.timeline import record_event
from accordant.kernel import Money, NotFound, Rejected, canonical_json, new_id
from accordant.platform.storage import execute, one, rows

FAR = 30
"""Days that a case without a deadline is taken to have."""

_PLAIN = (
    "code",
    "sentence",
    "remedy",
    "entity",
    "client_id",
    "client",
    "project_id",
    "contract_id",
    "contract_version",
    "engagement",
    "invoice_id",
    "billing_cycle",
    "deadline",
    "tier",
    "role",
    "run_id",
    "effect_key",
    "cause_key",
    "subject",
)
_MONEY = ("exposure_minor", "currency", "group_minor", "group_currency")
_STORED = (*_PLAIN, *_MONEY, "stage", "actions", "replay_roles", "editable")
_REFRESHED = tuple(name for name in _STORED if name not in ("cause_key", "subject", "entity"))

_OPEN = f"""
insert into exception_case (id, opened_at, seen_at, details, previous_id, {", ".join(_STORED)})
values (:id, :at, :at, cast(:details as json),
        (select p.id from exception_case p where p.cause_key = :cause_key and p.subject = :subject
         and p.state = 'resolved' order by p.closed_at desc limit 1),
        {", ".join(f":{name}" for name in _STORED)})
on conflict (cause_key, subject) where state <> 'resolved' do update set
  {", ".join(f"{name} = excluded.{name}" for name in _REFRESHED)},
  details = excluded.details, seen_at = excluded.seen_at, seen_count = exception_case.seen_count + 1,
  -- What was tried did not help: it is open again. What waits for a second person goes on waiting.
  state = case when exception_case.state = 'replaying' then 'open' else exception_case.state end,
  resolution = case when exception_case.state = 'replaying' then null else exception_case.resolution end
returning id, entity, seen_count, previous_id
"""

_SEVERITY = f"""
(coalesce(c.group_minor, 0)
 / greatest(coalesce(extract(epoch from c.deadline - :now) / 86400, {FAR}), 1))::bigint as severity
"""
_ORDER = "severity desc, deadline nulls last, tier, opened_at, id"


class CaseFilter(BaseModel):
    """Which cases to list; what is None does not narrow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: tuple[CaseState, ...] = (CaseState.OPEN,)
    entity: str | None = None
    stage: Stage | None = None
    role: str | None = None
    owner: str | None = None
    client_id: str | None = None
    project_id: str | None = None
    contract_id: str | None = None
    billing_cycle: str | None = None
    code: str | None = None
    cause_key: str | None = None
    run_id: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Cases that one fix would mend.

    Args:
        count: cases in it.
        exposure: sum in the group's currency; None when no money hangs on any.
        deadline: the earliest.
        example: the sentence of the oldest.
        case_ids: oldest first: the order in which they are replayed.
    """

    cause_key: str
    code: str
    count: int
    exposure: Money | None
    deadline: datetime | None
    example: str
    case_ids: tuple[str, ...]


def open_case(connection: Connection, case: Case, *, at: datetime) -> str:
    """Open a case, or count it again when the same cause stopped the same subject before; return its id.

    A case that is seen again takes the newest facts; one that was replaying is open again. After a resolved one the
    same problem is a new case that points to it. Safe under concurrency.
    """
    row = rows(connection, _OPEN, {**_columns(case), "id": new_id("cas"), "at": at})[0]
    again = {"times": row.seen_count} if row.seen_count > 1 else {"previous": row.previous_id}
    kind = "seen_again" if row.seen_count > 1 else "opened"
    record_event(connection, row.id, row.entity, at=at, actor=SYSTEM, kind=kind, sentence=case.sentence, **again)
    return str(row.id)


def get_case(connection: Connection, id: str, *, at: datetime) -> CaseView:
    """Return one case; NotFound when it is not there or the connection may not see it."""
    found = _page(connection, "c.id = :id", {"id": id}, at=at, limit=1)
    if not found:
        raise NotFound(f"There is no case {id} that you may see.", code="case.not_found")
    return found[0]


def list_cases(
    connection: Connection,
    which: CaseFilter | None = None,
    *,
    at: datetime,
    limit: int = 100,
    offset: int = 0,
) -> tuple[CaseView, ...]:
    """Return cases, the most severe first: money at stake per day that is left, then the earlier deadline."""
    where, values = _where(which or CaseFilter())
    return _page(connection, where, values, at=at, limit=limit, offset=offset)


def count_cases(connection: Connection, which: CaseFilter | None = None) -> int:
    """Return how many cases the filter finds."""
    where, values = _where(which or CaseFilter())
    return int(rows(connection, f"select count(*) as n from exception_case c where {where}", values)[0].n)


def list_causes(connection: Connection, which: CaseFilter | None = None, *, limit: int = 100) -> tuple[Cause, ...]:
    """Return cases grouped by cause, the most expensive cause first."""
    where, values = _where(which or CaseFilter())
    found = rows(
        connection,
        f"""select c.cause_key, min(c.code) as code, count(*) as count, sum(c.group_minor)::bigint as minor,
              min(c.group_currency) as currency, min(c.deadline) as deadline,
              (array_agg(c.sentence order by c.opened_at, c.id))[1] as example,
              array_agg(c.id order by c.opened_at, c.id) as ids
            from exception_case c where {where} group by c.cause_key
            order by coalesce(sum(c.group_minor), 0) desc, min(c.deadline) nulls last, c.cause_key limit :limit""",
        {**values, "limit": limit},
    )
    return tuple(
        Cause(
            row.cause_key,
            row.code,
            row.count,
            _money(row.minor, row.currency),
            row.deadline,
            row.example,
            tuple(row.ids),
        )
        for row in found
    )


def assign(connection: Connection, ids: Sequence[str], owner: str, *, actor: Actor, at: datetime) -> None:
    """Give cases to a person (worker number; '' to nobody); all or none."""
    for id in ids:
        _touch(connection, id, "owner = :value", owner, actor=actor, at=at, kind="assigned", owner=owner)


def tag(connection: Connection, ids: Sequence[str], tag: str, *, actor: Actor, at: datetime) -> None:
    """Put a tag on cases; repeating it does nothing more; all or none."""
    change = "tags = case when :value = any(tags) then tags else array_append(tags, :value) end"
    for id in ids:
        _touch(connection, id, change, tag, actor=actor, at=at, kind="tagged", tag=tag)


def park(
    connection: Connection, ids: Sequence[str], *, until: datetime, reason: str, actor: Actor, at: datetime
) -> None:
    """Let open cases wait until an instant; all or none. `wake` opens them again."""
    for id in ids:
        case = lock_case(connection, id, at=at)
        if case.state is not CaseState.OPEN:
            raise Rejected(f"The case is {case.state}.", code="case.not_open", remedy="Only an open case can wait.")
        change = "state = 'waiting', waits_until = cast(:value as timestamptz)"
        _touch(connection, id, change, until.isoformat(), actor=actor, at=at, kind="parked", reason=reason)


def wake(connection: Connection, *, at: datetime) -> tuple[str, ...]:
    """Open the parked cases whose time has come and return their ids."""
    found = rows(
        connection,
        """update exception_case set state = 'open', waits_until = null
           where state = 'waiting' and waits_until <= :at returning id, entity""",
        at=at,
    )
    for row in found:
        record_event(connection, row.id, row.entity, at=at, actor=SYSTEM, kind="woken")
    return tuple(row.id for row in found)


def list_overdue(
    connection: Connection, *, at: datetime, patience: Mapping[int, timedelta], limit: int = 500
) -> tuple[CaseView, ...]:
    """Return live cases that nobody was told about yet and that are past their deadline or their tier's patience.

    Args:
        connection: open transaction.
        at: now.
        patience: how long a case of a tier may stand, `{1: 2 h, 2: 1 d, 3: 5 d}`; a tier that is missing waits.
        limit: how many, the most severe first.
    """
    where = """c.state <> 'resolved' and c.escalated_at is null and (c.deadline < :now or c.opened_at < :now - (
      select span from unnest(cast(:tiers as int[]), cast(:spans as interval[])) as patience(tier, span)
      where patience.tier = c.tier))"""
    values = {"tiers": list(patience), "spans": list(patience.values())}
    return _page(connection, where, values, at=at, limit=limit)


def record_escalation(connection: Connection, id: str, *, at: datetime, to_role: str) -> bool:
    """Note that a case was brought before someone higher; False when it was already."""
    touched = rows(
        connection,
        "update exception_case set escalated_at = :at where id = :i and escalated_at is null returning entity",
        at=at,
        i=id,
    )
    if touched:
        record_event(connection, id, touched[0].entity, at=at, actor=SYSTEM, kind="escalated", role=to_role)
    return bool(touched)


def pareto(connection: Connection, *, since: datetime) -> tuple[tuple[str, int, int], ...]:
    """Return (root cause, cases closed since, group exposure in minor units), the most frequent first (R-EXC-10)."""
    found = rows(
        connection,
        """select root_cause, count(*) as count, coalesce(sum(group_minor), 0)::bigint as minor from exception_case
           where state = 'resolved' and closed_at >= :since group by root_cause order by count desc, minor desc, 1""",
        since=since,
    )
    return tuple((row.root_cause, row.count, row.minor) for row in found)


def lock_case(connection: Connection, id: str, *, at: datetime) -> CaseView:
    """Return a case and hold it until the transaction ends."""
    execute(connection, "select 1 from exception_case where id = :i for update", i=id)
    return get_case(connection, id, at=at)


def _page(
    connection: Connection, where: str, values: Mapping[str, Any], *, at: datetime, limit: int, offset: int = 0
) -> tuple[CaseView, ...]:
    # The page first, then the counts of its causes, once each: a count per row is quadratic where one cause stopped
    # thousands, and under row-level security the planner's guess of rows is too low to see that by itself.
    found = rows(
        connection,
        f"""with page as materialized (
              select c.*, {_SEVERITY} from exception_case c where {where} order by {_ORDER} limit :limit offset :offset
            ), same as materialized (
              select cause_key, count(*) as same_count from exception_case
              where state <> 'resolved' and cause_key in (select cause_key from page) group by cause_key
            )
            select page.*, coalesce(same.same_count, 0) as same_count from page left join same using (cause_key)
            order by {_ORDER}""",
        {**values, "now": at, "limit": limit, "offset": offset},
    )
    return tuple(_view(row) for row in found)


def _touch(
    connection: Connection, id: str, change: str, value: str, *, actor: Actor, at: datetime, kind: str, **detail: str
) -> None:
    require_person(actor)
    case = lock_case(connection, id, at=at)
    require_entity(actor, case.entity)
    one(connection, f"update exception_case set {change} where id = :i returning id", value=value, i=id)
    record_event(connection, id, case.entity, at=at, actor=actor.worker_number, kind=kind, **detail)


def _columns(case: Case) -> dict[str, Any]:
    return {
        **{name: getattr(case, name) for name in _PLAIN},
        "exposure_minor": case.exposure.rounded().minor if case.exposure else None,
        "currency": case.exposure.currency if case.exposure else None,
        "group_minor": case.group_exposure.rounded().minor if case.group_exposure else None,
        "group_currency": case.group_exposure.currency if case.group_exposure else None,
        "stage": case.stage.value,
        "actions": [action.value for action in case.actions],
        "replay_roles": list(case.replay_roles),
        "editable": list(case.editable),
        "details": canonical_json(masked(case.details)),
    }


def _where(which: CaseFilter) -> tuple[str, dict[str, Any]]:
    clauses = ["c.state = any(:states)"]
    values: dict[str, Any] = {"states": [state.value for state in which.states]}
    for name, value in which.model_dump(exclude={"states", "tag"}, exclude_none=True).items():
        clauses.append(f"c.{name} = :{name}")
        values[name] = value
    if which.tag is not None:
        clauses.append(":tag = any(c.tags)")
        values["tag"] = which.tag
    return " and ".join(clauses), values


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money.from_minor(minor, currency)


def _view(row: Any) -> CaseView:
    stored = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    stored["exposure"] = _money(stored.pop("exposure_minor"), stored.pop("currency"))
    stored["group_exposure"] = _money(stored.pop("group_minor"), stored.pop("group_currency"))
    return CaseView.model_validate(stored)
