"""What is read: look-ups by our keys, invoices, billing rules, matching customers, periods."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from stdnum import lei

from accordant.canonical import AccountingPeriod, Customer, InvoiceState
from accordant.connectors.tryton.client import TrytonClient
from accordant.connectors.tryton.directory import Directory
from accordant.connectors.tryton.keys import note_pattern, read_notes, uuid_of
from accordant.connectors.tryton.mapping import BILLING_RULES, CUSTOMER, PERIOD
from accordant.connectors.tryton.payloads import (
    INVOICE,
    INVOICE_FIELDS,
    PARTY,
    TIME,
    WORK,
    Row,
    invoice_state,
    invoice_status,
)
from accordant.connectors.tryton.settings import TrytonSettings
from accordant.kernel import ExternalId, NotFound
from accordant.ports import (
    Absent,
    BillingRules,
    Found,
    InvoiceStatus,
    LookUp,
    Observation,
    PeriodCalendar,
    Unsure,
    Written,
)

KEY_PREFIX = "accordant "
"""Stands before our key among a party's identifiers."""

_MATCHES = 20
_WORK_FIELDS = ("number", "comment", "company", "parent", "parent.number", "timesheet_works")


class TrytonReader(PeriodCalendar):
    """Everything that changes nothing in the database."""

    settings: TrytonSettings
    client: TrytonClient
    directory: Directory

    def ref(self, model: str, id: int) -> ExternalId:
        """Name a record of this database."""
        return ExternalId(system=self.system, type=model, value=str(id))

    # -- customers

    async def match_customers(self, customer: Customer) -> tuple[Observation[Customer], ...]:
        """Return parties with the same VAT number, LEI or name, at most 20."""
        operation = "match_customers"
        codes = [*_spellings(customer.vat_number), *_spellings(customer.lei)]
        alike: list[Any] = ["OR", ["name", "ilike", _literal(customer.name)]]
        alike += [["identifiers.code_compact", "in", codes]] if codes else []
        rows = await self.client.search(
            PARTY,
            alike,
            ["name", "write_date", "create_date"],
            operation=operation,
            limit=_MATCHES,
            order=[["id", "ASC"]],
        )
        ids = [row["id"] for row in rows]
        addresses = await self._of_parties("party.address", _ADDRESS_FIELDS, ids, operation)
        identifiers = await self._of_parties("party.identifier", ("type", "code_compact"), ids, operation)
        found = [self._observe_customer(row, addresses[row["id"]], identifiers[row["id"]]) for row in rows]
        return tuple(o for o in found if _may_be_the_same(o.body, customer))

    async def _of_parties(
        self, model: str, fields: Iterable[str], ids: list[int], operation: str
    ) -> dict[int, list[Row]]:
        rows = await self.client.search(
            model, [["party", "in", ids]], ["party", *fields], operation=operation, order=[["id", "ASC"]]
        )
        return {id: [row for row in rows if row["party"] == id] for id in ids}

    def _observe_customer(self, party: Row, addresses: list[Row], identifiers: list[Row]) -> Observation[Customer]:
        address = addresses[0] if addresses else {}
        record = {
            "id": party["id"],
            "name": party["name"],
            "changed_at": party["write_date"] or party["create_date"],
            "country": address.get("country.code"),
            **{name: address.get(name) for name in ("city", "street", "postal_code")},
            **_numbers(identifiers),
        }
        read = CUSTOMER.read(record, system=self.system)
        return Observation(read.ref, read.body, record["changed_at"], read.unknown)

    async def find_customers(self, keys: tuple[str, ...]) -> LookUp:
        """Look customers up by our keys; facts carry the party's code as `number`."""
        codes = {KEY_PREFIX + key: key for key in keys}
        rows = await self.client.search(
            "party.identifier",
            [["code", "in", list(codes)]],
            ["code", "party", "party.code"],
            operation="find_customers",
        )
        found = {
            (codes[row["code"]], row["party"]): Written(
                ref=self.ref(PARTY, row["party"]), facts={"number": row["party.code"]}
            )
            for row in rows
        }
        return answers(keys, [(key, written) for (key, _), written in found.items()])

    # -- projects

    async def find_projects(self, keys: tuple[str, ...]) -> LookUp:
        """Look projects up by our keys; facts carry `code`, the tasks' ids by code, and `withdrawn`."""
        operation = "find_projects"
        patterns = [["comment", "like", note_pattern("key", key)] for key in keys]
        rows = await self.client.search(WORK, ["OR", *patterns], ["comment"], operation=operation) if keys else []
        wanted = {row["id"]: read_notes(row["comment"]) for row in rows}
        tasks = await self.tasks_of(wanted, operation=operation)
        found = []
        for id, notes in wanted.items():
            facts: dict[str, Any] = {"code": notes.get("code"), "tasks": tasks.get(id, {})}
            if "withdrawn" in notes:
                facts["withdrawn"] = True
            found.append((notes.get("key", ""), Written(ref=self.ref(WORK, id), facts=facts)))
        return answers(keys, found)

    async def tasks_of(self, projects: Iterable[int], *, operation: str) -> dict[int, dict[str, str]]:
        """Return the ids of the tasks by their codes, per project."""
        tasks: dict[int, dict[str, str]] = {}
        for row in await self.works(list(projects), operation=operation):
            if row["parent"]:
                tasks.setdefault(row["parent"], {})[task_code(row)] = str(row["id"])
        return tasks

    async def works(self, projects: list[int], *, operation: str) -> list[Row]:
        """Read projects together with their tasks."""
        either = ["OR", ["id", "in", projects], ["parent", "in", projects]]
        return await self.client.search(WORK, either, _WORK_FIELDS, operation=operation) if projects else []

    async def project(self, project: ExternalId, *, operation: str) -> Row:
        """Read one project; NotFound when it is gone."""
        rows = await self.client.search(WORK, [["id", "=", int(project.value)]], _WORK_FIELDS, operation=operation)
        return self._the_only(rows, operation)

    async def read_billing_rules(self, project: ExternalId) -> BillingRules | None:
        """Read the rules back; None when they were never set."""
        row = await self.project(project, operation="read_billing_rules")
        notes = read_notes(row["comment"])
        return BILLING_RULES.read(notes, system=self.system).body if "tax" in notes else None

    # -- time and invoices

    async def find_time(self, keys: tuple[str, ...]) -> LookUp:
        """Look posted lines up by our keys."""
        uuids = {uuid_of(key): key for key in keys}
        rows = await self.client.search(TIME, [["uuid", "in", list(uuids)]], ["uuid"], operation="find_time")
        return answers(keys, [(uuids[row["uuid"]], Written(ref=self.ref(TIME, row["id"]))) for row in rows])

    async def fetch_invoice(self, invoice: ExternalId) -> InvoiceStatus:
        """Read the invoice's state and totals."""
        operation = "fetch_invoice"
        return invoice_status(await self.invoice(invoice, operation=operation), invoice)

    async def find_invoices(self, keys: tuple[str, ...]) -> LookUp:
        """Look invoices up by our keys; facts carry state, number, period and totals."""
        fields = ["description", *INVOICE_FIELDS]
        wanted = [["description", "in", list(keys)], ["type", "=", "out"]]
        rows = await self.client.search(INVOICE, wanted, fields, operation="find_invoices")
        found = [(row["description"], self.ref(INVOICE, row["id"]), row) for row in rows]
        return answers(keys, [(key, Written(ref=ref, facts=invoice_facts(row, ref))) for key, ref, row in found])

    async def invoice(self, invoice: ExternalId, *, operation: str) -> Row:
        """Read an invoice; NotFound when it is gone."""
        rows = await self.client.search(INVOICE, [["id", "=", int(invoice.value)]], _POSTED_FIELDS, operation=operation)
        return self._the_only(rows, operation)

    def _the_only(self, rows: list[Row], operation: str) -> Row:
        if not rows:
            raise NotFound(
                "The ERP has no such record.", code="erp.record.absent", system=self.system, operation=operation
            )
        return rows[0]

    # -- periods

    async def periods(self, entity: str, *, since: date) -> tuple[AccountingPeriod, ...]:
        """Return the company's periods that end on or after the day, in order."""
        operation = "periods"
        company = await self.directory.company(entity, operation=operation)
        rows = await self.client.search(
            "account.period",
            [["company", "=", company], ["type", "=", "standard"], ["end_date", ">=", since]],
            ["name", "start_date", "end_date", "state"],
            operation=operation,
            company=company,
            order=[["start_date", "ASC"]],
        )
        return tuple(PERIOD.read({**row, "entity": entity}, system=self.system).body for row in rows)


