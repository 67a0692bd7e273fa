"""Routes of the exception page: page and panel, each act with its dry run first, owner, second person, reveal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from accordant import cases
from accordant.cases import Action, Proposed, RootCause
from accordant.console.pages.case import acts, form, preview, view
from accordant.console.visit import Visit, visiting
from accordant.insight import exceptions
from accordant.kernel import InvalidInput, NotFound

router = APIRouter()
CasesVisit = Annotated[Visit, Depends(visiting("cases:read"))]
ActingVisit = Annotated[Visit, Depends(visiting("cases:act"))]


async def _fields(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


Fields = Annotated[dict[str, str], Depends(_fields)]


@router.get("/cases/{id}")
def page(visit: CasesVisit, id: str, done: str = "") -> Response:
    """Show one exception as a page of its own."""
    with visit.read() as connection:
        shown = view.show(connection, visit, id)
    return visit.page("case/page.html", shown=shown, said=acts.SAID.get(done, ""), back=f"/cases/{id}")


@router.get("/cases/{id}/panel")
def panel(visit: CasesVisit, id: str, back: str = "/cases") -> Response:
    """Return the side panel of the queue."""
    with visit.read() as connection:
        shown = view.show(connection, visit, id)
    return visit.page("case/panel.html", shown=shown, back=own_path(back))


@router.get("/cases/{id}/act/{kind}")
def dry_run(visit: ActingVisit, request: Request, id: str, kind: str, next: str = "") -> Response:
    """Show what an act would do; a page by itself, a dialog when htmx asks."""
    action = _action(kind)
    with visit.read() as connection:
        case = cases.get_case(connection, id, at=visit.now)
        waiting = exceptions.waiting(connection, case.run_id) if case.run_id else None
        writes = exceptions.writes_of(connection, case.run_id) if case.run_id else ()
        fields = exceptions.editable_fields(connection, case) if action is Action.EDIT else ()
    on = acts.versions(visit.deps.answers.flows, waiting)
    given = dict(request.query_params)
    edits = form.edits_of(fields, given)
    if any(name.startswith("edit.") for name in given):
        form.check_edits(edits, fields)
    return visit.page(
        "case/act.html",
        case=case,
        kind=action.value,
        preview=preview.preview(case, action, on, writes),
        why_not=acts.why_not(case, action, visit.actor),
        boxes=form.boxes(fields),
        closed_fields=[path for path in case.editable if path not in {box.field.path for box in form.boxes(fields)}],
        terms=form.terms(edits),
        moves_money=form.money_moves(edits),
        given=given,
        causes=[cause.value for cause in RootCause],
        systems=sorted(visit.deps.estate.systems),
        next=own_path(next or f"/cases/{id}"),
        is_bare="hx-request" in request.headers,
    )


@router.post("/cases/{id}/act/{kind}")
def act(visit: ActingVisit, id: str, kind: str, fields: Fields) -> Response:
    """Resolve the case in this way, as the person who is signed in."""
    action = _action(kind)
    with visit.read() as connection:
        case = cases.get_case(connection, id, at=visit.now)
        opened = exceptions.editable_fields(connection, case) if action is Action.EDIT else ()
    edits = form.edits_of(opened, fields)
    if action is Action.EDIT:
        form.check_edits(edits, opened)
    resolution = form.resolution_of(action, fields, edits)
    with visit.write() as connection:
        outcome = visit.deps.answers.resolve(connection, id, resolution, actor=visit.actor)
    return back_to(fields, id, "proposed" if isinstance(outcome, Proposed) else action.value)


@router.get("/cases/{id}/park")
def ask_park(visit: ActingVisit, request: Request, id: str, next: str = "") -> Response:
    """Ask until when the case shall wait."""
    with visit.read() as connection:
        case = cases.get_case(connection, id, at=visit.now)
    tomorrow = (visit.now + timedelta(days=1)).astimezone(visit.zone_of(case.entity)).date()
    return visit.page(
        "case/park.html",
        case=case,
        first=tomorrow,
        next=own_path(next or f"/cases/{id}"),
        is_bare="hx-request" in request.headers,
    )


@router.post("/cases/{id}/park")
def park(visit: ActingVisit, id: str, fields: Fields) -> Response:
    """Let the case wait until the morning of a day, in its entity's zone."""
    case = _seen(visit, id)
    try:
        day = datetime.fromisoformat(fields.get("until", "")).date()
    except ValueError as error:
        raise InvalidInput("This is no day.", code="case.no_day", remedy="Choose a day after today.") from error
    until = datetime.combine(day, time(8), visit.zone_of(case.entity))
    if until <= visit.now:
        raise InvalidInput(
            "A case can only wait for a day to come.", code="case.past_day", remedy="Choose a later day."
        )
    with visit.write() as connection:
        reason = fields.get("reason", "").strip()
        visit.deps.answers.park(connection, [id], until=until, reason=reason, actor=visit.actor)
    return back_to(fields, id, "park")


@router.post("/cases/{id}/assign")
def assign(visit: ActingVisit, id: str, fields: Fields) -> Response:
    """Take the case, or give it back with an empty owner."""
    _seen(visit, id)
    with visit.write() as connection:
        visit.deps.answers.assign(connection, [id], fields.get("owner", ""), actor=visit.actor)
    return back_to(fields, id, "assign")


@router.post("/cases/{id}/confirm")
def confirm(visit: ActingVisit, id: str, fields: Fields) -> Response:
    """Confirm a proposed change of money as the second person."""
    _seen(visit, id)
    with visit.write() as connection:
        visit.deps.answers.confirm(connection, id, fields.get("hash", ""), actor=visit.actor)
    return back_to(fields, id, "confirm")


@router.post("/cases/{id}/decline")
def decline(visit: ActingVisit, id: str, fields: Fields) -> Response:
    """Turn a proposal down, or take one's own back."""
    _seen(visit, id)
    with visit.write() as connection:
        visit.deps.answers.decline(connection, id, actor=visit.actor, reason=fields.get("reason", "").strip())
    return back_to(fields, id, "decline")


@router.post("/cases/{id}/reveal")
def reveal(visit: ActingVisit, id: str, reason: Annotated[str, Form()] = "") -> Response:
    """Show what is masked, once, after writing down who looked and why."""
    _seen(visit, id)
    with visit.write() as connection:
        visit.deps.answers.reveal(connection, id, actor=visit.actor, reason=reason)
    with visit.read() as connection:
        shown = view.show(connection, visit, id, is_revealed=True)
    return visit.page("case/page.html", shown=shown, said="", back=f"/cases/{id}")


def back_to(fields: Mapping[str, str], id: str, done: str) -> Response:
    """Go back to where the act was asked for, with the word for the toast."""
    address = own_path(fields.get("next") or f"/cases/{id}")
    return RedirectResponse(f"{address}{'&' if '?' in address else '?'}done={quote(done)}", status_code=303)


def own_path(address: str) -> str:
    """Return an address of ours, or the queue: nobody is sent elsewhere."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_ours and not any(c in address for c in "\r\n\t") else "/cases"


def _seen(visit: Visit, id: str) -> Any:
    """Read the case as this person sees it first: what is not visible is not there, whatever is asked."""
    with visit.read() as connection:
        return cases.get_case(connection, id, at=visit.now)


def _action(kind: str) -> Action:
    try:
        return Action(kind)
    except ValueError as error:
        raise NotFound(f"There is no act {kind}.", code="case.unknown_act") from error
