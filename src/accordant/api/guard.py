"""Before any operation: bodies that are too large are refused unread, answers carry the headers browsers obey."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accordant.api.problems import problem

MEGABYTE = 1_000_000
API_LIMIT = 10 * MEGABYTE
HOOK_LIMIT = 2 * MEGABYTE

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class SecurityHeaders:
    """Adds `HEADERS` to every answer that has not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *((n, v) for n, v in HEADERS.items() if n not in own)]
            await send(message)

        await self._app(scope, receive, with_headers)


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
