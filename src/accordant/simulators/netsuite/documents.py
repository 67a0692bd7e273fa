"""What every document goes through: its customer, its currency, its period, its number."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.netsuite.errors import invalid_key, missing, user_error
from accordant.simulators.netsuite.state import State

Values = dict[str, Any]

BANK, RECEIVABLE, TAX_PAYABLE, INCOME = "1000", "1200", "2200", "4000"
APPROVED = "2"
ZERO = Decimal(0)


def require_currency(customer: Record, currency: str) -> None:
    """Refuse a currency that the customer does not list."""
    if all(row["currency"] != currency for row in customer.data["currencyList"]):
        raise invalid_key("currency", currency, "entity", customer.id)


def set_header(state: State, type: str, old: Values | None, new: Values) -> None:
    """Fill in number, day, period, rate and stamps of a document whose subsidiary and currency are known."""
    if old is None:
        new.setdefault("tranId", state.next_number(type))
        new["createdDate"] = state.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    new.setdefault("tranDate", state.today().isoformat())
    moved = old is not None and old["tranDate"] != new["tranDate"] and old["postingPeriod"] == new["postingPeriod"]
    if moved or not new.get("postingPeriod"):
        new["postingPeriod"] = _period_of(state, new["tranDate"])
    new["exchangeRate"] = _exchange_rate(state, new["subsidiary"], new["currency"])


def _exchange_rate(state: State, subsidiary: str, currency: str) -> Decimal:
    own = state.require("subsidiary", subsidiary).data["currency"]
    theirs, ours = (state.require("currency", c).data.get("exchangeRate", Decimal(1)) for c in (currency, own))
    return Decimal(theirs / ours).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def _period_of(state: State, day: str) -> str:
    for period in state.types["accountingPeriod"]:
        row = period.data
        if not row.get("isYear") and not row.get("isQuarter") and row["startDate"] <= day <= row["endDate"]:
            return period.id
    raise user_error(f"There is no posting period for the date {date.fromisoformat(day):%-m/%-d/%Y}.", "postingPeriod")


def require_open(state: State, new: Values) -> None:
    """Refuse a document whose posting period is closed or locked."""
    period = state.require("accountingPeriod", new["postingPeriod"]).data
    if period.get("closed"):
        raise user_error(f"The posting period {period['periodName']} is closed for this transaction.", "postingPeriod")
    if period.get("allLocked") or period.get("arLocked"):
        raise user_error(f"The posting period {period['periodName']} is locked for this transaction.", "postingPeriod")


def require_unchanged(old: Values, new: Values, but: frozenset[str]) -> None:
    """Refuse a change of a posted document, except of the named fields."""
    changed = sorted(k for k in new if new[k] != old.get(k) and k not in but)
    if changed:
        raise user_error("This transaction has been posted: it can no longer be edited.", changed[0])


def require_customer(state: State, new: Values, field: str) -> Record:
    """Return the customer of a document; fill in and judge its subsidiary and currency."""
    if not new.get(field):
        raise missing(field)
    customer = state.require("customer", new[field])
    if customer.data.get("isInactive"):
        raise user_error(f"Invalid entity reference key {customer.id}: the customer is inactive.", field)
    if not new.get("subsidiary"):
        new["subsidiary"] = customer.data["subsidiary"]
    if new["subsidiary"] != customer.data["subsidiary"]:
        raise invalid_key("subsidiary", new["subsidiary"], "entity", customer.id)
    if not new.get("currency"):
        new["currency"] = customer.data["currency"]
    require_currency(customer, new["currency"])
    return customer
