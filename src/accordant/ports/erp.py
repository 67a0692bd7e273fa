"""Capabilities of an ERP: billing rules, posted time, invoices, periods, payments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from accordant.canonical import AccountingPeriod, BillingMethod, Invoice, InvoiceState, Payment
from accordant.kernel import CurrencyCode, ExternalId, Money
from accordant.ports.effect import EffectKind, LookUp, Outcomes, Written, effect
from accordant.ports.feed import FeedPage
from accordant.ports.port import Port


class BillingRules(BaseModel):
    """How the ERP shall bill a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract_id: str
    contract_version: int
    billing_method: BillingMethod
    currency: CurrencyCode
    tax_code: str
    payment_terms_days: int
    cap: Money | None = None
    po_number: str | None = None


class TimeToPost(BaseModel):
    """One approved line on its way into the ERP, priced by the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line_id: str
    source_ref: str  # where it comes from, for people and for the judge: `kantata-main/9001`
    project: ExternalId
    task: str | None = None
    worker_number: str | None = None
    role: str | None = None
    worked_on: date
    hours: Decimal
    rate: Money
    amount: Money
    is_billable: bool = True
    memo: str = ""


class TimeCorrection(BaseModel):
    """A later word on a line that the ERP has already: the record there, and what it shall say now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: ExternalId
    line: TimeToPost


class InvoiceStatus(BaseModel):
    """What the ERP says about an invoice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: ExternalId
    state: InvoiceState
    number: str | None
    period: str | None
    net: Money
    tax: Money
    total: Money
    due: Money


class BillingSetup(Port):
    """Billing rules of a project."""

    @effect(EffectKind.PUT, look_up="read_billing_rules")
    @abstractmethod
    async def put_billing_rules(self, project: ExternalId, rules: BillingRules, *, key: str) -> Written:
        """Set the rules; a currency or tax code that the ERP does not allow for the customer is Rejected."""

    @abstractmethod
    async def read_billing_rules(self, project: ExternalId) -> BillingRules | None:
        """Read the rules back: the confirmation that delivery waits for (R-MAP-11). None when never set."""


class TimePosting(Port):
    """Approved time in the ERP."""

    @effect(EffectKind.CREATE, look_up="find_time", batch=True)
    @abstractmethod
    async def post_time(self, lines: Mapping[str, TimeToPost]) -> Outcomes:
        """Post up to 500 lines, each under its key; one bad line fails alone."""

    @effect(EffectKind.PUT, look_up="find_time", batch=True)
    @abstractmethod
    async def correct_time(self, corrections: Mapping[str, TimeCorrection]) -> Outcomes:
        """Change posted lines in place, each under its key; a line the ERP no longer lets change fails alone."""

    @abstractmethod
    async def find_time(self, keys: tuple[str, ...]) -> LookUp:
        """Look posted lines up by our keys, up to 500 at once."""


class InvoicePosting(Port):
    """Invoices: drafted, reviewed, then posted for good."""

    @effect(EffectKind.CREATE, look_up="find_invoices")
    @abstractmethod
    async def draft_invoice(self, invoice: Invoice, *, customer: ExternalId, project: ExternalId, key: str) -> Written:
        """Create the draft under our key; facts carry net, tax and total as text."""

    @effect(EffectKind.ACT, look_up="find_invoices", repeatable=True)
    @abstractmethod
    async def delete_draft(self, invoice: ExternalId, *, key: str) -> Written:
        """Remove a draft; a posted invoice is Rejected."""

    @effect(EffectKind.ACT, look_up="find_invoices", moves_money=True, repeatable=True)
    @abstractmethod
    async def post_invoice(self, invoice: ExternalId, *, key: str) -> Written:
        """Post the draft: the pivot. Facts carry number, period and totals. Posting a posted invoice answers as posted.

        Raises:
            Rejected: `erp.invoice.period_closed` when the period is closed.
        """

    @abstractmethod
    async def fetch_invoice(self, invoice: ExternalId) -> InvoiceStatus:
        """Read the invoice's state and totals."""

    @abstractmethod
    async def find_invoices(self, keys: tuple[str, ...]) -> LookUp:
        """Look invoices up by our keys; facts carry `state`."""


class PeriodCalendar(Port):
    """Accounting periods."""

    @abstractmethod
    async def periods(self, entity: str, *, since: date) -> tuple[AccountingPeriod, ...]:
        """Return the periods that end on or after the day, in order."""


class PaymentFeed(Port):
    """Money that came in."""

    @abstractmethod
    async def payments_since(self, watermark: str | None) -> FeedPage[Payment]:
        """Read payments applied to invoices since the watermark; one observation per payment and invoice."""
