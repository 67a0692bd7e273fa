"""The served side of a simulator: control pages, call log, latency and faults around the vendor's own routes."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import time
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accordant.simulators._shared.books import Books
from accordant.simulators._shared.clock import SimulatedClock
from accordant.simulators._shared.faults import Fault, FaultPlan
from accordant.simulators._shared.records import Records

_HANG_S = 60.0  # longer than any client's timeout in tests and demo


class Simulator(ABC):
    """One simulated system.

    Subclasses give `name`, `routes()` (the vendor's paths) and `refuse()` (the vendor's error bodies), and add
    chapters to `self.books`. `app` is the ASGI application to serve, or to call in process.
    """

    name: str

    def __init__(self, *, seed: int = 1, latency_s: float = 0.0) -> None:
        self.seed = seed
        self.latency_s = latency_s
        self.clock = SimulatedClock()
        self.faults = FaultPlan(seed)
        self.books = Books()
        self.calls: deque[tuple[str, float, float, int]] = deque(maxlen=500_000)
        self._late: set[asyncio.Task[None]] = set()

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""

    @abstractmethod
    def refuse(self, fault: str, request: Request) -> Response:
        """Return the vendor's own answer for the faults `429`, `500` and `expired_token`."""

    def now(self) -> datetime:
        """Return the vendor's instant, with the `clock_skew` fault applied."""
        return self.clock.now() + timedelta(seconds=self.faults.option("clock_skew", "skew_s"))

    def records(self) -> Records:
        """Return an empty set of records on this simulator's clock and search lag."""
        return Records(self.now, lambda: self.faults.option("search_lag", "lag_s"))

    @property
    def app(self) -> ASGIApp:
        """The ASGI application: control pages under `/_`, everything else the vendor's."""
        control = Starlette(routes=self._control())
        vendor = Starlette(routes=list(self.routes()))
        return _Door(self, control, vendor)

    def _control(self) -> list[Route]:
        return [
            Route("/_books", self._books),
            Route("/_calls", self._calls, methods=["GET", "DELETE"]),
            Route("/_faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/_clock", self._clock, methods=["POST"]),
            Route("/_latency", self._latency, methods=["POST"]),
            Route("/_health", lambda _: JSONResponse({"system": self.name, "ok": True})),
        ]

    async def _books(self, _: Request) -> Response:
        return JSONResponse({"system": self.name, "documents": [d.as_json() for d in self.books.documents()]})

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse([{"operation": o, "start": a, "end": b, "status": s} for o, a, b, s in self.calls])

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        elif request.method == "POST":
            try:
                self.faults.arm(Fault(**await request.json()))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self.faults.as_json())

    async def _clock(self, request: Request) -> Response:
        self.clock.offset = timedelta(seconds=float((await request.json())["offset_s"]))
        return JSONResponse({"now": self.now().isoformat()})

    async def _latency(self, request: Request) -> Response:
        self.latency_s = float((await request.json())["seconds"])
        return JSONResponse({"seconds": self.latency_s})

    def finish_later(self, work: Any, delay_s: float) -> None:
        """Run the coroutine after the delay, whether or not anybody still listens (the `late_commit` fault)."""

        async def later() -> None:
            await asyncio.sleep(delay_s)
            await work

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


class _Door:
    """The ASGI layer that every vendor call passes: log, latency, faults."""

    def __init__(self, simulator: Simulator, control: ASGIApp, vendor: ASGIApp) -> None:
        self.simulator = simulator
        self.control = control
        self.vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.vendor(scope, receive, send)
        elif scope["path"].startswith("/_"):
            await self.control(scope, receive, send)
        else:
            await self._vendor_call(scope, receive, send)

    async def _vendor_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = f"{scope['method']} {scope['path']}"
        started, status = time(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self.simulator.latency_s:
                await asyncio.sleep(self.simulator.latency_s)
            await self._with_faults(operation, scope, receive, counted)
        finally:
            self.simulator.calls.append((operation, started, time(), status))

    async def _with_faults(self, operation: str, scope: Scope, receive: Receive, send: Send) -> None:
        take = self.simulator.faults.take
        if fault := take(operation, "429", "500", "expired_token"):
            await self.simulator.refuse(fault.name, Request(scope, receive))(scope, receive, send)
        elif take(operation, "html_error"):
            page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
            await Response(page, 502, media_type="text/html")(scope, receive, send)
        elif fault := take(operation, "timeout_before_commit"):
            await _hang(fault, scope, receive, send)
        elif fault := take(operation, "timeout_after_commit"):
            await self.vendor(scope, receive, _nowhere)
            await _hang(fault, scope, receive, send)
        elif fault := take(operation, "late_commit"):
            kept = _replay(await _whole_body(receive))
            self.simulator.finish_later(
                self.vendor(dict(scope), kept, _nowhere), float(fault.options.get("delay_s", 1))
            )
            await _hang(fault, scope, receive, send)
        elif fault := take(operation, "slow"):
            await asyncio.sleep(float(fault.options.get("delay_s", 1)))
            await self.vendor(scope, receive, send)
        elif take(operation, "half_body"):
            await self.vendor(scope, receive, _half(send))
        elif fault := take(operation, "drift"):
            await self.vendor(scope, receive, _drifted(send, fault))
        else:
            await self.vendor(scope, receive, send)


async def _nowhere(_: Message) -> None:
    return None


async def _hang(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Keep the caller waiting until it gives up, or until `hang_s` passed; then answer like a gateway."""
    await asyncio.sleep(float(fault.options.get("hang_s", _HANG_S)))
    await Response("", 504)(scope, receive, send)


async def _whole_body(receive: Receive) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _half(send: Send) -> Send:
    async def cut(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionResetError("the simulated system broke off its answer")
        await send(message)

    return cut


def _drifted(send: Send, fault: Fault) -> Send:
    """Rename and drop fields anywhere in the JSON answer, and add one that nobody knows."""
    rename, drop = dict(fault.options.get("rename", {})), set(fault.options.get("drop", []))
    head: list[Message] = []
    chunks: list[bytes] = []

    def bend(value: Any) -> Any:
        if isinstance(value, list):
            return [bend(v) for v in value]
        if isinstance(value, dict):
            return {rename.get(k, k): bend(v) for k, v in value.items() if k not in drop} | {"newInThisRelease": True}
        return value

    async def bent(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.append(message)
            return
        chunks.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(chunks)
        if body:
            body = json.dumps(bend(json.loads(body))).encode()
        headers = [(k, v) for k, v in head[0]["headers"] if k.lower() != b"content-length"]
        await send({**head[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return bent


async def serve(simulators: dict[int, Simulator]) -> None:
    """Serve each simulator on its loopback port, in one event loop, until cancelled."""

    async def one(port: int, simulator: Simulator) -> None:
        config = uvicorn.Config(
            simulator.app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", access_log=False
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the caller owns the signals
        await server.serve()

    await asyncio.gather(*(one(port, simulator) for port, simulator in simulators.items()))
