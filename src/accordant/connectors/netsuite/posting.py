"""What moves money: approved time, and invoices that are drafted, reviewed and posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accordant.canonical import Invoice, InvoiceState
from accordant.connectors.netsuite.keys import external_id
from accordant.connectors.netsuite.mapping import INVOICE as INVOICE_MAPPING
from accordant.connectors.netsuite.mapping import TIME_BILL
from accordant.connectors.netsuite.payloads import (
    APPROVED,
    DRAFT,
    INVOICE,
    JOB,
    TIME,
    TIME_APPROVED,
    by_name,
    reference,
)
from accordant.connectors.netsuite.suiteql import Select, column, one_of
from accordant.connectors.netsuite.writer import NetSuiteWriter, task_key
from accordant.kernel import (
    AccordantError,
    Bug,
    ExternalId,
    InvalidInput,
    NotFound,
    Rejected,
    UnknownOutcome,
)
from accordant.ports import Failed, Found, InvoicePosting, Outcomes, TimeCorrection, TimePosting, TimeToPost, Written

TIME_LIMIT = 500


class NetSuitePosting(NetSuiteWriter, TimePosting, InvoicePosting):
    """Writes of time and invoices."""

    # -- time

    async def post_time(self, lines: Mapping[str, TimeToPost]) -> Outcomes:
        """Post up to 500 lines as approved time, in batches of 100; one bad line fails alone."""
        if len(lines) > TIME_LIMIT:
            raise Bug(f"{len(lines)} lines were posted at once; the limit is {TIME_LIMIT}", code="netsuite.batch")
        operation = "post_time"
        tasks = await self._known_tasks(lines.values(), operation)
        outcomes: dict[str, Written | Failed] = {}
        items: list[dict[str, Any]] = []
        keys: dict[str, str] = {}
        for key, line in lines.items():
            try:
                items.append(await self._time_bill(key, line, tasks, operation))
                keys[items[-1]["externalId"]] = key
            except (InvalidInput, Rejected) as error:
                outcomes[key] = Failed(error=error.as_dict())
        refusals = await self.client.put_batch(TIME, items, operation=operation)
        failed = {keys[id]: Failed(error=self._told(r, operation).as_dict()) for id, r in refusals.items() if r}
        posted = tuple(key for key in keys.values() if key not in failed)
        return outcomes | failed | await self._references(posted, operation)

    async def correct_time(self, corrections: Mapping[str, TimeCorrection]) -> Outcomes:
        """Change posted time in place, record by record; the ERP refuses what is billed or paid already."""
        operation = "correct_time"
        tasks = await self._known_tasks((c.line for c in corrections.values()), operation)
        outcomes: dict[str, Written | Failed] = {}
        for key, correction in corrections.items():
            try:
                payload = await self._time_bill(key, correction.line, tasks, operation)
                payload.pop("externalId")
                await self.client.patch(TIME, correction.ref.value, payload, operation=operation, key=key)
                outcomes[key] = Written(ref=correction.ref)
            except (InvalidInput, NotFound, Rejected) as error:
                outcomes[key] = Failed(error=error.as_dict())
        return outcomes

    async def _references(self, keys: tuple[str, ...], operation: str) -> dict[str, Written]:
        """Return the posted records by key; what a lagging search does not show yet is left to the look-up."""
        with self.after_write(operation, keys[0] if keys else ""):
            found = await self.find_time(keys)
        written = {key: answer.written for key, answer in found.items() if isinstance(answer, Found)}
        if len(written) < len(keys):
            missing = next(key for key in keys if key not in written)
            raise UnknownOutcome(
                "The ERP took the time, but its search does not show all of it yet.",
                lookup_key=missing,
                remedy="It is looked up by its keys.",
                system=self.system,
                operation=operation,
            )
        return written

    async def _known_tasks(self, lines: Any, operation: str) -> frozenset[str]:
        """Return the external ids of the tasks that the lines name and the ERP has; other time goes to the project."""
        wanted = sorted({task_key(line.project.value, line.task) for line in lines if line.task})
        if not wanted:
            return frozenset()
        select = Select("projecttask", (column("externalid"),), where=(one_of("externalid", wanted),))
        rows = await self.client.query(select, operation=operation)
        return frozenset(row["externalid"] for row in rows)

    async def _time_bill(self, key: str, line: TimeToPost, tasks: frozenset[str], operation: str) -> dict[str, Any]:
        if not line.worker_number:
            raise InvalidInput(
                "The line names no worker number.",
                code="erp.time.worker_missing",
                remedy="Give the worker an employee number in the HRIS.",
                system=self.system,
                operation=operation,
            )
        payload = TIME_BILL.write(line)
        item = self.settings.role_items.get(line.role or "", self.settings.service_item)
        payload["item"] = {"id": await self.directory.id_of("item", item, operation=operation)}
        payload["externalId"] = external_id(key)
        payload["approvalStatus"] = {"id": TIME_APPROVED}
        payload.pop("caseTaskEvent", None)
        if line.task and (task := task_key(line.project.value, line.task)) in tasks:
            payload["caseTaskEvent"] = {"externalId": task}
        return payload

    def _told(self, error: AccordantError, operation: str) -> AccordantError:
        """Say on whose behalf the result of one record was read."""
        error.operation = operation
        return error

    # -- invoices

    async def draft_invoice(self, invoice: Invoice, *, customer: ExternalId, project: ExternalId, key: str) -> Written:
        """Create the draft under our key; facts carry net, tax and total as the ERP computed them."""
        operation = "draft_invoice"
        payload = INVOICE_MAPPING.write(invoice)
        payload |= {"entity": reference(customer), "job": reference(project), "approvalStatus": {"id": DRAFT}}
        tax_code = await self._agreed_tax_code(invoice, project, operation)
        for row in payload["item"]["items"]:
            row["item"] = by_name(self.settings.service_item)
            if tax_code:
                row.setdefault("taxCode", by_name(tax_code))
        await self.directory.fill(payload, operation=operation)
        id = await self.client.put(INVOICE, external_id(key), payload, operation=operation, key=key, replace="item")
        return await self._written(self.ref(INVOICE, id), operation, key)

    async def _agreed_tax_code(self, invoice: Invoice, project: ExternalId, operation: str) -> str | None:
        """Return the tax code of the project's billing rules, when a line names none of its own."""
        if all(line.tax_code for line in invoice.lines):
            return None
        record = await self.client.fetch(JOB, project.value, ("custentity_tax_code",), operation=operation)
        return record.get("custentity_tax_code")

    async def post_invoice(self, invoice: ExternalId, *, key: str) -> Written:
        """Approve the draft, which posts it. A posted one answers as posted; a void one is Rejected."""
        operation = "post_invoice"
        before = await self.status_of(invoice, operation=operation)
        if before.state is InvoiceState.VOID:
            raise Rejected(
                "The invoice is void and cannot be posted.",
                code="erp.invoice.void",
                remedy="Draft a new invoice.",
                system=self.system,
                operation=operation,
            )
        if before.state is InvoiceState.DRAFT:
            approve = {"approvalStatus": {"id": APPROVED}}
            await self.client.patch(INVOICE, invoice.value, approve, operation=operation, key=key)
        return await self._written(invoice, operation, key)

    async def delete_draft(self, invoice: ExternalId, *, key: str) -> Written:
        """Remove a draft; one that is gone answers as removed, a posted one is Rejected."""
        try:
            await self.client.delete(INVOICE, invoice.value, operation="delete_draft", key=key)
        except NotFound:
            return Written(ref=invoice, facts={"state": "deleted", "was_absent": True})
        return Written(ref=invoice, facts={"state": "deleted"})

    async def _written(self, invoice: ExternalId, operation: str, key: str) -> Written:
        with self.after_write(operation, key):
            return Written(ref=invoice, facts=await self.facts_of(invoice, operation=operation))
