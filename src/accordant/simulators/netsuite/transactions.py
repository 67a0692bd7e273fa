"""Invoices, credit memos and journals: totals, tax, what may still change, posting.

The account rounds tax per line, approves invoices before they post, and keeps each document in its own currency.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from accordant.simulators._shared import Record
from accordant.simulators.netsuite import receivables
from accordant.simulators.netsuite.documents import (
    APPROVED,
    INCOME,
    RECEIVABLE,
    TAX_PAYABLE,
    ZERO,
    Values,
    require_customer,
    require_open,
    require_unchanged,
    set_header,
)
from accordant.simulators.netsuite.errors import invalid_key, missing, user_error
from accordant.simulators.netsuite.ledger import Posting
from accordant.simulators.netsuite.state import State


def release(state: State, type: str, record: Record) -> None:
    """Undo what a document did, before it is deleted; what is posted stays, except an unapplied payment."""
    if type == "invoice" and record.data["approvalStatus"] == APPROVED:
        raise user_error("This transaction has been posted: it cannot be deleted.")
    if type in ("creditMemo", "journalEntry"):
        raise user_error("This transaction has been posted: it cannot be deleted.")
    if type == "customerPayment":
        require_open(state, record.data)
        receivables.apply(state, record.id, {})
        state.postings.pop(record.id, None)
    for time_id in [t for t, invoice in state.billed_by.items() if invoice == record.id]:
        del state.billed_by[time_id]


# -- sales documents


def _price_line(state: State, row: Values, quantum: Decimal) -> None:
    if row.get("amount") is None:
        row["amount"] = (row.get("quantity", Decimal(1)) * (row.get("rate") or ZERO)).quantize(quantum, ROUND_HALF_UP)
    tax = state.require("salesTaxItem", row["taxCode"]).data["rate"] if row.get("taxCode") else ZERO
    row["taxRate1"] = tax
    row["tax1Amt"] = (row["amount"] * tax / 100).quantize(quantum, ROUND_HALF_UP)
    row["grossAmt"] = row["amount"] + row["tax1Amt"]


def _price_sale(state: State, new: Values) -> None:
    quantum = state.precision(new["currency"])
    for number, row in enumerate(new.get("item") or []):
        if not row.get("item"):
            raise missing(f"item.items[{number}].item")
        if row.get("amount") is not None and row["amount"] != row["amount"].quantize(quantum):
            raise user_error(f"Invalid number format: {row['amount']}.", f"item.items[{number}].amount")
        _price_line(state, row, quantum)
    rows = [*(new.get("item") or []), *(r for r in new.get("time") or [] if r.get("apply"))]
    if not rows:
        raise user_error("You must enter at least one line item for this transaction.", "item")
    new["subtotal"] = sum((r["amount"] for r in rows), ZERO)
    new["taxTotal"] = sum((r["tax1Amt"] for r in rows), ZERO)
    new["total"] = new["subtotal"] + new["taxTotal"]


def _take_time(state: State, id: str | None, new: Values) -> None:
    """Fill the billed time lines from their time entries; refuse time that is not approved or already billed."""
    quantum = state.precision(new["currency"])
    for number, row in enumerate(new.get("time") or []):
        path = f"time.items[{number}].doc"
        if not row.get("doc"):
            raise missing(path)
        time = state.require("timeBill", row["doc"]).data
        if state.billed_by.get(row["doc"], id) != id:
            raise user_error(f"Time entry {row['doc']} has already been billed.", path)
        if time["approvalStatus"] != "3" or not time.get("isBillable"):
            raise user_error(f"Time entry {row['doc']} is not approved for billing.", path)
        for name in ("item", "employee", "memo"):
            row.setdefault(name, time.get(name))
        row.update(quantity=time["hours"], rate=row.get("rate", time.get("rate") or ZERO))
        row["amount"] = (Decimal(row["quantity"]) / 60 * row["rate"]).quantize(quantum, ROUND_HALF_UP)
        _price_line(state, row, quantum)


def _check_sale(state: State, type: str, old: Values | None, new: Values, id: str | None) -> None:
    customer = require_customer(state, new, "entity")
    for job in filter(None, [new.get("job"), *(r.get("job") for r in new.get("item") or [])]):
        if state.require("job", job).data["parent"] != customer.id:
            raise invalid_key("job", job, "entity", customer.id)
    new.setdefault("account", state.account(RECEIVABLE))
    _take_time(state, id, new)
    _price_sale(state, new)
    set_header(state, type, old, new)


def check_invoice(state: State, old: Values | None, new: Values, id: str | None) -> None:
    """Judge an invoice: totals, then what may still change, then the period."""
    new.setdefault("approvalStatus", "1")
    _check_sale(state, "invoice", old, new, id)
    new.setdefault("dueDate", new["tranDate"])
    if old is not None and old["approvalStatus"] == APPROVED:
        require_unchanged(old, new, frozenset({"memo"}))
        return
    require_open(state, new)
    new["amountPaid"] = ZERO
    new["amountRemaining"] = new["total"]
    if new["approvalStatus"] == APPROVED:
        new["status"] = "A" if new["total"] else "B"
    else:
        new["status"] = "E" if new["approvalStatus"] == "3" else "D"


def book_invoice(state: State, record: Record) -> None:
    """Claim the billed time and, once approved, post to the ledger."""
    row = record.data
    for time_id in [t for t, invoice in state.billed_by.items() if invoice == record.id] if row.get("time") else []:
        del state.billed_by[time_id]
    for line in row.get("time") or []:
        if line.get("apply"):
            state.billed_by[line["doc"]] = record.id
    if row["approvalStatus"] == APPROVED and record.id not in state.postings:
        state.postings[record.id] = _sale_postings(state, record, sign=1)


def _sale_postings(state: State, record: Record, *, sign: int) -> list[Posting]:
    row = record.data

    def line(account: str, amount: Decimal) -> Posting:
        return Posting(record.id, account, row["subsidiary"], row["currency"], sign * amount)

    billed = [*(row.get("item") or []), *(r for r in row.get("time") or [] if r.get("apply"))]
    lines = [line(row["account"], row["total"])]
    for r in billed:
        income = state.require("serviceSaleItem", r["item"]).data.get("incomeAccount") if r.get("item") else None
        lines.append(line(income or state.account(INCOME), -r["amount"]))
    if row["taxTotal"]:
        lines.append(line(state.account(TAX_PAYABLE), -row["taxTotal"]))
    return lines


def void_invoice(state: State, id: str) -> None:
    """Void a posted invoice as a person does on the page: its amounts leave the ledger, the document stays."""
    record = state.require("invoice", id)
    if record.data["approvalStatus"] != APPROVED or state.applications.get(id):
        raise user_error("Only a posted invoice without applied money can be voided.")
    require_open(state, record.data)
    state.postings.pop(id, None)
    state.touch("invoice", id, status="V", amountRemaining=ZERO)


def check_credit(state: State, old: Values | None, new: Values, id: str | None) -> None:
    """Judge a credit memo; it posts at once, and only its memo and applications change later."""
    if new.get("createdFrom") and state.require("invoice", new["createdFrom"]).data["approvalStatus"] != APPROVED:
        raise user_error("A credit memo can only be made from a posted invoice.", "createdFrom")
    _check_sale(state, "creditMemo", old, new, id)
    receivables.check_applications(state, id, new, new["entity"], new["total"])
    if old is None:
        require_open(state, new)
    else:
        require_unchanged(old, new, frozenset({"memo", "apply", "applied", "unapplied", "status", "amountRemaining"}))
    new["status"] = "B" if not new["unapplied"] else "A"
    new["amountRemaining"] = new["unapplied"]


def book_credit(state: State, record: Record) -> None:
    """Post the credit and settle the invoices it is applied to."""
    if record.id not in state.postings:
        state.postings[record.id] = _sale_postings(state, record, sign=-1)
    receivables.apply(state, record.id, receivables.applied_amounts(record))


# -- journals


def check_journal(state: State, old: Values | None, new: Values, _id: str | None) -> None:
    """Judge a journal entry: it balances, in an open period; afterwards only its memo changes."""
    if not new.get("subsidiary"):
        raise missing("subsidiary")
    if not new.get("currency"):
        new["currency"] = state.require("subsidiary", new["subsidiary"]).data["currency"]
    rows = new.get("line") or []
    for number, row in enumerate(rows):
        if not row.get("account"):
            raise missing(f"line.items[{number}].account")
    debits = sum((r.get("debit") or ZERO for r in rows), ZERO)
    if not rows or debits != sum((r.get("credit") or ZERO for r in rows), ZERO):
        raise user_error("The amounts of this journal entry do not balance.", "line")
    set_header(state, "journalEntry", old, new)
    new["total"] = debits
    new.setdefault("approved", True)
    if old is not None and old["approved"]:
        require_unchanged(old, new, frozenset({"memo"}))
    else:
        require_open(state, new)


def book_journal(state: State, record: Record) -> None:
    """Post an approved journal entry."""
    row = record.data
    if row["approved"]:
        state.postings[record.id] = [
            Posting(
                record.id,
                r["account"],
                row["subsidiary"],
                row["currency"],
                (r.get("debit") or ZERO) - (r.get("credit") or ZERO),
            )
            for r in row["line"]
        ]
