"""The API as one ASGI application."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware

from accordant.api import health, hooks, problems
from accordant.api.deps import ApiDeps
from accordant.api.guard import SecurityHeaders, SizeCap


def create_api(deps: ApiDeps) -> FastAPI:
    """Return the API; it reads through `deps.door`, and writes through the rooms below."""
    app = FastAPI(
        title="Accordant",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders), Middleware(SizeCap)],
    )
    app.state.deps = deps
    app.include_router(health.router)
    app.include_router(hooks.router)
    problems.install(app)
    return app
