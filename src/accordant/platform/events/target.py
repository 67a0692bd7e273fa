"""Where events may be sent: to hosts that the estate allows, or to this machine."""

from __future__ import annotations

from collections.abc import Collection

import httpx2

from accordant.kernel import InvalidInput

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def require_target(target: str, allowed_hosts: Collection[str]) -> None:
    """Check where a subscription leads: https to an allowed host, or anything on this machine.

    Raises:
        InvalidInput: no such address, a host that is not allowed, or a broker that is not installed.
    """
    if target.startswith("nats:"):
        raise InvalidInput("A NATS target needs the nats extra.", code="events.target")
    try:
        url = httpx2.URL(target)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    is_local = url.scheme in ("http", "https") and url.host in _LOOPBACK
    if url.userinfo or not (is_local or (url.scheme == "https" and url.host in allowed_hosts)):
        raise InvalidInput(
            "Events are sent by https to allowed hosts only, without a password in the address.",
            code="events.target",
            remedy="Let the estate allow the host, then write the address as https://host/path.",
        )
