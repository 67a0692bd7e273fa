"""The doorbells: verify what the vendor offers, keep the envelope, answer at once; the record is read later, by us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from accordant.api.deps import ApiDeps
from accordant.api.operation import describe
from accordant.kernel import AccordantError, InvalidInput, NotFound, Rejected, Unavailable
from accordant.platform import audit
from accordant.platform.storage import execute, rows
from accordant.ports import DealDoorbell, Doorbell

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/hooks", tags=["hooks"])

_KEEP = """
insert into envelope (system, kind, dedupe_key, subject, body)
select :system, kind, key, subject, case when place = 1 then cast(:body as bytea) else ''::bytea end
from unnest(cast(:kinds as text[]), cast(:keys as text[]), cast(:subjects as text[])) with ordinality
     as rung(kind, key, subject, place)
on conflict (system, dedupe_key) do nothing
returning id
"""
_COUNT = """
insert into observation_count (system, kind, outcome, hour, count) values (:system, 'doorbell', 'duplicate', :hour, :n)
on conflict (system, kind, outcome, hour) do update set count = observation_count.count + excluded.count
"""


@router.post(
    "/{system}",
    operation_id="ring",
    **describe(owner="integration", mode="event", latency_ms=200, scopes=(), idempotent_by="the vendor's delivery id"),
)
async def ring(request: Request, system: Annotated[str, Path(description="Instance id of the estate.")]) -> Response:
    """Take a vendor's notification; it is acknowledged once its envelope is stored, again when it comes again."""
    deps: ApiDeps = request.app.state.deps
    if system in deps.estate.systems:
        request.app.state.rings.take(system)
    body = await request.body()
    return await run_in_threadpool(_take, deps, system, body)


def _take(deps: ApiDeps, system: str, body: bytes) -> Response:
    doorbell = _doorbell(deps, system)
    try:
        rung = doorbell.doorbells(body)
    except (InvalidInput, Rejected) as refusal:
        _note(deps, system, refusal, len(body))
        raise
    with deps.worker.begin() as connection:
        keep(connection, system, rung, body)
    answer, media_type = doorbell.acknowledgement()
    return Response(answer, media_type=media_type)


def keep(connection: Connection, system: str, rung: tuple[Doorbell, ...], body: bytes) -> int:
    """Store one envelope per notification that is new, the body with the first; returns how many were new."""
    found = rows(
        connection,
        _KEEP,
        system=system,
        kinds=[f"{bell.ref.type.lower()}.changed" for bell in rung],
        keys=[bell.delivery_id for bell in rung],
        subjects=[str(bell.ref) for bell in rung],
        body=body,
    )
    again = len(rung) - len(found)
    if again:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        execute(connection, _COUNT, system=system, hour=hour, n=again)
    return len(found)


def _doorbell(deps: ApiDeps, system: str) -> DealDoorbell:
    connector = _connector(deps, system) if system in deps.estate.systems else None
    if not isinstance(connector, DealDoorbell):
        raise NotFound("No system rings here.", code="hook.unknown", remedy="Correct the address of the notification.")
    return connector


def _connector(deps: ApiDeps, system: str) -> Any:
    """Return the connector; what is wrong with its settings is for our log, not for whoever rings."""
    try:
        return deps.connections.system(system)
    except AccordantError as error:
        log.warning("hook.not_ready", system=system, code=error.code, why=error.message)
        raise Unavailable("This system is not connected now.", code="hook.not_ready") from error


def _note(deps: ApiDeps, system: str, refusal: AccordantError, size: int) -> None:
    """Record that somebody rang who should not: a wrong address, or someone who tries."""
    with deps.worker.begin() as connection:
        audit.record(
            connection,
            actor=f"hook:{system}",
            action="hook.refused",
            subject=system,
            detail={"code": refusal.code, "bytes": size},
        )
