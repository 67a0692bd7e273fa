"""What stands before every page: security headers, the Origin check and the CSRF token of every write."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accordant.console.session import COOKIE, Sessions
from accordant.kernel import Clock, Rejected

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# Style attributes carry measures of charts (--v: 53%); elements and scripts come from our own files only.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class SecurityHeaders:
    """Adds the headers that keep a page ours; pages themselves are never stored by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if not scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, sending)


class WriteGuard:
    """Refuses every write that another site could have sent: wrong Origin, or no token of this session."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def __call__(self, request: Request) -> None:
        """Check one request; a dependency of every route.

        Raises:
            Rejected: `console.foreign_origin`, `console.no_token`.
        """
        if request.method in _SAFE:
            return
        if not _is_own(request.headers):
            raise Rejected(
                "This request came from another site.",
                code="console.foreign_origin",
                remedy="Open the console itself and try again.",
            )
        session = self._sessions.read(request.cookies.get(COOKIE), self._clock.now())
        token = request.headers.get("x-csrf-token") or str((await request.form()).get("csrf", ""))
        if session is None or not self._sessions.is_token(session, token):
            raise Rejected(
                "This page is too old to act from.",
                code="console.no_token",
                remedy="Load the page again; nothing was changed.",
            )


def _is_own(headers: Headers) -> bool:
    """Tell whether the browser says that our own page sent this; a browser always names the origin of a write."""
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")
