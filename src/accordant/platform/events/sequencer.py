"""The one sequencer: moves fresh events to the log in order, every few milliseconds, and alone notifies."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from accordant.platform.durable import reach
from accordant.platform.storage import Database, execute, maybe

log = structlog.get_logger(__name__)
CHANNEL = "accordant_events"
_LOCK = 7_301_001

_MOVE = """
with moved as (delete from event_fresh where id in (select id from event_fresh order by id limit :batch) returning *)
insert into event_log (id, key, type, subject, entity, at, data)
select id, key, type, subject, entity, at, data from (select * from moved order by id) ordered
"""


class Sequencer:
    """Runs in every worker; the advisory lock lets one of them work, and the next one when it dies."""

    def __init__(self, database: Database, *, pause_s: float = 0.01, batch: int = 5000) -> None:
        self._database = database
        self._pause_s = pause_s
        self._batch = batch

    def move(self) -> int | None:
        """Move one batch; returns how many events, or None when another process is the sequencer."""
        with self._database.begin() as connection:
            if not maybe(connection, "select 1 where pg_try_advisory_xact_lock(:lock)", lock=_LOCK):
                return None
            moved = execute(connection, _MOVE, batch=self._batch)
            reach("events.in_sequencer")
            if moved:
                execute(connection, f"notify {CHANNEL}")
            return moved

    async def run(self) -> None:
        """Move events until cancelled; waits longer while nothing happens or another process does it."""
        idle = 0
        while True:
            try:
                moved = await asyncio.to_thread(self.move)
            except SQLAlchemyError as error:
                log.warning("sequencer.failed", error=type(error).__name__)
                moved = None
            idle = 0 if moved else min(idle + 1, 20)
            if moved != self._batch:
                await asyncio.sleep(1.0 if moved is None else self._pause_s * (1 + idle))
