"""Routes of the home page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from accordant.console.pages.home import view
from accordant.console.visit import Visiting

router = APIRouter()


@router.get("/")
def home(visit: Visiting) -> Response:
    """Show where the firm's money stands, in the order of the person's role."""
    with visit.read() as connection:
        shown = view.home(connection, visit)
    return visit.page("home/page.html", home=shown)
