"""What moves money: approved time, and invoices that are drafted, reviewed and posted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from accordant.canonical import Invoice, InvoiceLine, InvoiceState
from accordant.connectors.tryton.keys import read_notes, uuid_of, write_notes
from accordant.connectors.tryton.mapping import INVOICE as INVOICE_MAPPING
from accordant.connectors.tryton.mapping import TIME_LINE
from accordant.connectors.tryton.payloads import INVOICE, TIME, Row, add, create, invoice_state
from accordant.connectors.tryton.reader import invoice_facts, task_code
from accordant.connectors.tryton.writer import TrytonWriter
from accordant.kernel import (
    AccordantError,
    Bug,
    ExternalId,
    InvalidInput,
    KeyConflict,
    NotFound,
    Rejected,
    Retryable,
    UnknownOutcome,
    exponent_of,
)
from accordant.ports import Failed, Found, InvoicePosting, Outcomes, TimeCorrection, TimePosting, TimeToPost, Written

TIME_LIMIT = 500

_QUANTITY_DIGITS, _PRICE_DIGITS = 6, 4
_APPROVED = frozenset({"invoice_payment_term", "invoice_date_future"})
"""Questions about due dates in the past and dates in the future; who approved the invoice has seen its dates."""

_Works = Mapping[tuple[int, str | None], Row]


class TrytonPosting(TrytonWriter, TimePosting, InvoicePosting):
    """Writes of time and invoices."""

    # -- time

    async def post_time(self, lines: Mapping[str, TimeToPost]) -> Outcomes:
        """Post up to 500 lines, in one call when all are good; a refused batch is halved until the bad lines are alone.

        What is there already under its key is answered as posted.
        """
        if len(lines) > TIME_LIMIT:
            raise Bug(f"{len(lines)} lines were posted at once; the limit is {TIME_LIMIT}", code="tryton.batch")
        operation = "post_time"
        works = await self._works_of(lines.values(), operation)
        outcomes: dict[str, Written | Failed] = {}
        records: dict[str, Row] = {}
        for key, line in lines.items():
            try:
                records[key] = await self._time_line(key, line, works, operation)
            except (InvalidInput, Rejected) as error:
                outcomes[key] = Failed(error=error.as_dict())
        return outcomes | await self._post(records, operation)

    async def correct_time(self, corrections: Mapping[str, TimeCorrection]) -> Outcomes:
        """Change posted lines in place, one by one; each keeps the key under which it was posted."""
        operation = "correct_time"
        works = await self._works_of([c.line for c in corrections.values()], operation)
        outcomes: dict[str, Written | Failed] = {}
        for key, correction in corrections.items():
            try:
                values = await self._time_line(key, correction.line, works, operation)
                company = values["company"]
                del values["uuid"]
                await self.client.change(
                    TIME, int(correction.ref.value), values, operation=operation, key=key, company=company
                )
                outcomes[key] = Written(ref=correction.ref)
            except (InvalidInput, NotFound, Rejected) as error:
                outcomes[key] = Failed(error=error.as_dict())
        return outcomes

    async def _works_of(self, lines: Any, operation: str) -> _Works:
        """Return the works that hours can be booked on, by project and task; the project itself has no task."""
        projects = sorted({int(line.project.value) for line in lines})
        rows = await self.works(projects, operation=operation)
        open_rows = [row for row in rows if row["timesheet_works"]]
        return {(row["parent"], task_code(row)) if row["parent"] else (row["id"], None): row for row in open_rows}

    async def _time_line(self, key: str, line: TimeToPost, works: _Works, operation: str) -> Row:
        project = int(line.project.value)
        work = works.get((project, line.task)) or works.get((project, None))
        if work is None:
            raise Rejected(
                "The ERP's project is not open for time.",
                code="erp.time.project_closed",
                remedy="Open the project for timesheets in the ERP, or correct the project of the line.",
                system=self.system,
                operation=operation,
            )
        payload = TIME_LINE.write(line)
        return {
            "uuid": uuid_of(key),
            "company": work["company"],
            "employee": await self._employee(line, work["company"], operation),
            "work": work["timesheet_works"][0],
            "date": payload["date"],
            "duration": payload["duration"],
            "description": _described(line, payload["parts"]),
        }

    async def _employee(self, line: TimeToPost, company: int, operation: str) -> int:
        """Return the employee of the line's worker, or the one for unassigned hours when there is none."""
        number, spare = line.worker_number, self.settings.unassigned
        known = number and await self.directory.find("employee", number, operation=operation, company=company)
        if known:
            return known
        if spare:
            return await self.directory.id_of("employee", spare, operation=operation, company=company)
        raise Rejected(
            f"The ERP has no employee {number!r} in the company." if number else "The line names no worker number.",
            code="erp.time.worker_missing",
            remedy="Create the employee with the number as the party's code, or name one for unassigned hours.",
            system=self.system,
            operation=operation,
        )

    async def _post(self, records: Mapping[str, Row], operation: str) -> dict[str, Written | Failed]:
        """Create the lines, all at once or by halves; UnknownOutcome when a part may have happened."""
        if not records:
            return {}
        try:
            return await self._create_lines(records, operation)
        except Rejected as refusal:
            if isinstance(refusal, KeyConflict) and (known := await self._known_lines(records)):
                return known | await self._post({k: r for k, r in records.items() if k not in known}, operation)
            if len(records) == 1:
                return dict.fromkeys(records, Failed(error=refusal.as_dict()))
        keys, outcomes = list(records), dict[str, Written | Failed]()
        for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            try:
                outcomes |= await self._post({key: records[key] for key in half}, operation)
            except Retryable as error:
                if any(isinstance(outcome, Written) for outcome in outcomes.values()):
                    raise self._half_done(half[0], operation, error) from error
                raise
        return outcomes

    async def _create_lines(self, records: Mapping[str, Row], operation: str) -> dict[str, Written | Failed]:
        key, company = next(iter(records)), next(iter(records.values()))["company"]
        ids = await self.client.create(TIME, list(records.values()), operation=operation, key=key, company=company)
        return {key: Written(ref=self.ref(TIME, id)) for key, id in zip(records, ids, strict=True)}

    async def _known_lines(self, records: Mapping[str, Row]) -> dict[str, Written | Failed]:
        """Return what is there already under its key."""
        answers = await self.find_time(tuple(records))
        return {key: answer.written for key, answer in answers.items() if isinstance(answer, Found)}

    def _half_done(self, key: str, operation: str, error: AccordantError) -> UnknownOutcome:
        return UnknownOutcome(
            "The ERP took a part of the batch and then did not answer.",
            lookup_key=key,
            remedy="The lines are looked up by their keys.",
            system=self.system,
            operation=operation,
            detail={"reason": error.code},
        )

    # -- invoices

    async def draft_invoice(self, invoice: Invoice, *, customer: ExternalId, project: ExternalId, key: str) -> Written:
        """Create the draft under our key; facts carry net, tax and total as Tryton computed them."""
        operation = "draft_invoice"
        row = await self.project(project, operation=operation)
        company, rules = row["company"], read_notes(row["comment"])
        payload = INVOICE_MAPPING.write(invoice)
        notes = {"project": rules.get("code", ""), **{name: str(v) for name, v in payload.pop("notes").items()}}
        payload |= await self._heading(invoice, int(customer.value), company, operation)
        payload["lines"] = create(*[await self._line(line, rules, company, operation) for line in invoice.lines])
        payload |= {"description": key, "comment": write_notes(None, notes)}
        (id,) = await self.client.create(INVOICE, [payload], operation=operation, key=key, company=company)
        return await self._written(self.ref(INVOICE, id), operation, key)

    async def _heading(self, invoice: Invoice, party: int, company: int, operation: str) -> Row:
        """Return what the invoice refers to: its address, its accounts, its currency and its term."""
        addresses = await self.client.search(
            "party.address", [["party", "=", party]], ["id"], operation=operation, limit=1, order=[["id", "ASC"]]
        )
        if not addresses:
            raise Rejected(
                "The ERP's customer has no address.",
                code="erp.customer.no_address",
                remedy="Give the customer an address in the ERP.",
                system=self.system,
                operation=operation,
            )
        find, ledger = self.directory.id_of, await self.directory.ledger(company, operation=operation)
        days = (invoice.due_on - invoice.invoice_on).days if invoice.due_on else None
        return {
            "type": "out",
            "company": company,
            "party": party,
            "invoice_address": addresses[0]["id"],
            "account": ledger.receivable,
            "journal": await find("journal", "revenue", operation=operation),
            "currency": await find("currency", invoice.currency, operation=operation),
            "payment_term": None if days is None else await find("terms", str(days), operation=operation),
        }

    async def _line(self, line: InvoiceLine, rules: Mapping[str, str], company: int, operation: str) -> Row:
        code = line.tax_code or rules.get("tax")
        if code is None:
            raise Rejected(
                "No tax code is agreed for the invoice.",
                code="erp.tax_code.missing",
                remedy="Set the project's billing rules first.",
                system=self.system,
                operation=operation,
            )
        quantity, price, words = _priced(line)
        ledger = await self.directory.ledger(company, operation=operation)
        return {
            "type": "line",
            "company": company,
            "currency": await self.directory.id_of("currency", line.amount.currency, operation=operation),
            "account": ledger.revenue,
            "description": words,
            "note": " ".join(line.source_refs or line.sources),
            "quantity": quantity,
            "unit_price": price,
            "taxes": add([await self.directory.id_of("tax", code, operation=operation, company=company)]),
        }

    async def post_invoice(self, invoice: ExternalId, *, key: str) -> Written:
        """Post the draft; an invoice that is posted already answers as posted.

        Raises:
            Rejected: `erp.invoice.period_closed`, or `erp.invoice.number_order`.
        """
        operation = "post_invoice"
        row = await self.invoice(invoice, operation=operation)
        if invoice_state(row) is InvoiceState.DRAFT:
            await self.client.press(
                INVOICE,
                "post",
                int(invoice.value),
                operation=operation,
                key=key,
                company=row["company"],
                agreed=_APPROVED,
            )
        return await self._written(invoice, operation, key)

    async def delete_draft(self, invoice: ExternalId, *, key: str) -> Written:
        """Remove a draft; one that is gone answers as removed, a posted one is Rejected."""
        operation = "delete_draft"
        try:
            row = await self.invoice(invoice, operation=operation)
            await self.client.delete(INVOICE, int(invoice.value), operation=operation, key=key, company=row["company"])
        except NotFound:
            return Written(ref=invoice, facts={"state": "deleted", "was_absent": True})
        return Written(ref=invoice, facts={"state": "deleted"})

    async def _written(self, invoice: ExternalId, operation: str, key: str) -> Written:
        with self.after_write(operation, key):
            row = await self.invoice(invoice, operation=operation)
        return Written(ref=invoice, facts=invoice_facts(row, invoice))


