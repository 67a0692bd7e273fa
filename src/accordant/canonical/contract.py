"""Deal and contract: what was sold and on which terms. Owner: CRM or CLM; an amendment is a new version."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from accordant.canonical.model import CanonicalModel
from accordant.kernel import ContractId, CurrencyCode, CustomerId, DealId, Money


class BillingMethod(StrEnum):
    """How the work of a contract becomes money (R-FIN-07)."""

    TIME_AND_MATERIALS = "time_and_materials"
    CAPPED = "capped"
    FIXED_FEE = "fixed_fee"
    MILESTONE = "milestone"
    RETAINER = "retainer"
    MANAGED_SERVICE = "managed_service"


class DealStage(StrEnum):
    """Where a deal stands commercially."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class RateLine(CanonicalModel):
    """One line of the contract's rate card: a role and its price per hour, excluding tax."""

    role: str = Field(description="Role code, the same in every system: `CONS-SR`.")
    rate: Money
    planned_hours: Decimal | None = None


class Milestone(CanonicalModel):
    """A part of the price that falls due with an event."""

    code: str
    name: str
    amount: Money
    due_on: date | None = None
    is_evidence_required: bool = False


class Deal(CanonicalModel):
    """An opportunity; fields may be missing until the activation gate asks for them (R-CAN-03, R-MAP-01)."""

    id: DealId
    name: str
    stage: DealStage
    customer_id: CustomerId | None = None
    contract_id: ContractId | None = None
    entity: str | None = Field(default=None, description="Legal entity of the firm that sells: `uk01`.")
    amount: Money | None = None
    closed_on: date | None = None
    practice: str | None = None
    delivery_lead: str | None = Field(default=None, description="Mail address of the delivery lead. Personal.")
    owner: str | None = Field(default=None, description="Mail address of the deal's owner. Personal.")


class Contract(CanonicalModel):
    """The terms of an engagement, one object per version (R-CAN-05)."""

    id: ContractId
    version: int = Field(default=1, ge=1)
    customer_id: CustomerId
    name: str
    is_approved: bool = False
    entity: str | None = None
    currency: CurrencyCode
    billing_method: BillingMethod | None = None
    effective_on: date | None = Field(default=None, description="First civil day on which this version holds.")
    start_on: date | None = None
    end_on: date | None = None
    rate_lines: tuple[RateLine, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    cap: Money | None = Field(default=None, description="Not-to-exceed total, for the capped method.")
    fixed_fee: Money | None = None
    retainer: Money | None = Field(default=None, description="Amount per month.")
    po_number: str | None = Field(default=None, description="The client's purchase order.")
    payment_terms_days: int | None = Field(default=None, ge=0)

    def rate_of(self, role: str) -> Money | None:
        """Return the price per hour of a role, or None when the contract does not price it."""
        return next((line.rate for line in self.rate_lines if line.role == role), None)
