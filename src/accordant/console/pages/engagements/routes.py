"""Routes of the list of engagements; its address holds every filter, so that it can be shared."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from accordant.console.export import csv_response
from accordant.console.pages.engagements import view
from accordant.console.visit import Visit, visiting
from accordant.insight.engagements import EngagementFilter

router = APIRouter()
EngagementsVisit = Annotated[Visit, Depends(visiting("engagements:read"))]


def filtered(
    q: Annotated[str, Query(max_length=200)] = "",
    entity: Annotated[str, Query(max_length=8)] = "",
    method: Annotated[str, Query(max_length=40)] = "",
    standing: Annotated[str, Query(max_length=20)] = "",
) -> EngagementFilter:
    """Return the filters of the address."""
    return EngagementFilter(text=q.strip(), entity=entity, method=method, standing=standing)


Filtered = Annotated[EngagementFilter, Depends(filtered)]


@router.get("/engagements")
def engagements(visit: EngagementsVisit, which: Filtered, page: Annotated[int, Query(ge=1, le=1000)] = 1) -> Response:
    """Show one page of the list."""
    with visit.read() as connection:
        shown = view.engagements(connection, visit, which, page)
    return visit.page("engagements/page.html", shown=shown, which=which)


@router.get("/engagements.csv")
def export(visit: EngagementsVisit, which: Filtered) -> Response:
    """Send the whole filtered list as a table."""
    with visit.read() as connection:
        heads, table = view.table(connection, visit, which)
    return csv_response("engagements", heads, table)
