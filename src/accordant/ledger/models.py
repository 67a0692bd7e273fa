"""What goes into the ledger and what it answers: small frozen values; no SQL and no rule of a firm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from accordant.kernel import ContractId, CurrencyCode, ExactDecimal, InvoiceId, Money, ProjectId, WorkerId

T = TypeVar("T", Decimal, Money)


class LineKind(StrEnum):
    """What a line is; from `fee` on, lines that belong to an invoice rather than to work done."""

    TIME = "time"
    EXPENSE = "expense"
    MILESTONE = "milestone"
    FEE = "fee"
    RETAINER = "retainer"
    DISCOUNT = "discount"
    RETENTION = "retention"
    ROUNDING = "rounding"


class ApprovedLine(BaseModel):
    """A line as its approver let it go; the same id with other facts is a later word on the same line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str  # the canonical id: tim_…, exp_…, mil_…; lin_… for lines of an invoice
    kind: LineKind = LineKind.TIME
    entity: str
    currency: CurrencyCode
    contract_id: ContractId
    contract_version: int = 1
    project_id: ProjectId
    worker_id: WorkerId | None = None
    role: str | None = None
    worked_on: date
    source_ref: str  # the line in its source system, one ledger line each: kantata-main/9001
    quantity: ExactDecimal  # hours, or 1 for what has an amount only; 0 withdraws the line; negative for a correction
    unit_price: Money | None = None  # None: priced later, or the price stays


@dataclass(frozen=True, slots=True)
class By:
    """Who acts and why: the actor, the event or decision that caused it, the run it belongs to."""

    actor: str
    cause: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """The price per unit of one line, from the contract's rate at the work date."""

    line_id: str
    unit_price: Money
    contract_version: int = 1


@dataclass(frozen=True, slots=True)
class AllOpen:
    """Everything of a contract that is open, priced and not held, worked until a civil day (inclusive)."""

    contract_id: ContractId
    until_on: date
    from_on: date = date.min
    project_id: ProjectId | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of one line; None is everything that is left, a quantity alone takes its share of the money."""

    line_id: str
    quantity: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What an act moved of one line."""

    line_id: str
    contract_id: ContractId
    project_id: ProjectId
    quantity: Decimal
    minor: int
    currency: CurrencyCode

    @property
    def amount(self) -> Money:
        """The money moved, excluding tax."""
        return Money.from_minor(self.minor, self.currency)


@dataclass(frozen=True, slots=True)
class Moved:
    """One act and what it moved, in order of line id."""

    act: int
    lines: tuple[Share, ...]
    currency: CurrencyCode

    @property
    def amount(self) -> Money:
        """The sum of the lines, excluding tax."""
        return Money.from_minor(sum(line.minor for line in self.lines), self.currency)

    @property
    def quantity(self) -> Decimal:
        """The sum of the quantities."""
        return sum((line.quantity for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Draft(Moved):
    """What stands on the draft of an invoice."""

    invoice_id: InvoiceId


@dataclass(frozen=True, slots=True)
class Posted(Moved):
    """What a posted invoice billed."""

    invoice_id: InvoiceId
    document_ref: str


@dataclass(frozen=True, slots=True)
class Credited(Moved):
    """What a credit note took back of its invoice: the lines are open again."""

    invoice_id: InvoiceId
    document_ref: str


@dataclass(frozen=True, slots=True)
class OverBilled:
    """A line of which more is used than is approved, and the credit that is due."""

    line_id: str
    contract_id: ContractId
    project_id: ProjectId
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class Refused:
    """A line of a batch that was left as it was, with the reason; the others went on."""

    line_id: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The outcome of an approval: every line of the batch is in exactly one of new, changed, same, refused."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    refused: tuple[Refused, ...]
    over_billed: tuple[OverBilled, ...]


@dataclass(frozen=True, slots=True)
class Priced:
    """The outcome of a pricing, by line id."""

    changed: tuple[str, ...]
    same: tuple[str, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Balances(Generic[T]):
    """The balances of a line or group, in one measure: quantities (Decimal) or Money.

    approved = open + drafted + billed − credited + relieved + written_down + written_off; held is part of open;
    over is what is used beyond the approved, zero for a healthy line.
    """

    approved: T
    open: T
    held: T
    drafted: T
    billed: T
    credited: T
    relieved: T
    written_down: T
    written_off: T
    over: T


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its balances; amounts exclude tax, quantities are hours or pieces."""

    id: str
    kind: LineKind
    state: str
    entity: str
    contract_id: ContractId
    contract_version: int
    project_id: ProjectId
    worker_id: WorkerId | None
    role: str | None
    worked_on: date
    source_ref: str
    unit_price: Money | None
    hold_reason: str
    open_invoice: InvoiceId | None
    quantity: Balances[Decimal]
    amount: Balances[Money]


@dataclass(frozen=True, slots=True)
class Balance:
    """Sums over lines of one group: `key` holds the dimensions asked for."""

    key: dict[str, str]
    line_count: int
    quantity: Balances[Decimal]
    amount: Balances[Money]


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry of a line: what an act did to it."""

    act: int
    kind: str
    quantity: Decimal
    amount: Money
    invoice_id: InvoiceId | None
    document_ref: str
    cause: str
    actor: str
    accounting_on: date | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the billing of an entity stands at a cut-off, in one currency; amounts exclude tax."""

    entity: str
    currency: CurrencyCode
    ready: Money
    held: Money
    drafted: Money
    billed: Money  # posted − credited
    over_billed: Money
    unpriced_quantity: Decimal
    ready_count: int
    held_count: int
    unpriced_count: int
    drafted_count: int
    over_billed_count: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A line or act that breaks a rule of the ledger; there must be none."""

    rule: str
    subject: str
    message: str
