"""Runs as people look at them: work orders with attempts, stages with counts, one run step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from accordant.kernel import NotFound
from accordant.platform.storage import maybe, one, rows

_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
LIVE = ("running", "parked", "failed")
_COLUMNS = "id, flow, version, key, generation, state, entity, subject, tier, attempt, executor, started_at, ended_at"


class RunFilter(BaseModel):
    """Which work orders to list; what is None does not narrow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: str | None = None
    states: tuple[str, ...] | None = None
    entity: str | None = None
    subject: str | None = None
    started_before: datetime | None = None
    stage: str | None = None


@dataclass(frozen=True)
class RunRow:
    """A run without its steps; `attempt` counts how often a process took it."""

    id: str
    flow: str
    version: int
    key: str
    generation: int
    state: str
    entity: str
    subject: str
    tier: str
    attempt: int
    executor: str
    started_at: datetime
    ended_at: datetime | None

    def took(self, now: datetime) -> timedelta:
        """Return how long it took, or has been going on."""
        return (self.ended_at or now) - self.started_at


@dataclass(frozen=True)
class Order:
    """A work order: the newest run of a piece of work, what it waits for, and the runs before it."""

    run: RunRow
    stage: str
    gate_kind: str
    case_id: str
    earlier: tuple[RunRow, ...]


@dataclass(frozen=True)
class StageCount:
    """A stage of a flow: runs that stand in it by state, and how long it takes."""

    name: str
    running: int
    parked: int
    failed: int
    median: timedelta | None
    seen: int


@dataclass(frozen=True)
class Workers:
    """Processes that run flows: how many beat, when one last did."""

    live: int
    beat_at: datetime | None


@dataclass(frozen=True)
class Moment:
    """One thing that happened in a run: kind is note's kind, step, effect or gate."""

    at: datetime
    until: datetime | None
    kind: str
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Announced:
    """An event that the run's work announced, by its position in the log."""

    position: int
    type: str
    at: datetime


def list_orders(connection: Connection, which: RunFilter, *, limit: int = 50, offset: int = 0) -> tuple[Order, ...]:
    """Return work orders, the newest first; a run that another of the same key followed is folded beneath it."""
    where, values = _where(which)
    found = rows(
        connection,
        f"""select {_COLUMNS} from run r where {where}
            and not exists (select 1 from run n where n.flow = r.flow and n.key = r.key and n.generation > r.generation)
            order by started_at desc, id limit :limit offset :offset""",
        {**values, "limit": limit, "offset": offset},
    )
    newest = [_run(row) for row in found]
    earlier = _earlier(connection, [run for run in newest if run.generation > 1])
    places = {
        row.id: row
        for row in rows(
            connection,
            """select r.id, coalesce(s.name, '') as stage, coalesce(g.kind, '') as gate, coalesce(c.id, '') as case_id
               from run r
               left join lateral (select name from run_note where run_id = r.id and kind = 'stage'
                                  order by seq desc limit 1) s on true
               left join lateral (select kind from gate where run_id = r.id and resolved_at is null
                                  order by opened_at desc limit 1) g on true
               left join lateral (select id from exception_case where run_id = r.id and state <> 'resolved'
                                  order by opened_at desc limit 1) c on true
               where r.id = any(:ids)""",
            ids=[run.id for run in newest],
        )
    }
    return tuple(
        Order(
            run,
            places[run.id].stage,
            places[run.id].gate,
            places[run.id].case_id,
            tuple(earlier.get((run.flow, run.key), ())),
        )
        for run in newest
    )


def count_states(connection: Connection, which: RunFilter) -> dict[str, int]:
    """Count the runs of each live state that a filter finds; states of the filter itself do not count."""
    where, values = _where(which.model_copy(update={"states": LIVE}))
    return {
        row.state: row.count
        for row in rows(connection, f"select state, count(*) as count from run r where {where} group by state", values)
    }


