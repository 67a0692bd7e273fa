"""Routes of the approvals inbox: look, decide, ask back, hand on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from accordant import cases
from accordant.cases import Decision
from accordant.console.pages.approvals import view
from accordant.console.visit import Visit, visiting
from accordant.kernel import InvalidInput

router = APIRouter()
ReadingVisit = Annotated[Visit, Depends(visiting("approvals:read"))]
DecidingVisit = Annotated[Visit, Depends(visiting("approvals:decide"))]
SAID = {
    "approved": "Approved. The work goes on with exactly what you saw.",
    "rejected": "Rejected, with your reason.",
    "asked": "Your question stands beside the approval; it stays open.",
    "delegated": "Handed on; you may still decide.",
}


@router.get("/approvals")
def inbox(visit: ReadingVisit, tab: str = "inbox", page: int = 1, done: str = "") -> Response:
    """Show what waits for this person, what the person asked for, what was decided."""
    with visit.read() as connection:
        shown = view.show(connection, visit, tab, max(page, 1))
    return visit.page("approvals/page.html", inbox=shown, over_limit=view.over_limit, said=SAID.get(done, ""))


@router.get("/approvals/{id}")
def one(visit: ReadingVisit, id: str) -> Response:
    """Show one approval as it stands now."""
    with visit.read() as connection:
        shown = view.card(connection, visit, cases.get_approval(connection, id))
    return visit.page("approvals/one.html", card=shown, over_limit=view.over_limit)


@router.post("/approvals/{id}")
def decide(
    visit: DecidingVisit,
    id: str,
    decision: Annotated[str, Form()],
    view_hash: Annotated[str, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Approve or reject exactly what was shown; another view by now is refused."""
    if decision not in tuple(Decision):
        raise InvalidInput(f"There is no decision {decision}.", code="approval.unknown_decision")
    _seen(visit, id)
    with visit.write() as connection:
        decided = visit.deps.answers.decide(
            connection,
            id,
            actor=visit.actor,
            decision=Decision(decision),
            view_hash=view_hash,
            reason=reason.strip(),
        )
    return _back(str(decided.state))


@router.post("/approvals/{id}/ask")
def ask_back(visit: DecidingVisit, id: str, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Put a question to the requester; the approval stays open."""
    _seen(visit, id)
    with visit.write() as connection:
        visit.deps.answers.ask_back(connection, id, reason, actor=visit.actor)
    return _back("asked")


@router.post("/approvals/{id}/delegate")
def hand_on(visit: DecidingVisit, id: str, to: Annotated[str, Form()]) -> Response:
    """Let another person decide too."""
    card = _seen(visit, id)
    if to not in {number for number, _ in card.people}:
        raise InvalidInput(
            "It cannot be handed to this person.", code="approval.no_delegate", remedy="Choose somebody from the list."
        )
    with visit.write() as connection:
        visit.deps.answers.delegate(connection, id, to, actor=visit.actor)
    return _back("delegated")


def _seen(visit: Visit, id: str) -> view.Card:
    """Read it as this person sees it first: what is not visible is not there."""
    with visit.read() as connection:
        return view.card(connection, visit, cases.get_approval(connection, id))


def _back(done: str) -> Response:
    return RedirectResponse(f"/approvals?done={done}", status_code=303)
