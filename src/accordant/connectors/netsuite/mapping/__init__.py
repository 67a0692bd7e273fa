"""The declarations beside this file, loaded once, with the hooks that the language cannot say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from typing import Any

from accordant.canonical import AccountingPeriod, BillingMethod, Customer, Invoice, Payment, Project
from accordant.kernel import ExternalId, Money
from accordant.platform.mapping import Mapping, Transform
from accordant.ports import BillingRules, TimeToPost

# The vendor's own project billing types; several of ours share one, so our word is kept beside it.
_BILLING_TYPES = {
    BillingMethod.TIME_AND_MATERIALS: "2",
    BillingMethod.CAPPED: "2",
    BillingMethod.FIXED_FEE: "5",
    BillingMethod.MILESTONE: "4",
    BillingMethod.RETAINER: "3",
    BillingMethod.MANAGED_SERVICE: "3",
}


def _write_only(put: Callable[[Any], Any]) -> Transform:
    def get(_: Any) -> Any:
        raise ValueError("this record is written, never read")

    return Transform(get, put)


def _read_only(get: Callable[..., Any]) -> Transform:
    def put(_: Any) -> Any:
        raise ValueError("this record is read, never written")

    return Transform(get, put)


def _same(value: Any) -> Any:
    return value


def _record(ref: ExternalId) -> dict[str, str]:
    return {"id": ref.value}


def _amount(money: Money) -> Decimal:
    return money.amount


def _words(words: tuple[str, ...]) -> str | None:
    """Write several sources into one field, separated by spaces; none of them holds one."""
    return " ".join(words) or None


def _billing_method(word: str, _: str | None) -> BillingMethod:
    return BillingMethod(word)


def _billing_words(method: BillingMethod) -> tuple[str, str]:
    return method.value, _BILLING_TYPES[method]


def _is_open(*flags: str) -> bool:
    return all(flag == "F" for flag in flags)


_HOME = files(__package__)
_ON_PROJECT = {"our_id": Transform(_same, _same), "billing_method": Transform(_billing_method, _billing_words)}

CUSTOMER = Mapping.load(_HOME / "customer.yaml", model=Customer)
PROJECT = Mapping.load(_HOME / "project.yaml", model=Project, transforms=_ON_PROJECT)
BILLING_RULES = Mapping.load(_HOME / "billing_rules.yaml", model=BillingRules, transforms=_ON_PROJECT)
TIME_BILL = Mapping.load(
    _HOME / "time_bill.yaml",
    model=TimeToPost,
    transforms={"record": _write_only(_record), "amount": _write_only(_amount)},
)
INVOICE = Mapping.load(
    _HOME / "invoice.yaml",
    model=Invoice,
    transforms={
        "our_id": Transform(_same, _same),
        "amount": _write_only(_amount),
        "words": _write_only(_words),
        "unwritten": _write_only(lambda _: None),
    },
)
PAYMENT = Mapping.load(_HOME / "payment.yaml", model=Payment)
PERIOD = Mapping.load(
    _HOME / "accounting_period.yaml",
    model=AccountingPeriod,
    transforms={
        "span": _read_only(lambda start, end: {"start_on": start, "end_on": end}),
        "open": _read_only(_is_open),
    },
)

__all__ = ["BILLING_RULES", "CUSTOMER", "INVOICE", "PAYMENT", "PERIOD", "PROJECT", "TIME_BILL"]
