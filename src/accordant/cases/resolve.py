"""How a case ends: a person resolves it, a second person confirms money, the run proves that it helped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.cases.actor import SYSTEM, Actor, require_entity, require_person, require_role
from accordant.cases.case import Action, CaseState, CaseView
from accordant.cases.queue import get_case, lock_case
from accordant.cases.resolution import (
    ENDS_AT_ONCE,
    REPLAYS,
    RESOLUTION,
    Edit,
    Resolution,
    RootCause,
    needs_second_person,
    require_edits,
)
from accordant.cases.timeline import record_event
from accordant.kernel import InvalidInput, Rejected, canonical_json, content_hash
from accordant.platform.storage import execute, rows


@dataclass(frozen=True, slots=True)
class Resolved:
    """The resolution holds; the run goes on with it, or there is nothing left to do."""

    resolution: Resolution


@dataclass(frozen=True, slots=True)
class Proposed:
    """The resolution changes money and waits for a second person, who confirms this hash."""

    hash: str


def resolve(
    connection: Connection, id: str, resolution: Resolution, *, actor: Actor, at: datetime
) -> Resolved | Proposed:
    """Resolve a case in one of the ways it offers.

    Dismissing ends it. Everything else sets it replaying, until `finish` or the same problem seen again. A money edit
    is only proposed: `confirm` by another person makes it hold.

    Raises:
        Rejected: wrong role, entity or state; `case.action_not_offered`.
        InvalidInput: an edit of a field that is not open, or to a value that does not fit.
    """
    case = _actable(connection, id, actor, at, resolution.kind)
    if case.state is not CaseState.OPEN and case.waits_until is None:
        raise _not_open(case)
    if resolution.kind not in case.actions:
        raise Rejected(
            f"This case cannot be resolved by `{resolution.kind}`.",
            code="case.action_not_offered",
            remedy=f"It offers: {', '.join(case.actions)}.",
        )
    if isinstance(resolution, Edit):
        require_edits(resolution, case.editable)
    if needs_second_person(resolution):
        return _propose(connection, case, resolution, actor, at)
    _take(connection, case, resolution, by=actor.worker_number, at=at)
    return Resolved(resolution)


def resolve_all(
    connection: Connection, ids: Sequence[str], resolution: Resolution, *, actor: Actor, at: datetime
) -> dict[str, Resolved | Proposed]:
    """Resolve many cases in one way, oldest first, all or none; the answer keeps that order (R-EXC-05)."""
    ordered = rows(
        connection, "select id from exception_case where id = any(:ids) order by opened_at, id", ids=list(ids)
    )
    if len(ordered) != len(set(ids)):
        raise InvalidInput(f"{len(set(ids)) - len(ordered)} of these cases are not there.", code="case.not_found")
    return {row.id: resolve(connection, row.id, resolution, actor=actor, at=at) for row in ordered}


def confirm(connection: Connection, id: str, proposal_hash: str, *, actor: Actor, at: datetime) -> Resolved:
    """Confirm a proposed money edit as the second person.

    Raises:
        Rejected: `case.same_person` when this is who proposed it, under whatever account; `case.stale_proposal` when
            the proposal is another one by now; nothing is proposed; wrong role or entity.
    """
    case = _actable(connection, id, actor, at)
    proposal = _proposal(case)
    if proposal["by"] == actor.worker_number:
        raise Rejected(
            "Who proposed a change of money cannot confirm it.",
            code="case.same_person",
            remedy=f"Another person with the role {case.role} must confirm.",
        )
    if proposal["hash"] != proposal_hash:
        raise Rejected(
            "The proposal changed since it was shown.", code="case.stale_proposal", remedy="Look at it again."
        )
    resolution = RESOLUTION.validate_python(proposal["resolution"])
    _take(connection, case, resolution, by=actor.worker_number, at=at, proposed_by=proposal["by"])
    return Resolved(resolution)


def decline(connection: Connection, id: str, *, actor: Actor, reason: str, at: datetime) -> None:
    """Turn a proposal down, or take one's own back: the case is open again."""
    case = _actable(connection, id, actor, at)
    _proposal(case)
    execute(connection, "update exception_case set state = 'open', proposal = null where id = :i", i=id)
    record_event(connection, id, case.entity, at=at, actor=actor.worker_number, kind="proposal_declined", reason=reason)


