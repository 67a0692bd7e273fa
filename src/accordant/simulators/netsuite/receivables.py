"""Money against invoices: what a payment or credit settles, and customer payments themselves."""

from __future__ import annotations

from decimal import Decimal

from accordant.simulators._shared import Record
from accordant.simulators.netsuite.documents import (
    APPROVED,
    BANK,
    RECEIVABLE,
    ZERO,
    Values,
    require_customer,
    require_open,
    require_unchanged,
    set_header,
)
from accordant.simulators.netsuite.errors import Refusal, invalid_key, missing, user_error
from accordant.simulators.netsuite.ledger import Posting
from accordant.simulators.netsuite.state import State


def apply(state: State, document: str, amounts: dict[str, Decimal]) -> None:
    """Make the applications of a payment or credit exactly these, and bring the touched invoices up to date."""
    touched = {invoice for invoice, applied in state.applications.items() if document in applied} | amounts.keys()
    for invoice in touched:
        applied = state.applications[invoice]
        before = applied.pop(document, ZERO)
        if amounts.get(invoice):
            applied[document] = amounts[invoice]
        if before != applied.get(document, ZERO):
            _settle(state, invoice)


def _settle(state: State, invoice: str) -> None:
    total = state.require("invoice", invoice).data["total"]
    paid = sum(state.applications[invoice].values(), ZERO)
    state.touch("invoice", invoice, amountPaid=paid, amountRemaining=total - paid, status="B" if paid == total else "A")


def check_applications(state: State, id: str | None, new: Values, customer: str, available: Decimal) -> None:
    """Judge what a document of this amount is applied to; fill in the amounts left open."""
    left = available
    for number, row in enumerate(new.get("apply") or []):
        path = f"apply.items[{number}]"
        if not row.get("doc"):
            raise missing(f"{path}.doc")
        invoice = state.require("invoice", row["doc"])
        due = invoice.data["amountRemaining"] + state.applications[invoice.id].get(id or "", ZERO)
        row.update(due=due, total=invoice.data["total"], refNum=invoice.data["tranId"], type="Invoice")
        if not row.get("apply"):
            row["amount"] = ZERO
            continue
        _require_payable(invoice, new, customer, path)
        if row.get("amount") is None:
            row["amount"] = min(due, left)
        if row["amount"] < 0 or row["amount"] > due:
            raise user_error(f"You cannot apply {row['amount']} to an invoice with {due} due.", f"{path}.amount")
        left -= row["amount"]
    if left < 0:
        raise user_error(f"You cannot apply more than the amount of this transaction ({available}).", "apply")
    new["applied"], new["unapplied"] = available - left, left


def _require_payable(invoice: Record, new: Values, customer: str, path: str) -> None:
    if invoice.data["entity"] != customer or invoice.data["currency"] != new["currency"]:
        raise invalid_key("doc", invoice.id, "entity", customer)
    if invoice.data["approvalStatus"] != APPROVED or invoice.data["status"] == "V":
        raise Refusal(400, "INVALID_CONTENT", f"Invoice {invoice.data['tranId']} is not open.", path=f"{path}.doc")


def applied_amounts(record: Record) -> dict[str, Decimal]:
    """Return the applied amounts by invoice."""
    return {row["doc"]: row["amount"] for row in record.data.get("apply") or [] if row.get("apply")}


def _auto_apply(state: State, new: Values) -> None:
    """Apply to the customer's oldest open invoices of the currency, as the `autoApply` box does."""
    open_invoices = sorted(
        (
            r
            for r in state.types["invoice"]
            if r.data["entity"] == new["customer"] and r.data["currency"] == new["currency"] and r.data["status"] == "A"
        ),
        key=lambda r: (r.data["dueDate"], int(r.id)),
    )
    left, rows = new["payment"], []
    for invoice in open_invoices:
        amount = min(left, invoice.data["amountRemaining"])
        if amount > 0:
            rows.append({"doc": invoice.id, "apply": True, "amount": amount})
            left -= amount
    new["apply"] = rows


def check_payment(state: State, old: Values | None, new: Values, id: str | None) -> None:
    """Judge a customer payment and what it is applied to."""
    require_customer(state, new, "customer")
    if new.get("payment") is None:
        new["payment"] = sum((r.get("amount") or ZERO for r in new.get("apply") or [] if r.get("apply")), ZERO)
    if new["payment"] <= 0:
        raise user_error("The payment amount must be greater than zero.", "payment")
    if new.get("autoApply") and not new.get("apply"):
        _auto_apply(state, new)
    check_applications(state, id, new, new["customer"], new["payment"])
    set_header(state, "customerPayment", old, new)
    if old is None:
        require_open(state, new)
    else:
        free = frozenset({"memo", "apply", "applied", "unapplied", "autoApply", "checkNumber"})
        require_unchanged(old, new, free)
    new.setdefault("arAcct", state.account(RECEIVABLE))
    new.setdefault("account", state.account(BANK))
    new["total"], new["status"] = new["payment"], "B"


def book_payment(state: State, record: Record) -> None:
    """Post the money received and settle the invoices."""
    row = record.data
    state.postings[record.id] = [
        Posting(record.id, row["account"], row["subsidiary"], row["currency"], row["payment"]),
        Posting(record.id, row["arAcct"], row["subsidiary"], row["currency"], -row["payment"]),
    ]
    apply(state, record.id, applied_amounts(record))
