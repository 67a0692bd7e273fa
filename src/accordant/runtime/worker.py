"""A worker process: runs flows, reads feeds, moves events. Start as many as you like on one database."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import httpx2
import structlog

from accordant.governance import resolve
from accordant.platform.audit import Sealer, sealing_key
from accordant.platform.durable import Engine, new_executor_id, retain
from accordant.platform.effects import controls_from_environment
from accordant.platform.events import Sequencer
from accordant.platform.events.delivery import Deliverer
from accordant.platform.storage import Database
from accordant.platform.telemetry import start_tracing
from accordant.process import House
from accordant.runtime.connections import Connections, SharedHttp
from accordant.runtime.feeds import Feeds, Pace
from accordant.runtime.house import Firm, build_house, build_intake, register_flows
from accordant.runtime.settings import Settings

log = structlog.get_logger(__name__)


class Worker:
    """Everything one worker runs, on one event loop."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self.firm = Firm.load(settings.estate)
        self.database = Database(url)
        self.executor = new_executor_id()
        controls = controls_from_environment()
        self.engine = Engine(
            self.database, self.executor, lease_s=settings.lease_s, reap=controls.reaper, on_lost=_leave
        )
        systems = self.firm.estate.systems
        http = SharedHttp(self.database, lambda system: systems[system].limits)
        self.connections = Connections(self.firm.estate, settings.estate, http)
        self.house: House = build_house(self.firm, self.engine, self.database, self.connections, controls)
        register_flows(self.engine, lambda: self.house)
        self.intake = build_intake(self.firm, self.database)
        self.feeds = Feeds(self.database, self.connections, self.intake, Pace().hastened(settings.haste))
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to work."""
        await self.engine.launch()
        self._loops = [asyncio.create_task(loop) for loop in self._work()]
        for loop in self._loops:
            loop.add_done_callback(_never_ends)
        log.info("worker.works", executor=self.executor, estate=self.firm.estate.hash[:12])

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        """Return everything that goes on beside the flows."""
        settings = self._settings
        http = httpx2.AsyncClient(trust_env=False, timeout=10)
        deliverer = Deliverer(
            self.database,
            http,
            lambda reference: resolve(reference, folder=settings.estate).get_secret_value(),
            allowed_hosts=settings.event_hosts,
        )
        work = [Sequencer(self.database).run(), deliverer.run(), self._retain(), *self.feeds.loops()]
        if settings.seals:  # one process of an installation, where the seal file lies
            work.append(Sealer(self.database, sealing_key(settings.data), settings.data).run())
        return work

    async def _retain(self) -> None:
        """Clear what ended long ago, once an hour."""
        while True:
            await asyncio.sleep(3600)
            await asyncio.to_thread(retain, self.database, timedelta(days=self._settings.retention_days))

    async def stop(self) -> None:
        """Stop in good order; what runs here goes on elsewhere."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.connections.aclose()
        await self.engine.close()
        self.database.dispose()


def _never_ends(loop: asyncio.Task[None]) -> None:
    """A loop that ends by itself is a bug: the process says so and ends, so that a fresh one takes its place."""
    if not loop.cancelled():
        log.error("loop.ended", error=repr(loop.exception()))
        os._exit(70)


def _leave() -> None:
    """End a process that lost its lease: others have its work by now."""
    os._exit(75)


async def run_worker(settings: Settings, url: str) -> None:
    """Work until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    start_tracing("accordant-worker")
    worker = Worker(settings, url)
    await worker.start()
    await stopping.wait()
    await worker.stop()
