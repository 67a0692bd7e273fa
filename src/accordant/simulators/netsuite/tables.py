"""What SuiteQL sees: a table per record type, one for all transactions, their lines and their links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.netsuite.fields import Choice, FieldKind, Flag, Lines, Nested, Ref
from accordant.simulators.netsuite.shapes import SCHEMAS
from accordant.simulators.netsuite.state import State
from accordant.simulators.netsuite.statement import Column, Table

TRANSACTION_TYPES = {
    "invoice": "CustInvc",
    "creditMemo": "CustCred",
    "customerPayment": "CustPymt",
    "journalEntry": "Journal",
}
_PLAIN = {
    "subsidiary": "subsidiary",
    "currency": "currency",
    "account": "account",
    "accountingperiod": "accountingPeriod",
    "salestaxitem": "salesTaxItem",
    "department": "department",
    "item": "serviceSaleItem",
    "employee": "employee",
    "customer": "customer",
    "job": "job",
    "projecttask": "projectTask",
    "timebill": "timeBill",
    "customerpayment": "customerPayment",
}


@dataclass(frozen=True, slots=True)
class LineRow:
    """One row of `transactionline`: the main line, an item line or the tax line."""

    document: Record
    number: int
    amount: Decimal
    line: dict[str, Any]
    is_main: bool = False
    is_tax: bool = False


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One row of `nexttransactionlink`: money of one document applied to another."""

    previous: str
    next: Record
    amount: Decimal


def build_tables(state: State) -> dict[str, Table]:
    """Return the tables over the account's records."""
    tables = {name: _record_table(state, type) for name, type in _PLAIN.items()}
    tables["transaction"] = _transactions(state)
    tables["transactionline"] = _transaction_lines(state)
    tables["nexttransactionlink"] = _links(state)
    return tables


def _visible(state: State, record: Record | None) -> Iterator[Record]:
    if record is not None and record.searchable_at <= state.now():
        yield record


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None, microsecond=0)


def _column(state: State, name: str, kind: FieldKind) -> Column:
    def value(record: Record) -> Any:
        held = record.data.get(name)
        if held is None:
            return "F" if isinstance(kind, Flag) else None  # the database knows no unset check box
        return kind.sql(held)

    display: Callable[[Any], str | None] | None = None
    if isinstance(kind, Ref):
        types = kind.types
        display = lambda r: state.name_of(types, r.data[name]) if r.data.get(name) else None  # noqa: E731
    elif isinstance(kind, Choice):
        names = kind.names
        display = lambda r: names.get(r.data.get(name, ""), r.data.get(name))  # noqa: E731
    return Column(value, display)


def _columns(state: State, type: str) -> dict[str, Column]:
    columns = {
        name.lower(): _column(state, name, kind)
        for name, kind in SCHEMAS[type].fields.items()
        if not isinstance(kind, Lines | Nested)
    }
    columns["id"] = Column(lambda r: int(r.id))
    columns["lastmodifieddate"] = Column(lambda r: _naive(r.updated_at))
    return columns


def _record_table(state: State, type: str) -> Table:
    return Table(
        columns=_columns(state, type),
        scan=state.types[type].search,
        seek={
            "id": lambda key: _visible(state, state.get(type, key)),
            "externalid": lambda key: _visible(state, state.by_external_id(type, key)),
        },
    )


# -- transactions


def _transactions(state: State) -> Table:
    columns: dict[str, Column] = {}
    for type in TRANSACTION_TYPES:
        columns = {**_columns(state, type), **columns}
    for dropped in ("subsidiary", "total", "subtotal", "taxtotal", "amountremaining", "amountpaid", "payment"):
        columns.pop(dropped, None)  # the vendor keeps these elsewhere or under the names below
    columns |= {
        "type": Column(lambda r: TRANSACTION_TYPES[_type_of(state, r)]),
        "entity": Column(
            _entity_of, lambda r: state.name_of(("customer",), str(_entity_of(r))) if _entity_of(r) else None
        ),
        "foreigntotal": Column(lambda r: r.data["total"]),
        "foreignamountunpaid": Column(lambda r: r.data.get("amountRemaining", r.data.get("unapplied"))),
        "foreignamountpaid": Column(lambda r: r.data.get("amountPaid", r.data.get("applied"))),
        "posting": Column(lambda r: "T" if r.id in state.postings else "F"),
        "voided": Column(lambda r: "T" if r.data.get("status") == "V" else "F"),
    }

    def by_id(id: str) -> Iterator[Record]:
        for type in TRANSACTION_TYPES:
            yield from _visible(state, state.get(type, id))

    def by_key(key: str) -> Iterator[Record]:
        for type in TRANSACTION_TYPES:
            yield from _visible(state, state.by_external_id(type, key))

    return Table(columns, lambda: _all_transactions(state), {"id": by_id, "externalid": by_key})


