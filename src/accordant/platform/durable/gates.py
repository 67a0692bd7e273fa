"""Gates: where a run waits for a person, an event, a date or a system, as a row and not as a thread.

The gate's look and its waiting row are one transaction, the resolver only writes, and the sweeper resumes what is
resolved and whose engine run has ended: so no wake-up is lost (docs/decisions/0003).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.platform.durable.runs import Taken, require_hold
from accordant.platform.storage import execute, maybe, rows


class Parked(Exception):
    """The run waits at a gate; only the engine adapter may catch it."""


@dataclass(frozen=True)
class Gate:
    """What a run waits for.

    Args:
        name: unique within the run.
        kind: approval, case, event, date or system.
        topic: what resolves it, an id or an event name.
        due_at: when time resolves it, with `{"due": true}`.
    """

    name: str
    kind: str
    topic: str = ""
    due_at: datetime | None = None


def look(connection: Connection, taken: Taken, gate: Gate) -> dict[str, Any]:
    """Return `{"resolution": …}`, or write the waiting row and return nothing: the caller commits, then parks."""
    require_hold(connection, taken)
    row = maybe(
        connection,
        "select resolution, resolved_at from gate where run_id = :run and name = :name for update",
        run=taken.run_id,
        name=gate.name,
    )
    if row is not None and row.resolved_at is not None:
        execute(
            connection,
            "update gate set passed_at = coalesce(passed_at, clock_timestamp()) where run_id = :run and name = :name",
            run=taken.run_id,
            name=gate.name,
        )
        return {"resolution": row.resolution}
    open_gate(connection, taken, gate)
    execute(connection, "update run set state = 'parked' where id = :run", run=taken.run_id)
    return {}


def open_gate(connection: Connection, taken: Taken, gate: Gate) -> None:
    """Write the waiting row of a gate, in the transaction that asks: an answer may come before the run looks."""
    execute(
        connection,
        """insert into gate (run_id, name, kind, topic, due_at) values (:run, :name, :kind, :topic, :due)
           on conflict (run_id, name) do nothing""",
        run=taken.run_id,
        name=gate.name,
        kind=gate.kind,
        topic=gate.topic,
        due=gate.due_at,
    )


def wait_for_answer(connection: Connection, taken: Taken, topic: str) -> None:
    """Let a failed run wait for a person: the answer to the topic makes it go on from where it stopped."""
    execute(
        connection,
        "insert into gate (run_id, name, kind, topic) values (:run, :name, 'failed', :topic) on conflict do nothing",
        run=taken.run_id,
        name=f"failed:{taken.attempt}",
        topic=topic,
    )


def mark_resumed(connection: Connection, run_id: str, attempt: int) -> None:
    """Mark a run as going on; when a process has taken it meanwhile (a newer attempt), that one knows better."""
    execute(
        connection,
        "update run set state = 'running' where id = :id and attempt = :attempt and state in ('parked', 'failed')",
        id=run_id,
        attempt=attempt,
    )


def resolve(connection: Connection, topic: str, resolution: dict[str, Any], *, run_id: str | None = None) -> int:
    """Write the resolution of every open gate of a topic (of one run); returns how many were open."""
    return execute(
        connection,
        """update gate set resolved_at = clock_timestamp(), resolution = :resolution
           where topic = :topic and resolved_at is null and (cast(:run as text) is null or run_id = :run)""",
        topic=topic,
        resolution=json.dumps(resolution),
        run=run_id,
    )


def ready(connection: Connection, limit: int = 200) -> list[Any]:
    """Return runs that may go on: rows of `run_id`, `name` and `attempt`, oldest first.

    A parked run goes on when its gate is resolved, a failed one only when its failure was answered. Due gates are
    resolved here, by time.
    """
    execute(
        connection,
        """update gate set resolved_at = clock_timestamp(), resolution = '{"due": true}'
           where resolved_at is null and due_at <= clock_timestamp()""",
    )
    return rows(
        connection,
        """select g.run_id, g.name, r.attempt from gate g join run r on r.id = g.run_id
           where g.resolved_at is not null and g.passed_at is null
             and r.state = case when g.kind = 'failed' then 'failed' else 'parked' end
           order by g.resolved_at limit :limit""",
        limit=limit,
    )
