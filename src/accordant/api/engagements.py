"""Experience operations: engagements with their four business states, each with its evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.responses import Response

from accordant.api.caller import Call, unseen
from accordant.api.operation import Deprecation, describe
from accordant.api.paging import Cursor, Limit, Page, page_of, read_cursor
from accordant.platform.storage import rows

router = APIRouter(prefix="/v1/engagements", tags=["experience"])
before = APIRouter(prefix="/v0/engagements", tags=["experience"])

OWNER = "delivery-operations"
State = Literal["sold", "activated", "financially_approved", "ready_to_bill"]
_ORDER: tuple[State, ...] = ("sold", "activated", "financially_approved", "ready_to_bill")


class StateView(BaseModel):
    """One business state: since when, who says so, on what evidence."""

    state: State
    status: Literal["reached", "in_progress", "blocked"]
    at: datetime
    source: str
    evidence: dict[str, Any]
    run_id: str


class Engagement(BaseModel):
    """What was sold to one client under one contract; `state` is the last state that was reached."""

    id: str
    entity: str
    name: str
    client: str
    project_id: str | None
    project_code: str | None
    state: State | None
    states: list[StateView]


class OldEngagement(BaseModel):
    """The engagement as version 0 told it: one word for its state."""

    id: str
    status: str


_ENGAGEMENTS = """
select s.engagement as id, max(s.entity) as entity, max(c.body ->> 'name') as name, max(k.body ->> 'name') as client,
       max(p.id) as project_id, max(p.body ->> 'code') as project_code,
       json_agg(json_build_object('state', s.state, 'status', s.status, 'at', s.at, 'source', s.source,
                                  'evidence', s.evidence, 'run_id', s.run_id)) as states
from engagement_state s
left join record c on c.id = s.engagement
left join record k on k.id = c.body ->> 'customer_id'
left join record p on p.kind = 'project' and p.body ->> 'contract_id' = s.engagement and not p.deleted
where s.engagement in (
  select engagement from engagement_state
  where engagement > :after and (cast(:id as text) is null or engagement = :id)
    and (cast(:entity as text) is null or entity = :entity)
    and (cast(:state as text) is null or (state = :state and status = 'reached'))
  group by engagement order by engagement limit :limit)
group by s.engagement order by s.engagement
"""


@router.get(
    "",
    operation_id="list-engagements",
    **describe(owner=OWNER, latency_ms=400, scopes=("engagements:read",), answer=Page[Engagement]),
)
def list_engagements(
    call: Call,
    entity: Annotated[str | None, Query(max_length=50)] = None,
    state: Annotated[State | None, Query(description="That reached this state.")] = None,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """Return engagements by id."""
    if entity:
        call.require_entity(entity)
    after = (read_cursor(cursor, 1) or [""])[0]
    with call.read() as connection:
        found = _load(connection, after=after, entity=entity, state=state, limit=limit + 1)
    return page_of([engagement.model_dump(mode="json") for engagement in found], limit, "id")


@router.get(
    "/{id}",
    operation_id="read-engagement",
    **describe(owner=OWNER, latency_ms=150, scopes=("engagements:read",), answer=Engagement),
)
def read_engagement(call: Call, id: str) -> Response:
    """Return an engagement by its contract's id (its deal's until a contract is known)."""
    with call.read() as connection:
        return call.answer(_one(connection, id))


@before.get(
    "/{id}",
    operation_id="read-engagement-v0",
    **describe(
        owner=OWNER,
        latency_ms=150,
        scopes=("engagements:read",),
        answer=OldEngagement,
        deprecation=Deprecation(
            datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC), "/v1/engagements/{id}"
        ),
    ),
)
def read_engagement_v0(call: Call, id: str) -> Response:
    """Return the last state that an engagement reached, as one word."""
    with call.read() as connection:
        found = _one(connection, id)
    return call.answer(OldEngagement(id=found.id, status=found.state or "open"))


def _one(connection: Connection, id: str) -> Engagement:
    found = _load(connection, id=id)
    if not found:
        raise unseen("engagement", id)
    return found[0]


def _load(
    connection: Connection,
    *,
    id: str | None = None,
    after: str = "",
    entity: str | None = None,
    state: str | None = None,
    limit: int = 1,
) -> list[Engagement]:
    found = rows(connection, _ENGAGEMENTS, id=id, after=after, entity=entity, state=state, limit=limit)
    return [_view(row) for row in found]


def _view(row: Any) -> Engagement:
    states = sorted((StateView.model_validate(s) for s in row.states), key=lambda s: _ORDER.index(s.state))
    states = list({s.state: s for s in states}.values())
    reached = [s.state for s in states if s.status == "reached"]
    return Engagement(
        id=row.id,
        entity=row.entity,
        name=row.name or "",
        client=row.client or "",
        project_id=row.project_id,
        project_code=row.project_code,
        state=reached[-1] if reached else None,
        states=states,
    )
