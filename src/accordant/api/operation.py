"""How an operation declares itself: owner, mode, latency, scopes; what is enforced and documented is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel

Mode = Literal["real-time", "event", "batch"]

ANY_SCOPE = "*"
"""Every known caller."""


class Problem(BaseModel):
    """What went wrong (RFC 9457), for people and programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    retryable: bool
    correlation_id: str
    errors: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Deprecation:
    """Since when an operation is on its way out, when it ends, and what takes its place."""

    since: datetime
    sunset: datetime
    successor: str

    @property
    def declared(self) -> dict[str, str]:
        """As it stands in the document."""
        return {"since": self.since.isoformat(), "sunset": self.sunset.isoformat(), "successor": self.successor}

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Self:
        """Read it back from an operation's declaration."""
        notice = declared["x-deprecation"]
        return cls(
            datetime.fromisoformat(notice["since"]), datetime.fromisoformat(notice["sunset"]), notice["successor"]
        )


def describe(
    *,
    owner: str,
    latency_ms: int,
    scopes: tuple[str, ...],
    mode: Mode = "real-time",
    answer: Any = None,
    status: int = 200,
    idempotent_by: str = "",
    deprecation: Deprecation | None = None,
) -> dict[str, Any]:
    """Return what FastAPI needs to know of an operation besides its signature.

    Args:
        owner: who answers for it (R-API-20).
        latency_ms: the target, 95th percentile.
        scopes: any of these opens it; empty is open to all: health, hooks and the token endpoint only.
        mode: how it is answered (R-API-11).
        answer: the model of what it answers.
        status: of success.
        idempotent_by: what makes a write repeatable when it is not the Idempotency-Key.
        deprecation: that it will end.
    """
    extra: dict[str, Any] = {
        "x-owner": owner,
        "x-mode": mode,
        "x-latency-target-ms": latency_ms,
        "x-scopes": list(scopes),
    }
    if idempotent_by:
        extra["x-idempotent-by"] = idempotent_by
    if deprecation:
        extra["x-deprecation"] = deprecation.declared
    if scopes:
        extra["security"] = [{"bearer": [] if scope == ANY_SCOPE else [scope]} for scope in scopes]
    problem = {"model": Problem, "content": {"application/problem+json": {}}, "description": "What went wrong."}
    responses: dict[int | str, dict[str, Any]] = {"default": problem}
    if answer is not None:
        responses[status] = {"model": answer}
    return {
        "openapi_extra": extra,
        "responses": responses,
        "response_model": None,
        "status_code": status,
        "deprecated": deprecation is not None or None,
    }
