"""Judge the systems of a firm by their own books: is anything lost, doubled or wrong, and how much money is where?

It needs nothing but Python, imports nothing of the product, and believes no system but the one a document lies in.

    python tools/judge.py http://127.0.0.1:8401 http://127.0.0.1:8402 http://127.0.0.1:8403
    python tools/judge.py --estate-ports 8401,8402,8403,8404,8405 --pending-ok --json
    python tools/judge.py --estate-ports 8401,8402 --tryton http://127.0.0.1:8406 firm judge PASSWORD

Exit code 0: everything agrees; 1: something is lost, doubled or wrong; 2: a book could not be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

from judge_tryton import Tryton, read_documents

ROLES = {"salesforce": "crm", "kantata": "psa", "netsuite": "erp", "tryton": "erp"}
KEYED = {
    "account", "customer", "project", "resource_request", "time_bill", "invoice", "credit_memo", "payment", "workspace",
    "message",
}  # fmt: skip
GONE = {"archived", "inactive", "void", "rejected", "cancelled", "deleted"}
APPROVED = {"approved", "invoiced"}
ZERO = Decimal(0)
_TIMEOUT_S = 30
_SAME_HOURS = Decimal("0.001")  # less than a minute; systems round hours differently


@dataclass(frozen=True)
class Doc:
    """One document of one system's books."""

    system: str
    kind: str
    id: str
    key: str = ""
    source: str = ""
    parent: str = ""
    entity: str = ""
    currency: str = ""
    amount: Decimal | None = None
    quantity: Decimal | None = None
    state: str = ""
    facts: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_live(self) -> bool:
        """Whether the document still counts in its system."""
        return self.state not in GONE


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be.

    Args:
        verdict: `lost`, `doubled` or `wrong`.
        sentence: what and where.
        about: the document whose money is at stake.
        may_settle: it may only be on its way; with `--pending-ok` it is counted as in flight.
        rule: the function that found it.
    """

    verdict: str
    sentence: str
    about: Doc
    may_settle: bool = False
    rule: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain data; the amount as text."""
        money = {"entity": self.about.entity, "currency": self.about.currency, "amount": str(self.about.amount or ZERO)}
        return {"rule": self.rule, "verdict": self.verdict, "sentence": self.sentence, **money}


@dataclass(frozen=True)
class Books:
    """The books of all systems that were read; `psa_name` is how sources name the PSA: `kantata-main/<id>`."""

    docs: tuple[Doc, ...]
    systems: frozenset[str]
    psa_name: str = "kantata-main"

    def of(self, kind: str, role: str = "") -> list[Doc]:
        """Return the documents of a kind, of one role's systems if it is given."""
        return [d for d in self.docs if d.kind == kind and (not role or ROLES.get(d.system) == role)]

    def has(self, role: str) -> bool:
        """Whether a system of this role was read."""
        return any(ROLES.get(system) == role for system in self.systems)


def approved_time_is_in_the_ledger_once(books: Books) -> Iterator[Finding]:
    """Every approved, billable line of the PSA is one time bill in the ERP, with its hours and amount to the cent."""
    if not (books.has("psa") and books.has("erp")):
        return
    posted = _by_source(d for d in books.of("time_bill") if d.is_live)
    for line in books.of("time_entry", "psa"):
        name = f"{books.psa_name}/{line.id}"
        bills = posted.pop(name, [])
        if len(bills) > 1:
            yield Finding("doubled", f"{name} is in the ledger {len(bills)} times", line)
        elif bills and line.state not in APPROVED:
            yield Finding("wrong", f"{name} was taken back and is in the ledger", line, may_settle=True)
        elif bills:
            yield from _compare(name, line, bills[0])
        elif line.state in APPROVED and line.facts.get("billable", True):
            yield Finding("lost", f"{name} is approved and not in the ledger", line, may_settle=True)
    for name, bills in posted.items():
        if name.startswith(f"{books.psa_name}/"):
            yield Finding("wrong", f"{name} is in the ledger and not in the PSA", bills[0], may_settle=True)


