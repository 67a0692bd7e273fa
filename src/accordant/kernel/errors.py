"""The error tree of the whole product; a class is chosen by what the caller does next.

AccordantError
├── Retryable            the same call may be made again, later
│   ├── RateLimited      … after `retry_after_s`
│   └── Unavailable      … when the system answers again (breaker, outage)
├── UnknownOutcome       the write may have happened: look it up by `lookup_key`, never repeat it blindly
├── AuthExpired          fetch a new token, then repeat once
├── Rejected             the system said no: a person decides
│   └── KeyConflict      one key, two different pieces of work
├── InvalidInput         what came in cannot be used; say which field and how to mend it
├── OwnershipConflict    a system changed a field it does not own
├── ContractDrift        a system answered in a shape we do not know
├── NotFound             it is not there
└── Bug                  our own code is wrong; nobody outside can mend it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AccordantError(Exception):
    """Carry a message for the person, a remedy, and the facts an engineer needs.

    Args:
        message: what happened, safe to show to a user; no secret, no personal field.
        code: dotted, stable, documented: ``erp.invoice.period_closed``.
        remedy: what to do next, in one sentence.
        system: instance id of the connected system, if one was involved.
        operation: the capability's operation, ``create_project``.
        correlation_id: the engagement or run it belongs to.
        detail: redacted facts for an engineer.
    """

    default_code = "accordant.error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remedy: str = "",
        system: str = "",
        operation: str = "",
        correlation_id: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.remedy = remedy
        self.system = system
        self.operation = operation
        self.correlation_id = correlation_id
        self.detail = dict(detail or {})

    def __str__(self) -> str:
        where = " ".join(part for part in (self.system, self.operation) if part)
        return f"{self.message} [{self.code}{' at ' + where if where else ''}]"

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON form for cases, effects and problem responses."""
        return {
            "class": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "system": self.system,
            "operation": self.operation,
            "correlation_id": self.correlation_id,
            "detail": self.detail,
        }


class Retryable(AccordantError):
    """The same call may be made again."""

    default_code = "call.retryable"


class RateLimited(Retryable):
    """The system asked us to wait `retry_after_s` seconds."""

    default_code = "call.rate_limited"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after_s = retry_after_s


class Unavailable(Retryable):
    """The system does not answer, or its breaker is open."""

    default_code = "call.unavailable"


class UnknownOutcome(AccordantError):
    """The write left us and no answer came: it may have happened."""

    default_code = "call.unknown_outcome"

    def __init__(self, message: str, *, lookup_key: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.lookup_key = lookup_key


class AuthExpired(AccordantError):
    """The token is no longer accepted."""

    default_code = "auth.expired"


class Rejected(AccordantError):
    """The system refused the request for a business reason; a person decides."""

    default_code = "call.rejected"


class KeyConflict(Rejected):
    """The key is already used for another piece of work."""

    default_code = "key.conflict"


class InvalidInput(AccordantError):
    """What came in cannot be used as it is."""

    default_code = "input.invalid"


class OwnershipConflict(AccordantError):
    """A system that does not own the field tried to change it."""

    default_code = "ownership.violation"


class ContractDrift(AccordantError):
    """A system answered in a shape its mapping does not know."""

    default_code = "contract.drift"


class NotFound(AccordantError):
    """The thing asked for does not exist."""

    default_code = "not_found"


class Bug(AccordantError):
    """Our own code is wrong."""

    default_code = "bug"
