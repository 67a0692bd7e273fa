"""Where connectors get their client from: the runtime's factory, or a simulator in the same process."""

from __future__ import annotations

from typing import Any, Protocol

import httpx2
import stamina
from starlette.types import ASGIApp

from accordant.platform.http.auth import Auth
from accordant.platform.http.client import HttpClient
from accordant.platform.http.lane import Limits, LocalLane
from accordant.platform.http.verdict import Classify


class HttpFactory(Protocol):
    """Makes the client of one connection."""

    def __call__(
        self,
        *,
        system: str,
        base_url: str,
        auth: Auth | None,
        classify: Classify,
        limits: Limits,
        allowed_hosts: frozenset[str] = frozenset(),
    ) -> HttpClient:
        """Return a client with the lane and breaker of the system; arguments as in `HttpClient`."""
        ...


def in_process(app: ASGIApp, **options: Any) -> HttpFactory:
    """Return a factory whose clients call `app` in this process, for tests.

    The lane is wide open, the timeout short and repetition quick; `options` go to `HttpClient` and win.
    """

    def make(
        *,
        system: str,
        base_url: str,
        auth: Auth | None,
        classify: Classify,
        limits: Limits,  # noqa: ARG001 - the lane is wide open
        allowed_hosts: frozenset[str] = frozenset(),
    ) -> HttpClient:
        settings: dict[str, Any] = {
            "lane": HastyLane(Limits(concurrency=1_000), system=system),
            "allowed_hosts": allowed_hosts,
            "timeout_s": 0.5,
            "transport": InProcessTransport(app),
            "retrying": stamina.AsyncRetryingCaller(attempts=3, wait_initial=0.01, wait_max=0.02, wait_jitter=0.01),
        }
        return HttpClient(system=system, base_url=base_url, auth=auth, classify=classify, **(settings | options))

    return make


class HastyLane(LocalLane):
    """A lane that shortens every wait a system asks for, so that a test of throttling need not sleep."""

    async def pause(self, seconds: float) -> None:
        """Pause for a moment."""
        await super().pause(min(seconds, 0.02))


class InProcessTransport(httpx2.AsyncBaseTransport):
    """Call an ASGI application; an application that breaks off its answer looks like a broken connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx2.ASGITransport(app=app)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass one request to the application."""
        try:
            return await self._inner.handle_async_request(request)
        except OSError as error:
            raise httpx2.ReadError(str(error), request=request) from error
