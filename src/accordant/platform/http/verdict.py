"""From what came back, or did not, to the error that says what the caller does next.

The one rule that matters: when it is not certain that a write did not happen, the verdict is UnknownOutcome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from accordant.kernel import (
    AccordantError,
    AuthExpired,
    ContractDrift,
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)
from accordant.platform.http.wire import Response, retry_after_s

Classify = Callable[[Response], AccordantError | None]
"""A connector's reading of an answer: our error, or None when the answer is fine or not in its table."""

NOT_SENT = "call.not_sent"
"""Code of failures at which surely no byte of the request left."""


@dataclass(frozen=True)
class Call:
    """The facts about one call that its errors carry; the path without its query, which may hold personal fields."""

    system: str
    operation: str
    method: str
    path: str
    writes: bool
    key: str = ""

    def not_sent(self, reason: str) -> Unavailable:
        """Build the error for a request that surely never left."""
        return Unavailable(
            "The system could not be reached.",
            code=NOT_SENT,
            remedy="Nothing was sent; it is tried again later.",
            **self.facts(reason),
        )

    def broken(self, reason: str, status: int | None = None) -> Unavailable | UnknownOutcome:
        """Build the error for a request that left and got no complete answer."""
        if self.writes:
            return UnknownOutcome(
                "The write was sent and no complete answer came; it may have happened.",
                lookup_key=self.key,
                remedy="It is looked up by its key before anything is repeated.",
                **self.facts(reason, status),
            )
        return Unavailable(
            "The system did not answer completely.",
            code="call.broken",
            remedy="It is tried again later.",
            **self.facts(reason, status),
        )

    def too_large(self, limit_bytes: int) -> AccordantError:
        """Build the error for an answer over the size limit."""
        if self.writes:
            return self.broken(f"the answer is larger than {limit_bytes:,} bytes")
        return ContractDrift(
            f"The answer is larger than {limit_bytes:,} bytes.",
            code="call.answer_too_large",
            remedy="Ask for smaller pages or fewer fields.",
            **self.facts("too large"),
        )

    def foreign_host(self) -> ContractDrift:
        """Build the error for a URL that leads to a host which is not named in the estate."""
        return ContractDrift(
            "The call would go to a host that is not named for this system; it was not made.",
            code="call.foreign_host",
            remedy="If the host belongs to the system, name it in the estate.",
            **self.facts("foreign host"),
        )

    def bad_address(self) -> ContractDrift:
        """Build the error for a text that is no URL."""
        return ContractDrift(
            "The address of the call is not a URL; it was not made.",
            code="call.bad_address",
            remedy="If it is a link to a next page, compare the connector with the system's interface.",
            **self.facts("not a URL"),
        )

    def facts(self, reason: str, status: int | None = None) -> dict[str, Any]:
        """Return what every error of this call carries."""
        detail: dict[str, Any] = {"method": self.method, "path": self.path, "reason": reason}
        if status is not None:
            detail["status"] = status
        return {"system": self.system, "operation": self.operation, "detail": detail}


def judge(call: Call, response: Response, classify: Classify) -> AccordantError | None:
    """Return what the answer means to the caller, or None when it is good.

    The connector's table is asked first; then the status speaks. A write is UnknownOutcome when the answer comes
    from something in between (a page, a gateway), cannot be read, or is a failure after which it may have happened.
    """
    if call.writes and response.is_html and not 400 <= response.status < 500:
        return call.broken("a web page came instead of an answer", response.status)
    error = _unreadable(response) or _classified(response, classify) or _by_status(call, response)
    if error is None:
        return None
    if call.writes and _may_have_happened(response.status, error):
        return call.broken(error.message, response.status)
    error.system = error.system or call.system
    error.operation = error.operation or call.operation
    if isinstance(error, UnknownOutcome):
        error.lookup_key = error.lookup_key or call.key
    return error


def _may_have_happened(status: int, error: AccordantError) -> bool:
    """Say whether a write that was answered so may have been done all the same.

    A system that says "slow down", or refuses at the door (4xx, 503), has not done it. A good status with a body that
    cannot be read, and a failure further in, leave it open; so does a redirect to a result.
    """
    if status < 300:
        return isinstance(error, ContractDrift)
    if status == HTTPStatus.SEE_OTHER:
        return True
    vague = isinstance(error, Retryable) and not isinstance(error, RateLimited)
    return vague and (
        status == HTTPStatus.REQUEST_TIMEOUT or (status >= 500 and status != HTTPStatus.SERVICE_UNAVAILABLE)
    )


def _unreadable(response: Response) -> AccordantError | None:
    if response.status >= 300 or not response.content or not response.media_type.endswith("json"):
        return None
    try:
        response.json()
    except (ContractDrift, Unavailable) as error:
        return error
    return None


def _classified(response: Response, classify: Classify) -> AccordantError | None:
    try:
        return classify(response)
    except (ContractDrift, Unavailable) as error:
        # A table that reads the body of a refusal cannot read a proxy's page; then the status speaks.
        return error if response.status < 300 else None


def _by_status(call: Call, response: Response) -> AccordantError | None:  # noqa: PLR0911 - a table
    status = response.status
    if status < 300 or status == HTTPStatus.NOT_MODIFIED:
        return None
    facts = call.facts(f"status {status}", status)
    match status:
        case _ if status < 400:
            return ContractDrift(
                "The system redirects the call; redirects are not followed.",
                code="call.redirected",
                remedy="Put the final address into the estate.",
                **facts,
            )
        case 401:
            return AuthExpired("The system no longer accepts our token.", remedy="Renew the connection.", **facts)
        case 404 | 410:
            return NotFound("The system does not know this address or record.", **facts)
        case 408:
            return Unavailable("The system gave up waiting for the request.", **facts)
        case 429:
            wait_s = retry_after_s(response, datetime.now(UTC))
            return RateLimited("The system asks us to slow down.", retry_after_s=wait_s, **facts)
        case _ if status < 500:
            return Rejected(f"The system refused the request (status {status}).", **facts)
        case _:
            return Unavailable(f"The system failed (status {status}).", **facts)
