"""The catalogue: connected systems, flows, policies, and the operations of this API, each with its owner."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from accordant.api.caller import Call
from accordant.api.operation import ANY_SCOPE, describe
from accordant.governance import Estate
from accordant.platform.storage import rows
from accordant.runtime.checks import NEEDS

router = APIRouter(tags=["catalog"])

OWNER = "platform"


class ConnectorView(BaseModel):
    """A connected system: what it is for, what it can do, how it is doing (R-SYS-24)."""

    id: str
    connector: str
    name: str
    roles: list[str]
    entities: list[str]
    owner: str
    auth: list[str]
    capabilities: list[str]
    delivery: dict[str, Any]
    limits: dict[str, Any]
    settle_s: float
    api_version: str
    simulated: bool
    status: str
    flows: list[str]


class FlowView(BaseModel):
    """A flow as it declares itself."""

    name: str
    version: int
    owner: str
    tier: str
    slo_s: int
    starts_on: list[str]
    overtaking: str
    needs: dict[str, list[str]]
    doc: str


class PolicyRow(BaseModel):
    """One rule: when it holds, what follows, why."""

    id: str
    when: dict[str, Any]
    then: dict[str, Any]
    reason: str
    remedy: str
    author: str
    valid_from: str
    valid_to: str | None


class PolicyView(BaseModel):
    """A decision table."""

    id: str
    region: str
    question: str
    owner: str
    hit: str
    rows: list[PolicyRow]


class OperationView(BaseModel):
    """One operation of this API."""

    method: str
    path: str
    id: str
    summary: str
    owner: str
    mode: str
    latency_target_ms: int
    scopes: list[str]
    deprecated: bool


class Listing(BaseModel):
    """All of one kind."""

    items: list[Any]


@router.get(
    "/v1/catalog/connectors",
    operation_id="list-connectors",
    **describe(owner=OWNER, latency_ms=300, scopes=("systems:read", "estate:read"), answer=Listing),
)
def list_connectors(call: Call, owner: Annotated[str | None, Query(max_length=100)] = None) -> Response:
    """Return the connected systems of the caller's entities."""
    estate = call.deps.estate
    with call.read() as connection:
        broken = {row.system for row in rows(connection, "select distinct system from breaker where state <> 'closed'")}
    items = [_connector(estate, id, is_broken=id in broken) for id in estate.systems]
    seen = [item for item in items if any(call.actor.sees(entity) for entity in item.entities)]
    return call.answer(Listing(items=[item for item in seen if owner in (None, item.owner)]))


@router.get(
    "/v1/catalog/flows",
    operation_id="list-flows",
    **describe(owner=OWNER, latency_ms=100, scopes=("systems:read", "estate:read"), answer=Listing),
)
def list_flows(call: Call, owner: Annotated[str | None, Query(max_length=100)] = None) -> Response:
    """Return every version of every flow, as it declares itself."""
    items = [
        FlowView(
            name=flow.name,
            version=flow.version,
            owner=flow.owner,
            tier=flow.tier,
            slo_s=flow.slo_s,
            starts_on=list(flow.starts_on),
            overtaking=str(flow.overtaking),
            needs={role: list(capabilities) for role, capabilities in NEEDS.get(flow.name, {}).items()},
            doc=flow.doc,
        )
        for flow in call.deps.flows
    ]
    return call.answer(Listing(items=[item for item in items if owner in (None, item.owner)]))


@router.get(
    "/v1/catalog/policies",
    operation_id="list-policies",
    **describe(owner=OWNER, latency_ms=200, scopes=("estate:read",), answer=Listing),
)
def list_policies(call: Call, owner: Annotated[str | None, Query(max_length=100)] = None) -> Response:
    """Return every decision table with its rules."""
    items = [_policy(region, table) for region, table in call.deps.policies.tables]
    return call.answer(Listing(items=[item for item in items if owner in (None, item.owner)]))


@router.get(
    "/v1/catalog/operations",
    operation_id="list-operations",
    **describe(owner=OWNER, latency_ms=100, scopes=(ANY_SCOPE,), answer=Listing),
)
def list_operations(
    request: Request, call: Call, owner: Annotated[str | None, Query(max_length=100)] = None
) -> Response:
    """Return the operations of this API with owner, mode, latency target and scopes (R-API-11, R-API-20)."""
    items = [
        OperationView(
            method=method.upper(),
            path=path,
            id=operation["operationId"],
            summary=operation.get("description", ""),
            owner=operation["x-owner"],
            mode=operation["x-mode"],
            latency_target_ms=operation["x-latency-target-ms"],
            scopes=operation["x-scopes"],
            deprecated=operation.get("deprecated", False),
        )
        for path, operations in request.app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]
    return call.answer(Listing(items=[item for item in items if owner in (None, item.owner)]))


@router.get(
    "/openapi.json",
    operation_id="read-openapi",
    **describe(owner=OWNER, latency_ms=100, scopes=(ANY_SCOPE,)),
)
def read_openapi(request: Request, call: Call) -> Response:  # noqa: ARG001 - the caller must be known
    """Return this API's OpenAPI 3.1 document."""
    return JSONResponse(request.app.openapi())


def _connector(estate: Estate, id: str, *, is_broken: bool) -> ConnectorView:
    system = estate.system(id)
    text = (files(f"accordant.connectors.{system.connector}") / "manifest.toml").read_text(encoding="utf-8")
    manifest = tomllib.loads(text)
    capabilities = set(manifest["capabilities"])
    return ConnectorView(
        id=id,
        connector=system.connector,
        name=manifest["name"],
        roles=list(system.roles),
        entities=_entities(estate, id),
        owner=manifest["owner"],
        auth=manifest["auth"],
        capabilities=manifest["capabilities"],
        delivery=manifest.get("delivery", {}),
        limits={**manifest.get("limits", {}), **system.limits},
        settle_s=float(system.settings.get("settle_s", manifest.get("settle_s", 0))),
        api_version=str(manifest.get("vendor", {}).get("api_version", "")),
        simulated=system.simulated,
        status="troubled" if is_broken else "ok",
        flows=sorted(
            flow
            for flow, needs in NEEDS.items()
            if any(role in system.roles and capabilities.intersection(wanted) for role, wanted in needs.items())
        ),
    )


def _entities(estate: Estate, id: str) -> list[str]:
    """Return the entities that a system serves in any role, by the routing rows."""
    routes = [route for role in estate.routing.values() for route in role if id in (route.use, route.shadow)]
    named = {route.when.entity for route in routes}
    return [entity.id for entity in estate.entities if None in named or entity.id in named]


def _policy(region: str, table: Any) -> PolicyView:
    header = table.header
    return PolicyView(
        id=header.id,
        region=region,
        question=header.question,
        owner=header.owner,
        hit=str(header.hit),
        rows=[PolicyRow(**row.model_dump(mode="json")) for row in table.rows],
    )