def _described(line: TimeToPost, parts: Mapping[str, Any]) -> str:
    """Return what people and the judge read: the source first, then whose hours, at which price, and what for.

    Tryton keeps no money on hours, so the amount stands here: `kantata-main/9 · CONS · GBP 150.00/h = GBP 1125.00 · …`.
    """
    price = f"{parts['rate']} = {parts['amount']}" if line.is_billable else "not billable"
    worker = line.worker_number or "no worker number"
    return " · ".join(str(part) for part in (line.source_ref, line.role, price, worker, line.memo) if part)


def _priced(line: InvoiceLine) -> tuple[Decimal, Decimal, str]:
    """Return quantity, price and words such that Tryton comes to exactly our amount.

    Tryton multiplies and rounds half to even. Where that differs from ours, or the numbers are too fine for its fields,
    the line is one piece at its amount, and the words tell the quantity.
    """
    # Quirk(tryton): zeros at the end count as digits. README §Quirks.
    quantity, price, amount = (
        line.quantity.normalize(),
        line.unit_price.amount.normalize(),
        line.amount.rounded().amount,
    )
    fits = _digits(quantity) <= _QUANTITY_DIGITS and _digits(price) <= _PRICE_DIGITS
    quantum = Decimal(1).scaleb(-exponent_of(line.amount.currency))
    if fits and (quantity * price).quantize(quantum, ROUND_HALF_EVEN) == amount:
        return quantity, price, line.description
    return Decimal(1), amount, f"{line.description} ({quantity:f} × {price:f})"


def _digits(number: Decimal) -> int:
    return -min(int(number.as_tuple().exponent), 0)
