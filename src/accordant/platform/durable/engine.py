"""The adapter to the durable engine: the only module that imports `dbos` (docs/decisions/0002).

The engine queues runs, gives each to one process, and gives it again when that process dies. What a run read, decided
and wrote is recorded by us, by name (run_step, gate, effect), so a replay may come from anywhere and in any order.
Traps it avoids: a constant application version with the flow's version in the workflow's name, JSON in the database,
a unique executor id per boot, a bound on every queue.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, SetWorkflowID
from dbos._error import DBOSException
from sqlalchemy import URL, Connection

from accordant.kernel import Bug
from accordant.platform.durable.crashpoints import reach
from accordant.platform.durable.gates import Gate, Parked, look, mark_resumed, ready
from accordant.platform.durable.leases import Lease, silent_executors
from accordant.platform.durable.runs import Fenced, Opened, Start, Taken, open_run, take_run
from accordant.platform.storage import Database
from accordant.platform.telemetry import about, span

log = structlog.get_logger(__name__)

VERSION = "accordant"  # constant: flows carry their own version in their name
_SUPPORTED = (3, 4)

Body = Callable[[Taken], Awaitable[dict[str, Any]]]
"""A flow as the engine runs it: takes the run, returns its outcome; raises Parked to wait at a gate."""


@dataclass(frozen=True)
class Queue:
    """A queue of runs: `concurrency` per worker, looked at every `poll_s`; throughput ≤ concurrency / poll_s."""

    name: str
    concurrency: int
    poll_s: float


QUEUES = (Queue("interactive", 32, 0.05), Queue("bulk", 8, 0.5))


def check_engine() -> None:
    """Refuse an engine release whose behavior was not measured."""
    installed = importlib.metadata.version("dbos")
    if tuple(int(part) for part in installed.split(".")[:2]) != _SUPPORTED:
        raise Bug(
            f"The durable engine is dbos {installed}; this release was measured with 3.4 only.", code="engine.range"
        )
    for holder, name in ((DBOS, "_recover_pending_workflows"), (DBOS, "rewind_workflow"), (DBOSClient, "enqueue")):
        if not hasattr(holder, name):
            raise Bug(f"The durable engine lost {name}, which this release needs.", code="engine.symbol")


def migrate_engine(owner: URL, worker_role: str) -> None:
    """Bring the engine's own tables up to date and let workers use them. Run by the owner."""
    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(owner.render_as_string(hide_password=False), application_role=worker_role)


def forget(database: Database, run_ids: list[str]) -> None:
    """Delete what the engine keeps of runs that have ended."""
    _client(database).delete_workflows(run_ids)


def _client(database: Database) -> DBOSClient:
    return DBOSClient(system_database_engine=database.engine, serializer=DBOSPortableJSONSerializer())


class Starter:
    """Starts runs from any process: in the transaction of the rows that cause them."""

    def __init__(self, database: Database) -> None:
        self._client = _client(database)

    def start_in(self, connection: Connection, start: Start) -> Opened:
        """Open the run and enqueue it, all in the caller's transaction."""
        opened = open_run(connection, start)
        if opened.outcome == "created":
            self.enqueue_in(connection, start, opened.run_id)
        return opened

    def open_only(self, connection: Connection, start: Start) -> Opened:
        """Open the run without enqueueing it: `Engine.run_now` starts it directly."""
        return open_run(connection, start)

    def enqueue_in(self, connection: Connection, start: Start, run_id: str) -> None:
        """Enqueue an open run."""
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": start.workflow,
                "queue_name": start.queue,
                "workflow_id": run_id,
                "app_version": VERSION,
                "priority": start.priority,
            },
            run_id,
        )


