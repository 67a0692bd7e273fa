"""Read the books of a real Tryton over its own API, in the form in which simulators show theirs at `/_books`.

It needs nothing but Python and reads only. What is read of which model is in the connector's README.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

Row = dict[str, Any]

_TIMEOUT_S = 60
_OUT = ["type", "=", "out"]
_STATES = {"validated": "draft", "cancelled": "void"}
_NO_MONEY = {"revenue", "expense", "write-off", "situation"}
_KEY = "accordant "
_PRICED = re.compile(r" = ([A-Z]{3}) (-?\d+(?:\.\d+)?)(?: · |$)")


class Tryton:
    """One session on one database.

    Args:
        url: `http://127.0.0.1:8406`.
        database: its name.
        user: login of a user who belongs to every company, with the company filter on "all".
        password: of that user.
    """

    def __init__(self, url: str, database: str, user: str, password: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"not an address: {url}")
        self._url = f"{url.rstrip('/')}/{database}/rpc/"
        self._proof = ""
        id, secret, *_ = self.call("common.db.login", user, {"password": password})
        self._proof = base64.b64encode(f"{user}:{id}:{secret}".encode()).decode()

    def call(self, method: str, *params: Any) -> Any:
        """Call a method; OSError when there is no answer, ValueError when it is a refusal."""
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        headers = {
            "Content-Type": "application/json",
            **({"Authorization": f"Session {self._proof}"} if self._proof else {}),
        }
        request = Request(self._url, body, headers)  # noqa: S310 - the scheme was checked
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the scheme was checked
                said = json.loads(answer.read(), object_hook=_plain, parse_float=Decimal)
        except HTTPError as error:
            raise ValueError(f"Tryton answered {error.code} to {method}") from error
        if "error" in said:
            raise ValueError(f"Tryton refused {method}: {str(said['error'])[:200]}")
        return said["result"]

    def search(self, model: str, domain: list[Any], *fields: str) -> list[Row]:
        """Return fields of records, the oldest first; `party.code` is read with `at(row, "party.code")`."""
        order = [["id", "ASC"]]
        return list(self.call(f"model.{model}.search_read", domain, 0, None, order, list(fields), {}))


def read_documents(tryton: Tryton) -> list[Row]:
    """Return every document of the books: customers, projects, time, invoices with lines, payments, postings."""
    companies = tryton.search("company.company", [], "party.code", "currency.code")
    entities = {row["id"]: at(row, "party.code") for row in companies}
    chapters = (_customers, _projects, _time_bills, _invoices, _payments, _journals)
    return [document for chapter in chapters for document in chapter(tryton, entities)]


def at(row: Row, path: str) -> Any:
    """Return a field of a related record; None where there is none."""
    head, _, rest = path.partition(".")
    if not rest:
        return row.get(head)
    related = row.get(f"{head}.")
    return at(related, rest) if related else None


def _customers(tryton: Tryton, _: Mapping[int, str]) -> Iterator[Row]:
    """One document per key: a party may carry several of the same customer."""
    found = tryton.search("party.identifier", [["code", "like", f"{_KEY}%"]], "code", "party", "party.name")
    for row in found:
        facts = {"name": at(row, "party.name")}
        yield {"kind": "customer", "id": str(row["party"]), "key": row["code"].removeprefix(_KEY), "facts": facts}


def _projects(tryton: Tryton, entities: Mapping[int, str]) -> Iterator[Row]:
    fields = ("name", "number", "company", "party", "comment")
    for row in tryton.search("project.work", [["type", "=", "project"]], *fields):
        notes = _notes(row["comment"])
        yield {
            "kind": "project",
            "id": str(row["id"]),
            "key": notes.get("key", ""),
            "source": notes.get("contract", ""),
            "parent": str(row["party"] or ""),
            "entity": entities[row["company"]],
            "state": "inactive" if "withdrawn" in notes else "active",
            "facts": {"code": row["number"], "name": row["name"]},
        }


def _time_bills(tryton: Tryton, entities: Mapping[int, str]) -> Iterator[Row]:
    """Tryton keeps hours without money; the amount stands in the description, behind the source."""
    for row in tryton.search("timesheet.line", [], "uuid", "description", "duration", "company", "work.origin"):
        said = row["description"] or ""
        priced = _PRICED.search(said)
        yield {
            "kind": "time_bill",
            "id": str(row["id"]),
            "key": row["uuid"] or "",
            "source": said.partition(" ")[0],
            "parent": str(at(row, "work.origin") or ""),
            "entity": entities[row["company"]],
            "currency": priced[1] if priced else "",
            "amount": priced[2] if priced else None,
            "quantity": str(row["duration"] / 3600),
            "state": "approved",
        }


def _invoices(tryton: Tryton, entities: Mapping[int, str]) -> Iterator[Row]:
    """Invoices with their lines; a credit note is an invoice below zero there, and above zero here."""
    fields = ("number", "description", "state", "company", "party", "currency.code")
    amounts = ("untaxed_amount", "tax_amount", "total_amount")
    invoices = {row["id"]: row for row in tryton.search("account.invoice", [_OUT], *fields, *amounts)}
    for row in invoices.values():
        sign, kind, _ = _nature(row)
        yield {
            "kind": kind,
            "id": str(row["id"]),
            "key": row["description"] or "",
            "parent": str(row["party"]),
            "entity": entities[row["company"]],
            "currency": at(row, "currency.code"),
            "amount": str(sign * row["untaxed_amount"]),
            "state": _STATES.get(row["state"], row["state"]),
            "facts": {
                "number": row["number"],
                "tax": str(sign * row["tax_amount"]),
                "total": str(sign * row["total_amount"]),
            },
        }
    for line in tryton.search("account.invoice.line", [["type", "=", "line"]], "invoice", "note", "quantity", "amount"):
        if line["invoice"] not in invoices:
            continue
        row = invoices[line["invoice"]]
        sign, _, kind = _nature(row)
        yield {
            "kind": kind,
            "id": str(line["id"]),
            "source": line["note"] or "",
            "parent": str(row["id"]),
            "entity": entities[row["company"]],
            "currency": at(row, "currency.code"),
            "amount": str(sign * line["amount"]),
            "quantity": str(line["quantity"]),
            "state": _STATES.get(row["state"], row["state"]),
        }


def _nature(invoice: Row) -> tuple[int, str, str]:
    return (-1, "credit_memo", "credit_line") if invoice["untaxed_amount"] < 0 else (1, "invoice", "invoice_line")


def _payments(tryton: Tryton, entities: Mapping[int, str]) -> Iterator[Row]:
    """Lines of the ledger that settle invoices, other than credit notes and write-offs."""
    settled = ["state", "in", ["posted", "paid"]]
    fields = ("company", "currency", "currency.code", "payment_lines", "reconciliation_lines")
    invoices = tryton.search("account.invoice", [_OUT, settled], *fields)
    paid_by = {row["id"]: {*row["payment_lines"], *row["reconciliation_lines"]} for row in invoices}
    wanted = sorted(set().union(*paid_by.values()))
    money = ("debit", "credit", "second_currency", "amount_second_currency", "move.journal.type")
    lines = {row["id"]: row for row in tryton.search("account.move.line", [["id", "in", wanted]], *money)}
    for invoice in invoices:
        for id in sorted(paid_by[invoice["id"]] & lines.keys()):
            line = lines[id]
            if at(line, "move.journal.type") in _NO_MONEY:
                continue
            is_foreign = line["second_currency"] == invoice["currency"]
            amount = -line["amount_second_currency"] if is_foreign else line["credit"] - line["debit"]
            yield {
                "kind": "payment",
                "id": f"{id}:{invoice['id']}",
                "entity": entities[invoice["company"]],
                "currency": at(invoice, "currency.code"),
                "amount": str(amount),
                "state": "posted",
                "facts": {"applied": {str(invoice["id"]): str(amount)}},
            }


def _journals(tryton: Tryton, entities: Mapping[int, str]) -> Iterator[Row]:
    balances: defaultdict[int, Decimal] = defaultdict(Decimal)
    for line in tryton.search("account.move.line", [], "move", "debit", "credit"):
        balances[line["move"]] += line["debit"] - line["credit"]
    for move in tryton.search("account.move", [], "company", "number"):
        facts = {"balance": str(balances[move["id"]]), "number": move["number"]}
        yield {"kind": "journal", "id": str(move["id"]), "entity": entities[move["company"]], "facts": facts}


def _notes(text: str | None) -> dict[str, str]:
    """Return what the lines `accordant key: …` of a text say."""
    ours = (line.removeprefix(_KEY) for line in (text or "").splitlines() if line.startswith(_KEY))
    return {name: value for name, _, value in (line.partition(": ") for line in ours)}


def _plain(value: Row) -> Any:
    """Return an amount or a span (in seconds) of the wire as Decimal; anything else as it is."""
    tag = value.get("__class__")
    if tag == "Decimal":
        return Decimal(value["decimal"])
    return Decimal(value["seconds"]) if tag == "timedelta" else value
