"""Keyed writes. A write in several parts marks its record as begun, and goes on from there when it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from pydantic import JsonValue

from accordant.canonical import Customer, Project, Task
from accordant.connectors.kantata.mapping import CUSTOMER, ENGAGEMENT_STATUS, PROJECT, TASK
from accordant.connectors.kantata.payloads import CustomFieldValue, ExternalReference, Record
from accordant.connectors.kantata.reader import (
    BEGUN,
    COMPLETE,
    REQUEST_NOTE,
    SERVICE,
    Carrier,
    KantataReader,
    require_key,
)
from accordant.kernel import AuthExpired, ExternalId, KeyConflict, Rejected, Retryable, UnknownOutcome
from accordant.ports import EngagementStatus, StaffingRequest, Written, subject_of

_MINUTES_PER_HOUR = 60


class KantataWriter(KantataReader):
    """The writing half of the ports."""

    # -- projects --------------------------------------------------------------------------------------------------

    async def create_project(self, project: Project, *, customer: ExternalId, key: str) -> Written:
        """Create the workspace, then its tasks; calls: 2 and one per task. See `ProjectSetup`."""
        operation = "create_project"
        begun = await self._begun("workspaces", key, operation)
        record = begun.record if begun else await self._create_workspace(project, customer, key)
        async with self._going_on(record["id"], self._put_away, key, operation):
            if begun and not begun.is_complete:
                await self._take_up(record["id"], project, key)
            tasks = await self._create_tasks(project, record["id"], key, is_retry=begun is not None)
            if project.tasks and not (begun and begun.is_complete):
                await self._complete("Workspace", record["id"], "Project", key, operation)
        withdrawn = begun is not None and begun.is_complete and bool(record["archived"])
        facts: dict[str, JsonValue] = {"code": project.code, "tasks": tasks, "withdrawn": withdrawn}
        return Written(ref=self._ref("workspaces", record["id"]), facts=facts)

    async def _create_workspace(self, project: Project, customer: ExternalId, key: str) -> Record:
        fields = await self._workspace(project, customer, key)
        return await self.client.create("workspaces", fields, operation="create_project", key=key)

    async def _create_tasks(
        self, project: Project, workspace_id: str, key: str, *, is_retry: bool
    ) -> dict[str, JsonValue]:
        stories = self._stories(workspace_id, key, "create_project")
        done: dict[str, JsonValue] = {code: story["id"] async for code, story in stories} if is_retry else {}
        missing = [task for task in project.tasks if task.code not in done]
        made = await asyncio.gather(
            *(self._create_task(task, workspace_id, key) for task in missing), return_exceptions=True
        )
        for task, id in zip(missing, made, strict=True):
            if isinstance(id, BaseException):
                raise id
            done[task.code] = id
        return done

    async def _take_up(self, workspace_id: str, project: Project, key: str) -> None:
        """Bring a begun workspace to today's content: it may have been refused, put away, and corrected since."""
        fields = PROJECT.write(project, resolve=lambda reference, _: reference)
        custom = fields.pop("custom")
        change = fields | {"archived": False}
        await self.client.change("workspaces", workspace_id, change, operation="create_project", key=key)
        await self._put_custom(workspace_id, custom, "create_project", key)

    async def _put_away(self, workspace_id: str, key: str) -> None:
        await self.client.change("workspaces", workspace_id, {"archived": True}, operation="create_project", key=key)

    async def _workspace(self, project: Project, customer: ExternalId, key: str) -> Record:
        fields = PROJECT.write(project, resolve=lambda reference, _: reference)
        custom = fields.pop("custom")
        ids = await self._names.field_ids(tuple(custom), operation="create_project")
        return fields | {
            "creator_role": "maven",
            "primary_workspace_group_id": customer.value,
            "workspace_group_ids": [customer.value],
            "custom_fields": [{"custom_field_id": ids[name], "value": str(value)} for name, value in custom.items()],
            "external_reference": _reference("Project", key, BEGUN if project.tasks else COMPLETE),
        }

    async def _create_task(self, task: Task, workspace_id: str, key: str) -> str:
        fields = TASK.write(task)
        code = fields.pop("reference")
        story = await self.client.create(
            "stories",
            fields
            | {"workspace_id": workspace_id, "external_reference": _reference("Task", f"{key}/{code}", COMPLETE)},
            operation="create_project",
            key=key,
        )
        return str(story["id"])

    async def withdraw_project(self, project: ExternalId, *, key: str) -> Written:
        """Archive the workspace; see `ProjectSetup`."""
        operation = "withdraw_project"
        booked = await self.client.page(
            "time_entries",
            operation=operation,
            size=1,
            workspace_id=project.value,
            from_archived_workspaces="true",
            on_my_account="false",
        )
        if booked.total:
            raise Rejected(
                f"The project has {booked.total} time entries; it cannot be withdrawn.",
                code="psa.project.has_time",
                remedy="Move or reject the booked time first, or close the project in the ordinary way.",
                system=self.system,
                operation=operation,
            )
        await self.client.change("workspaces", project.value, {"archived": True}, operation=operation, key=key)
        return Written(ref=project, facts={"withdrawn": True})

    # -- staffing --------------------------------------------------------------------------------------------------

    async def request_staffing(self, request: StaffingRequest, *, project: ExternalId, key: str) -> Written:
        """Create an unnamed resource, its allocation, and the request for it; calls: 3 to 6. See `Staffing`."""
        operation = "request_staffing"
        if not self.settings.approver_ids:
            raise Rejected(
                "Nobody is named who approves staffing requests.",
                code="kantata.no_approver",
                remedy="Name `approver_ids` in the settings of the system.",
                system=self.system,
                operation=operation,
            )
        begun = await self._begun("workspace_resources", key, operation)
        resource = begun.record if begun else await self._create_resource(request, project, key)
        async with self._going_on(resource["id"], self._remove_resource, key, operation):
            made = await self._request_of(resource) if begun else None
            if made is None:
                await self._allocate(request, resource["id"], key, is_retry=begun is not None)
                fields = {"resource_id": resource["id"], "approver_ids": list(self.settings.approver_ids)}
                made = await self.client.create("resource_requests", fields, operation=operation, key=key)
            note = f"{REQUEST_NOTE}{made['id']}"
            await self._complete("WorkspaceResource", resource["id"], "StaffingRequest", key, operation, note)
        facts: dict[str, JsonValue] = {"status": made["status"], "withdrawn": made["status"] == "cancelled"}
        return Written(ref=self._ref("resource_requests", made["id"]), facts=facts)

    async def _remove_resource(self, resource_id: str, key: str) -> None:
        await self.client.remove("workspace_resources", resource_id, operation="request_staffing", key=key)

    async def _create_resource(self, request: StaffingRequest, project: ExternalId, key: str) -> Record:
        fields = {
            "workspace_id": project.value,
            "role_id": await self._names.role_id(request.role, operation="request_staffing"),
            "label": f"{request.role} {request.hours:f} h",
            "external_reference": _reference("StaffingRequest", key, BEGUN),
        }
        return await self.client.create("workspace_resources", fields, operation="request_staffing", key=key)

    async def _allocate(self, request: StaffingRequest, resource_id: str, key: str, *, is_retry: bool) -> None:
        """Say how long and when; without an end the label alone says it, as an allocation needs one."""
        if request.end_on is None:
            return
        operation = "request_staffing"
        if is_retry:
            there = await self.client.page(
                "workspace_allocations", operation=operation, size=1, workspace_resource_id=resource_id
            )
            if there.total:
                return
        fields = {
            "workspace_resource_id": resource_id,
            "start_date": request.start_on.isoformat(),
            "end_date": request.end_on.isoformat(),
            "minutes": int((request.hours * _MINUTES_PER_HOUR).to_integral_value()),
        }
        await self.client.create("workspace_allocations", fields, operation=operation, key=key)

    async def _request_of(self, resource: Record) -> Record | None:
        """Return the request for a resource; the vendor has no filter for it, so those made since are read."""
        pages = self.client.pages(
            "resource_requests", operation="request_staffing", updated_after=_just_before(resource["created_at"])
        )
        async for envelope in pages:
            for request in envelope.records:
                if request["resource_id"] == resource["id"]:
                    return request
        return None

    async def withdraw_staffing(self, request: ExternalId, *, key: str) -> Written:
        """Cancel the request; one that is cancelled already stays so. See `Staffing`."""
        operation = "withdraw_staffing"
        seen = (await self.client.show("resource_requests", request.value, operation=operation)).one
        if seen["status"] != "cancelled":
            await self.client.act("resource_requests", request.value, "cancel", operation=operation, key=key)
        return Written(ref=request, facts={"status": "cancelled", "withdrawn": True})

    # -- customers and status --------------------------------------------------------------------------------------

    async def create_customer(self, customer: Customer, *, entity: str, currency: str, key: str) -> Written:  # noqa: ARG002
        """Create the company; the vendor bills no customer, so entity and currency stay with the project."""
        fields = CUSTOMER.write(customer) | {
            "company": True,
            "address": _address(customer),
            "external_reference": _reference("Customer", require_key(key), COMPLETE),
        }
        record = await self.client.create("workspace_groups", fields, operation="create_customer", key=key)
        return Written(ref=self._ref("workspace_groups", record["id"]))

    async def adopt_customer(self, ref: ExternalId, *, entity: str, currency: str, key: str) -> Written:  # noqa: ARG002
        """Put our key on a company; raises KeyConflict when it already stands for another customer of ours."""
        operation = "adopt_customer"
        envelope = await self.client.show(
            "workspace_groups", ref.value, operation=operation, include="external_references"
        )
        for reference in envelope.included("external_references", envelope.one, "external_reference_ids"):
            if reference["service_name"] != SERVICE:
                continue
            if subject_of(reference["service_model_ref"]) == subject_of(key):
                return Written(ref=ref)  # ours already, under the key it was created or adopted with
            raise KeyConflict(
                "The company in Kantata already stands for another customer.",
                code="kantata.already_adopted",
                remedy="See whether the two customers are one, then merge them.",
                system=self.system,
                operation=operation,
                detail={"key": reference["service_model_ref"]},
            )
        await self._complete("WorkspaceGroup", ref.value, "Customer", require_key(key), operation)
        return Written(ref=ref)

    async def put_engagement_status(self, target: ExternalId, status: EngagementStatus, *, key: str) -> Written:
        """Set the custom fields that are given, in one call; setting them again changes nothing."""
        operation = "put_engagement_status"
        await self._put_custom(target.value, ENGAGEMENT_STATUS.write(status).get("custom", {}), operation, key)
        return Written(ref=target)

    async def _put_custom(self, workspace_id: str, custom: Record, operation: str, key: str) -> None:
        """Set custom fields of a project by name, in one call."""
        if not custom:
            return
        ids = await self._names.field_ids(tuple(custom), operation=operation)
        values: list[CustomFieldValue] = [
            {
                "subject_type": "Workspace",
                "subject_id": workspace_id,
                "custom_field_id": ids[name],
                "value": str(value),
            }
            for name, value in custom.items()
        ]
        await self.client.put_values(values, operation=operation, key=key)

    # -- begun and complete ----------------------------------------------------------------------------------------

    async def _begun(self, collection: str, key: str, operation: str) -> Carrier | None:
        """Return the record an earlier try made under this key, so that the write goes on from it."""
        found = (await self._carriers(collection, (require_key(key),), operation=operation))[key]
        if len(found) > 1:
            raise Rejected(
                f"Kantata has {len(found)} records under one key.",
                code="kantata.duplicate_key",
                remedy="Keep one of them and remove our external reference from the others.",
                system=self.system,
                operation=operation,
                detail={"key": key, "ids": sorted(c.record["id"] for c in found)},
            )
        return found[0] if found else None

    @asynccontextmanager
    async def _going_on(
        self, id: str, put_away: Callable[[str, str], Awaitable[None]], key: str, operation: str
    ) -> AsyncIterator[None]:
        """Guard the later parts of a write whose first part is done.

        A part that can be tried again makes the whole outcome unknown: a search might not show the first part yet, and
        a second one would be made. A part that is refused takes the first part back.
        """
        try:
            yield
        except Rejected:
            await put_away(id, key)
            raise
        except (Retryable, AuthExpired) as error:
            raise UnknownOutcome(
                "A part of the write is done, the rest is not yet.",
                lookup_key=key,
                remedy="It is looked up by its key, then continued.",
                system=self.system,
                operation=operation,
                detail={"begun": id, "cause": error.code},
            ) from error

    async def _complete(self, subject: str, id: str, model: str, key: str, operation: str, note: str = "") -> None:
        reference: ExternalReference = {**_reference(model, key, COMPLETE), "subject_type": subject, "subject_id": id}
        if note:
            reference["external_message"] = note
        await self.client.put_reference(reference, operation=operation, key=key)


def _reference(model: str, key: str, status: str) -> ExternalReference:
    return {"service_name": SERVICE, "service_model": model, "service_model_ref": key, "status": status}


def _address(customer: Customer) -> str:
    """Return the postal address as the one text the vendor has for it."""
    town = " ".join(filter(None, (customer.postal_code, customer.city)))
    return "\n".join(filter(None, (customer.street, town, customer.country)))


def _just_before(stamp: str) -> str:
    return (datetime.fromisoformat(stamp) - timedelta(minutes=1)).isoformat()