def _entity_of(record: Record) -> int | None:
    entity = record.data.get("entity") or record.data.get("customer")
    return int(entity) if entity else None


def _all_transactions(state: State) -> Iterator[Record]:
    for type in TRANSACTION_TYPES:
        yield from state.types[type].search()


def _type_of(state: State, record: Record) -> str:
    return next(type for type in TRANSACTION_TYPES if state.get(type, record.id) is record)


def _transaction_lines(state: State) -> Table:
    line_fields = SCHEMAS["invoice"].fields["item"]
    fields = line_fields.fields if isinstance(line_fields, Lines) else {}

    def of_line(name: str) -> Column:
        kind = fields[name]
        return Column(lambda r: None if r.line.get(name) is None else kind.sql(r.line[name]))

    columns = {
        "transaction": Column(lambda r: int(r.document.id)),
        "id": Column(lambda r: r.number),
        "linesequencenumber": Column(lambda r: r.number),
        "mainline": Column(lambda r: "T" if r.is_main else "F"),
        "taxline": Column(lambda r: "T" if r.is_tax else "F"),
        "foreignamount": Column(lambda r: r.amount),
        "netamount": Column(lambda r: r.amount),
        "subsidiary": Column(lambda r: int(r.document.data["subsidiary"])),
        "memo": Column(lambda r: r.line.get("description") or r.line.get("memo")),
        "quantity": Column(_signed_quantity),
        "item": of_line("item"),
        "rate": of_line("rate"),
        "department": of_line("department"),
        "custcol_source_line": of_line("custcol_source_line"),
    }

    def of_transaction(id: str) -> Iterator[LineRow]:
        for type in TRANSACTION_TYPES:
            for record in _visible(state, state.get(type, id)):
                yield from _lines_of(type, record)

    def scan() -> Iterator[LineRow]:
        for type in TRANSACTION_TYPES:
            for record in state.types[type].search():
                yield from _lines_of(type, record)

    return Table(columns, scan, {"transaction": of_transaction})


def _signed_quantity(row: LineRow) -> Decimal | None:
    quantity = row.line.get("quantity")
    if quantity is None:
        return None
    if isinstance(quantity, int):  # minutes of a billed time entry
        quantity = Decimal(quantity) / 60
    return -quantity if row.amount < 0 else Decimal(quantity)


def _lines_of(type: str, record: Record) -> Iterable[LineRow]:
    """Yield ledger-signed rows: revenue of an invoice is negative, its receivable positive."""
    data = record.data
    sign = {"invoice": 1, "journalEntry": 1}.get(type, -1)
    yield LineRow(record, 0, sign * data["total"], {}, is_main=True)
    if type in ("invoice", "creditMemo"):
        billed = [*(data.get("item") or []), *(r for r in data.get("time") or [] if r.get("apply"))]
        for number, line in enumerate(billed, start=1):
            yield LineRow(record, number, -sign * line["amount"], line)
        if data["taxTotal"]:
            yield LineRow(record, len(billed) + 1, -sign * data["taxTotal"], {}, is_tax=True)
    elif type == "journalEntry":
        for number, line in enumerate(data["line"], start=1):
            yield LineRow(record, number, (line.get("debit") or Decimal(0)) - (line.get("credit") or Decimal(0)), line)


def _links(state: State) -> Table:
    def rows_of(record: Record) -> Iterator[LinkRow]:
        for row in record.data.get("apply") or []:
            if row.get("apply"):
                yield LinkRow(row["doc"], record, row["amount"])

    def scan() -> Iterator[LinkRow]:
        for type in ("creditMemo", "customerPayment"):
            for record in state.types[type].search():
                yield from rows_of(record)

    def by_next(id: str) -> Iterator[LinkRow]:
        for type in ("creditMemo", "customerPayment"):
            for record in _visible(state, state.get(type, id)):
                yield from rows_of(record)

    columns = {
        "previousdoc": Column(lambda r: int(r.previous)),
        "previoustype": Column(lambda _: "CustInvc"),
        "nextdoc": Column(lambda r: int(r.next.id)),
        "nexttype": Column(lambda r: TRANSACTION_TYPES[_type_of(state, r.next)]),
        "linktype": Column(lambda _: "Payment"),
        "foreignamount": Column(lambda r: r.amount),
    }
    return Table(columns, scan, {"nextdoc": by_next})
