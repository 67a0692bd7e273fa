"""Tryton's values on the wire, and its shapes as far as code and not a mapping touches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accordant.canonical import InvoiceState
from accordant.kernel import ExternalId, Money
from accordant.ports import InvoiceStatus

PARTY, WORK, TIME, INVOICE = "party.party", "project.work", "timesheet.line", "account.invoice"

Row = dict[str, Any]

INVOICE_FIELDS = (
    "number",
    "state",
    "currency.code",
    "untaxed_amount",
    "tax_amount",
    "total_amount",
    "amount_to_pay",
    "move.date",
    "move.period.name",
)

_STATES = {
    "draft": InvoiceState.DRAFT,
    "validated": InvoiceState.DRAFT,
    "posted": InvoiceState.POSTED,
    "paid": InvoiceState.PAID,
    "cancelled": InvoiceState.VOID,
}


_DAY, _TIME = ("year", "month", "day"), ("hour", "minute", "second", "microsecond")


def encode(value: Any) -> Any:  # noqa: PLR0911 - a table
    """Return a value as JSON-RPC carries it: days, instants, spans and amounts are tagged objects."""
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": format(value, "f")}
        case datetime():
            return {"__class__": "datetime", **_parts(value.astimezone(UTC), *_DAY, *_TIME)}
        case date():
            return {"__class__": "date", **_parts(value, *_DAY)}
        case timedelta():
            return {"__class__": "timedelta", "seconds": Decimal(value // timedelta(microseconds=1)).scaleb(-6)}
        case Mapping():
            return {name: encode(item) for name, item in value.items()}
        case list() | tuple():
            return [encode(item) for item in value]
        case _:
            return value


def decode(value: Any) -> Any:
    """Return a value from JSON-RPC: instants are aware in UTC, spans are timedelta, fields of relations lie flat.

    `{"party": 7, "party.": {"code": "C1"}}` becomes `{"party": 7, "party.code": "C1"}`.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if tag := value.get("__class__"):
        return _untagged(tag, value)
    flat: Row = {}
    for name, item in value.items():
        if name.endswith(".") and isinstance(item, dict):
            flat |= {f"{name}{inner}": inside for inner, inside in decode(item).items()}
        else:
            flat[name] = decode(item)
    return flat


def _untagged(tag: str, value: Row) -> Any:
    match tag:
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "datetime":
            return datetime(**{part: value[part] for part in (*_DAY, *_TIME)}, tzinfo=UTC)
        case "timedelta":
            return timedelta(microseconds=int(Decimal(value["seconds"]) * 1_000_000))
        case _:
            return value


def _parts(value: date, *names: str) -> Row:
    return {name: getattr(value, name) for name in names}


def add(ids: Iterable[int]) -> list[Any]:
    """Return the value of a relation to which records that exist are added."""
    return [["add", list(ids)]]


def create(*records: Mapping[str, Any]) -> list[Any]:
    """Return the value of a relation in which new records are made."""
    return [["create", list(records)]]


def invoice_state(record: Row) -> InvoiceState:
    """Return the state in our words."""
    return _STATES[record["state"]]


def invoice_status(record: Row, ref: ExternalId) -> InvoiceStatus:
    """Return what the record says about the invoice."""
    currency, state = record["currency.code"], invoice_state(record)
    total = Money.of(record["total_amount"], currency)
    due = Money.of(record["amount_to_pay"] or 0, currency)
    return InvoiceStatus(
        ref=ref,
        state=state,
        number=record["number"],
        period=record.get("move.period.name"),
        net=Money.of(record["untaxed_amount"], currency),
        tax=Money.of(record["tax_amount"], currency),
        total=total,
        due=total if state is InvoiceState.DRAFT else due,
    )
