"""People and cases with every field defaulted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from accordant.cases import Action, Ask, Case, Stage
from accordant.kernel import Money

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Someone:
    worker_number: str = "1"
    id: str = "someone"
    roles: tuple[str, ...] = ("finance_operations",)
    entities: tuple[str, ...] = ("uk01",)
    approval_limits: dict[str, Decimal] = field(default_factory=lambda: {"GBP": Decimal(1000)})


def gbp(amount):
    return Money(amount=Decimal(amount), currency="GBP")


def a_case(subject="invoice:inv_1", *, pounds=None, days=None, **fields):
    money = None if pounds is None else gbp(pounds)
    return Case(
        **{
            "code": "erp.invoice.period_closed",
            "sentence": "Draft INV-UK-20418 for Castellan Rail is stopped: the period October 2026 is closed.",
            "stage": Stage.ERP_POSTING,
            "role": "finance_operations",
            "entity": "uk01",
            "cause_key": "period:uk01:2026-10",
            "subject": subject,
            "exposure": money,
            "group_exposure": money,
            "deadline": None if days is None else NOON + timedelta(days=days),
            "actions": tuple(Action),
            "editable": ("contract.po_number", "contract.cap", "contract.rate_lines"),
            **fields,
        }
    )


def a_question(**fields):
    return Ask(
        **{
            "kind": "post_invoice",
            "subject": "invoice:inv_1",
            "view": {"invoice": "INV-UK-20418", "net": "900.00 GBP"},
            "entity": "uk01",
            "money": gbp(900),
            "requester": "7",
            "role": "finance_operations",
            "rule": "invoice_approval/3",
            "run_id": "time_to_bill:con_1:1",
            **fields,
        }
    )
