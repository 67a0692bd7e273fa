"""System operations: the canonical record of customers, contracts, projects, workers, time, invoices, payments, deals.

What is stored without an entity of its own (a time entry, a payment) belongs to the entity of its project or invoice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from accordant import masterdata
from accordant.api.caller import Call, Caller, unseen
from accordant.api.operation import describe
from accordant.api.paging import Cursor, Limit, Page, page_of, read_cursor
from accordant.canonical import CanonicalModel, Contract, Customer, Deal, Invoice, Payment, Project, TimeEntry, Worker
from accordant.kernel import ExternalId
from accordant.platform import audit
from accordant.platform.storage import rows

router = APIRouter(prefix="/v1", tags=["system"])

T = TypeVar("T", bound=CanonicalModel)
MASK = "•••"
SEES_PERSONS = "people:read"


@dataclass(frozen=True)
class Resource:
    """One kind of object as the API offers it.

    Args:
        path: in the plural.
        kind: of the record.
        model: its canonical shape.
        owner: who answers for the operation.
        scopes: any of these opens it.
        personal: fields that are masked for who may not see persons.
        parent: the field that leads to the record whose entity it shares; '' when it has its own.
    """

    path: str
    kind: str
    model: type[CanonicalModel]
    owner: str
    scopes: tuple[str, ...]
    personal: frozenset[str] = frozenset()
    parent: str = ""


RESOURCES = (
    Resource("customers", "customer", Customer, "master-data", ("engagements:read", "masterdata:read")),
    Resource("contracts", "contract", Contract, "revenue-operations", ("engagements:read",)),
    Resource("projects", "project", Project, "delivery-operations", ("engagements:read",)),
    Resource(
        "workers",
        "worker",
        Worker,
        "people-operations",
        ("engagements:read", SEES_PERSONS),
        frozenset({"name", "email", "location"}),
    ),
    Resource(
        "time-entries",
        "time_entry",
        TimeEntry,
        "delivery-operations",
        ("billing:read",),
        frozenset({"note"}),
        parent="project_id",
    ),
    Resource("invoices", "invoice", Invoice, "finance-operations", ("billing:read",)),
    Resource("payments", "payment", Payment, "finance-operations", ("billing:read",), parent="invoice_id"),
    Resource("deals", "deal", Deal, "revenue-operations", ("engagements:read",), frozenset({"owner", "delivery_lead"})),
)


class Record(BaseModel, Generic[T]):
    """The current version of a canonical object; personal fields are masked without `people:read`."""

    id: str
    version: int
    entity: str = Field(description="Legal entity; '' is firm-wide.")
    changed_at: datetime = Field(description="The source's own instant of the change.")
    recorded_at: datetime = Field(description="When we accepted it.")
    deleted: bool
    data: T


class Reference(BaseModel):
    """A record of a connected system that stands for the object."""

    system: str
    type: str
    value: str
    since: datetime
    until: datetime | None


class References(BaseModel):
    """Every record that stands for one canonical object, those of merged ids included."""

    id: str
    kind: str
    records: list[Reference]


_SELECT = """
select r.id, r.kind, r.version, coalesce(nullif(r.entity, ''), p.entity, '') as entity, r.changed_at, r.recorded_at,
       r.deleted, r.body
from record r left join record p on p.id = r.body ->> :parent
where r.kind = :kind and (:parent = '' or :all or p.id is not null)
"""
_PAGE = f"""{_SELECT}
  and (cast(:entity as text) is null or :entity = coalesce(nullif(r.entity, ''), p.entity, ''))
  and (cast(:since as timestamptz) is null or r.recorded_at >= :since)
  and (cast(:at as timestamptz) is null or (r.recorded_at, r.id) > (cast(:at as timestamptz), cast(:id as text)))
