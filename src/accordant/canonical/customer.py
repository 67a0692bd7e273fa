"""Customer: the client that buys, and the legal body that is billed. Owner: CRM; tax numbers: ERP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from accordant.canonical.model import CanonicalModel
from accordant.kernel import CurrencyCode, CustomerId

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Customer(CanonicalModel):
    """A client of the firm (R-CAN-02)."""

    id: CustomerId
    name: str = Field(min_length=1, description="Legal name, as it stands on an invoice.")
    country: CountryCode | None = Field(default=None, description="ISO 3166-1 alpha-2 of the billing address.")
    city: str | None = None
    street: str | None = None
    postal_code: str | None = None
    vat_number: str | None = Field(default=None, description="VAT registration, with its country prefix.")
    lei: str | None = Field(default=None, description="Legal entity identifier, ISO 17442.")
    parent_id: CustomerId | None = Field(default=None, description="The customer above it in the hierarchy.")
    currency: CurrencyCode | None = Field(default=None, description="The currency it is usually billed in.")
