"""Reads: look-ups by our keys, matches, read-back; and what the account names its roles and custom fields."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accordant.canonical import Customer
from accordant.connectors.kantata.client import KantataClient
from accordant.connectors.kantata.mapping import CUSTOMER, ENGAGEMENT_STATUS
from accordant.connectors.kantata.payloads import Envelope, Record
from accordant.connectors.kantata.settings import KantataSettings
from accordant.kernel import ContractDrift, ExternalId, InvalidInput, Rejected
from accordant.ports import (
    Absent,
    CustomerRegistry,
    DirectoryEntry,
    EngagementStatus,
    EngagementStatusBoard,
    Found,
    LookUp,
    Observation,
    PeopleDirectory,
    ProjectSetup,
    Staffing,
    Unsure,
    Written,
)

SERVICE = "accordant"
"""The service name of our external references."""

COMPLETE, BEGUN = "successful", "pending"
"""Status of our reference: the whole write is done, or more of it is to come."""

REQUEST_NOTE = "resource_request "
_MAX_KEYS = 200
_MAX_KEYS_LENGTH = 4000  # keys travel in the URL, which servers cut at 8 KB
_MAX_MATCHES = 20


@dataclass(frozen=True, slots=True)
class Carrier:
    """A record that carries one of our keys, with the reference that says so."""

    record: Record
    reference: Record
    envelope: Envelope

    @property
    def is_complete(self) -> bool:
        """Say whether every part of the write was done."""
        return self.reference.get("status") == COMPLETE

    def custom(self) -> dict[str, str]:
        """Return the record's custom field values by name."""
        return custom_values(self.envelope, self.record)


def custom_values(envelope: Envelope, record: Record) -> dict[str, str]:
    """Return the side-loaded custom field values of a record by the field's name."""
    values = envelope.included("custom_field_values", record, "custom_field_value_ids")
    return {v["custom_field_name"]: v["value"] for v in values}


