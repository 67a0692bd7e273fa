"""The account's shapes under the vendor's names, as far as code and not a mapping touches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict
from zoneinfo import ZoneInfo

from accordant.canonical import Customer, InvoiceState
from accordant.kernel import ExternalId, Money
from accordant.ports import InvoiceStatus

CUSTOMER, JOB, TASK, TIME, INVOICE, PAYMENT = (
    "customer",
    "job",
    "projectTask",
    "timeBill",
    "invoice",
    "customerPayment",
)
DRAFT, APPROVED, REJECTED = "1", "2", "3"
TIME_APPROVED = "3"
PROJECT_PENDING, PROJECT_ACTIVE, PROJECT_CLOSED = "4", "2", "1"

INVOICE_FIELDS = (
    "tranId",
    "tranDate",
    "approvalStatus",
    "status",
    "postingPeriod",
    "currency",
    "subtotal",
    "taxTotal",
    "total",
    "amountRemaining",
)


class ErrorDetail(TypedDict):
    """One entry of `o:errorDetails`."""

    detail: str


class Page(TypedDict):
    """The envelope of collections and queries."""

    items: list[dict[str, Any]]
    hasMore: bool
    offset: int
    totalResults: NotRequired[int]


class Task(TypedDict):
    """One record of an asynchronous request."""

    id: str
    completed: bool
    progress: str


def reference(ref: ExternalId) -> dict[str, str]:
    """Point to a record by its internal id."""
    return {"id": ref.value}


def by_name(name: str) -> dict[str, str]:
    """Point to a record by the code people use; the directory replaces it by the id."""
    return {"refName": name}


def address_book(customer: Customer) -> dict[str, Any] | None:
    """Return the billing address as the one entry of the address book; None when nothing is known of it."""
    parts = {"addr1": customer.street, "city": customer.city, "zip": customer.postal_code}
    address: dict[str, Any] = {name: value for name, value in parts.items() if value}
    if customer.country:
        address["country"] = {"id": customer.country}
    if not address:
        return None
    return {"items": [{"label": "Billing", "defaultBilling": True, "addressBookAddress": address}]}


def invoice_state(record: Mapping[str, Any]) -> InvoiceState:
    """Return the state: void, then approval, then what is still due."""
    if record["status"]["id"] == "V":
        return InvoiceState.VOID
    if record["approvalStatus"]["id"] != APPROVED:
        return InvoiceState.DRAFT
    return InvoiceState.PAID if record["status"]["id"] == "B" else InvoiceState.POSTED


def invoice_status(record: Mapping[str, Any], ref: ExternalId, currency: str) -> InvoiceStatus:
    """Return what the record says about the invoice."""

    def money(name: str) -> Money:
        return Money(amount=Decimal(record.get(name) or 0), currency=currency).rounded()

    return InvoiceStatus(
        ref=ref,
        state=invoice_state(record),
        number=record.get("tranId"),
        period=(record.get("postingPeriod") or {}).get("refName"),
        net=money("subtotal"),
        tax=money("taxTotal"),
        total=money("total"),
        due=money("amountRemaining"),
    )


def instant_of(text: str, zone: ZoneInfo) -> datetime:
    """Return a query's date-time, which is naive in the zone of the integration's user, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def chunks(items: Iterable[Any], size: int) -> list[list[Any]]:
    """Cut a list into pieces of at most `size`."""
    rest = list(items)
    return [rest[start : start + size] for start in range(0, len(rest), size)]
