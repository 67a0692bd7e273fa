"""What is read: look-ups by our keys, invoices, billing rules, matching customers, periods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any

from accordant.canonical import AccountingPeriod, Customer, InvoiceState
from accordant.connectors.netsuite.client import NetSuiteClient
from accordant.connectors.netsuite.directory import Directory
from accordant.connectors.netsuite.keys import external_id
from accordant.connectors.netsuite.mapping import BILLING_RULES, CUSTOMER, PERIOD
from accordant.connectors.netsuite.payloads import (
    CUSTOMER as CUSTOMER_TYPE,
)
from accordant.connectors.netsuite.payloads import (
    INVOICE,
    INVOICE_FIELDS,
    JOB,
    PROJECT_PENDING,
    TIME,
    chunks,
    invoice_status,
)
from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.connectors.netsuite.suiteql import (
    LIST_LIMIT,
    Condition,
    Select,
    any_of,
    as_date,
    column,
    equals,
    equals_folded,
    one_of,
    since_day,
)
from accordant.kernel import ExternalId
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

_MATCHES = 20

Row = dict[str, str]
Judge = Callable[[Row], Awaitable[Found | Absent]]


class NetSuiteReader(PeriodCalendar):
    """Everything that changes nothing in the account."""

    settings: NetSuiteSettings
    client: NetSuiteClient
    directory: Directory

    def ref(self, type: str, id: str) -> ExternalId:
        """Name a record of this account."""
        return ExternalId(system=self.system, type=type, value=id)

    # -- customers

    async def match_customers(self, customer: Customer) -> tuple[Observation[Customer], ...]:
        """Return companies with the same VAT number, LEI or name, at most 20."""
        alike = [equals_folded("companyname", customer.name)]
        alike += [equals("custentity_vat", customer.vat_number)] if customer.vat_number else []
        alike += [equals("custentity_lei", customer.lei)] if customer.lei else []
        select = Select("customer", (column("id"),), where=(equals("isperson", "F"), any_of(*alike)), order=("id",))
        page, _ = await self.client.page(select, operation="match_customers", limit=_MATCHES)
        found = [await self._observe_customer(row["id"]) for row in page["items"]]
        return tuple(o for o in found if _may_be_the_same(o.body, customer))

    async def _observe_customer(self, id: str) -> Observation[Customer]:
        operation = "match_customers"
        fields = {path.partition(".")[0] for path in CUSTOMER.vendor_fields} | {"addressBook"}
        record = await self.client.fetch(CUSTOMER_TYPE, id, sorted(fields), operation=operation)
        await self.directory.show(record, "currency", operation=operation)
        read = CUSTOMER.read(record, system=self.system)
        assert read.changed_at is not None  # noqa: S101 - the declaration names it
        return Observation(read.ref, read.body, read.changed_at, read.unknown)

    async def find_customers(self, keys: tuple[str, ...]) -> LookUp:
        """Look customers up by our keys."""

        async def found(row: Row) -> Found:
            return Found(Written(ref=self.ref(CUSTOMER_TYPE, row["id"]), facts={"number": row.get("entityid")}))

        columns = ("id", "externalid", "entityid")
        return await self._look_up("customer", columns, keys, found, operation="find_customers")

    # -- projects

    async def find_projects(self, keys: tuple[str, ...]) -> LookUp:
        """Look projects up by our keys; one that is pending is half made: it counts as absent and is made again."""
        operation = "find_projects"

        async def found(row: Row) -> Found | Absent:
            if row.get("entitystatus") == PROJECT_PENDING:
                return Absent()
            tasks = await self.tasks_of(row["id"], operation=operation)
            facts: dict[str, Any] = {"code": row["entityid"], "tasks": tasks}
            if row.get("isinactive") == "T":
                facts["withdrawn"] = True
            return Found(Written(ref=self.ref(JOB, row["id"]), facts=facts))

        columns = ("id", "externalid", "entityid", "entitystatus", "isinactive")
        return await self._look_up("job", columns, keys, found, operation=operation)

    async def tasks_of(self, project: str, *, operation: str) -> dict[str, str]:
        """Return the ids of the project's tasks by their codes."""
        select = Select("projecttask", (column("id"), column("message")), where=(equals("project", project),))
        rows = await self.client.query(select, operation=operation)
        return {row["message"]: row["id"] for row in rows if "message" in row}

    async def read_billing_rules(self, project: ExternalId) -> BillingRules | None:
        """Read the rules back; None when they were never set."""
        operation = "read_billing_rules"
        fields = sorted({path.partition(".")[0] for path in BILLING_RULES.vendor_fields})
        record = await self.client.fetch(JOB, project.value, fields, operation=operation)
        if "custentity_tax_code" not in record:
            return None
        await self.directory.show(record, "currency", operation=operation)
        return BILLING_RULES.read(record, system=self.system).body

    # -- time and invoices

    async def find_time(self, keys: tuple[str, ...]) -> LookUp:
        """Look posted lines up by our keys."""

        async def found(row: Row) -> Found:
            return Found(Written(ref=self.ref(TIME, row["id"])))

        return await self._look_up("timebill", ("id", "externalid"), keys, found, operation="find_time")

    async def fetch_invoice(self, invoice: ExternalId) -> InvoiceStatus:
        """Read the invoice's state and totals."""
        return await self.status_of(invoice, operation="fetch_invoice")

    async def find_invoices(self, keys: tuple[str, ...]) -> LookUp:
        """Look invoices up by our keys; facts carry state, number, period and totals."""
        operation = "find_invoices"

        async def found(row: Row) -> Found:
            ref = self.ref(INVOICE, row["id"])
            return Found(Written(ref=ref, facts=await self.facts_of(ref, operation=operation)))

        is_invoice = equals("type", "CustInvc")
        return await self._look_up("transaction", ("id", "externalid"), keys, found, is_invoice, operation=operation)

    async def status_of(self, invoice: ExternalId, *, operation: str) -> InvoiceStatus:
        """Read an invoice on behalf of another operation."""
        return (await self._invoice(invoice, operation))[1]

    async def facts_of(self, invoice: ExternalId, *, operation: str) -> dict[str, Any]:
        """Return what an effect keeps of an invoice: state, number, period, totals as text, and the day it counts."""
        record, status = await self._invoice(invoice, operation)
        facts = {
            "state": status.state.value,
            "number": status.number,
            "period": status.period,
            "currency": status.net.currency,
            "net": str(status.net.amount),
            "tax": str(status.tax.amount),
            "total": str(status.total.amount),
            "due": str(status.due.amount),
        }
        if status.state is not InvoiceState.DRAFT:
            facts["accounting_on"] = (await self._accounting_on(record, operation)).isoformat()
        return facts

    async def _invoice(self, invoice: ExternalId, operation: str) -> tuple[dict[str, Any], InvoiceStatus]:
        record = await self.client.fetch(INVOICE, invoice.value, INVOICE_FIELDS, operation=operation)
        currency = await self.directory.name_of("currency", str(record["currency"]["id"]), operation=operation)
        return record, invoice_status(record, invoice, currency)

    async def _accounting_on(self, record: Mapping[str, Any], operation: str) -> date:
        """Return the invoice's day; the first day of its period when finance booked it into another one."""
        period = await self.directory.span_of(str(record["postingPeriod"]["id"]), operation=operation)
        day = date.fromisoformat(record["tranDate"])
        return day if day in period else period.start_on

    # -- periods

    async def periods(self, entity: str, *, since: date) -> tuple[AccountingPeriod, ...]:
        """Return the account's posting months that end on or after the day, in order."""
        columns = (
            column("id"),
            column("periodname"),
            as_date("startdate", "starts"),
            as_date("enddate", "ends"),
            *map(column, ("closed", "arlocked", "alllocked")),
        )
        months = (equals("isyear", "F"), equals("isquarter", "F"), since_day("enddate", since))
        select = Select("accountingperiod", columns, where=months, order=("startdate",))
        rows = await self.client.query(select, operation="periods")
        return tuple(PERIOD.read({**row, "entity": entity}, system=self.system).body for row in rows)

    # -- the one look-up

    async def _look_up(
        self,
        table: str,
        columns: Sequence[str],
        keys: tuple[str, ...],
        judge: Judge,
        *conditions: Condition,
        operation: str,
    ) -> dict[str, Found | Absent | Unsure]:
        """Find records by our keys; every key gets an answer."""
        by_external_id = {external_id(key): key for key in keys}
        answers: dict[str, Found | Absent | Unsure] = dict.fromkeys(keys, Absent())
        seen: set[str] = set()
        for part in chunks(by_external_id, LIST_LIMIT):
            select = Select(table, tuple(map(column, columns)), where=(one_of("externalid", part), *conditions))
            for row in await self.client.query(select, operation=operation):
                key = by_external_id.get(row["externalid"])
                if key is None:
                    continue  # the account compares external ids without regard to case; this one is not ours
                answers[key] = Unsure("more than one record carries the key") if key in seen else await judge(row)
                seen.add(key)
        return answers


def _may_be_the_same(theirs: Customer | None, ours: Customer) -> bool:
    """Drop a record that shares the name only, and lies in another country."""
    if theirs is None:
        return False
    by_number = (ours.vat_number and theirs.vat_number == ours.vat_number) or (ours.lei and theirs.lei == ours.lei)
    return bool(by_number) or theirs.country is None or ours.country is None or theirs.country == ours.country
