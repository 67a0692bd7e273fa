"""Ids: ours are prefixed and sortable by time, theirs always name the system they come from."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case


@dataclass(frozen=True)
class Reference:
    """Mark a field as a reference to a canonical object.

    Connectors fill it with the text of an `ExternalId`; intake replaces that by our id (design.md section 4).
    """

    kind: str
    prefix: str


CustomerId = Annotated[str, Reference("customer", "cus")]
DealId = Annotated[str, Reference("deal", "dea")]
ContractId = Annotated[str, Reference("contract", "con")]
ProjectId = Annotated[str, Reference("project", "prj")]
WorkerId = Annotated[str, Reference("worker", "wrk")]
AssignmentId = Annotated[str, Reference("assignment", "asg")]
TimeEntryId = Annotated[str, Reference("time_entry", "tim")]
ExpenseId = Annotated[str, Reference("expense", "exp")]
InvoiceId = Annotated[str, Reference("invoice", "inv")]
PaymentId = Annotated[str, Reference("payment", "pay")]


def new_id(prefix: str) -> str:
    """Return a fresh id: prefix, 48 bits of milliseconds, 80 random bits; sorts by creation time."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10))
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


class ExternalId(BaseModel):
    """An id in a connected system: the instance (`netsuite-us`), the object type there, and its id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.system}/{self.type}/{self.value}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back what `str()` wrote; raises ValueError on anything else."""
        system, type_, value = text.split("/", 2)
        return cls(system=system, type=type_, value=value)