def _compare(name: str, line: Doc, bill: Doc) -> Iterator[Finding]:
    """A difference in hours is a correction on its way; the same hours at another amount are a wrong price."""
    if not line.facts.get("billable", True):
        return
    if abs((bill.quantity or ZERO) - (line.quantity or ZERO)) > _SAME_HOURS:
        sentence = f"{name}: {line.quantity} h in the PSA, {bill.quantity} h in the ledger"
        yield Finding("wrong", sentence, bill, may_settle=True)
    elif (bill.amount, bill.currency) != (line.amount, line.currency):
        sentence = f"{name}: {line.amount} {line.currency} in the PSA, {bill.amount} {bill.currency} in the ledger"
        yield Finding("wrong", sentence, bill)


def keys_are_used_once(books: Books) -> Iterator[Finding]:
    """No system holds two living records under one business key: customers, projects, requests, workspaces, money."""
    holders: defaultdict[tuple[str, str, str], list[Doc]] = defaultdict(list)
    for doc in books.docs:
        if doc.kind in KEYED and doc.key and doc.is_live:
            holders[doc.system, doc.kind, doc.key].append(doc)
    for (system, kind, key), docs in holders.items():
        if len(docs) > 1:
            yield Finding("doubled", f"{system} has {len(docs)} × {kind} under the key {key}", docs[1])


def sources_are_billed_once(books: Books) -> Iterator[Finding]:
    """Every source (a line of time, a milestone) is on one invoice line at most, credits taken off."""
    net: Counter[str] = Counter()
    example: dict[str, Doc] = {}
    for kind, sign in (("invoice_line", 1), ("credit_line", -1)):
        for line in books.of(kind):
            for source in line.source.split() if line.is_live else []:
                net[source] += sign
                example[source] = line
    for source, count in net.items():
        if count > 1:
            yield Finding("doubled", f"{source} is billed {count} times", example[source])
        elif count < 0:
            yield Finding("wrong", f"{source} is credited and was not billed", example[source])


def documents_add_up(books: Books) -> Iterator[Finding]:
    """The net amount of an invoice or credit is the sum of its lines, and its total is net and tax."""
    for kind, line_kind in (("invoice", "invoice_line"), ("credit_memo", "credit_line")):
        sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for line in books.of(line_kind):
            sums[line.system, line.parent] += line.amount or ZERO
        for document in books.of(kind, "erp"):
            net, lines = document.amount or ZERO, sums[document.system, document.id]
            total = Decimal(document.facts.get("total", net))
            name = f"{kind} {document.facts.get('number') or document.id}"
            if net != lines:
                sentence = f"{name}: net {net}, its lines {lines}"
                yield Finding("wrong", sentence, document)
            if total != net + Decimal(document.facts.get("tax", 0)):
                sentence = f"{name}: total {total} is not net {net} and tax {document.facts.get('tax')}"
                yield Finding("wrong", sentence, document)


def won_deals_have_one_project(books: Books) -> Iterator[Finding]:
    """Every won and complete deal has exactly one project in the PSA and one in the ERP, by code or by name."""
    contracts = {d.id: d for d in books.of("contract", "crm")}
    for deal in books.of("opportunity", "crm"):
        if deal.state != "Closed Won" or not _is_complete(deal, contracts.get(deal.facts.get("ContractId") or "")):
            continue
        code, name = deal.facts.get("Project_Code__c"), deal.facts["Name"]
        for role in filter(books.has, ("psa", "erp")):
            projects = [d for d in books.of("project", role) if d.is_live and _is_project_of(d, code, name)]
            if not projects:
                sentence = f"{name} was won and has no project in the {role.upper()}"
                yield Finding("lost", sentence, deal, may_settle=not code)
            elif len(projects) > 1:
                sentence = f"{name} has {len(projects)} projects in the {role.upper()}"
                yield Finding("doubled", sentence, deal)


