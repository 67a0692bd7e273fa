"""The API as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from accordant.api import (
    activations,
    billing,
    catalog,
    engagements,
    events,
    exceptions,
    health,
    hooks,
    problems,
    records,
    runs,
    token,
)
from accordant.api.deps import ApiDeps
from accordant.api.guard import AnswerHeaders, SizeCap
from accordant.api.identity import ISSUER, Issuer, PublishedKeys, outside
from accordant.api.limits import RateLimits

_RINGS_PER_MINUTE = 6000  # per system; each message may carry a hundred notifications
_TOKENS_PER_MINUTE = 120  # per address: whoever guesses secrets is slowed down
_TAGS = {
    "system": "Stable access to the canonical record of each business object.",
    "process": "Work to be started, looked at, answered: activations, billing, runs, holds.",
    "experience": "What people's screens are made of: engagements, cases, approvals.",
    "events": "The event log and its subscriptions.",
    "catalog": "What there is, and who owns it.",
    "hooks": "Where connected systems ring.",
    "identity": "Tokens.",
    "health": "Whether this process works.",
}


def create_api(deps: ApiDeps) -> FastAPI:
    """Return the API; it reads through `deps.door`, and writes through the rooms below."""
    app = FastAPI(
        title="Accordant",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(AnswerHeaders), Middleware(SizeCap)],
    )
    state = app.state
    state.deps = deps
    state.callers = deps.callers
    state.limits = RateLimits(deps.settings.requests_per_minute, clock=deps.clock)
    state.rings = RateLimits(_RINGS_PER_MINUTE, clock=deps.clock)
    state.knocks = RateLimits(_TOKENS_PER_MINUTE, clock=deps.clock)
    state.issuer = None if deps.settings.issuer else Issuer(deps.key, audience=deps.settings.audience, clock=deps.clock)
    state.verifier = state.issuer.verifier if state.issuer else _outside(deps)
    for room in (health, hooks, token, records, activations, billing, runs, engagements, exceptions, events, catalog):
        app.include_router(room.router)
    app.include_router(engagements.before)
    problems.install(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    return app


def _outside(deps: ApiDeps) -> Any:
    settings = deps.settings
    keys = PublishedKeys(settings.jwks_url, clock=deps.clock)
    return outside(settings.issuer, settings.audience, keys, clock=deps.clock)


def _document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Accordant",
            version=app.version,
            summary="From signed contract to collected cash: system, process and experience operations, and events.",
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        )
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": f"Issuer: {ISSUER}"}
        }
        app.openapi_schema = document
    return app.openapi_schema
