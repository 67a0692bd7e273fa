"""Retention: what a finished run no longer needs is deleted; that it ran, under which key and how it ended, stays."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from accordant.platform.durable.engine import forget
from accordant.platform.durable.runs import FREEING, RunState
from accordant.platform.storage import Database, execute, rows

_ENDED = (RunState.DONE, *FREEING)

# Driven by the engine's own rows, so that what is cleared never has to be looked at again. The engine has ended the run
# and so have we; whoever waits for a signature is left alone, however long ago the engine's part ended.
_CLEARABLE = """
select r.id from dbos.workflow_status w join run r on r.id = w.workflow_uuid
where w.status in ('SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
  and r.state = any(:ended) and r.ended_at < clock_timestamp() - cast(:older_than as interval)
  and not exists (select from gate g where g.run_id = r.id and g.resolved_at is null)
order by r.ended_at limit :batch
"""


def retain(database: Database, older_than: timedelta, *, batch: int = 500) -> int:
    """Clear runs that ended longer ago than the policy says; returns how many.

    Deleted are the engine's rows, recorded steps and notes. The run with its key, input and outcome stays, and with it
    its gates and effects: the same piece of work is still refused as a duplicate. Safe to repeat and to interrupt.
    """
    cleared = 0
    while ids := _clear(database, older_than, batch):
        cleared += len(ids)
    return cleared


def _clear(database: Database, older_than: timedelta, batch: int) -> list[str]:
    with database.begin() as connection:
        ids = _clearable(connection, older_than, batch)
        for table in ("run_step", "run_note"):
            execute(connection, f"delete from {table} where run_id = any(:ids)", ids=ids)
    if ids:
        forget(database, ids)
    return ids


def _clearable(connection: Connection, older_than: timedelta, batch: int) -> list[str]:
    found = rows(
        connection, _CLEARABLE, {"ended": [str(state) for state in _ENDED], "older_than": older_than, "batch": batch}
    )
    return [row.id for row in found]
