"""Routes of search and trace."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from accordant.console.pages.search import view
from accordant.console.visit import Visiting

router = APIRouter()
Asked = Annotated[str, Query(max_length=200)]


@router.get("/search")
def search(visit: Visiting, q: Asked = "") -> Response:
    """Show what the text names, and the trace of the best hit."""
    with visit.read() as connection:
        shown = view.search(connection, visit, q)
    return visit.page("search/page.html", shown=shown, q=q)


@router.get("/search/evidence.json")
def evidence(visit: Visiting, q: Asked) -> Response:
    """Send the trace as a file: what was found, each hop, each journal entry; read with the person's own access."""
    with visit.read() as connection:
        found = view.evidence(connection, visit, q)
    headers = {"content-disposition": 'attachment; filename="evidence.json"'}
    return Response(json.dumps(found, indent=2, default=str), media_type="application/json", headers=headers)
