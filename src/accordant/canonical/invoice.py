"""Invoice and payment: what the client is asked for, and what came in. Owner: ERP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from accordant.canonical.model import CanonicalModel
from accordant.kernel import ContractId, CurrencyCode, CustomerId, InvoiceId, Money, PaymentId, ProjectId, total


class InvoiceState(StrEnum):
    """Where an invoice stands."""

    DRAFT = "draft"
    POSTED = "posted"
    PAID = "paid"
    VOID = "void"


class InvoiceLine(CanonicalModel):
    """One line of an invoice; it lists the ledger lines it bills (R-CAN-11)."""

    id: str
    sources: tuple[str, ...] = Field(description="Ids of the ledger lines that this line bills, at least one.")
    source_refs: tuple[str, ...] = Field(default=(), description="The same in the source system: `kantata-main/9001`.")
    description: str
    quantity: Decimal
    unit_price: Money
    amount: Money = Field(description="Excluding tax, at the minor unit.")
    tax_code: str | None = None


class Invoice(CanonicalModel):
    """A document of the ERP, draft or posted."""

    id: InvoiceId
    number: str | None = None
    customer_id: CustomerId
    contract_id: ContractId
    contract_version: int
    project_id: ProjectId
    entity: str
    currency: CurrencyCode
    invoice_on: date
    due_on: date | None = None
    po_number: str | None = None
    state: InvoiceState = InvoiceState.DRAFT
    lines: tuple[InvoiceLine, ...]
    view_hash: str | None = Field(default=None, description="Hash of the approval view that allowed it.")

    @property
    def net(self) -> Money:
        """The sum of the lines, excluding tax."""
        return total((line.amount for line in self.lines), self.currency)


class Payment(CanonicalModel):
    """Money received against one invoice."""

    id: PaymentId
    invoice_id: InvoiceId
    amount: Money
    paid_on: date
    reference: str | None = None
