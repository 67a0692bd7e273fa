"""Who is alive: a heartbeat per process on the database's clock, and the reaping of those that went silent."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from accordant.platform.storage import Database, execute, maybe, rows

log = structlog.get_logger(__name__)


def new_executor_id() -> str:
    """Return an id that no other boot ever had: two live processes with one id would run a step twice."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


class Lease:
    """This process's lease, renewed by a thread of its own.

    When the lease cannot be renewed for half its time, `on_lost` is called once: the process must stop starting work.
    """

    def __init__(
        self, database: Database, executor: str, *, lease_s: float, on_lost: Callable[[], None], role: str = "worker"
    ) -> None:
        self._database = database
        self._executor = executor
        self._role = role
        self._on_lost = on_lost
        self.lease_s = lease_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="lease", daemon=True)

    def start(self) -> None:
        """Write the first beat and go on beating."""
        with self._database.begin() as connection:
            execute(
                connection,
                "insert into executor (id, role, lease_s) values (:id, :role, :lease)",
                id=self._executor,
                role=self._role,
                lease=self.lease_s,
            )
        self._thread.start()

    def stop(self) -> None:
        """End the lease in good order: nothing of it is left to reap later than needed."""
        self._stop.set()
        self._thread.join(timeout=self.lease_s)
        with self._database.begin() as connection:
            execute(connection, "update executor set beat_at = 'epoch' where id = :id", id=self._executor)

    def _beat_on(self) -> None:
        missed = 0
        while not self._stop.wait(self.lease_s / 6):
            try:
                missed = 0 if self._beat() else 3
            except SQLAlchemyError as error:
                missed += 1
                log.warning("lease.beat_failed", executor=self._executor, error=type(error).__name__)
            if missed >= 3:
                log.error("lease.lost", executor=self._executor)
                self._on_lost()
                return

    def _beat(self) -> bool:
        """Renew the lease; False when it had already run out or was reaped (a process that was frozen)."""
        with self._database.begin() as connection:
            row = maybe(
                connection,
                """update executor set beat_at = clock_timestamp()
                   where id = :id and reaped_at is null
                     and beat_at > clock_timestamp() - make_interval(secs => lease_s)
                   returning id""",
                id=self._executor,
            )
        return row is not None


def silent_executors(database: Database, by: str) -> list[str]:
    """Mark executors whose lease ran out as reaped by us and return their ids; safe to call from every process.

    An id comes back at every call for a minute, so that a reaper that died while reaping is made good.
    """
    with database.begin() as connection:
        found = rows(
            connection,
            """update executor set reaped_at = coalesce(reaped_at, clock_timestamp()), reaped_by = :by
               where beat_at < clock_timestamp() - make_interval(secs => lease_s)
                 and (reaped_at is null or reaped_at > clock_timestamp() - interval '1 minute')
               returning id""",
            by=by,
        )
    return [row.id for row in found]