order by r.recorded_at, r.id limit :limit
"""
Since = Annotated[
    AwareDatetime | None,
    Query(description="Recorded at or after; overlap a minute, or follow /v1/events to miss nothing."),
]
Entity = Annotated[str | None, Query(max_length=50, description="Legal entity.")]


def find(connection: Connection, caller: Caller, resource: Resource, id: str) -> dict[str, Any] | None:
    """Return one object as the caller may see it, or None."""
    found = rows(
        connection, f"{_SELECT} and r.id = :id", kind=resource.kind, parent=resource.parent, all=caller.sees_all, id=id
    )
    return _shown(caller, resource, found[0]) if found else None


def _listing(resource: Resource) -> Callable[..., dict[str, Any]]:
    def list_records(
        call: Call, updated_since: Since = None, entity: Entity = None, cursor: Cursor = "", limit: Limit = 100
    ) -> dict[str, Any]:
        if entity:
            call.require_entity(entity)
        at, id = read_cursor(cursor, 2) or (None, None)
        with call.read() as connection:
            found = rows(
                connection,
                _PAGE,
                kind=resource.kind,
                parent=resource.parent,
                all=call.sees_all,
                entity=entity,
                since=updated_since,
                at=at,
                id=id,
                limit=limit + 1,
            )
        _note_revealed(call, resource, len(found))
        return page_of([_shown(call, resource, row) for row in found], limit, "recorded_at", "id")

    list_records.__doc__ = f"Return {resource.path.replace('-', ' ')} in the order in which they were recorded."
    return list_records


def _reading(resource: Resource) -> Callable[..., Response]:
    def read_record(call: Call, id: str) -> Response:
        with call.read() as connection:
            found = find(connection, call, resource, id)
        if found is None:
            raise unseen(resource.kind.replace("_", " "), id)
        _note_revealed(call, resource, 1)
        return call.answer(found)

    read_record.__doc__ = f"Return one of the {resource.path.replace('-', ' ')}."
    return read_record


def _offer(resource: Resource) -> None:
    """Add the two operations of a resource: list and read."""
    model: Any = resource.model
    for path, operation, latency_ms, answer, endpoint in (
        ("", "list", 400, Page[Record[model]], _listing(resource)),
        ("/{id}", "read", 100, Record[model], _reading(resource)),
    ):
        router.add_api_route(
            f"/{resource.path}{path}",
            endpoint,
            operation_id=f"{operation}-{resource.path}",
            **describe(owner=resource.owner, scopes=resource.scopes, latency_ms=latency_ms, answer=answer),
        )


for _resource in RESOURCES:
    _offer(_resource)


@router.get(
    "/xref/{id}",
    operation_id="read-xref",
    **describe(owner="master-data", latency_ms=100, scopes=("masterdata:read",), answer=References),
)
def read_xref(call: Call, id: str) -> Response:
    """Return which records of the connected systems stand for an object."""
    with call.read() as connection:
        found = masterdata.external_ids(connection, id)
        kind = found[0].kind if found else ""
        resource = next((r for r in RESOURCES if r.kind == kind), None)
        if resource is None or find(connection, call, resource, id) is None:
            raise unseen("object", id)
    return call.answer(
        References(
            id=id,
            kind=kind,
            records=[
                Reference(system=x.ref.system, type=x.ref.type, value=x.ref.value, since=x.since, until=x.until)
                for x in found
            ],
        )
    )


@router.get(
    "/xref",
    operation_id="find-xref",
    **describe(owner="master-data", latency_ms=100, scopes=("masterdata:read",), answer=References),
)
def find_xref(
    call: Call,
    system: Annotated[str, Query(max_length=100)],
    type: Annotated[str, Query(max_length=100)],
    value: Annotated[str, Query(max_length=200)],
) -> Response:
    """Return the object that a record of a connected system stands for."""
    ref = ExternalId(system=system, type=type, value=value)
    with call.read() as connection:
        id = masterdata.find(connection, [ref]).get(str(ref))
    if id is None:
        raise unseen("record", str(ref))
    return read_xref(call, id)


def _shown(caller: Caller, resource: Resource, row: Any) -> dict[str, Any]:
    body = row.body
    if resource.personal and not caller.may(SEES_PERSONS):
        masked = {name: MASK for name in resource.personal if body.get(name) is not None}
        body = {**body, **masked, "extensions": {}}
    return {
        "id": row.id,
        "version": row.version,
        "entity": row.entity,
        "changed_at": row.changed_at.isoformat(),
        "recorded_at": row.recorded_at.isoformat(),
        "deleted": row.deleted,
        "data": body,
    }


def _note_revealed(caller: Caller, resource: Resource, count: int) -> None:
    """Record that personal fields were shown unmasked, to whom and how many (R-SEC-04)."""
    if resource.personal and count and caller.may(SEES_PERSONS):
        with caller.deps.worker.begin() as connection:
            audit.record(
                connection,
                actor=caller.name,
                action="personal.revealed",
                subject=resource.kind,
                detail={"path": caller.request.url.path, "count": count},
            )
