"""Who is here: in the simulated estate a person is chosen from the access files; OIDC takes the same last step."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from accordant.console.deps import ConsoleDeps
from accordant.console.session import COOKIE, Session
from accordant.console.visit import Visiting
from accordant.kernel import Rejected

router = APIRouter()


@router.get("/sign-in")
def show(request: Request, next: str = "/") -> Response:
    """Offer the people of a simulated estate."""
    state = request.app.state
    deps: ConsoleDeps = state.deps
    session = state.sessions.read(request.cookies.get(COOKIE), deps.clock.now()) or Session.begin(deps.clock.now())
    page = state.renderer.render_bare(
        "sign-in.html",
        firm=deps.estate.firm,
        people=deps.estate.access.people if deps.is_simulated else (),
        entity_count=len(deps.estate.entities),
        next=_own_path(next),
        csrf=state.sessions.token(session),
    )
    response = HTMLResponse(page)
    state.sessions.write(response, session, is_secure=request.url.scheme == "https")
    return response


@router.post("/sign-in")
def choose(request: Request, person: Annotated[str, Form()], next: Annotated[str, Form()] = "/") -> Response:
    """Sign a person of the simulated estate in."""
    deps: ConsoleDeps = request.app.state.deps
    if not deps.is_simulated:
        raise Rejected(
            "A person cannot be chosen here: this estate has real systems.",
            code="access.not_simulated",
            remedy="Sign in with the firm's identity provider.",
        )
    return enter(request, deps.estate.access.actor(person).id, next)


@router.post("/sign-out")
def leave(_: Visiting) -> Response:
    """End the session."""
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@router.post("/scope")
def narrow(visit: Visiting, entity: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/") -> Response:
    """Narrow every page to one of the person's entities, or open all of them again with ''."""
    if not visit.actor.sees(entity):
        raise Rejected(f"You have no access to {entity}.", code="access.entity")
    response = RedirectResponse(_own_path(next), status_code=303)
    visit.sessions.write(response, visit.session.narrowed(entity), is_secure=visit.request.url.scheme == "https")
    return response


def enter(request: Request, person: str, next: str) -> Response:
    """Begin the session of a person whose identity is proved, whoever proved it."""
    state = request.app.state
    response = RedirectResponse(_own_path(next), status_code=303)
    session = Session.begin(state.deps.clock.now(), person)
    state.sessions.write(response, session, is_secure=request.url.scheme == "https")
    return response


def _own_path(address: str) -> str:
    """Return an address of ours, or the home page: nobody is sent elsewhere after sign-in."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"
