"""Systems in a few lines: one that answers over ASGI, one that writes raw bytes on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

import stamina
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accordant.platform.http import HttpClient, in_process


class Vendor:
    """A system in a few lines: answers from a script, in order, the last one for ever; remembers what it was asked."""

    def __init__(self, *answers: Response | Callable[[Request], Awaitable[Response]]) -> None:
        self.answers = list(answers) or [Response(b"{}", media_type="application/json")]
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        self.bodies.append(await request.body())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else await answer(request)

    @property
    def calls(self) -> int:
        return len(self.requests)

    def client(self, **options) -> HttpClient:
        named = {"base_url": "http://vendor.example", "auth": None, "classify": lambda _: None}
        for name in list(options):
            if name in named:
                named[name] = options.pop(name)
        return in_process(self.app, **options)(system="vendor-main", limits=None, **named)


class RawServer:
    """A server on loopback that writes exactly these bytes and closes, or stays silent when given None."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.requests.append(await reader.read(65536))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            writer.close()


def quick() -> stamina.AsyncRetryingCaller:
    return stamina.AsyncRetryingCaller(attempts=3, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001)
