"""Experience operations: cases, and approvals of what was seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from accordant import cases
from accordant.api.caller import Call, Write
from accordant.api.operation import describe
from accordant.api.paging import Limit, Page, read_cursor, write_cursor
from accordant.kernel import InvalidInput

router = APIRouter(prefix="/v1", tags=["experience"])

OWNER = "finance-operations"


class CaseQuery(cases.CaseFilter):
    """Which cases, and which page of them."""

    cursor: str = Field(default="", max_length=500, description="`next` of the page before.")
    limit: int = Field(default=100, ge=1, le=500)


class TimelineEntry(BaseModel):
    """What happened to a case or an approval, and who did it."""

    at: datetime
    actor: str
    kind: str
    detail: dict[str, Any]


class CaseDetail(cases.CaseView):
    """A case with its timeline."""

    timeline: tuple[TimelineEntry, ...]


class Resolution(BaseModel):
    """How a case is resolved."""

    model_config = ConfigDict(extra="forbid")

    resolution: cases.Resolution


class ResolutionAnswer(BaseModel):
    """The state of the case afterwards; a change of money waits for a second person, who confirms `proposal_hash`."""

    id: str
    state: cases.CaseState
    proposal_hash: str | None = None


class Confirmation(BaseModel):
    """The proposal that a second person confirms."""

    model_config = ConfigDict(extra="forbid")

    proposal_hash: str = Field(min_length=1, max_length=200)


class ApprovalDetail(cases.Approval):
    """An approval with its timeline."""

    timeline: tuple[TimelineEntry, ...]


class ApprovalList(BaseModel):
    """The inbox of who asks."""

    items: tuple[cases.Approval, ...]


class DecisionRequest(BaseModel):
    """What an approver says about exactly what was seen."""

    model_config = ConfigDict(extra="forbid")

    decision: cases.Decision
    view_hash: str = Field(min_length=1, max_length=200, description="`view_hash` of the approval as it was read.")
    reason: str = Field(default="", max_length=500)


@router.get(
    "/cases",
    operation_id="list-cases",
    **describe(owner=OWNER, latency_ms=400, scopes=("cases:read",), answer=Page[cases.CaseView]),
)
def list_cases(call: Call, query: Annotated[CaseQuery, Query()]) -> dict[str, Any]:
    """Return cases, the most severe first: money at stake per day that is left."""
    offset, limit = _offset(query.cursor), query.limit
    which = cases.CaseFilter(**query.model_dump(exclude={"cursor", "limit"}))
    with call.read() as connection:
        found = cases.list_cases(connection, which, at=call.now, limit=limit + 1, offset=offset)
    more = write_cursor(str(offset + limit)) if len(found) > limit else None
    return {"items": [case.model_dump(mode="json") for case in found[:limit]], "next": more}


@router.get(
    "/cases/{id}",
    operation_id="read-case",
    **describe(owner=OWNER, latency_ms=150, scopes=("cases:read",), answer=CaseDetail),
)
def read_case(call: Call, id: str) -> Response:
    """Return a case with its timeline."""
    with call.read() as connection:
        case = cases.get_case(connection, id, at=call.now)
        return call.answer(CaseDetail(**dict(case), timeline=_timeline(connection, id)))


@router.post(
    "/cases/{id}/resolution",
    operation_id="resolve-case",
    **describe(owner=OWNER, latency_ms=300, scopes=("cases:act",), answer=ResolutionAnswer),
)
def resolve_case(call: Write, id: str, request: Resolution) -> Response:
    """Resolve a case in one of the ways it offers; its run goes on."""
    _require_case(call, id)

    def work(connection: Connection) -> ResolutionAnswer:
        done = call.deps.answers.resolve(connection, id, request.resolution, actor=call.actor)
        proposed = done.hash if isinstance(done, cases.Proposed) else None
        return _after(connection, call, id, proposed)

    return call.once(work)


@router.post(
    "/cases/{id}/confirm",
    operation_id="confirm-case",
    **describe(owner=OWNER, latency_ms=300, scopes=("cases:act",), answer=ResolutionAnswer),
)
def confirm_case(call: Write, id: str, request: Confirmation) -> Response:
    """Confirm a proposed change of money as the second person."""
    _require_case(call, id)

    def work(connection: Connection) -> ResolutionAnswer:
        call.deps.answers.confirm(connection, id, request.proposal_hash, actor=call.actor)
        return _after(connection, call, id)

    return call.once(work)


@router.get(
    "/approvals",
    operation_id="list-approvals",
    **describe(owner=OWNER, latency_ms=300, scopes=("approvals:read",), answer=ApprovalList),
)
def list_approvals(call: Call, state: cases.ApprovalState = cases.ApprovalState.OPEN, limit: Limit = 100) -> Response:
    """Return the approvals that who asks may decide, the most urgent first."""
    with call.read() as connection:
        found = cases.list_approvals(connection, call.actor, state=state, limit=limit)
    return call.answer(ApprovalList(items=found))


@router.get(
    "/approvals/{id}",
    operation_id="read-approval",
    **describe(owner=OWNER, latency_ms=150, scopes=("approvals:read",), answer=ApprovalDetail),
)
def read_approval(call: Call, id: str) -> Response:
    """Return an approval: the view that is approved, its hash, its timeline."""
    with call.read() as connection:
        approval = cases.get_approval(connection, id)
        return call.answer(ApprovalDetail(**dict(approval), timeline=_timeline(connection, id)))


@router.post(
    "/approvals/{id}/decision",
    operation_id="decide-approval",
    **describe(owner=OWNER, latency_ms=300, scopes=("approvals:decide",), answer=cases.Approval),
)
def decide(call: Write, id: str, request: DecisionRequest) -> Response:
    """Approve or reject what was seen; its run goes on."""
    with call.read() as connection:
        cases.get_approval(connection, id)

    def work(connection: Connection) -> cases.Approval:
        return call.deps.answers.decide(
            connection,
            id,
            actor=call.actor,
            decision=request.decision,
            view_hash=request.view_hash,
            reason=request.reason,
        )

    return call.once(work)


def _require_case(call: Call, id: str) -> None:
    """Answer that there is no such case to who may not see it, before a worker's connection does."""
    with call.read() as connection:
        cases.get_case(connection, id, at=call.now)


def _after(connection: Connection, call: Call, id: str, proposed: str | None = None) -> ResolutionAnswer:
    return ResolutionAnswer(id=id, state=cases.get_case(connection, id, at=call.now).state, proposal_hash=proposed)


def _timeline(connection: Connection, id: str) -> tuple[TimelineEntry, ...]:
    events = cases.list_events(connection, id)
    return tuple(TimelineEntry(at=e.at, actor=e.actor, kind=e.kind, detail=dict(e.detail)) for e in events)


def _offset(cursor: str) -> int:
    (text,) = read_cursor(cursor, 1) or ["0"]
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput("This cursor is none of ours.", code="api.cursor", remedy="Begin with the first page.")
    return int(text)