class KantataReader(ProjectSetup, Staffing, CustomerRegistry, EngagementStatusBoard, PeopleDirectory):
    """The reading half of the ports that also write."""

    client: KantataClient
    settings: KantataSettings
    _names: Names

    # -- look-ups by key -------------------------------------------------------------------------------------------

    async def find_projects(self, keys: tuple[str, ...]) -> LookUp:
        """Look workspaces up, archived ones included; one call per 200 keys and one per workspace found."""
        carriers = await self._carriers("workspaces", keys, operation="find_projects")
        answer: dict[str, Found | Absent | Unsure] = {}
        for key, found in carriers.items():
            answer[key] = await self._project(found) if _is_one(found) else _answer_without(found)
        return answer

    async def _project(self, found: list[Carrier]) -> Found:
        (carrier,) = found
        key, id = carrier.reference["service_model_ref"], carrier.record["id"]
        return Found(
            Written(
                ref=self._ref("workspaces", id),
                facts={
                    "code": carrier.custom().get("Project code", ""),
                    "tasks": {code: story["id"] async for code, story in self._stories(id, key, "find_projects")},
                    "withdrawn": bool(carrier.record["archived"]),
                },
            )
        )

    async def _stories(self, workspace_id: str, key: str, operation: str) -> AsyncIterator[tuple[str, Record]]:
        """Yield the tasks we made in a workspace: code and story."""
        filters = {"workspace_id": workspace_id, "include": "external_references", "order": "created_at:asc"}
        shown = {"show_archived": "true", "show_from_archived_workspaces": "true"}
        async for envelope in self.client.pages("stories", operation=operation, **filters, **shown):
            for story in envelope.records:
                for reference in _our_references(envelope, story):
                    code = reference["service_model_ref"].removeprefix(f"{key}/")
                    if code != reference["service_model_ref"]:
                        yield code, story

    async def find_staffing_requests(self, keys: tuple[str, ...]) -> LookUp:
        """Look requests up through the unnamed resource each is for: requests themselves carry no reference."""
        operation = "find_staffing_requests"
        carriers = await self._carriers("workspace_resources", keys, operation=operation)
        request_ids = {key: _request_id(found[0]) for key, found in carriers.items() if _is_one(found)}
        statuses = await self._request_statuses([id for id in request_ids.values() if id], operation)
        answer: dict[str, Found | Absent | Unsure] = {}
        for key, found in carriers.items():
            status = statuses.get(request_ids.get(key, ""))
            answer[key] = _answer_without(found) if status is None else self._request(request_ids[key], status)
        return answer

    def _request(self, id: str, status: str) -> Found:
        facts = {"status": status, "withdrawn": status == "cancelled"}
        return Found(Written(ref=self._ref("resource_requests", id), facts=facts))

    async def _request_statuses(self, ids: Sequence[str], operation: str) -> dict[str, str]:
        statuses: dict[str, str] = {}
        for start in range(0, len(ids), _MAX_KEYS):
            only = ",".join(ids[start : start + _MAX_KEYS])
            envelope = await self.client.page("resource_requests", operation=operation, only=only)
            statuses |= {r["id"]: r["status"] for r in envelope.records}
        return statuses

    async def find_customers(self, keys: tuple[str, ...]) -> LookUp:
        """Look workspace groups up; one call per 200 keys."""
        carriers = await self._carriers("workspace_groups", keys, operation="find_customers")
        return {
            key: Found(Written(ref=self._ref("workspace_groups", found[0].record["id"])))
            if _is_one(found)
            else _answer_without(found)
            for key, found in carriers.items()
        }

    async def _carriers(self, collection: str, keys: Sequence[str], *, operation: str) -> dict[str, list[Carrier]]:
        """Return the records that carry our keys, with an entry for every key."""
        found: defaultdict[str, list[Carrier]] = defaultdict(list)
        for some in _portions(keys):
            async for envelope in self.client.pages(
                collection,
                operation=operation,
                external_reference_service_name=SERVICE,
                external_reference_service_model_refs=",".join(some),
                **_SEARCHES[collection],
            ):
                for record in envelope.records:
                    for reference in _our_references(envelope, record):
                        found[reference["service_model_ref"]].append(Carrier(record, reference, envelope))
        return {key: found[key] for key in keys}

    # -- customers and status --------------------------------------------------------------------------------------

    async def match_customers(self, customer: Customer) -> tuple[Observation[Customer], ...]:
        """Return companies with a similar name, at most 20: the vendor keeps no tax number and no country."""
        envelope = await self.client.page(
            "workspace_groups",
            operation="match_customers",
            size=_MAX_MATCHES,
            companies_only="true",
            matching=customer.name,
        )
        results = (CUSTOMER.read(record, system=self.system) for record in envelope.records)
        return tuple(Observation(r.ref, r.body, _changed(r.changed_at), r.unknown) for r in results)

    async def people(self) -> tuple[DirectoryEntry, ...]:
        """Return the account's users who have a mail address."""
        pages = self.client.pages("users", operation="people")
        users = [user async for envelope in pages for user in envelope.records if user.get("email_address")]
        return tuple(DirectoryEntry(ref=self._ref("users", u["id"]), email=u["email_address"]) for u in users)

    async def read_engagement_status(self, target: ExternalId) -> EngagementStatus:
        """Read the custom fields of a project back, archived or not; NotFound when it is gone."""
        envelope = await self.client.show(
            "workspaces",
            target.value,
            operation="read_engagement_status",
            include="custom_field_values",
            include_archived="true",
        )
        record = envelope.one | {"custom": custom_values(envelope, envelope.one)}
        return ENGAGEMENT_STATUS.read(record, system=self.system).body

    def _ref(self, type_: str, id: str) -> ExternalId:
        return ExternalId(system=self.system, type=type_, value=id)


