"""What a simulated firm consists of: plain frozen facts, in no vendor's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Method(StrEnum):
    """How the work of a deal becomes money."""

    TIME_AND_MATERIALS = "time_and_materials"
    CAPPED = "capped"
    FIXED_FEE = "fixed_fee"
    MILESTONE = "milestone"
    RETAINER = "retainer"
    MANAGED_SERVICE = "managed_service"

    @property
    def bills_hours(self) -> bool:
        """Whether the hours themselves are sold."""
        return self in (Method.TIME_AND_MATERIALS, Method.CAPPED)


class Habit(StrEnum):
    """How a client pays."""

    PROMPT = "prompt"
    LATE = "late"
    PARTIAL = "partial"  # two halves, the second one later
    OVER = "over"  # rounds up; the difference stays on account


class Approval(StrEnum):
    """What becomes of a line of time."""

    ON_TIME = "on_time"
    LATE = "late"
    NEVER = "never"


class Mistake(StrEnum):
    """What is wrong with a line of time."""

    NONE = ""
    CORRECTED = "corrected"  # approved, then withdrawn, changed and approved again
    DUPLICATE = "duplicate"
    WRONG_PROJECT = "wrong_project"
    LONG_DAY = "long_day"  # 25 hours on one day, in two lines
    NO_WORK = "no_work"  # the least that the time sheet takes
    AFTER_END = "after_end"


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company of the firm; `rates` is its price level against the first one's."""

    code: str
    name: str
    country: str
    currency: str
    rates: Decimal


@dataclass(frozen=True, slots=True)
class Client:
    """A client as the account team entered it; it buys from one entity."""

    code: str
    name: str
    country: str
    city: str
    street: str
    postal_code: str
    entity: str
    currency: str
    vat_number: str | None
    lei: str | None
    parent: str | None
    contact_first_name: str
    contact_last_name: str
    contact_email: str
    habit: Habit
    is_in_ledger: bool  # billed before: finance has it already, without any integration's key


@dataclass(frozen=True, slots=True)
class Worker:
    """A person of the firm."""

    number: str
    first_name: str
    last_name: str
    email: str
    role: str
    manager: str
    cost_center: str
    entity: str
    hired_on: date

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class RateLine:
    """Price per hour of a role, and the hours planned."""

    role: str
    rate: Decimal
    hours: Decimal


@dataclass(frozen=True, slots=True)
class Milestone:
    """A part of the price, due when something is accepted."""

    name: str
    amount: Decimal
    due_on: date
    needs_evidence: bool


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal and its contract.

    Args:
        code: within the firm.
        name: unique; the project is called like it.
        lead: mail address of the delivery lead.
        seller: mail address of its owner.
        team: numbers of the workers staffed on it.
        lacks: what is not filled in when it is won: `practice`, `lead`, `method`.
        is_won_twice: reopened and won again, as happens when a price is discussed once more.
        fee: fixed fee, cap or monthly amount; None where hours are billed without limit or milestones carry the price.
    """

    code: str
    name: str
    client: str
    entity: str
    currency: str
    method: Method
    practice: str
    lead: str
    seller: str
    start_on: date
    term_months: int
    rate_lines: tuple[RateLine, ...]
    milestones: tuple[Milestone, ...]
    fee: Decimal | None
    po_number: str | None
    payment_terms_days: int | None
    team: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    is_won_twice: bool = False

    @property
    def end_on(self) -> date:
        """The last day of the term."""
        months = self.start_on.month - 1 + self.term_months
        return date.fromordinal(date(self.start_on.year + months // 12, months % 12 + 1, 1).toordinal() - 1)

    @property
    def rates(self) -> dict[str, Decimal]:
        """Price per hour by role."""
        return {line.role: line.rate for line in self.rate_lines}


@dataclass(frozen=True, slots=True)
class TimeLine:
    """One line of a time sheet.

    `minutes` is what is entered first; `corrected_minutes` what it becomes after the approval was withdrawn.
    """

    id: str
    deal: str
    worker: str
    role: str
    worked_on: date
    minutes: int
    note: str
    approval: Approval
    mistake: Mistake = Mistake.NONE
    corrected_minutes: int | None = None