class Engine:
    """Runs flows in this process, on the event loop that called `launch`.

    Args:
        database: ours; the engine keeps a pool of its own to the same database.
        executor: unique per boot (`new_executor_id`).
        lease_s: how long the others wait before they take this process's work.
        reap: False switches the reaper off (a negative control of the crash drill).
    """

    def __init__(
        self,
        database: Database,
        executor: str,
        *,
        lease_s: float = 30.0,
        queues: tuple[Queue, ...] = QUEUES,
        reap: bool = True,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        check_engine()
        self.database = database
        self.executor = executor
        self._queues = queues
        self._reap = reap
        self._lease = Lease(database, executor, lease_s=lease_s, on_lost=on_lost)
        self._flows: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[None]] = []
        _quiet()
        DBOS(
            config={
                "name": "accordant",
                "system_database_url": database.url_text,
                "sys_db_pool_size": 8,
                "db_engine_kwargs": {"pool_pre_ping": False, "max_overflow": 2},
                "application_version": VERSION,
                "executor_id": executor,
                "serializer": DBOSPortableJSONSerializer(),
                "run_migrations": False,
                "enable_otlp": False,
                "max_executor_threads": 16,
                "log_level": "ERROR",
            }
        )

    def register(self, workflow: str, body: Body) -> None:
        """Register one version of a flow; before `launch`."""

        async def execution(run_id: str) -> dict[str, Any]:
            reach("run.in_resume")
            taken = await asyncio.to_thread(self._take, run_id)
            with (
                about(run=run_id, subject=taken.start["subject"], entity=taken.start["entity"]),
                span("run", expected=(Parked, Fenced), flow=workflow, attempt=taken.attempt),
            ):
                return await body(taken)

        execution.__qualname__ = workflow
        self._flows[workflow] = DBOS.workflow(name=workflow, max_recovery_attempts=None)(execution)

    async def launch(self) -> None:
        """Begin to work: lease, engine, queues, sweeper and reaper."""
        await asyncio.to_thread(self._lease.start)
        DBOS.launch()
        _quiet()
        for queue in self._queues:
            await DBOS.register_queue_async(
                queue.name, worker_concurrency=queue.concurrency, polling_interval_sec=queue.poll_s
            )
        self._tasks.append(asyncio.create_task(self._sweep_on()))
        if self._reap:
            self._tasks.append(asyncio.create_task(self._reap_on()))

    async def close(self) -> None:
        """Stop working; what runs here is recovered elsewhere at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(partial(DBOS.destroy, workflow_completion_timeout_sec=0))
        finally:
            self._lease.stop()  # not in a thread: the engine has shut the pool of this loop

    async def run_now(self, workflow: str, run_id: str) -> dict[str, Any] | None:
        """Start an open run directly, without a queue, and wait for its end; None when it parked."""
        with SetWorkflowID(run_id):
            handle = await DBOS.start_workflow_async(self._flows[workflow], run_id)
        try:
            result: dict[str, Any] = await handle.get_result()
        except Parked:
            return None
        return result

    async def pass_gate(self, taken: Taken, gate: Gate) -> Any:
        """Return the gate's resolution, or end the engine's run until there is one (Parked)."""
        found = await asyncio.to_thread(self._look, taken, gate)
        if not found:
            raise Parked(f"{taken.run_id} waits at {gate.name}")
        return found["resolution"]

    def _take(self, run_id: str) -> Taken:
        with self.database.begin() as connection:
            return take_run(connection, run_id, self.executor)

    def _look(self, taken: Taken, gate: Gate) -> dict[str, Any]:
        with self.database.begin() as connection:
            return look(connection, taken, gate)

    async def resume(self, run_id: str, *, queue: str = "interactive") -> bool:
        """Go on with an ended engine run, in place; False when it has not ended yet."""
        try:
            await DBOS.rewind_workflow_async(run_id, queue_name=queue)
        except DBOSException as refusal:
            log.debug("resume.refused", run=run_id, why=str(refusal))
            return False
        return True

    async def sweep(self) -> int:
        """Resume every parked run whose gate is resolved; returns how many went on."""
        resumed = 0
        for row in await asyncio.to_thread(self._ready):
            if await self.resume(row.run_id):
                await asyncio.to_thread(self._mark_resumed, row.run_id, row.attempt)
                resumed += 1
        return resumed

    async def reap(self) -> list[str]:
        """Hand the work of silent processes to the living; returns their ids."""
        dead = await asyncio.to_thread(silent_executors, self.database, self.executor)
        if dead:
            await asyncio.to_thread(DBOS._recover_pending_workflows, dead)  # noqa: SLF001 - the only fenced recovery
        return dead

    def _ready(self) -> list[Any]:
        with self.database.begin() as connection:
            return ready(connection)

    def _mark_resumed(self, run_id: str, attempt: int) -> None:
        with self.database.begin() as connection:
            mark_resumed(connection, run_id, attempt)

    async def _sweep_on(self) -> None:
        await _for_ever("sweeper", 0.5, self.sweep)

    async def _reap_on(self) -> None:
        await _for_ever("reaper", self._lease.lease_s / 4, self.reap)


async def _for_ever(name: str, pause_s: float, work: Callable[[], Awaitable[Any]]) -> None:
    """Repeat work; a failure is logged and the next turn tries again (the worker loop's edge)."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("loop.failed", loop=name)
        await asyncio.sleep(pause_s)


def _quiet() -> None:
    """A parked run is an error for the engine and daily business for us: keep its log to real trouble."""
    for name in ("dbos", "dbos.error"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.ERROR)
        if not any(isinstance(f, _NotParked) for f in logger.filters):
            logger.addFilter(_NotParked())
            for handler in logger.handlers:
                handler.addFilter(_NotParked())


class _NotParked(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, Parked) and "Parked" not in record.getMessage()
