"""Builders of what flows hand to connectors: every field has a default, and any field may be given.

a_contract(billing="milestone")      an_invoice(lines=3, currency="JPY")      a_project(name=HOSTILE_NAMES["rtl"])
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accordant.canonical import (
    ApprovalState,
    BillingMethod,
    Contract,
    Customer,
    Deal,
    DealStage,
    Invoice,
    InvoiceLine,
    Milestone,
    Payment,
    Project,
    RateLine,
    Task,
    TimeEntry,
    Worker,
)
from accordant.kernel import ExternalId, Money
from accordant.ports import BillingRules, Card, EngagementStatus, StaffingRequest, TimeToPost, WorkspaceRequest

HOSTILE_NAMES: dict[str, str] = {
    "apostrophe": "O'Brien & Søn",
    "formula": '=HYPERLINK("http://x.example")',
    "separator": "A|B;C,D",
    "wildcards": "50%_off_*",
    "backslash": "back\\slash'",
    "query": "x' OR '1'='1",
    "rtl": "שלום עולם",
    "override": "\u202etxt.exe",
    "four-byte": "𝔘𝔫𝔦 😀",
    "markup": "<b>&amp;</b>",
}
"""Names that break what pastes them into a query, a formula, a URL or a page."""

HOSTILE = '=HYPERLINK("A|B") O\'Brien 50% a_b שלום 😀'
"""All of that in one name."""

_DAY = date(2027, 2, 3)


def a_customer(**fields: Any) -> Customer:
    """Return a client in Leeds."""
    return Customer(**{"id": "cus_1", "name": "Larch Foods", "country": "GB", "city": "Leeds"} | fields)


def a_contract(billing: BillingMethod | str = "time_and_materials", currency: str = "GBP", **fields: Any) -> Contract:
    """Return approved terms of a billing method, with what that method needs."""
    special: dict[str, dict[str, Any]] = {
        "capped": {"cap": Money.of(50_000, currency)},
        "fixed_fee": {"fixed_fee": Money.of(50_000, currency)},
        "retainer": {"retainer": Money.of(5_000, currency)},
        "milestone": {"milestones": (a_milestone(currency=currency), a_milestone("M2", 20_000, currency))},
    }
    given: dict[str, Any] = {
        "id": "con_1",
        "customer_id": "cus_1",
        "name": "Warehouse move",
        "is_approved": True,
        "entity": "uk01",
        "currency": currency,
        "billing_method": billing,
        "effective_on": date(2027, 1, 4),
        "start_on": date(2027, 1, 4),
        "end_on": date(2027, 12, 31),
        "rate_lines": (RateLine(role="CONS-SR", rate=Money.of(150, currency), planned_hours=Decimal(400)),),
        "po_number": "PO-7",
        "payment_terms_days": 30,
    }
    return Contract(**given | special.get(str(billing), {}) | fields)


def a_milestone(code: str = "M1", amount: int = 10_000, currency: str = "GBP", **fields: Any) -> Milestone:
    """Return a part of a price."""
    given = {"code": code, "name": f"Milestone {code}", "amount": Money.of(amount, currency), "due_on": _DAY}
    return Milestone(**given | fields)


def a_deal(**fields: Any) -> Deal:
    """Return a won deal."""
    given = {
        "id": "dea_1",
        "name": "Warehouse move",
        "stage": DealStage.WON,
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "entity": "uk01",
        "amount": Money.of(60_000, "GBP"),
        "closed_on": date(2026, 12, 18),
        "practice": "Risk",
    }
    return Deal(**given | fields)


def a_task(code: str = "T/1", **fields: Any) -> Task:
    """Return an element of a work-breakdown structure."""
    return Task(**{"code": code, "name": f"Task {code}"} | fields)


def a_project(**fields: Any) -> Project:
    """Return a project with two tasks."""
    given = {
        "id": "prj_1",
        "code": "P-1001",
        "name": "Warehouse move",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "entity": "uk01",
        "currency": "GBP",
        "billing_method": BillingMethod.TIME_AND_MATERIALS,
        "start_on": date(2027, 1, 4),
        "tasks": (a_task(), a_task("T2", name="Go-live")),
    }
    return Project(**given | fields)


def billing_rules(currency: str = "GBP", **fields: Any) -> BillingRules:
    """Return rules of a capped engagement."""
    given = {
        "contract_id": "con_1",
        "contract_version": 2,
        "billing_method": BillingMethod.CAPPED,
        "currency": currency,
        "tax_code": "GB-S",
        "payment_terms_days": 30,
        "cap": Money.of("12000.50", currency),
        "po_number": "PO-7",
    }
    return BillingRules(**given | fields)


def a_time_line(project: ExternalId, currency: str = "GBP", **fields: Any) -> TimeToPost:
    """Return an approved line of 1.5 hours at 120, priced."""
    given = {
        "line_id": "tim_1",
        "source_ref": "kantata-main/9001",
        "project": project,
        "worker_number": "E100",
        "worked_on": _DAY,
        "hours": Decimal("1.5"),
        "rate": Money.of(120, currency),
        "amount": Money.of(180, currency),
    }
    return TimeToPost(**given | fields)


def an_invoice(*amounts: str, lines: int = 1, currency: str = "GBP", description: str = "", **fields: Any) -> Invoice:
    """Return an invoice over lines of these amounts; without amounts, over so many lines of 100.

    Args:
        amounts: excluding tax, one per line.
        lines: how many, when no amounts are given.
        currency: of every amount.
        description: of every line.
        fields: of the invoice; `tax_code` is each line's.
    """
    tax_code = fields.pop("tax_code", "GB-S")
    day = fields.get("invoice_on", date(2027, 2, 10))
    given = {
        "id": "inv_1",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "project_id": "prj_1",
        "entity": "uk01",
        "currency": currency,
        "invoice_on": day,
        "due_on": day + timedelta(days=30),
        "po_number": "PO-7",
        "view_hash": "ab12",
        "lines": tuple(
            InvoiceLine(
                id=f"l{number}",
                sources=(f"lin_{number}",),
                source_refs=(f"kantata-main/{9000 + number}",),
                description=description or f"Consulting {number}",
                quantity=Decimal(1),
                unit_price=Money.of(amount, currency),
                amount=Money.of(amount, currency),
                tax_code=tax_code,
            )
            for number, amount in enumerate(amounts or ("100",) * lines, start=1)
        ),
    }
    return Invoice(**given | fields)


def a_payment(**fields: Any) -> Payment:
    """Return money against an invoice."""
    given = {"id": "pay_1", "invoice_id": "inv_1", "amount": Money.of("120.00", "GBP"), "paid_on": _DAY}
    return Payment(**given | fields)


def a_time_entry(**fields: Any) -> TimeEntry:
    """Return an approved day of work."""
    given = {
        "id": "tim_1",
        "project_id": "prj_1",
        "worker_id": "wrk_1",
        "worked_on": _DAY,
        "hours": Decimal("7.5"),
        "approval": ApprovalState.APPROVED,
        "role": "CONS-SR",
    }
    return TimeEntry(**given | fields)


def a_worker(**fields: Any) -> Worker:
    """Return a consultant."""
    given = {
        "id": "wrk_1",
        "number": "E100",
        "name": "Ada Worker",
        "email": "ada@meridian.example",
        "entity": "uk01",
        "role": "CONS-SR",
        "hired_on": date(2024, 3, 1),
        "valid_from": date(2024, 3, 1),
        "entered_at": datetime(2024, 2, 1, tzinfo=UTC),
    }
    return Worker(**given | fields)


def a_staffing_request(**fields: Any) -> StaffingRequest:
    """Return a demand for 80 hours."""
    given = {"role": "Consultant", "hours": Decimal(80), "start_on": date(2027, 1, 4), "end_on": date(2027, 1, 29)}
    return StaffingRequest(**given | fields)


def an_engagement_status(**fields: Any) -> EngagementStatus:
    """Return what is known of an engagement that is partly paid."""
    given = {
        "state": "ready_to_bill",
        "project_code": "P-100",
        "payment_status": "part_paid",
        "invoiced": Money.of("1000.10", "GBP"),
        "paid": Money.of("0.05", "GBP"),
        "as_of": date(2027, 2, 3),
    }
    return EngagementStatus(**given | fields)


def a_workspace(**fields: Any) -> WorkspaceRequest:
    """Return a workspace of one owner and one member."""
    given = {
        "name": "Larch Foods, Warehouse move",
        "description": "Engagement con_1",
        "owners": ("pm@meridian.example",),
        "members": ("o'hara@meridian.example",),
    }
    return WorkspaceRequest(**given | fields)


def a_card(**fields: Any) -> Card:
    """Return a message with a fact and a link."""
    given = {
        "title": "Ready to bill",
        "text": "Two lines wait.",
        "facts": {"Client": "A|B"},
        "link": "https://console.example/1",
    }
    return Card(**given | fields)
