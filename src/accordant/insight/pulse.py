"""The few numbers that stand on every page, and where the log and the cases are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from accordant.cases import Actor
from accordant.platform.storage import one


@dataclass(frozen=True)
class Pulse:
    """What waits now: open cases in the connection's scope, approvals that this person may decide."""

    case_count: int
    approval_count: int


def position(connection: Connection) -> tuple[int, int]:
    """Return the last positions of the event log and of the cases' timeline: when both stand still, so do we."""
    row = one(
        connection,
        """select coalesce((select max(position) from event_log), 0) as log,
                  coalesce((select max(id) from case_event), 0) as cases""",
    )
    return int(row.log), int(row.cases)


def pulse(connection: Connection, actor: Actor) -> Pulse:
    """Count what waits."""
    row = one(
        connection,
        """select (select count(*) from exception_case where state = 'open') as cases,
                  (select count(*) from approval where state = 'open' and requester <> :me
                     and (role = any(:roles) or :me = any(delegates))) as approvals""",
        me=actor.worker_number,
        roles=list(actor.roles),
    )
    return Pulse(row.cases, row.approvals)
