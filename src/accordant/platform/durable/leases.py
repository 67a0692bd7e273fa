"""Who is alive: a heartbeat per process on the database's clock, and the reaping of those that went silent."""

from __future__ import annotations

import os
import socket
import threading
import time
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
    """This process's lease, renewed by a thread of its own over a connection of its own.

    When the lease was not renewed for half its time, `on_lost` is called once: the process must stop starting work.
    A second thread watches for that, because a beat may hang with the database or the network.
    """

    def __init__(
        self, database: Database, executor: str, *, lease_s: float, on_lost: Callable[[], None], role: str = "worker"
    ) -> None:
        self._database = Database(database.url, pool_size=1)
        self._executor = executor
        self._role = role
        self._on_lost = on_lost
        self.lease_s = lease_s
        self._stop = threading.Event()
        self._losing = threading.Lock()
        self._beaten_at = time.monotonic()
        self._threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True) for work in (self._beat_on, self._watch_on)
        ]

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
        self._beaten_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the lease in good order: nothing of it is left to reap later than needed."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=self.lease_s)
        with self._database.begin() as connection:
            execute(connection, "update executor set beat_at = 'epoch' where id = :id", id=self._executor)
        self._database.dispose()

    def _beat_on(self) -> None:
        while not self._stop.wait(self.lease_s / 6):
            began = time.monotonic()
            try:
                if not self._beat():
                    self._lose("taken away")
                    return
                self._beaten_at = began
            except SQLAlchemyError as error:
                log.warning("lease.beat_failed", executor=self._executor, error=type(error).__name__)

    def _watch_on(self) -> None:
        while not self._stop.wait(self.lease_s / 12):
            if time.monotonic() - self._beaten_at > self.lease_s / 2:
                self._lose("not renewed")
                return

    def _lose(self, why: str) -> None:
        with self._losing:
            if self._stop.is_set():
                return
            self._stop.set()
        log.error("lease.lost", executor=self._executor, why=why)
        self._on_lost()

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
