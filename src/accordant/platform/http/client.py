"""The HTTP client of every connector: budget, breaker, token, repetition of what is safe, and a clear verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import httpx2
import stamina

from accordant.kernel import AuthExpired, RateLimited, Retryable, Unavailable
from accordant.platform.http.auth import Auth
from accordant.platform.http.breaker import BREAKER_OPEN, Breaker
from accordant.platform.http.lane import LANE_FULL, MAX_WAIT_S, Lane, LocalLane
from accordant.platform.http.verdict import NOT_SENT, Call, Classify, judge
from accordant.platform.http.wire import Response, encode_json

trace_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default={})  # noqa: B039 - never changed
"""W3C trace context of the caller (`traceparent`, `tracestate`); telemetry sets it, every call carries it."""

MAX_ANSWER_BYTES = 50_000_000

_CONNECT_S = 5.0
_NEVER_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
_NOT_HERE = frozenset({LANE_FULL, BREAKER_OPEN})


def patient() -> stamina.AsyncRetryingCaller:
    """Return how safe calls are repeated in production: four attempts within 20 seconds, with jitter."""
    return stamina.AsyncRetryingCaller(attempts=4, timeout=20.0, wait_initial=0.2, wait_max=4.0, wait_jitter=0.5)


class HttpClient:
    """Call one connected system.

    Reads are repeated when that may help. A write is repeated only when surely nothing was done: the connection was
    never made, or the token was refused. Redirects are not followed. One client belongs to one event loop.

    Args:
        system: instance id of the estate.
        base_url: where relative paths lead; a relative path is appended to it.
        auth: proves who we are; None for an open system.
        classify: the connector's table of answers.
        lane: the system's budget; shared by all clients of the system.
        breaker: stops calls to a system that does not answer; None for none.
        timeout_s: for one whole exchange, not for each packet.
        transport: replaces the network, in tests.
        allowed_hosts: further hosts, as `host` or `host:port`, to which absolute URLs may lead with our credentials.
        retrying: how safe calls are repeated.
        max_bytes: largest answer that is read.
    """

    def __init__(  # noqa: PLR0913 - the one place where all parts of a connection meet
        self,
        *,
        system: str,
        base_url: str,
        auth: Auth | None,
        classify: Classify,
        lane: Lane | None = None,
        breaker: Breaker | None = None,
        timeout_s: float = 30,
        transport: httpx2.AsyncBaseTransport | None = None,
        allowed_hosts: frozenset[str] = frozenset(),
        retrying: stamina.AsyncRetryingCaller | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.system = system
        self._base = httpx2.URL(base_url)
        self._auth = auth
        self._classify = classify
        self._lane = lane or LocalLane(system=system)
        self._breaker = breaker
        self._timeout_s = timeout_s
        self._hosts = frozenset({_host(self._base)}) | {host.lower() for host in allowed_hosts}
        self._retrying = retrying or patient()
        self._max_bytes = max_bytes
        self._token_number = 0
        self._client = httpx2.AsyncClient(
            base_url=self._base,
            transport=transport,
            timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            follow_redirects=False,
            headers={"user-agent": "accordant", "accept": "application/json"},
        )

    async def read(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make a call that changes nothing; it is repeated when that may help.

        Args:
            method: `GET`, or `POST` for a query that travels in the body.
            path: appended to the base URL, or an absolute URL on an allowed host (a next-page link).
            operation: the capability's operation; breaker and errors name it.
            params: query parameters.
            json: body; Decimal is sent as an exact number.
            content: raw body, instead of `json`.
            headers: added to ours.

        Raises:
            Unavailable: no complete answer came, or the breaker is open.
            RateLimited: the system or its lane asks for a longer wait than is waited here.
            AuthExpired: a fresh token was refused, too.
            ContractDrift: the answer is too large, redirects, or the URL leads to a foreign host.
            AccordantError: whatever the connector's table says.
        """
        call = Call(self.system, operation, method, _path_of(path), writes=False)
        draft = self._draft(call, path, params, json, content, headers)
        return await self._retrying(_may_repeat_read, self._send, call, draft)

    async def write(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        key: str = "",
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make a call that changes something; arguments as in `read`.

        Args:
            method: HTTP method.
            path: see `read`.
            operation: see `read`.
            key: the effect's key; UnknownOutcome carries it for the look-up.
            params: see `read`.
            json: see `read`.
            content: see `read`.
            headers: see `read`.

        Raises:
            UnknownOutcome: no complete answer came; the write may have happened.
            Unavailable: surely nothing was done: not reached, refused at the door, or the breaker is open.
            RateLimited: surely nothing was done: the system or its lane asks us to come back later.
            AuthExpired: surely nothing was done: a fresh token was refused, too.
            AccordantError: whatever the connector's table says.
        """
        call = Call(self.system, operation, method, _path_of(path), writes=True, key=key)
        draft = self._draft(call, path, params, json, content, headers)
        return await self._retrying(_may_repeat_write, self._send, call, draft)

    async def aclose(self) -> None:
        """Close the connections; the lane belongs to who made it."""
        await self._client.aclose()

    def _draft(
        self, call: Call, path: str, params: Any, json: Any, content: bytes | str | None, headers: Any
    ) -> dict[str, Any]:
        """Return what httpx builds the request from, once per attempt."""
        try:
            url = httpx2.URL(path)
        except httpx2.InvalidURL as error:
            raise call.bad_address() from error
        if (url.scheme or url.host) and not self._is_ours(url):
            raise call.foreign_host()
        own = dict(headers or {})
        if json is not None:
            content = encode_json(json)
            own = {"content-type": "application/json"} | own
        return {"method": call.method, "url": url, "params": params, "content": content, "headers": own}

    def _is_ours(self, url: httpx2.URL) -> bool:
        return url.scheme == self._base.scheme and _host(url) in self._hosts and not url.userinfo

    async def _send(self, call: Call, draft: dict[str, Any]) -> Response:
        """Make the call; when the token was refused, once more with a new one."""
        renewed = self._auth is None
        while True:
            async with self._breaker.call(call.operation) if self._breaker else nullcontext():
                async with self._lane.slot(call.operation):
                    number = self._token_number
                    response = await self._exchange(call, draft)
                error = judge(call, response, self._classify)
                if error is None:
                    return response
                if isinstance(error, RateLimited):
                    await self._lane.pause(error.retry_after_s)
                if isinstance(error, AuthExpired):
                    self._forget_token(number)
                if renewed or not isinstance(error, AuthExpired):
                    raise error
            renewed = True

    def _forget_token(self, number: int) -> None:
        """Expire the token unless another call has done so since; a fresh one must not be thrown away."""
        if self._auth is not None and number == self._token_number:
            self._auth.expire()
            self._token_number += 1

    async def _exchange(self, call: Call, draft: dict[str, Any]) -> Response:
        proof = await self._prove(call)
        request = self._client.build_request(**draft)
        request.headers.update({**trace_headers.get(), **proof})
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.send(request, stream=True)
                try:
                    content = await self._content(call, answer)
                finally:
                    await answer.aclose()
        except _NEVER_LEFT as error:
            raise call.not_sent(type(error).__name__) from error
        except (TimeoutError, httpx2.RequestError) as error:
            raise call.broken(type(error).__name__) from error
        return Response(answer.status_code, answer.headers, content, call.system, call.operation)

    async def _prove(self, call: Call) -> Mapping[str, str]:
        if self._auth is None:
            return {}
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._auth.headers(self._client)
        except (TimeoutError, httpx2.RequestError) as error:
            raise call.not_sent(f"no token: {type(error).__name__}") from error

    async def _content(self, call: Call, answer: httpx2.Response) -> bytes:
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > self._max_bytes:
                raise call.too_large(self._max_bytes)
        return bytes(content)


def _host(url: httpx2.URL) -> str:
    return url.netloc.decode("ascii")


def _path_of(path: str) -> str:
    return path.partition("?")[0]


def _may_repeat_read(error: Exception) -> bool | float:
    """Say whether, and after what wait, a read is made again; a throttled one waits in its lane instead."""
    if not isinstance(error, Retryable) or error.code in _NOT_HERE:
        return False
    if isinstance(error, RateLimited):
        return 0.0 if error.retry_after_s <= MAX_WAIT_S else False
    return True


def _may_repeat_write(error: Exception) -> bool:
    return isinstance(error, Unavailable) and error.code == NOT_SENT
