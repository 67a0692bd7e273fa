"""What is written for engagements: customers, projects with their tasks, billing rules. Each write under its key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from accordant.canonical import Customer, Project, Task
from accordant.connectors.netsuite.keys import external_id, key_of
from accordant.connectors.netsuite.mapping import BILLING_RULES, CUSTOMER, PROJECT
from accordant.connectors.netsuite.payloads import (
    CUSTOMER as CUSTOMER_TYPE,
)
from accordant.connectors.netsuite.payloads import (
    JOB,
    PROJECT_ACTIVE,
    PROJECT_CLOSED,
    PROJECT_PENDING,
    TASK,
    address_book,
    by_name,
    reference,
)
from accordant.connectors.netsuite.reader import NetSuiteReader
from accordant.connectors.netsuite.suiteql import Select, column, equals
from accordant.kernel import AuthExpired, ExternalId, KeyConflict, Rejected, Retryable, UnknownOutcome
from accordant.ports import BillingRules, BillingSetup, CustomerRegistry, ProjectSetup, Written, subject_of

_NO_TERMS = {"custentity_cap": None, "custentity_po_number": None}  # what the rules do not name is cleared


def task_key(project: str, code: str) -> str:
    """Return the external id of a task: time finds it by the project's id and the task's code alone."""
    return f"task_{project}_{external_id(code)}"


class NetSuiteWriter(NetSuiteReader, CustomerRegistry, ProjectSetup, BillingSetup):
    """Writes of master data."""

    @contextmanager
    def after_write(self, operation: str, key: str) -> Iterator[None]:
        """Turn a failure after a write into UnknownOutcome: the write happened, its answer is not complete."""
        try:
            yield
        except UnknownOutcome as error:
            error.lookup_key = error.lookup_key or key
            raise
        except (Retryable, AuthExpired) as error:
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
        """Create the customer under our key, in the entity's subsidiary and billable in the currency."""
        operation = "create_customer"
        payload = CUSTOMER.write(customer.model_copy(update={"currency": currency}))
        payload |= {"subsidiary": by_name(entity), "currencyList": {"items": [{"currency": by_name(currency)}]}}
        if book := address_book(customer):
            payload["addressBook"] = book
        await self.directory.fill(payload, operation=operation)
        id = await self.client.put(
            CUSTOMER_TYPE, external_id(key), payload, operation=operation, key=key, replace="addressBook"
        )
        return Written(ref=self.ref(CUSTOMER_TYPE, id))

    async def adopt_customer(self, ref: ExternalId, *, entity: str, currency: str, key: str) -> Written:
        """Put our key on a customer that has none, and list the currency; one that we made keeps its first key.

        Raises:
            KeyConflict: `erp.customer.key_taken`: the record carries the key of another integration or customer.
            Rejected: `erp.customer.wrong_entity`: the record belongs to another subsidiary.
        """
        operation = "adopt_customer"
        fields = ("externalId", "subsidiary")
        record = await self.client.fetch(CUSTOMER_TYPE, ref.value, fields, operation=operation)
        subsidiary = await self.directory.id_of("subsidiary", entity, operation=operation)
        self._require_adoptable(record, subsidiary, entity, key)
        payload: dict[str, Any] = {"currencyList": {"items": [{"currency": by_name(currency)}]}}
        if not record.get("externalId"):
            payload["externalId"] = external_id(key)
        await self.directory.fill(payload, operation=operation)
        await self.client.patch(CUSTOMER_TYPE, ref.value, payload, operation=operation, key=key)
        return Written(ref=ref)

    def _require_adoptable(self, record: Mapping[str, Any], subsidiary: str, entity: str, key: str) -> None:
        """Refuse a record that is another's, or another entity's."""
        facts: dict[str, Any] = {"system": self.system, "operation": "adopt_customer"}
        holder = record.get("externalId")
        if holder and subject_of(key_of(holder)) != subject_of(key):
            raise KeyConflict(
                "The ERP's customer already carries another key.",
                code="erp.customer.key_taken",
                remedy="Find out which integration set the external id; clear it there, or merge the customers.",
                detail={"external_id": holder},
                **facts,
            )
        if str(record["subsidiary"]["id"]) != subsidiary:
            raise Rejected(
                f"The ERP's customer does not belong to {entity}.",
                code="erp.customer.wrong_entity",
                remedy="Bill through the entity the customer belongs to, or create it for this one.",
                **facts,
            )

    # -- projects

    async def create_project(self, project: Project, *, customer: ExternalId, key: str) -> Written:
        """Create the project with its tasks.

        The project is pending until its tasks are there; `find_projects` takes a pending one for absent, and the same
        call completes it.
        """
        operation = "create_project"
        payload = PROJECT.write(project)
        payload |= {"parent": reference(customer), "entityStatus": {"id": PROJECT_PENDING}, "allowTime": True}
        await self.directory.fill(payload, operation=operation)
        id = await self.client.put(JOB, external_id(key), payload, operation=operation, key=key)
        with self.after_write(operation, key):
            await self._put_tasks(id, project.tasks, operation, key)
            active = {"entityStatus": {"id": PROJECT_ACTIVE}}
            _, tasks = await asyncio.gather(
                self.client.patch(JOB, id, active, operation=operation, key=key),
                self.tasks_of(id, operation=operation),
            )
        return Written(ref=self.ref(JOB, id), facts={"code": project.code, "tasks": dict(tasks)})

    async def _put_tasks(self, project: str, tasks: Sequence[Task], operation: str, key: str) -> None:
        """Upsert the tasks, side by side while they are few (a batch is three calls); raise the first refusal."""
        items = [_task_payload(project, task) for task in tasks]
        if len(items) <= _SIDE_BY_SIDE:
            puts = (self._put_task(item, operation, key) for item in items)
            for refusal in await asyncio.gather(*puts, return_exceptions=True):
                if refusal:
                    raise refusal
            return
        outcomes = await self.client.put_batch(TASK, items, operation=operation)
        for refusal in filter(None, outcomes.values()):
            raise refusal

    async def _put_task(self, item: dict[str, Any], operation: str, key: str) -> None:
        await self.client.put(TASK, item.pop("externalId"), item, operation=operation, key=key)

    async def withdraw_project(self, project: ExternalId, *, key: str) -> Written:
        """Close and inactivate the project; one with booked time is Rejected."""
        operation = "withdraw_project"
        booked = Select("timebill", (column("id"),), where=(equals("customer", project.value),))
        page, _ = await self.client.page(booked, operation=operation, limit=1)
        if page["items"]:
            raise Rejected(
                "The ERP's project has booked time and cannot be withdrawn.",
                code="erp.project.has_time",
                remedy="Correct or move the time first.",
                system=self.system,
                operation=operation,
            )
        payload = {"isInactive": True, "entityStatus": {"id": PROJECT_CLOSED}}
        await self.client.patch(JOB, project.value, payload, operation=operation, key=key)
        return Written(ref=project, facts={"withdrawn": True})

    # -- billing rules

    async def put_billing_rules(self, project: ExternalId, rules: BillingRules, *, key: str) -> Written:
        """Set the rules on the project; an unknown tax code or a currency the customer lacks is Rejected."""
        operation = "put_billing_rules"
        await self.directory.id_of("taxCode", rules.tax_code, operation=operation)
        payload: dict[str, Any] = _NO_TERMS | BILLING_RULES.write(rules)
        await self.directory.fill(payload, operation=operation)
        await self.client.patch(JOB, project.value, payload, operation=operation, key=key)
        return Written(ref=project)


_SIDE_BY_SIDE = 5
"""How many tasks are sent one by one at the same time; more go as a batch."""


def _task_payload(project: str, task: Task) -> dict[str, Any]:
    """Return a task; the vendor has no field for its code, so it stands in the message."""
    payload: dict[str, Any] = {
        "externalId": task_key(project, task.code),
        "title": task.name,
        "message": task.code,
        "project": {"id": project},
        "nonBillableTask": not task.is_billable,
    }
    if task.due_on:
        payload["endDate"] = f"{task.due_on.isoformat()}T00:00:00Z"
    return payload
