"""Routes of the runs page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from accordant.console.pages.runs import view
from accordant.console.visit import Visit, visiting

router = APIRouter()
RunsVisit = Annotated[Visit, Depends(visiting("runs:read"))]


def asked_of(request: Request) -> view.Asked:
    """Read what an address asks for; what it does not know is ignored."""
    given = {
        n: v[:300].replace("\0", "").strip()
        for n, v in request.query_params.items()
        if n in view.Asked.__dataclass_fields__
    }
    page = given.pop("page", "1")
    if given.get("state", "live") not in ("live", "all", *view.STATES):
        given.pop("state")
    return view.Asked(**given, page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1)


@router.get("/runs")
def listed(visit: RunsVisit, asked: Annotated[view.Asked, Depends(asked_of)]) -> Response:
    """Show work orders, and the chosen flow with counts per stage."""
    with visit.read() as connection:
        shown = view.board(connection, visit, asked)
    return visit.page("runs/page.html", b=shown)