_ADDRESS_FIELDS = ("street", "postal_code", "city", "country.code")
_POSTED_FIELDS = (*INVOICE_FIELDS, "company", "description")


def answers(keys: Iterable[str], found: Iterable[tuple[str, Written]]) -> LookUp:
    """Return an answer for every key: absent, found once, or unsure when several records carry it."""
    result: dict[str, Found | Absent | Unsure] = dict.fromkeys(keys, Absent())
    for key, written in found:
        if key in result:
            is_first = isinstance(result[key], Absent)
            result[key] = Found(written) if is_first else Unsure("more than one record carries the key")
    return result


def task_code(row: Row) -> str:
    """Return a task's code: its number goes on after the project's."""
    return str(row["number"]).removeprefix(f"{row['parent.number']}/")


def invoice_facts(row: Row, ref: ExternalId) -> dict[str, Any]:
    """Return what an effect keeps of an invoice: state, number, period, totals as text, and the day it counts."""
    status = invoice_status(row, ref)
    facts: dict[str, Any] = {
        "state": status.state.value,
        "number": status.number,
        "period": status.period,
        "currency": status.net.currency,
        "net": str(status.net.amount),
        "tax": str(status.tax.amount),
        "total": str(status.total.amount),
        "due": str(status.due.amount),
    }
    if invoice_state(row) in (InvoiceState.POSTED, InvoiceState.PAID):
        facts["accounting_on"] = row["move.date"].isoformat()
    return facts


def _spellings(number: str | None) -> list[str]:
    """Return how a registration number may be kept: without its separators, and without the country in Britain."""
    plain = "".join(filter(str.isalnum, number or "")).upper()
    return [plain, plain.removeprefix("GB")] if plain else []


def _literal(text: str) -> str:
    """Return a pattern that finds the text itself, whatever its case."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _numbers(identifiers: list[Row]) -> dict[str, str | None]:
    """Return VAT number and LEI among a party's identifiers; our own keys are neither."""
    vat, legal = None, None
    for row in identifiers:
        type, code = row["type"], row["code_compact"]
        if code.startswith(KEY_PREFIX):
            continue
        if type is None and lei.is_valid(code):
            legal = legal or code
        elif type is None or type.endswith("_vat"):
            vat = vat or (f"GB{code}" if type == "gb_vat" and not code.startswith("GB") else code)
    return {"vat_number": vat, "lei": legal}


def _may_be_the_same(theirs: Customer | None, ours: Customer) -> bool:
    """Drop a record that shares the name only, and lies in another country."""
    if theirs is None:
        return False
    by_number = (theirs.lei and theirs.lei == ours.lei) or (
        theirs.vat_number and set(_spellings(theirs.vat_number)) & set(_spellings(ours.vat_number))
    )
    return bool(by_number) or theirs.country is None or ours.country is None or theirs.country == ours.country