def payments_stay_within_invoices(books: Books) -> Iterator[Finding]:
    """What payments apply to an invoice is at most its total, and a payment applies at most its own amount."""
    applied: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for payment in (d for d in books.of("payment") if d.is_live):
        amounts = {id: Decimal(a) for id, a in (payment.facts.get("applied") or {}).items()}
        for id, amount in amounts.items():
            applied[payment.system, id] += amount
        if sum(amounts.values()) > (payment.amount or ZERO):
            sentence = f"payment {payment.id} applies more than its {payment.amount}"
            yield Finding("wrong", sentence, payment)
    for invoice in books.of("invoice"):
        total, paid = Decimal(invoice.facts.get("total", invoice.amount or ZERO)), applied[invoice.system, invoice.id]
        if paid > total:
            sentence = f"invoice {invoice.facts.get('number') or invoice.id}: {paid} applied to a total of {total}"
            yield Finding("doubled", sentence, invoice)


def ledgers_balance(books: Books) -> Iterator[Finding]:
    """Debits and credits of every posting are equal."""
    for journal in books.of("journal"):
        if Decimal(journal.facts.get("balance", 0)):
            sentence = f"posting {journal.id} is off by {journal.facts['balance']}"
            yield Finding("wrong", sentence, journal)


RULES: tuple[Callable[[Books], Iterator[Finding]], ...] = (
    approved_time_is_in_the_ledger_once,
    keys_are_used_once,
    sources_are_billed_once,
    documents_add_up,
    won_deals_have_one_project,
    payments_stay_within_invoices,
    ledgers_balance,
)


def judge(books: Books) -> list[Finding]:
    """Apply every rule."""
    return [replace(finding, rule=rule.__name__) for rule in RULES for finding in rule(books)]


