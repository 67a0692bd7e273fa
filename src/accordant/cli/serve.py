"""The running product: API and console behind one address, workers beside them, one supervisor above."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from accordant.api import ApiDeps, Callers, create_api
from accordant.console import ConsoleDeps, create_console
from accordant.kernel import InvalidInput, SystemClock
from accordant.platform.durable import Starter
from accordant.platform.storage import Database
from accordant.platform.telemetry import configure_logging, start_tracing, stop_tracing
from accordant.runtime.connections import Connections, SharedHttp
from accordant.runtime.house import FLOWS, Firm, build_answers, build_intake
from accordant.runtime.place import open_place
from accordant.runtime.settings import Settings
from accordant.runtime.supervisor import supervised

_API = ("/v0/", "/v1/", "/hooks/", "/oauth2/", "/openapi.json", "/healthz", "/readyz", "/metrics")


class Doors:
    """API and console as one application: the first path segment decides."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; the API also hears of start and end."""
        is_page = scope["type"] == "http" and not scope["path"].startswith(_API)
        await (self._console if is_page else self._api)(scope, receive, send)


@contextmanager
def open_doors(settings: Settings, *, worker_url: str, door_url: str) -> Iterator[Doors]:
    """Build both doors over one database, under their own role; close what they hold at the end."""
    firm = Firm.load(settings.estate)
    door, worker = Database(door_url), Database(worker_url)
    answers, starter, clock = build_answers(worker), Starter(worker), SystemClock()
    systems = firm.estate.systems
    connections = Connections(firm.estate, settings.estate, SharedHttp(worker, lambda name: systems[name].limits))
    try:
        api = create_api(
            ApiDeps(
                door=door,
                worker=worker,
                answers=answers,
                starter=starter,
                intake=build_intake(firm, worker),
                flows=FLOWS,
                estate=firm.estate,
                policies=firm.policies,
                callers=Callers.load(settings.estate, firm.estate),
                connections=connections,
                clock=clock,
                key=kept_key(settings.data / "issuer.key"),
                event_hosts=settings.event_hosts,
            )
        )
        console = create_console(
            ConsoleDeps(
                door=door,
                worker=worker,
                answers=answers,
                estate=firm.estate,
                clock=clock,
                to_group=firm.to_group,
                session_key=kept_key(settings.data / "console.key"),
            )
        )
        yield Doors(api, console)
    finally:
        door.dispose()
        worker.dispose()


def serve_doors() -> None:
    """Serve API and console until SIGTERM; a supervisor says where the database is."""
    worker_url, door_url = os.environ.get("ACCORDANT_WORKER_URL"), os.environ.get("ACCORDANT_DOOR_URL")
    if not worker_url or not door_url:
        raise InvalidInput(
            "The doors do not know their database.",
            code="serve.no_database",
            remedy="Run `accordant serve`, or set ACCORDANT_WORKER_URL and ACCORDANT_DOOR_URL.",
        )
    settings = Settings()
    configure_logging(level=logging.WARNING)
    start_tracing("accordant-doors")
    with open_doors(settings, worker_url=worker_url, door_url=door_url) as doors:
        uvicorn.run(
            doors,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,  # live pages never end by themselves
        )
    stop_tracing()


def serve_all() -> None:
    """Run the product until SIGTERM or SIGINT: database, workers, doors; what ends by itself is started again."""
    settings = Settings()
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    with open_place(settings) as place, supervised(settings, place, {}) as supervisor:
        supervisor.doors()
        for number in range(settings.workers):
            supervisor.worker(f"worker-{number + 1}")
        print(f"Accordant: http://{settings.host}:{settings.port}", file=sys.stderr)
        while not stopping.wait(1.0):
            supervisor.watch()


def kept_key(file: Path) -> bytes:
    """Return the 32 random bytes kept in a file that only this user reads; made when it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=file.parent)  # mode 0600
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)  # whole or not at all, when two processes start together
        Path(fresh).unlink()
    return file.read_bytes()
