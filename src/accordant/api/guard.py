"""Around every operation: bodies that are too large are refused unread, answers carry the headers they need."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accordant.api.problems import SECURITY, problem

MEGABYTE = 1_000_000
API_LIMIT = 10 * MEGABYTE
HOOK_LIMIT = 2 * MEGABYTE


class AnswerHeaders:
    """Adds to every answer what browsers obey, and what the request's own handling left in `answer_headers`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                left = scope.get("state", {}).get("answer_headers", {})
                for name, value in {**SECURITY, **left}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)


class SizeCap:
    """Refuses a body over the limit: by its declared length before a byte is read, otherwise while it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on that is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = HOOK_LIMIT if scope["path"].startswith("/hooks/") else API_LIMIT
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await _too_large(limit)(scope, receive, send)
            return
        try:
            await self._app(scope, _counted(receive, limit), send)
        except _TooLarge:
            await _too_large(limit)(scope, receive, send)


class _TooLarge(HTTPException):
    """An HTTPException, because that is what FastAPI lets through from reading a body."""


def _counted(receive: Receive, limit: int) -> Receive:
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _TooLarge(413)
        return message

    return counting


def _too_large(limit: int) -> ASGIApp:
    return problem(
        413,
        code="api.too_large",
        detail=f"The body is larger than {limit // MEGABYTE} MB.",
        remedy="Send it in parts.",
        headers={"Connection": "close"},
    )
