"""Legal entity and accounting period: where money is booked. Owner: ERP."""

from __future__ import annotations

from pydantic import Field

from accordant.canonical.customer import CountryCode
from accordant.canonical.model import CanonicalModel
from accordant.kernel import CurrencyCode, Period


class LegalEntity(CanonicalModel):
    """A company of the firm."""

    id: str = Field(pattern=r"^[a-z]{2}\d{2}$", description="Short code: `uk01`.")
    name: str
    country: CountryCode
    currency: CurrencyCode
    time_zone: str


class AccountingPeriod(CanonicalModel):
    """A span of days that the ERP holds open or closed for posting."""

    entity: str
    name: str
    period: Period
    is_open: bool
