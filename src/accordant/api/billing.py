"""Process operations of billing: cycles, readiness, holds (R-API-06)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from accordant import ledger
from accordant.api.caller import Call, Write, unseen
from accordant.api.operation import describe
from accordant.api.paging import Cursor, Limit, Page, page_of, read_cursor
from accordant.kernel import Money
from accordant.platform import audit
from accordant.platform.storage import rows
from accordant.runtime.billing_calendar import start_cycles

router = APIRouter(prefix="/v1", tags=["process"])

OWNER = "finance-operations"
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


class CycleRequest(BaseModel):
    """Bill what was worked until a day, in one entity."""

    model_config = ConfigDict(extra="forbid")

    entity: str = Field(max_length=50)
    until_on: Day = Field(description="Civil day in the entity's zone, inclusive.")


class Cycle(BaseModel):
    """Which invoice cycles began; engagements that have theirs already keep it."""

    entity: str
    until_on: date
    run_ids: list[str]


class ReadinessView(BaseModel):
    """How far the billing of an entity stands, in one currency; amounts exclude tax."""

    currency: str
    ready: Money
    held: Money
    drafted: Money
    billed: Money
    over_billed: Money
    ready_count: int
    held_count: int
    unpriced_count: int
    drafted_count: int
    over_billed_count: int


class ReadinessList(BaseModel):
    """One row per currency."""

    items: list[ReadinessView]


class HoldRequest(BaseModel):
    """Which ledger lines, and why."""

    model_config = ConfigDict(extra="forbid")

    line_ids: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(min_length=1, max_length=500)
    reason: str = Field(min_length=3, max_length=500, pattern=r"\S")


class Held(BaseModel):
    """The lines that changed; those that stood so already are not named."""

    line_ids: list[str]


class HeldLine(BaseModel):
    """A line that is kept off every invoice."""

    id: str
    entity: str
    contract_id: str
    project_id: str
    worked_on: date
    reason: str


@router.post(
    "/billing-cycles",
    operation_id="start-billing-cycle",
    **describe(owner=OWNER, latency_ms=3000, scopes=("billing:act",), mode="batch", answer=Cycle, status=202),
)
def start_cycle(call: Write, request: CycleRequest) -> Response:
    """Start the invoice cycle of every engagement of an entity that may be billed."""
    call.require_entity(request.entity)

    def work(connection: Connection) -> Cycle:
        deps = call.deps
        ids = start_cycles(connection, deps.starter, deps.flows, request.until_on, entity=request.entity)
        audit.record(
            connection,
            actor=call.name,
            action="billing_cycle.requested",
            subject=request.until_on.isoformat(),
            entity=request.entity,
            detail={"runs": len(ids)},
        )
        return Cycle(entity=request.entity, until_on=request.until_on, run_ids=ids)

    return call.once(work, status=202)


@router.get(
    "/billing-readiness",
    operation_id="read-billing-readiness",
    **describe(owner=OWNER, latency_ms=500, scopes=("billing:read",), answer=ReadinessList),
)
def read_readiness(
    call: Call, entity: Annotated[str, Query(min_length=1, max_length=50)], until_on: Annotated[Day, Query()]
) -> Response:
    """Say what of an entity, worked until a day, is ready to bill and what keeps the rest."""
    call.require_entity(entity)
    with call.read() as connection:
        found = ledger.billing_readiness(connection, entity, until_on)
    return call.answer(ReadinessList(items=[ReadinessView.model_validate(row, from_attributes=True) for row in found]))


@router.get(
    "/holds",
    operation_id="list-holds",
    **describe(owner=OWNER, latency_ms=300, scopes=("billing:read",), answer=Page[HeldLine]),
)
def list_holds(
    call: Call,
    contract_id: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """Return the lines that are held, by id."""
    after = (read_cursor(cursor, 1) or [""])[0]
    with call.read() as connection:
        found = rows(
            connection,
            """select id, entity, contract_id, project_id, worked_on, hold_reason as reason from ledger_line
               where hold_reason <> '' and id > :after
                 and (cast(:contract as text) is null or contract_id = :contract)
               order by id limit :limit""",
            after=after,
            contract=contract_id,
            limit=limit + 1,
        )
    items = [HeldLine.model_validate(row, from_attributes=True).model_dump(mode="json") for row in found]
    return page_of(items, limit, "id")


@router.post(
    "/holds",
    operation_id="hold-lines",
    **describe(owner=OWNER, latency_ms=300, scopes=("billing:act",), answer=Held),
)
def hold(call: Write, request: HoldRequest) -> Response:
    """Keep what is open of lines off every invoice."""
    return _move(call, request, ledger.hold, "hold.set")


@router.post(
    "/holds/release",
    operation_id="release-lines",
    **describe(owner=OWNER, latency_ms=300, scopes=("billing:act",), answer=Held),
)
def release(call: Write, request: HoldRequest) -> Response:
    """Let held lines go to the next invoice."""
    return _move(call, request, ledger.release, "hold.released")


def _move(call: Write, request: HoldRequest, act: Callable[..., tuple[str, ...]], name: str) -> Response:
    with call.read() as connection:
        seen = {line.id: line.entity for line in ledger.line_states(connection, request.line_ids)}
    unknown = sorted(set(request.line_ids) - seen.keys())
    if unknown:
        raise unseen("line", unknown[0])

    def work(connection: Connection) -> Held:
        by = ledger.By(actor=call.name, cause=f"api:{call.key}")
        changed = act(connection, sorted(seen), request.reason, by)
        for entity in sorted({seen[id] for id in changed}):
            ids = [id for id in changed if seen[id] == entity]
            detail = {"lines": ids, "reason": request.reason}
            audit.record(connection, actor=call.name, action=name, subject=ids[0], entity=entity, detail=detail)
        return Held(line_ids=list(changed))

    return call.once(work)
