"""The books of the simulated account, computed from its records: what was accepted, by key and amount."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from accordant.kernel import Money
from accordant.simulators._shared import Books, Document, Record
from accordant.simulators.kantata.kinds import KINDS
from accordant.simulators.kantata.state import Account, worth

_MINUTES_PER_HOUR = 60


def open_books(account: Account, books: Books) -> None:
    """Add every chapter."""
    for chapter in (_customers, _projects, _requests, _entries, _expenses, _invoices, _payments):
        books.chapter(lambda chapter=chapter: chapter(account))


def _customers(account: Account) -> Iterator[Document]:
    for r in account["workspace_groups"]:
        if r.data["company"]:
            yield Document("customer", r.id, key=_key(account, "workspace_groups", r), facts={"name": r.data["name"]})


def _projects(account: Account) -> Iterator[Document]:
    for r in account["workspaces"]:
        yield Document(
            "project",
            r.id,
            key=_key(account, "workspaces", r),
            parent=",".join(r.data["workspace_group_ids"]),
            entity=_entity(account, r.id),
            currency=r.data["currency"],
            state="archived" if r.data["archived"] else "active",
            facts={
                "title": r.data["title"],
                "code": account.value_of("Workspace", r.id, "Project code"),
                "start_date": r.data["start_date"],
                "due_date": r.data["due_date"],
                "contract_version": account.value_of("Workspace", r.id, "Contract version"),
                "engagement_state": account.value_of("Workspace", r.id, "Engagement state"),
                "payment_status": account.value_of("Workspace", r.id, "Payment status"),
            },
        )


def _requests(account: Account) -> Iterator[Document]:
    for r in account["resource_requests"]:
        resource = account.at("workspace_resources", r.data["resource_id"])
        yield Document(
            "resource_request",
            r.id,
            key=_key(account, "workspace_resources", resource),
            parent=resource.data["workspace_id"],
            entity=_entity(account, resource.data["workspace_id"]),
            state=r.data["status"],
            facts={
                "resource_id": resource.id,
                "role_id": resource.data["role_id"],
                "user_id": resource.data["user_id"],
            },
        )


def _entries(account: Account) -> Iterator[Document]:
    for r in account["time_entries"]:
        data = r.data
        yield Document(
            "time_entry",
            r.id,
            key=_key(account, "time_entries", r),
            parent=data["workspace_id"],
            entity=_entity(account, data["workspace_id"]),
            currency=data["currency"],
            amount=_amount(worth(data), data),
            quantity=Decimal(data["time_in_minutes"]) / _MINUTES_PER_HOUR,
            state=_line_state(data),
            facts={
                "billable": data["billable"],
                "workspace_id": data["workspace_id"],
                "user_id": data["user_id"],
                "date": data["date_performed"],
                "minutes": data["time_in_minutes"],
            },
        )


def _expenses(account: Account) -> Iterator[Document]:
    for r in account["expenses"]:
        data = r.data
        yield Document(
            "expense",
            r.id,
            key=_key(account, "expenses", r),
            parent=data["workspace_id"],
            entity=_entity(account, data["workspace_id"]),
            currency=data["currency"],
            amount=_amount(data["amount_in_cents"], data),
            state=_line_state(data),
            facts={"billable": data["is_billable"], "user_id": data["user_id"], "date": data["date"]},
        )


def _invoices(account: Account) -> Iterator[Document]:
    for r in account["invoices"]:
        data = r.data
        yield Document(
            "invoice",
            r.id,
            key=_key(account, "invoices", r),
            parent=",".join(data["workspace_ids"]),
            entity=_entity(account, data["workspace_ids"][0]),
            currency=data["currency"],
            amount=_amount(data["total_in_cents"], data),
            state="draft" if data["draft"] else data["status"],
            facts={"number": data["user_invoice_number"], "time_entry_ids": data["time_entry_ids"]},
        )


def _payments(account: Account) -> Iterator[Document]:
    for r in account["external_payments"]:
        data = r.data
        yield Document(
            "payment",
            r.id,
            parent=data["invoice_id"] or "",
            entity=_entity(account, data["workspace_id"]),
            currency=data["currency"],
            amount=_amount(data["amount_in_cents"], data),
            state="recorded",
            facts={"message": data["message"]},
        )


def _key(account: Account, name: str, record: Record) -> str:
    return account.key_of(KINDS[name].subject, record.id)


def _entity(account: Account, workspace_id: str) -> str:
    return account.value_of("Workspace", workspace_id, "Legal entity")


def _amount(subunits: int, data: Mapping[str, Any]) -> Decimal:
    return Money.from_minor(subunits, data["currency"]).amount


def _line_state(data: Mapping[str, Any]) -> str:
    if data["is_invoiced"]:
        return "invoiced"
    return "approved" if data["approved"] else "pending"
