"""How an operation declares itself: owner, mode, latency, scopes; the document and the catalogue are read from it."""

from __future__ import annotations

from typing import Any, Literal

Mode = Literal["real-time", "event", "batch"]

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def describe(
    *,
    owner: str,
    mode: Mode,
    latency_ms: int,
    scopes: tuple[str, ...],
    idempotent_by: str = "",
) -> dict[str, Any]:
    """Return what FastAPI needs to know of an operation besides its signature.

    Args:
        owner: who answers for it (R-API-20).
        mode: how it is answered (R-API-11).
        latency_ms: the target, 95th percentile.
        scopes: any of these opens it; empty is open to all: health and hooks only.
        idempotent_by: what makes a write repeatable when it is not the Idempotency-Key.
    """
    extra: dict[str, Any] = {
        "x-owner": owner,
        "x-mode": mode,
        "x-latency-target-ms": latency_ms,
        "x-scopes": list(scopes),
    }
    if idempotent_by:
        extra["x-idempotent-by"] = idempotent_by
    if scopes:
        extra["security"] = [{"bearer": [scope]} for scope in scopes]
    return {"openapi_extra": extra, "responses": {"default": {"description": "A problem", **_PROBLEM}}}
