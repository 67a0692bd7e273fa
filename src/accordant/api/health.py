"""Whether this process lives, whether it can do its work, and the figures that tell how it is doing."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from accordant.api.caller import Call
from accordant.api.deps import ApiDeps
from accordant.api.operation import describe
from accordant.kernel import Unavailable
from accordant.platform.storage import one
from accordant.platform.telemetry.metrics import exposition

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="healthz", **describe(owner="platform", latency_ms=20, scopes=()))
async def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="readyz", **describe(owner="platform", latency_ms=100, scopes=()))
def readyz(request: Request) -> dict[str, object]:
    """Say whether the database answers, and how many workers are alive; 503 without a database."""
    deps: ApiDeps = request.app.state.deps
    try:
        with deps.worker.begin() as connection:
            row = one(
                connection,
                """select count(*) as n from executor
                   where reaped_at is null and beat_at > clock_timestamp() - make_interval(secs => lease_s)""",
            )
    except SQLAlchemyError as error:
        raise Unavailable("The database does not answer.", code="api.not_ready") from error
    return {"status": "ready", "workers": row.n}


@router.get(
    "/metrics", operation_id="read-metrics", **describe(owner="platform", latency_ms=1000, scopes=("systems:read",))
)
def read_metrics(call: Call) -> Response:
    """Return the metrics of the caller's entities in the text format of Prometheus."""
    with call.read() as connection:
        return Response(exposition(connection), media_type="text/plain; version=0.0.4")
