"""The four business states of an engagement: sold, activated, financially approved, ready to bill."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import Rejected
from accordant.platform.durable import Taken, require_hold
from accordant.platform.storage import execute, rows

STATES = ("sold", "activated", "financially_approved", "ready_to_bill")


def reach(
    connection: Connection, engagement: str, state: str, *, source: str, evidence: dict[str, Any], run: Taken
) -> None:
    """Record that a state was reached; the first time counts.

    Raises:
        Rejected: `engagement.order` when an earlier state was never reached (R-ORC-04).
    """
    require_hold(connection, run)
    place = STATES.index(state)
    reached = {row.state for row in of(connection, engagement) if row.status == "reached"}
    missing = [earlier for earlier in STATES[:place] if earlier not in reached]
    if missing:
        raise Rejected(
            f"The engagement cannot be {state.replace('_', ' ')}: it is not {missing[0].replace('_', ' ')} yet.",
            code="engagement.order",
            remedy=f"Bring it to {missing[0].replace('_', ' ')} first.",
            correlation_id=engagement,
        )
    put(
        connection,
        engagement,
        state,
        "reached",
        source=source,
        evidence=evidence,
        run_id=run.run_id,
        entity=run.start["entity"],
    )


def put(
    connection: Connection,
    engagement: str,
    state: str,
    status: str,
    *,
    source: str,
    evidence: dict[str, Any],
    run_id: str = "",
    entity: str = "",
) -> None:
    """Write a state's status; a state once reached keeps its time and evidence."""
    execute(
        connection,
        """insert into engagement_state (engagement, state, status, entity, source, evidence, run_id)
           values (:engagement, :state, :status, :entity, :source, :evidence, :run)
           on conflict (engagement, state) do update
             set status = excluded.status, at = clock_timestamp(), source = excluded.source,
                 evidence = excluded.evidence, run_id = excluded.run_id
             where engagement_state.status <> 'reached'""",
        engagement=engagement,
        state=state,
        status=status,
        entity=entity,
        source=source,
        evidence=json.dumps(evidence),
        run=run_id,
    )


def retract(connection: Connection, engagement: str, state: str, *, run: Taken) -> None:
    """Take a state back that this run reached: what it stood on was undone."""
    require_hold(connection, run)
    execute(
        connection,
        """update engagement_state set status = 'blocked', at = clock_timestamp()
           where engagement = :engagement and state = :state and run_id = :run""",
        engagement=engagement,
        state=state,
        run=run.run_id,
    )


def of(connection: Connection, engagement: str) -> list[Any]:
    """Return the states of an engagement, in their fixed order."""
    found = rows(
        connection,
        "select state, status, at, source, evidence, run_id from engagement_state where engagement = :id",
        id=engagement,
    )
    return sorted(found, key=lambda row: STATES.index(row.state))
