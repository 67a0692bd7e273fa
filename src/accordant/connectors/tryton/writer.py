"""What is written for engagements: customers, projects with their tasks, billing rules. Each write under its key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stdnum import get_cc_module
from stdnum.eu.vat import MEMBER_STATES

from accordant.canonical import Customer, Project, Task
from accordant.connectors.tryton.keys import read_notes, write_notes
from accordant.connectors.tryton.mapping import BILLING_RULES, PROJECT
from accordant.connectors.tryton.payloads import PARTY, WORK, Row, create
from accordant.connectors.tryton.reader import KEY_PREFIX, TrytonReader
from accordant.kernel import AuthExpired, ExternalId, KeyConflict, NotFound, Rejected, Retryable, UnknownOutcome
from accordant.ports import BillingRules, BillingSetup, CustomerRegistry, ProjectSetup, Written


class TrytonWriter(TrytonReader, CustomerRegistry, ProjectSetup, BillingSetup):
    """Writes of master data."""

    @contextmanager
    def after_write(self, operation: str, key: str) -> Iterator[None]:
        """Turn a failed read after a write into UnknownOutcome: the write happened, its answer is not complete."""
        try:
            yield
        except (Retryable, AuthExpired, NotFound) as error:
            raise UnknownOutcome(
                "The ERP took the write, but could not be read afterwards.",
                lookup_key=key,
                remedy="It is looked up by its key.",
                system=self.system,
                operation=operation,
                detail={"reason": error.code},
            ) from error

    # -- customers

    async def create_customer(self, customer: Customer, *, entity: str, currency: str, key: str) -> Written:
        """Create a party under our key; parties belong to no company, so it may be billed by all of them."""
        operation = "create_customer"
        company = await self.directory.company(entity, operation=operation)
        await self.directory.id_of("currency", currency, operation=operation)
        country = None
        if customer.country:
            country = await self.directory.id_of("country", customer.country, operation=operation)
        record = party_of(customer, country, KEY_PREFIX + key)
        (id,) = await self.client.create(PARTY, [record], operation=operation, key=key, company=company)
        return Written(ref=self.ref(PARTY, id))

    async def adopt_customer(self, ref: ExternalId, *, entity: str, currency: str, key: str) -> Written:
        """Put our key on a party beside its other identifiers.

        Raises:
            KeyConflict: `erp.customer.key_taken`: the party carries the key of another of our customers.
        """
        operation = "adopt_customer"
        company = await self.directory.company(entity, operation=operation)
        await self.directory.id_of("currency", currency, operation=operation)
        party = [["party", "=", int(ref.value)], ["code", "like", f"{KEY_PREFIX}%"]]
        rows = await self.client.search("party.identifier", party, ["code"], operation=operation)
        keys = [row["code"].removeprefix(KEY_PREFIX) for row in rows]
        if others := [theirs for theirs in keys if _subject(theirs) != _subject(key)]:
            raise KeyConflict(
                "The ERP's customer already carries the key of another customer.",
                code="erp.customer.key_taken",
                remedy="Merge the customers, or remove the identifier that begins with 'accordant' in the ERP.",
                system=self.system,
                operation=operation,
                detail={"keys": others},
            )
        if key not in keys:
            values = {"identifiers": create({"code": KEY_PREFIX + key})}
            await self.client.change(PARTY, int(ref.value), values, operation=operation, key=key, company=company)
        return Written(ref=ref)

    # -- projects

    async def create_project(self, project: Project, *, customer: ExternalId, key: str) -> Written:
        """Create the project with its tasks in one call; Tryton refuses a second one with the same code."""
        operation = "create_project"
        company = await self.directory.company(project.entity, operation=operation)
        payload = PROJECT.write(project)
        notes = {"key": key, "code": project.code, **{name: str(value) for name, value in payload.pop("notes").items()}}
        payload |= {
            "name": _without_separator(project.name),
            "type": "project",
            "company": company,
            "party": int(customer.value),
            "comment": write_notes(None, notes),
            "timesheet_available": True,
            "children": create(*(_task(project.code, task, company) for task in project.tasks)),
        }
        (id,) = await self.client.create(WORK, [payload], operation=operation, key=key, company=company)
        with self.after_write(operation, key):
            tasks = await self.tasks_of([id], operation=operation)
        return Written(ref=self.ref(WORK, id), facts={"code": project.code, "tasks": tasks.get(id, {})})

    async def withdraw_project(self, project: ExternalId, *, key: str) -> Written:
        """Remove the tasks, close the project for time, and free its code; one with booked time is Rejected."""
        operation = "withdraw_project"
        row, *tasks = sorted(
            await self.works([int(project.value)], operation=operation), key=lambda r: r["parent"] or 0
        )
        notes = read_notes(row["comment"])
        if "withdrawn" in notes:
            return Written(ref=project, facts={"withdrawn": True})
        await self._require_no_time([row, *tasks], operation)
        values = {
            "number": f"{row['number']} ({row['id']} withdrawn)",
            "comment": write_notes(row["comment"], notes | {"withdrawn": "yes"}),
            "timesheet_available": False,
            "children": [["delete", [task["id"] for task in tasks]]],
        }
        await self.client.change(WORK, row["id"], values, operation=operation, key=key, company=row["company"])
        return Written(ref=project, facts={"withdrawn": True})

    async def _require_no_time(self, works: list[Row], operation: str) -> None:
        sheets = [id for work in works for id in work["timesheet_works"]]
        booked = await self.client.search(
            "timesheet.line", [["work", "in", sheets]], ["id"], operation=operation, limit=1
        )
        if booked:
            raise Rejected(
                "The ERP's project has booked time and cannot be withdrawn.",
                code="erp.project.has_time",
                remedy="Correct or move the time first.",
                system=self.system,
                operation=operation,
            )

    # -- billing rules

    async def put_billing_rules(self, project: ExternalId, rules: BillingRules, *, key: str) -> Written:
        """Set the rules on the project; a tax code, currency or term that the company lacks is Rejected."""
        operation = "put_billing_rules"
        row = await self.project(project, operation=operation)
        company = row["company"]
        await self.directory.id_of("tax", rules.tax_code, operation=operation, company=company)
        await self.directory.id_of("currency", rules.currency, operation=operation)
        await self.directory.id_of("terms", str(rules.payment_terms_days), operation=operation)
        notes = {name: value for name, value in read_notes(row["comment"]).items() if name not in ("cap", "po")}
        values = {"comment": write_notes(row["comment"], notes | BILLING_RULES.write(rules))}
        await self.client.change(WORK, row["id"], values, operation=operation, key=key, company=company)
        return Written(ref=project)


def party_of(customer: Customer, country: int | None, *codes: str) -> Row:
    """Return a new party with its address and identifiers.

    Args:
        customer: who it is.
        country: id of its country in the database.
        codes: further identifiers, of no type.
    """
    address = {"street": customer.street, "city": customer.city, "postal_code": customer.postal_code}
    identifiers: list[Row] = [{"code": code} for code in codes]
    if customer.vat_number:
        identifiers.append({"type": _vat_type(customer.vat_number), "code": customer.vat_number})
    if customer.lei:
        identifiers.append({"code": customer.lei})
    return {
        "name": customer.name,
        "addresses": create({**{name: value for name, value in address.items() if value}, "country": country}),
        "identifiers": create(*identifiers),
    }


def _vat_type(number: str) -> str | None:
    """Return Tryton's type of a VAT number; none when it does not know the country, or would find the number wrong."""
    country = number[:2].lower()
    module = get_cc_module(country, "vat") if country in (*MEMBER_STATES, "gb", "ch") else None
    if module is None or not module.is_valid(number):
        return None
    return f"{country}_vat" if country in ("gb", "ch") else "eu_vat"


def _subject(key: str) -> str:
    """Return the canonical id that a key begins with: `cus_1` of `cus_1/uk01/GBP#2`."""
    return re.split("[/#]", key, maxsplit=1)[0]


def _without_separator(name: str) -> str:
    # Quirk(tryton): a backslash separates the levels of a tree of works, so no name may hold one. README §Quirks.
    return name.replace("\\", "/")


def _task(project: str, task: Task, company: int) -> dict[str, Any]:
    return {
        "name": _without_separator(task.name),
        "type": "task",
        "number": f"{project}/{task.code}",
        "company": company,
        "timesheet_available": True,
    }
