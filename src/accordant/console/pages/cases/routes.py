"""Routes of the exceptions queue: the list, the same list as a file, acts on many cases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from accordant.cases import Action, RootCause
from accordant.console.export import csv_response
from accordant.console.pages.case.acts import SAID
from accordant.console.pages.case.form import resolution_of
from accordant.console.pages.case.routes import own_path
from accordant.console.pages.cases import view
from accordant.console.visit import Visit, visiting
from accordant.kernel import InvalidInput

router = APIRouter()
CasesVisit = Annotated[Visit, Depends(visiting("cases:read"))]
ActingVisit = Annotated[Visit, Depends(visiting("cases:act"))]
MOST = 200
_ACTS = ("retry", "dismiss", "assign")


def asked_of(request: Request) -> view.Asked:
    """Read what an address asks for; what it does not know is ignored."""
    known = {
        name: value[:200].replace("\0", "")
        for name, value in request.query_params.items()
        if name in view.Asked.__dataclass_fields__
    }
    page = known.pop("page", "1")
    return view.Asked(**known, page=int(page) if page.isdecimal() and len(page) < 7 else 1)


Asking = Annotated[view.Asked, Depends(asked_of)]


@router.get("/cases")
def queue(visit: CasesVisit, asked: Asking, done: str = "") -> Response:
    """Show the queue, and the case that is open in the panel."""
    with visit.read() as connection:
        shown = view.queue(connection, visit, asked)
    return visit.page(
        "cases/page.html", q=shown, said=SAID.get(done, ""), back=asked.to(open=asked.open, page=asked.page)
    )


@router.get("/cases/export.csv")
def export(visit: CasesVisit, asked: Asking) -> Response:
    """Download the cases that the address finds."""
    with visit.read() as connection:
        lines = list(view.lines(connection, visit, asked))
    return csv_response(f"exceptions-{asked.state}-{visit.now:%Y-%m-%d}", view.HEADS, lines)


@router.get("/cases/bulk")
def look(
    visit: ActingVisit,
    request: Request,
    act: str = "",
    id: Annotated[list[str] | None, Query()] = None,
    next: str = "/cases",
    owner: str = "",
) -> Response:
    """Show what an act on the selected cases would do."""
    _check(act, id or [])
    with visit.read() as connection:
        found = view.bulk(connection, visit, act, id or [])
    return visit.page(
        "cases/bulk.html",
        bulk=found,
        owner=owner,
        causes=[cause.value for cause in RootCause],
        colleagues=view.colleagues(visit),
        next=own_path(next),
        is_bare="hx-request" in request.headers,
    )


async def _form(request: Request) -> dict[str, list[str]]:
    form = await request.form()
    return {name: [str(value) for value in form.getlist(name)] for name in form}


@router.post("/cases/bulk")
def act_on_many(visit: ActingVisit, form: Annotated[dict[str, list[str]], Depends(_form)]) -> Response:
    """Act on the selected cases, oldest first, all or none."""
    one = {name: values[0] for name, values in form.items()}
    act, ids = one.get("act", ""), form.get("id", [])
    _check(act, ids)
    with visit.read() as connection:
        found = view.bulk(connection, visit, act, ids)
    if not found.cases:
        raise InvalidInput("None of these cases can be acted on.", code="case.none_left", remedy="Choose other cases.")
    able = [case.id for case in found.cases]
    with visit.write() as connection:
        if act == "assign":
            visit.deps.answers.assign(connection, able, one.get("owner", ""), actor=visit.actor)
        else:
            answer = resolution_of(Action(act), one, ())
            for case_id in able:
                visit.deps.answers.resolve(connection, case_id, answer, actor=visit.actor)
    address = own_path(one.get("next") or "/cases")
    return RedirectResponse(f"{address}{'&' if '?' in address else '?'}done={act}", status_code=303)


def _check(act: str, ids: list[str]) -> None:
    if act not in _ACTS:
        raise InvalidInput(f"Many cases cannot be acted on by {act or 'nothing'}.", code="case.no_bulk_act")
    if not ids:
        raise InvalidInput("No case is selected.", code="case.none_selected", remedy="Select rows first.")
    if len(ids) > MOST:
        raise InvalidInput(f"{MOST} cases at a time.", code="case.too_many", remedy="Narrow the list.")
