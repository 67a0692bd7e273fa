"""Routes of the page that lists all places."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from accordant.console.visit import Visiting

router = APIRouter()


@router.get("/more")
def more(visit: Visiting) -> Response:
    """Show every place that the person may open."""
    return visit.page("more/page.html")
