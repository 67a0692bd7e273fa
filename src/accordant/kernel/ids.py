"""Ids: ours are prefixed and sortable by time, theirs always name the system they come from."""

from __future__ import annotations

import os
import time
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case

CustomerId = Annotated[str, StringConstraints(pattern=r"^cus_")]
ContractId = Annotated[str, StringConstraints(pattern=r"^con_")]
ProjectId = Annotated[str, StringConstraints(pattern=r"^prj_")]
WorkerId = Annotated[str, StringConstraints(pattern=r"^wrk_")]
LineId = Annotated[str, StringConstraints(pattern=r"^lin_")]
InvoiceId = Annotated[str, StringConstraints(pattern=r"^inv_")]
PaymentId = Annotated[str, StringConstraints(pattern=r"^pay_")]
CaseId = Annotated[str, StringConstraints(pattern=r"^cas_")]


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
