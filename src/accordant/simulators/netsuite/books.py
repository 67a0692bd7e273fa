"""The account's books: every accepted document with its business key, source and amount, read from the records."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from accordant.simulators._shared import Books, Document, Record
from accordant.simulators.netsuite.state import State


def open_books(state: State, books: Books) -> None:
    """Add the account's chapters to the books."""
    for chapter in (_customers, _projects, _time_bills, _invoices, _credit_memos, _payments, _journals):
        books.chapter(lambda chapter=chapter: chapter(state))


def _entity(state: State, subsidiary: str | None) -> str:
    """Name the subsidiary by its external id, by its name when it has none."""
    record = state.get("subsidiary", subsidiary) if subsidiary else None
    return str(record.data.get("externalId") or record.data["name"]) if record else ""


def _customers(state: State) -> Iterator[Document]:
    for record in state.types["customer"]:
        row = record.data
        yield Document(
            "customer",
            record.id,
            key=row.get("externalId") or "",
            entity=_entity(state, row["subsidiary"]),
            currency=state.currency_symbol(row["currency"]),
            state="inactive" if row["isInactive"] else "active",
            facts={
                "name": row.get("companyName") or row.get("lastName"),
                "vat": row.get("custentity_vat"),
                "currencies": sorted(state.currency_symbol(r["currency"]) for r in row["currencyList"]),
            },
        )


def _projects(state: State) -> Iterator[Document]:
    for record in state.types["job"]:
        row = record.data
        yield Document(
            "project",
            record.id,
            key=row.get("externalId") or "",
            source=row.get("custentity_contract") or "",
            parent=row["parent"],
            entity=_entity(state, row["subsidiary"]),
            currency=state.currency_symbol(row["currency"]),
            state="inactive" if row["isInactive"] else "active",
            facts={"name": row["companyName"], "code": row["entityId"]},
        )


def _time_bills(state: State) -> Iterator[Document]:
    states = {"1": "open", "2": "pending", "3": "approved", "4": "rejected"}
    for record in state.types["timeBill"]:
        row = record.data
        project = state.get("job", row["customer"]) if row.get("customer") else None
        hours = (Decimal(row["hours"]) / 60).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        currency = project.data["currency"] if project else None
        amount = None
        if currency and row.get("rate") is not None:
            exact = Decimal(row["hours"]) * row["rate"] / 60
            amount = exact.quantize(state.precision(currency), ROUND_HALF_UP)
        yield Document(
            "time_bill",
            record.id,
            key=row.get("externalId") or "",
            source=row.get("custcol_source_line") or "",
            parent=project.id if project else "",
            entity=_entity(state, row.get("subsidiary")),
            currency=state.currency_symbol(currency),
            amount=amount,
            quantity=hours,
            state="billed" if record.id in state.billed_by else states[row["approvalStatus"]],
        )


def _sale_state(row: dict[str, Any]) -> str:
    if row["status"] == "V":
        return "void"
    if row.get("approvalStatus", "2") != "2":
        return "rejected" if row["approvalStatus"] == "3" else "draft"
    return "paid" if row["status"] == "B" else "posted"


def _invoices(state: State) -> Iterator[Document]:
    for record in state.types["invoice"]:
        yield from _sale(state, record, "invoice", "invoice_line")


def _credit_memos(state: State) -> Iterator[Document]:
    for record in state.types["creditMemo"]:
        yield from _sale(state, record, "credit_memo", "credit_line")


def _sale(state: State, record: Record, kind: str, line_kind: str) -> Iterator[Document]:
    row, where = record.data, _sale_state(record.data)
    entity, currency = _entity(state, row["subsidiary"]), state.currency_symbol(row["currency"])
    yield Document(
        kind,
        record.id,
        key=row.get("externalId") or "",
        parent=row.get("createdFrom") or row.get("job") or "",
        entity=entity,
        currency=currency,
        amount=row["subtotal"],
        state=where,
        facts={
            "number": row["tranId"],
            "tax": str(row["taxTotal"]),
            "total": str(row["total"]),
            "due": str(row["amountRemaining"]),
            "customer": row["entity"],
            "period": state.name_of(("accountingPeriod",), row["postingPeriod"]),
            "contract": row.get("custbody_contract"),
            "contract_version": str(row["custbody_contract_version"]) if row.get("custbody_contract_version") else None,
            "view": row.get("custbody_accordant_view"),
        },
    )
    for number, line in enumerate(row.get("item") or [], start=1):
        quantity, source = line.get("quantity"), line.get("custcol_source_line") or ""
        id = f"{record.id}.{number}"
        yield Document(line_kind, id, "", source, record.id, entity, currency, line["amount"], quantity, where)
    for line in row.get("time") or []:
        if line.get("apply"):
            time = state.require("timeBill", line["doc"]).data
            quantity, source = Decimal(line["quantity"]) / 60, time.get("custcol_source_line") or ""
            id = f"{record.id}.t{line['doc']}"
            yield Document(line_kind, id, "", source, record.id, entity, currency, line["amount"], quantity, where)


def _payments(state: State) -> Iterator[Document]:
    for record in state.types["customerPayment"]:
        row = record.data
        yield Document(
            "payment",
            record.id,
            key=row.get("externalId") or "",
            parent=row["customer"],
            entity=_entity(state, row["subsidiary"]),
            currency=state.currency_symbol(row["currency"]),
            amount=row["payment"],
            state="posted",
            facts={"applied": {r["doc"]: str(r["amount"]) for r in row.get("apply") or [] if r.get("apply")}},
        )


def _journals(state: State) -> Iterator[Document]:
    """Yield one document per posted ledger impact, with the sum of its debits, and whether it balances."""
    for id, lines in state.postings.items():
        debits = sum((line.amount for line in lines if line.amount > 0), Decimal(0))
        balance = sum((line.amount for line in lines), Decimal(0))
        yield Document(
            "journal",
            f"gl-{id}",
            parent=id,
            entity=_entity(state, lines[0].subsidiary),
            currency=state.currency_symbol(lines[0].currency),
            amount=debits,
            state="posted",
            facts={"balance": str(balance)},
        )
