"""The declarations beside this file, loaded once, with the hooks that the language cannot say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

from accordant.canonical import AccountingPeriod, BillingMethod, Customer, Invoice, Payment, Project
from accordant.kernel import Money
from accordant.platform.mapping import Mapping, Transform
from accordant.ports import BillingRules, TimeToPost

_HOUR = Decimal(3600)


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


def _words(words: tuple[str, ...]) -> str | None:
    """Write several sources into one field, separated by spaces; none of them holds one."""
    return " ".join(words) or None


def _span(hours: Decimal) -> timedelta:
    """Write hours to the microsecond, which is as fine as Tryton keeps them."""
    seconds = hours * _HOUR
    return timedelta(microseconds=int((seconds * 1_000_000).to_integral_value()))


def _amount_of(text: str) -> Money:
    currency, _, amount = text.partition(" ")
    return Money.of(amount, currency)


def _amount_text(money: Money) -> str:
    """Write an amount with the decimals of its currency, or with more where it has them: `GBP 150.00`, `GBP 0.125`."""
    plain = money.rounded()
    return f"{money.currency} {plain.amount if plain == money else money.amount.normalize():f}"


_SAME = Transform(_same, _same)
_METHOD = Transform(BillingMethod, lambda method: method.value)

CUSTOMER = Mapping.load(files(__package__) / "customer.yaml", model=Customer, transforms={"same": _SAME})
PROJECT = Mapping.load(
    files(__package__) / "project.yaml", model=Project, transforms={"same": _SAME, "method": _METHOD}
)
BILLING_RULES = Mapping.load(
    files(__package__) / "billing_rules.yaml",
    model=BillingRules,
    transforms={
        "digits": Transform(int, str),
        "method": _METHOD,
        "amount": Transform(_amount_of, _amount_text),
    },
)
TIME_LINE = Mapping.load(
    files(__package__) / "time_line.yaml",
    model=TimeToPost,
    transforms={
        "same": _SAME,
        "span": _write_only(_span),
        "per_hour": _write_only(lambda rate: f"{_amount_text(rate)}/h"),
        "amount": _write_only(_amount_text),
    },
)
INVOICE = Mapping.load(
    files(__package__) / "invoice.yaml",
    model=Invoice,
    transforms={
        "same": _SAME,
        "amount": _write_only(lambda money: money.amount),
        "words": _write_only(_words),
        "unwritten": _write_only(lambda _: None),
    },
)
PAYMENT = Mapping.load(files(__package__) / "payment.yaml", model=Payment, transforms={"same": _SAME})
PERIOD = Mapping.load(
    files(__package__) / "accounting_period.yaml",
    model=AccountingPeriod,
    transforms={"days": _read_only(lambda start, end: {"start_on": start, "end_on": end})},
)

__all__ = ["BILLING_RULES", "CUSTOMER", "INVOICE", "PAYMENT", "PERIOD", "PROJECT", "TIME_LINE"]