class Names:
    """What the account calls its roles and its custom fields: read once, and again when a name is missing."""

    def __init__(self, client: KantataClient) -> None:
        self._client = client
        self._roles: dict[str, str] = {}
        self._fields: dict[str, str] = {}

    async def role_name(self, id: str | None, *, operation: str) -> str | None:
        """Return the name of a role; None for none."""
        if id is None:
            return None
        if id not in self._roles:
            self._roles = await self._read("roles", operation)
        return self._roles.get(id)

    async def role_id(self, name: str, *, operation: str) -> str:
        """Return the id of a role by its name; raises Rejected when the account has none."""
        if name not in self._roles.values():
            self._roles = await self._read("roles", operation)
        for id, known in self._roles.items():
            if known == name:
                return id
        raise Rejected(
            f"Kantata has no role called {name}.",
            code="kantata.unknown_role",
            remedy="Create the role in Kantata under exactly this code, then try again.",
            operation=operation,
        )

    async def field_ids(self, names: Sequence[str], *, operation: str) -> dict[str, str]:
        """Return the ids of the project's custom fields; raises Rejected that names those the account lacks."""
        if not self._fields.keys() >= set(names):
            by_id = await self._read("custom_fields", operation, subject_type="Workspace")
            self._fields = {name: id for id, name in by_id.items()}
        missing = [name for name in names if name not in self._fields]
        if missing:
            raise Rejected(
                f"Kantata has no project field called {', '.join(missing)}.",
                code="kantata.custom_field_missing",
                remedy="Create the fields for projects in Kantata, or take them out of the mapping by an overlay.",
                operation=operation,
                detail={"fields": missing},
            )
        return {name: self._fields[name] for name in names}

    async def _read(self, collection: str, operation: str, **filters: Any) -> dict[str, str]:
        pages = self._client.pages(collection, operation=operation, **filters)
        return {r["id"]: r["name"] async for envelope in pages for r in envelope.records}


# Default filters hide archived projects and unnamed resources: without these, what is there looks absent.
_SEARCHES: dict[str, dict[str, str]] = {
    "workspaces": {"include": "external_references,custom_field_values", "include_archived": "true"},
    "workspace_resources": {"include": "external_references", "include_unnamed": "true"},
    "workspace_groups": {"include": "external_references"},
}


def require_key(key: str) -> str:
    """Return the key; raises InvalidInput for one that a look-up could not name, as commas separate keys there."""
    if not key or "," in key:
        raise InvalidInput(f"Kantata cannot look up the key {key!r}", code="kantata.key")
    return key


def _portions(keys: Sequence[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    for key in dict.fromkeys(map(require_key, keys)):
        if portion and (len(portion) == _MAX_KEYS or sum(map(len, portion)) + len(key) > _MAX_KEYS_LENGTH):
            yield portion
            portion = []
        portion.append(key)
    if portion:
        yield portion


def _our_references(envelope: Envelope, record: Record) -> Iterator[Record]:
    references = envelope.included("external_references", record, "external_reference_ids")
    return (r for r in references if r["service_name"] == SERVICE)


def _is_one(found: list[Carrier]) -> bool:
    return len(found) == 1 and found[0].is_complete


def _answer_without(found: list[Carrier]) -> Absent | Unsure:
    """Say what a key without one complete record means; a begun write counts as absent, so that it is continued."""
    if len(found) > 1:
        ids = ", ".join(sorted(c.record["id"] for c in found))
        return Unsure(f"Kantata has {len(found)} records under this key: {ids}")
    return Absent()


def _request_id(carrier: Carrier) -> str:
    note = str(carrier.reference.get("external_message") or "")
    return note.removeprefix(REQUEST_NOTE) if note.startswith(REQUEST_NOTE) else ""


def _changed(at: datetime | None) -> datetime:
    if at is None:
        raise ContractDrift("Kantata showed a record without its instant of change.")
    return at
