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
    AssignmentId,
    ContractId,
    CustomerId,
    DealId,
    ExpenseId,
    ExternalId,
    InvoiceId,
    PaymentId,
    ProjectId,
    Reference,
    TimeEntryId,
    WorkerId,
    new_id,
)
from accordant.kernel.money import CurrencyCode, ExactDecimal, Money, exponent_of, total

__all__ = [
    "AccordantError",
    "AssignmentId",
    "AuthExpired",
    "Bug",
    "Clock",
    "ContractDrift",
    "ContractId",
    "CurrencyCode",
    "CustomerId",
    "DealId",
    "ExactDecimal",
    "ExpenseId",
    "ExternalId",
    "FixedClock",
    "InvalidInput",
    "InvoiceId",
    "KeyConflict",
    "Money",
    "NotFound",
    "OwnershipConflict",
    "PaymentId",
    "Period",
    "ProjectId",
    "RateLimited",
    "Reference",
    "Rejected",
    "Retryable",
    "SystemClock",
    "TimeEntryId",
    "Unavailable",
    "UnknownOutcome",
    "WorkerId",
    "canonical_json",
    "content_hash",
    "exponent_of",
    "new_id",
    "total",
]
