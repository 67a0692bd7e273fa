"""The console as one ASGI application: pages, sign-in, live numbers, static files."""

from __future__ import annotations

import importlib
from urllib.parse import quote
from uuid import uuid4

import structlog
from fastapi import Depends, FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from accordant.console import live, sign_in
from accordant.console.deps import ConsoleDeps
from accordant.console.guard import SecurityHeaders, WriteGuard
from accordant.console.nav import PLACES
from accordant.console.render import STATIC, Renderer
from accordant.console.session import Sessions
from accordant.console.visit import SignInNeeded, visit_of
from accordant.kernel import AccordantError, InvalidInput, NotFound, Rejected

log = structlog.get_logger(__name__)


def create_console(deps: ConsoleDeps) -> FastAPI:
    """Return the console; it reads through `deps.door` and writes only through `deps.answers`."""
    sessions = Sessions(deps.session_key)
    app = FastAPI(
        title="Accordant console",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(WriteGuard(sessions, deps.clock))],
        middleware=[Middleware(SecurityHeaders)],
    )
    app.state.deps = deps
    app.state.sessions = sessions
    app.state.renderer = Renderer()
    app.state.live = live.LiveFeed(deps.door)
    app.include_router(sign_in.router)
    app.include_router(live.router)
    for place in PLACES:
        app.include_router(importlib.import_module(f"accordant.console.pages.{place.page}.routes").router)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(AccordantError, _refused)
    app.add_exception_handler(404, _missing)
    app.add_exception_handler(Exception, _failed)
    return app


async def _to_sign_in(request: Request, _: Exception) -> Response:
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(address, safe='')}", status_code=303)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, AccordantError):
        raise error
    status = {NotFound: 404, InvalidInput: 422}.get(type(error), 403 if _is_access(error) else 409)
    return _page(request, status, error.message, error.remedy)


async def _missing(request: Request, _: Exception) -> Response:
    return _page(request, 404, "There is no such page.", "Look it up by any id in the search above.")


async def _failed(request: Request, error: Exception) -> Response:
    trace = uuid4().hex[:12]
    log.error("console.failed", trace=trace, path=request.url.path, exc_info=error)
    return _page(request, 500, "This page could not be read. Nothing was changed.", "Try again in a moment.", trace)


def _is_access(error: AccordantError) -> bool:
    return isinstance(error, Rejected) and error.code.startswith(("access.", "console."))


def _page(request: Request, status: int, message: str, remedy: str, trace: str = "") -> Response:
    context = {"message": message, "remedy": remedy, "trace": trace, "again": request.url.path}
    try:
        return visit_of(request).page("error.html", status=status, **context)
    except SignInNeeded:
        return HTMLResponse(request.app.state.renderer.render_bare("bare-error.html", **context), status_code=status)