def money_table(books: Books) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Return, per entity and currency: time approved and transferred, invoiced, credited, received."""
    table: defaultdict[tuple[str, str], dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(("approved", "transferred", "drafted", "invoiced", "credited", "received"), ZERO)
    )
    for doc in books.docs:
        if column := _column(doc):
            table[doc.entity, doc.currency][column] += doc.amount or ZERO
    return dict(sorted(table.items()))


def _column(doc: Doc) -> str | None:
    if doc.kind == "time_entry" and doc.state in APPROVED and doc.facts.get("billable", True):
        return "approved"
    if ROLES.get(doc.system) != "erp" or not doc.is_live:
        return None
    if doc.kind == "invoice" and doc.state == "draft":
        return "drafted"
    columns = {"time_bill": "transferred", "invoice": "invoiced", "credit_memo": "credited", "payment": "received"}
    return columns.get(doc.kind)


def _by_source(docs: Iterable[Doc]) -> dict[str, list[Doc]]:
    found: defaultdict[str, list[Doc]] = defaultdict(list)
    for doc in docs:
        if doc.source:
            found[doc.source].append(doc)
    return dict(found)


def _is_complete(deal: Doc, contract: Doc | None) -> bool:
    needed = (deal.entity, deal.currency, deal.parent, deal.facts.get("Practice__c"))
    if contract is None or contract.state != "Activated" or not contract.facts.get("billing_method"):
        return False
    return all(needed) and bool(deal.facts.get("Delivery_Lead_Email__c"))


def _is_project_of(project: Doc, code: str | None, name: str) -> bool:
    titles = (project.facts.get("title"), project.facts.get("name"))
    return name in titles or (bool(code) and project.facts.get("code") == code)


# -- reading and printing ----------------------------------------------------------------------------------------------


def read_books(urls: Iterable[str], psa_name: str, tryton: Sequence[str] = ()) -> Books:
    """Read `/_books` at each address, and a real Tryton by address, database, user and password.

    Raises:
        OSError: one does not answer.
        ValueError: it is no book, or Tryton refuses us.
    """
    read = dict(map(_read, urls))
    if tryton:
        read["tryton"] = [_doc("tryton", row) for row in read_documents(Tryton(*tryton))]
    return Books(tuple(doc for docs in read.values() for doc in docs), frozenset(read), psa_name)


def _read(url: str) -> tuple[str, list[Doc]]:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not an address: {url}")
    with urlopen(f"{url.rstrip('/')}/_books", timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the scheme was checked
        book = json.load(answer)
    return book["system"], [_doc(book["system"], row) for row in book["documents"]]


def _doc(system: str, row: Mapping[str, Any]) -> Doc:
    exact = {name: None if row.get(name) is None else Decimal(row[name]) for name in ("amount", "quantity")}
    return Doc(system=system, **{**row, **exact})


def summary(books: Books, findings: Sequence[Finding], *, pending_ok: bool) -> dict[str, Any]:
    """Return the judgment as plain data; amounts as text."""
    in_flight = [f for f in findings if pending_ok and f.may_settle]
    broken = [f for f in findings if f not in in_flight]
    return {
        "ok": not broken,
        "documents": dict(Counter(d.system for d in books.docs)),
        **{verdict: sum(f.verdict == verdict for f in broken) for verdict in ("lost", "doubled", "wrong")},
        "in_flight": len(in_flight),
        "money": [
            {"entity": entity, "currency": currency, **{name: str(amount) for name, amount in columns.items()}}
            for (entity, currency), columns in money_table(books).items()
        ],
        "findings": [f.as_json() for f in broken],
        "on_the_way": [f.as_json() for f in in_flight],
    }


def render(judgment: dict[str, Any], shown: int = 20) -> str:
    """Return the judgment for people."""
    read = ", ".join(f"{system} {count}" for system, count in judgment["documents"].items())
    counted = ("lost", "doubled", "wrong", "in_flight")
    counts = ", ".join(f"{judgment[name]} {name.replace('_', ' ')}" for name in counted)
    lines = [f"{'AGREED' if judgment['ok'] else 'BROKEN'}: {counts}  ({read})", ""]
    columns = ("approved", "transferred", "drafted", "invoiced", "credited", "received")
    lines.append(f"{'entity':8}{'':5}" + "".join(f"{name:>15}" for name in columns))
    for row in judgment["money"]:
        amounts = "".join(f"{Decimal(row[name]):>15,.2f}" for name in columns)
        lines.append(f"{row['entity']:8}{row['currency']:5}{amounts}")
    for title, name in (("Broken", "findings"), ("On the way", "on_the_way")):
        found = judgment[name]
        lines += ["", f"{title}:"] if found else []
        lines += [f"  {f['verdict']:8}{f['sentence']}  {f['amount']} {f['currency']}".rstrip() for f in found[:shown]]
        lines += [f"  and {len(found) - shown} more"] if len(found) > shown else []
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, judge, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urls", nargs="*", help="addresses of the systems")
    parser.add_argument("--estate-ports", default="", help="ports of this machine, separated by commas")
    names = ("URL", "DATABASE", "USER", "PASSWORD")
    parser.add_argument("--tryton", nargs=4, default=(), metavar=names, help="a real Tryton, read over its API")
    parser.add_argument("--pending-ok", action="store_true", help="what may still come is in flight, not lost")
    parser.add_argument("--psa-name", default="kantata-main", help="how sources name the PSA")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    urls = [*given.urls, *(f"http://127.0.0.1:{port}" for port in given.estate_ports.split(",") if port)]
    if not (urls or given.tryton):
        parser.error("name at least one system")
    try:
        books = read_books(urls, given.psa_name, given.tryton)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"the books could not be read: {error}", file=sys.stderr)
        return 2
    judgment = summary(books, judge(books), pending_ok=given.pending_ok)
    print(json.dumps(judgment, indent=2) if given.json else render(judgment))
    return 0 if judgment["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
