"""Routes of the run page, and a run's history as a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from accordant.console.pages.case.acts import SAID
from accordant.console.pages.run import view
from accordant.console.pages.run.history import history as told_of
from accordant.console.visit import Visit, visiting

router = APIRouter()
RunsVisit = Annotated[Visit, Depends(visiting("runs:read"))]


@router.get("/runs/{id:path}/history.json")
def history(visit: RunsVisit, id: str) -> Response:
    """Download what a run did: ids, codes, versions, money and times."""
    with visit.read() as connection:
        told = told_of(connection, visit, id)
    name = "".join(c if c.isalnum() else "-" for c in id)[:120]
    headers = {"content-disposition": f'attachment; filename="{name}.json"'}
    return Response(json.dumps(told, indent=1), media_type="application/json", headers=headers)


@router.get("/runs/{id:path}")
def page(visit: RunsVisit, id: str, before: str = "", done: str = "") -> Response:
    """Show one run; the last steps first."""
    with visit.read() as connection:
        shown = view.show(connection, visit, id, before=_instant(before))
    return visit.page("run/page.html", s=shown, said=SAID.get(done, ""), is_paged=bool(before))


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