def flows_seen(connection: Connection) -> tuple[tuple[str, int], ...]:
    """Return every flow with live runs or a run of the last thousand, with how many are live."""
    found = rows(
        connection,
        """with lately as (select flow from run order by started_at desc limit 1000),
             live as (select flow, count(*) as count from run
                      where state in ('running', 'parked', 'failed') group by flow)
           select flow, coalesce(max(live.count), 0) as live
           from (select distinct flow from lately union select flow from live) seen left join live using (flow)
           group by flow order by flow""",
    )
    return tuple((row.flow, row.live) for row in found)


def stages_of(connection: Connection, flow: str, *, lately: int = 200) -> tuple[StageCount, ...]:
    """Return the stages of a flow in the order in which its last runs came to them, with who stands there now."""
    seen = rows(
        connection,
        """with lately as (select id from run where flow = :flow order by started_at desc limit :lately),
             begun as (select n.run_id, n.name, min(n.seq) as seq, min(n.at) as at from run_note n join lately l
                         on l.id = n.run_id where n.kind = 'stage' and n.detail ->> 'at' = 'begin' group by 1, 2),
             ended as (select n.run_id, n.name, max(n.at) as at from run_note n join lately l on l.id = n.run_id
                         where n.kind = 'stage' and n.detail ->> 'at' = 'end' group by 1, 2)
           select b.name, count(*) as seen,
             percentile_cont(0.5) within group (order by extract(epoch from e.at - b.at)) as median
           from begun b left join ended e using (run_id, name) group by b.name order by avg(b.seq), b.name""",
        flow=flow,
        lately=lately,
    )
    standing = rows(
        connection,
        """select s.name, r.state, count(*) as count from run r
           join lateral (select name from run_note where run_id = r.id and kind = 'stage' order by seq desc limit 1) s
             on true
           where r.flow = :flow and r.state in ('running', 'parked', 'failed') group by 1, 2""",
        flow=flow,
    )
    counts = {(row.name, row.state): row.count for row in standing}
    return tuple(
        StageCount(
            row.name,
            running=counts.get((row.name, "running"), 0),
            parked=counts.get((row.name, "parked"), 0),
            failed=counts.get((row.name, "failed"), 0),
            median=None if row.median is None else timedelta(seconds=float(row.median)),
            seen=row.seen,
        )
        for row in seen
    )


def workers(connection: Connection) -> Workers:
    """Count the workers whose lease holds, on the database's clock."""
    row = one(
        connection,
        """select count(*) as live, max(beat_at) as beat_at from executor
           where role = 'worker' and reaped_at is null
             and beat_at > clock_timestamp() - make_interval(secs => lease_s)""",
    )
    return Workers(row.live, row.beat_at)


def get_run(connection: Connection, id: str) -> tuple[RunRow, dict[str, Any]]:
    """Return one run and what is kept beside it; NotFound when it is not there or the connection may not see it."""
    row = maybe(connection, f"select {_COLUMNS}, input, outcome, snapshot from run where id = :id", id=id)
    if row is None:
        raise NotFound(f"There is no run {id} that you may see.", code="run.not_found")
    kept = {"input": row.input, "outcome": row.outcome, "snapshot": row.snapshot}
    return _run(row), kept


def attempts_of(connection: Connection, run: RunRow) -> tuple[RunRow, ...]:
    """Return every run of the same piece of work, the newest first."""
    found = rows(
        connection,
        f"select {_COLUMNS} from run where flow = :flow and key = :key order by generation desc",
        flow=run.flow,
        key=run.key,
    )
    return tuple(_run(row) for row in found)


