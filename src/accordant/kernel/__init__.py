"""Ids, money, dates, clock, canonical JSON and the error tree.

Only the standard library and pydantic are used here; nothing that does I/O ever belongs here.
"""

from accordant.kernel.clock import Clock, FixedClock, SystemClock
from accordant.kernel.dates import Period
from accordant.kernel.errors import (
    AccordantError,
    AuthExpired,
    Bug,
    ContractDrift,
    InvalidInput,
    KeyConflict,
    NotFound,
    OwnershipConflict,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)
from accordant.kernel.hashing import canonical_json, content_hash
from accordant.kernel.ids import (
    CaseId,
    ContractId,
    CustomerId,
    ExternalId,
    InvoiceId,
    LineId,
    PaymentId,
    ProjectId,
    WorkerId,
    new_id,
)
from accordant.kernel.money import CurrencyCode, ExactDecimal, Money, exponent_of, total

__all__ = [
    "AccordantError",
    "AuthExpired",
    "Bug",
    "CaseId",
    "Clock",
    "ContractDrift",
    "ContractId",
    "CurrencyCode",
    "CustomerId",
    "ExactDecimal",
    "ExternalId",
    "FixedClock",
    "InvalidInput",
    "InvoiceId",
    "KeyConflict",
    "LineId",
    "Money",
    "NotFound",
    "OwnershipConflict",
    "PaymentId",
    "Period",
    "ProjectId",
    "RateLimited",
    "Rejected",
    "Retryable",
    "SystemClock",
    "Unavailable",
    "UnknownOutcome",
    "WorkerId",
    "canonical_json",
    "content_hash",
    "exponent_of",
    "new_id",
    "total",
]
