"""How a connector proves who it is: the protocol, and the token that is fetched once for many callers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx2

from accordant.kernel import Clock, SystemClock


def login_answer(content: bytes) -> dict[str, Any]:
    """Return the JSON object that a login answered with; ValueError when it is none."""
    body = json.loads(content)
    if not isinstance(body, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - the same verdict as for a body that is no JSON
    return body


class Auth(Protocol):
    """What a connector's `auth.py` implements."""

    async def headers(self, client: httpx2.AsyncClient) -> Mapping[str, str]:
        """Return the headers that prove who we are; may fetch or renew a token with `client`."""
        ...

    def expire(self) -> None:
        """Forget the token; the system no longer accepts it."""
        ...


@dataclass(frozen=True)
class Token:
    """A token and the instant from which it is no longer used; None for one that only a refusal ends."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


class BearerAuth:
    """Send a bearer token; fetch it when there is none, once however many callers wait.

    Args:
        fetch: asks the vendor for a token; raises our errors.
        clock: tells when the token is old.
        early: how long before its end a token is renewed.
        scheme: the word before the token, where a vendor has one of its own.
    """

    def __init__(
        self,
        fetch: Callable[[httpx2.AsyncClient], Awaitable[Token]],
        *,
        clock: Clock | None = None,
        early: timedelta = timedelta(seconds=60),
        scheme: str = "Bearer",
    ) -> None:
        self._fetch = fetch
        self._scheme = scheme
        self._clock = clock or SystemClock()
        self._early = early
        self._token: Token | None = None
        self._fetching = asyncio.Lock()

    async def headers(self, client: httpx2.AsyncClient) -> Mapping[str, str]:
        """Return the Authorization header."""
        token = self._fresh()
        if token is None:
            async with self._fetching:
                token = self._fresh()
                if token is None:
                    token = self._token = await self._fetch(client)
        return {"Authorization": f"{self._scheme} {token.value}"}

    def expire(self) -> None:
        """Forget the token."""
        self._token = None

    def _fresh(self) -> Token | None:
        token = self._token
        if token is None or token.expires_at is None:
            return token
        return token if self._clock.now() < token.expires_at - self._early else None
