"""Routes of one engagement."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from accordant.console.pages.engagement import view
from accordant.console.visit import Visit, visiting

router = APIRouter()
EngagementVisit = Annotated[Visit, Depends(visiting("engagements:read"))]
Who = Literal["all", "people", "systems"]


@router.get("/engagements/{id}")
def engagement(
    visit: EngagementVisit,
    id: str,
    history: Annotated[Who, Query()] = "all",
    values: Annotated[Literal["", "all"], Query()] = "",
) -> Response:
    """Show everything about one engagement that the person may read."""
    with visit.read() as connection:
        shown = view.dossier(connection, visit, id, history, has_every_value=values == "all")
    return visit.page("engagement/page.html", shown=shown)
