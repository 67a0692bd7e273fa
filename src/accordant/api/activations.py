"""Process operation: activate a project from an approved contract (R-API-07)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from accordant import masterdata
from accordant.api.caller import Call, Caller, Write, Writer, unseen
from accordant.api.operation import describe
from accordant.kernel import ExternalId, InvalidInput, Rejected
from accordant.platform import audit
from accordant.platform.storage import maybe, rows
from accordant.ports import DealBundle, DealFeed
from accordant.process import Accepted, Page, records

router = APIRouter(prefix="/v1/activations", tags=["process"])

FLOW = "activate-project"


class ExternalDeal(BaseModel):
    """A deal by its id in a CRM."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(max_length=100, description="Instance id: `salesforce-main`.")
    deal: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$", description="The CRM's id of it.")


class ActivationRequest(BaseModel):
    """Which deal: by our id or by its CRM's."""

    model_config = ConfigDict(extra="forbid")

    deal_id: str | None = Field(default=None, max_length=100, description="Ours: `dea_…`.")
    external: ExternalDeal | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.deal_id is None) == (self.external is None):
            raise ValueError("give either deal_id or external")
        return self


class StageView(BaseModel):
    """A stage of the work: `at` is when it began, `ended_at` is absent while it goes on."""

    name: str
    at: datetime
    ended_at: datetime | None = None


class Activation(BaseModel):
    """One activation: a run of the flow, its stages, and what came of it."""

    id: str
    href: str
    deal_id: str
    engagement: str
    entity: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    stages: list[StageView]
    outcome: dict[str, Any] | None


@router.post(
    "",
    operation_id="activate-project",
    **describe(
        owner="delivery-operations", latency_ms=2000, scopes=("runs:act",), mode="event", answer=Activation, status=202
    ),
)
async def activate(call: Write, request: ActivationRequest) -> Response:
    """Read the deal as its CRM has it now, accept it, and activate its project; again, it is the same activation."""
    earlier = await run_in_threadpool(call.answered)
    if earlier is not None:
        return earlier
    ref = await run_in_threadpool(_reference, call, request)
    feed = _feed(call, ref)
    bundle = await feed.fetch_deal(ref.value)
    _require_visible(call, bundle)
    return await run_in_threadpool(_begin, call, feed, ref, bundle)


@router.get(
    "/{id}",
    operation_id="read-activation",
    **describe(owner="delivery-operations", latency_ms=200, scopes=("engagements:read",), answer=Activation),
)
def read_activation(call: Call, id: str) -> Response:
    """Return an activation with its stages."""
    with call.read() as connection:
        return call.answer(_view(connection, id))


def _reference(call: Caller, request: ActivationRequest) -> ExternalId:
    """Return the deal's id in its CRM."""
    if request.external is not None:
        return ExternalId(system=request.external.system, type="", value=request.external.deal)
    id = request.deal_id or ""
    with call.read() as connection:
        if maybe(connection, "select 1 from record where id = :id and kind = 'deal'", id=id) is None:
            raise unseen("deal", id)
        found = [x.ref for x in masterdata.external_ids(connection, id) if x.until is None]
    known = [ref for ref in found if ref.system in call.deps.estate.systems]
    if not known:
        raise Rejected(
            f"The deal {id} is in no connected CRM.", code="activation.no_source", remedy="Name it by its CRM's id."
        )
    return known[0]


def _feed(call: Caller, ref: ExternalId) -> DealFeed:
    connector = call.deps.connections.system(ref.system)
    if not isinstance(connector, DealFeed):
        raise InvalidInput(f"{ref.system} has no deals.", code="activation.no_crm", remedy="Name a CRM of the estate.")
    return connector


def _require_visible(call: Caller, bundle: DealBundle) -> None:
    """Refuse a deal of an entity that the caller does not see, before anything of it is taken in."""
    deal = bundle.deal.body
    if deal is None or not call.actor.sees(deal.entity or ""):
        raise unseen("deal", bundle.deal.ref.value)


def _begin(call: Writer, feed: DealFeed, ref: ExternalId, bundle: DealBundle) -> Response:
    role = call.deps.connections.role_of(ref.system)
    parts = (("customer", bundle.customer), ("contract", bundle.contract), ("deal", bundle.deal))
    pages = [Page(feed.system, role, kind, [part]) for kind, part in parts if part is not None]

    def work(connection: Connection) -> Activation:
        call.deps.intake.accept(connection, pages)
        deal_id = masterdata.find(connection, [bundle.deal.ref])[str(bundle.deal.ref)]
        run_id = _run_of(connection, deal_id) or _start(call, connection, deal_id)
        view = _view(connection, run_id)
        audit.record(connection, actor=call.name, action="activation.requested", subject=run_id, entity=view.entity)
        return view

    return call.once(work, status=202)


def _run_of(connection: Connection, deal_id: str) -> str | None:
    row = maybe(
        connection, "select id from run where flow = :flow and key = :key and not freed", flow=FLOW, key=deal_id
    )
    return row.id if row else None


def _start(call: Writer, connection: Connection, deal_id: str) -> str:
    """Start the run of a deal that intake had no reason to start: won before, its last run given up."""
    flow = call.deps.flows.newest(FLOW)
    deal = records.load(connection, [deal_id])[deal_id]
    if deal.body.stage != "won":
        raise Rejected(
            "The deal is not won.",
            code="activation.deal_not_won",
            remedy="Close it as won in the CRM; the activation then starts by itself.",
            correlation_id=deal_id,
        )
    given = Accepted("deal", deal_id, deal.version, deal.entity, deal.body, "deal.won", "api")
    requests = flow.trigger(connection, [given]) if flow.trigger else []
    if not requests:
        raise Rejected(
            "The engagement is active already, and not by an activation.",
            code="activation.active",
            remedy="See its engagement for the evidence.",
            correlation_id=deal.body.contract_id or deal_id,
        )
    start = flow.start(requests[0], snapshot=call.deps.estate.hash)
    return call.deps.starter.start_in(connection, start).run_id


def _view(connection: Connection, run_id: str) -> Activation:
    row = maybe(
        connection,
        """select id, key, subject, entity, state, started_at, ended_at, outcome from run
           where id = :id and flow = :flow""",
        id=run_id,
        flow=FLOW,
    )
    if row is None:
        raise unseen("activation", run_id)
    return Activation(
        id=row.id,
        href=f"/v1/activations/{row.id.replace('#', '%23')}",
        deal_id=row.key,
        engagement=row.subject,
        entity=row.entity,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        stages=stages_of(connection, run_id),
        outcome=row.outcome,
    )


def stages_of(connection: Connection, run_id: str) -> list[StageView]:
    """Return the stages that a run went through, in order; one that was entered again is shown once."""
    found = rows(
        connection,
        """select name, min(at) filter (where detail ->> 'at' = 'begin') as at,
                  max(at) filter (where detail ->> 'at' = 'end') as ended_at
           from run_note where run_id = :id and kind = 'stage' group by name order by min(seq)""",
        id=run_id,
    )
    return [StageView(name=row.name, at=row.at, ended_at=row.ended_at) for row in found]