def find_resolution(connection: Connection, id: str, *, at: datetime) -> Resolution | None:
    """Return the resolution that holds for a case, for the run that waits for it; None while there is none."""
    stored = get_case(connection, id, at=at).resolution
    return RESOLUTION.validate_python(stored) if stored else None


def finish(connection: Connection, id: str, *, at: datetime, actor: str = SYSTEM) -> None:
    """Close a replaying case: what was tried helped. Repeating it does nothing.

    Raises:
        Rejected: `case.not_replaying` when nobody resolved it.
    """
    case = lock_case(connection, id, at=at)
    if case.state is CaseState.RESOLVED:
        return
    if case.state is not CaseState.REPLAYING or case.resolution is None:
        raise Rejected(f"The case is {case.state}, not replaying.", code="case.not_replaying")
    cause = RESOLUTION.validate_python(case.resolution).root_cause
    _close(connection, case, cause, by=actor, at=at)


def close_by_itself(connection: Connection, id: str, *, cause: RootCause, reason: str, at: datetime) -> None:
    """Close a case whose problem went away: a later event, a superseded run. Nobody is named, and that is recorded."""
    case = lock_case(connection, id, at=at)
    if case.state is not CaseState.RESOLVED:
        record_event(connection, id, case.entity, at=at, actor=SYSTEM, kind="went_away", reason=reason)
        _close(connection, case, cause, by=SYSTEM, at=at)


def _actable(connection: Connection, id: str, actor: Actor, at: datetime, kind: Action | None = None) -> CaseView:
    require_person(actor)
    case = lock_case(connection, id, at=at)
    require_entity(actor, case.entity)
    if not (kind in REPLAYS and set(case.replay_roles) & set(actor.roles)):
        require_role(actor, case.role)
    return case


def _not_open(case: CaseView) -> Rejected:
    remedy = {
        CaseState.WAITING: "A proposal waits for a second person: confirm or decline it.",
        CaseState.REPLAYING: "It is being tried; if that fails, the case is open again.",
        CaseState.RESOLVED: "Should the problem come back, it will be a new case.",
    }
    return Rejected(f"The case is {case.state}.", code="case.not_open", remedy=remedy.get(case.state, ""))


def _proposal(case: CaseView) -> dict[str, Any]:
    if case.state is not CaseState.WAITING or case.proposal is None:
        raise Rejected("Nothing is proposed for this case.", code="case.no_proposal")
    return case.proposal


def _propose(connection: Connection, case: CaseView, resolution: Resolution, actor: Actor, at: datetime) -> Proposed:
    plain = resolution.model_dump(mode="json")
    digest = content_hash({"case": case.id, "resolution": plain})
    execute(
        connection,
        "update exception_case set state = 'waiting', waits_until = null, proposal = cast(:p as json) where id = :i",
        p=canonical_json({"resolution": plain, "by": actor.worker_number, "hash": digest}),
        i=case.id,
    )
    record_event(connection, case.id, case.entity, at=at, actor=actor.worker_number, kind="proposed", resolution=plain)
    return Proposed(digest)


def _take(
    connection: Connection, case: CaseView, resolution: Resolution, *, by: str, at: datetime, proposed_by: str = ""
) -> None:
    plain = resolution.model_dump(mode="json")
    execute(
        connection,
        """update exception_case set state = 'replaying', proposal = null, waits_until = null,
             resolution = cast(:r as json)
           where id = :i""",
        r=canonical_json(plain),
        i=case.id,
    )
    second = {"proposed_by": proposed_by} if proposed_by else {}
    record_event(connection, case.id, case.entity, at=at, actor=by, kind="resolved", resolution=plain, **second)
    if resolution.kind in ENDS_AT_ONCE:
        _close(connection, case, resolution.root_cause, by=by, at=at)


def _close(connection: Connection, case: CaseView, cause: RootCause, *, by: str, at: datetime) -> None:
    execute(
        connection,
        """update exception_case set state = 'resolved', closed_at = :at, closed_by = :by, root_cause = :c,
             proposal = null, waits_until = null where id = :i""",
        at=at,
        by=by,
        c=cause.value,
        i=case.id,
    )
    record_event(connection, case.id, case.entity, at=at, actor=by, kind="closed", root_cause=cause.value)