def moments_of(
    connection: Connection, run: RunRow, *, before: datetime | None = None, limit: int = 200
) -> tuple[Moment, ...]:
    """Return the last things that happened in a run, the newest first; `before` pages back.

    The caller has read the run through its own scope: notes, steps and gates have no entity of their own.
    """
    found = rows(
        connection,
        """select * from (
             (select at, null::timestamptz as until, kind, name, detail from run_note
               where run_id = :run and at < :before order by at desc, seq desc limit :limit)
             union all
             (select at, null, 'step', name, json_build_object() from run_step
               where run_id = :run and at < :before order by at desc, name limit :limit)
             union all
             (select intent_at, ended_at, 'effect', operation, json_build_object('system', system, 'base', base,
                'generation', generation, 'kind', kind, 'state', state, 'ref', ref, 'adopted', adopted, 'calls', calls,
                'error', error ->> 'code') from effect
               where run_id = :run and intent_at < :before order by intent_at desc, base limit :limit)
             union all
             (select opened_at, resolved_at, 'gate', name, json_build_object('kind', kind, 'topic', topic,
                'due_at', due_at, 'passed_at', passed_at) from gate
               where run_id = :run and opened_at < :before order by opened_at desc, name limit :limit)
           ) moment order by at desc, kind, name limit :limit""",
        run=run.id,
        before=before or _END_OF_TIME,
        limit=limit,
    )
    return tuple(Moment(row.at, row.until, row.kind, row.name, row.detail) for row in found)


def stage_spans(connection: Connection, run: RunRow) -> tuple[Moment, ...]:
    """Return the stages a run came to, in order; one that it has not left has no end."""
    found = rows(
        connection,
        """select name, min(at) filter (where detail ->> 'at' = 'begin') as began,
             max(at) filter (where detail ->> 'at' = 'end') as ended, min(seq) as seq
           from run_note where run_id = :run and kind = 'stage' group by name order by min(seq)""",
        run=run.id,
    )
    return tuple(Moment(row.began or run.started_at, row.ended, "stage", row.name, {}) for row in found)


def announced(connection: Connection, run: RunRow, *, limit: int = 50) -> tuple[Announced, ...]:
    """Return events of the run's engagement while it ran, the newest first."""
    if not run.subject:
        return ()
    found = rows(
        connection,
        """select position, type, at from event_log where subject = :subject and at >= :since
             and (cast(:until as timestamptz) is null or at <= :until) order by position desc limit :limit""",
        subject=run.subject,
        since=run.started_at,
        until=run.ended_at,
        limit=limit,
    )
    return tuple(Announced(row.position, row.type, row.at) for row in found)


def acts_on(connection: Connection, subjects: Sequence[str], *, limit: int = 50) -> tuple[Any, ...]:
    """Return the audit rows of objects (cases, approvals) the newest first: who, what, when."""
    found = rows(
        connection,
        "select id, at, actor, action, subject from audit where subject = any(:subjects) order by id desc limit :limit",
        subjects=list(subjects),
        limit=limit,
    )
    return tuple(found)


def _earlier(connection: Connection, newest: Sequence[RunRow]) -> dict[tuple[str, str], list[RunRow]]:
    found = rows(
        connection,
        f"""select {", ".join(f"r.{name}" for name in _COLUMNS.split(", "))} from run r
            join unnest(cast(:flows as text[]), cast(:keys as text[]), cast(:generations as int[]))
              as w(flow, key, generation) on r.flow = w.flow and r.key = w.key and r.generation < w.generation
            order by r.generation desc""",
        flows=[run.flow for run in newest],
        keys=[run.key for run in newest],
        generations=[run.generation for run in newest],
    )
    result: dict[tuple[str, str], list[RunRow]] = {}
    for row in found:
        result.setdefault((row.flow, row.key), []).append(_run(row))
    return result


def _where(which: RunFilter) -> tuple[str, dict[str, Any]]:
    clauses = {
        "flow": "r.flow = :flow",
        "states": "r.state = any(:states)",
        "entity": "r.entity = :entity",
        "subject": "(r.subject = :subject or r.key = :subject)",
        "started_before": "r.started_at <= :started_before",
        "stage": """(select name from run_note where run_id = r.id and kind = 'stage'
                     order by seq desc limit 1) = :stage""",
    }
    values = which.model_dump(exclude_none=True)
    if "states" in values:
        values["states"] = list(values["states"])
    return " and ".join(["true", *(clauses[name] for name in values)]), values


def _run(row: Any) -> RunRow:
    return RunRow(**{name: getattr(row, name) for name in _COLUMNS.split(", ")})
