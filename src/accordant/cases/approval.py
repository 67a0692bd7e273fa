"""Approvals: exactly what was seen is approved, by another person, within that person's limit; judged again at use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from accordant.cases.actor import SYSTEM, Actor, require_entity, require_limit, require_person, require_role
from accordant.cases.timeline import record_event
from accordant.kernel import InvalidInput, Money, NotFound, Rejected, canonical_json, content_hash, new_id
from accordant.platform.storage import execute, maybe, rows


class Decision(StrEnum):
    """What an approver says."""

    APPROVE = "approve"
    REJECT = "reject"


class ApprovalState(StrEnum):
    """Where an approval stands; superseded means that what was to be approved changed."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Ask(BaseModel):
    """A question to an approver. `view` is all that is approved: what it does not say, nobody approved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="What is approved: `post_invoice`.")
    subject: str = Field(description="About which object: `invoice:inv_…`.")
    view: dict[str, Any] = Field(min_length=1, description="What the approver sees; amounts as text.")
    entity: str = ""
    money: Money | None = None
    requester: str = Field(min_length=1, description="Worker number of who wants it; `accordant` when nobody does.")
    role: str = Field(description="Role that may decide.")
    delegates: tuple[str, ...] = Field(default=(), description="Worker numbers who may decide without the role.")
    rule: str = Field(description="The policy row that asked: `invoice_approval/3`.")
    deadline: datetime | None = None
    run_id: str = ""


class Approval(Ask):
    """An approval as it stands."""

    id: str
    view_hash: str
    state: ApprovalState
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


def view_hash(view: Mapping[str, Any]) -> str:
    """Return the hash of an approval view: what `decide` and `require_valid` compare."""
    return content_hash(dict(view))


def ask(connection: Connection, question: Ask, *, at: datetime) -> str:
    """Ask for an approval and return its id.

    The same run asking the same question about the same view gets the same approval, decided or not; only one that
    ran out of time is asked anew. A changed view supersedes the open question. Safe to repeat.
    """
    if question.requester in question.delegates:
        raise InvalidInput("Who asks for an approval cannot be its delegate.", code="approval.own_delegate")
    key = {"run": question.run_id, "kind": question.kind, "subject": question.subject}
    lock = f"approval/{question.run_id}/{question.kind}/{question.subject}"
    execute(connection, "select pg_advisory_xact_lock(hashtextextended(:k, 0))", k=lock)
    digest = view_hash(question.view)
    found = rows(
        connection,
        """select id, entity, state, (state = 'open' and deadline < :at) as late, view_hash = :hash as same
           from approval where run_id = :run and kind = :kind and subject = :subject
             and (state = 'open' or (state in ('approved', 'rejected') and view_hash = :hash))""",
        {**key, "hash": digest, "at": at},
    )
    for row in found:
        if row.state == ApprovalState.OPEN and (row.late or not row.same):
            why = "it was not decided in time" if row.same else "what is to be approved changed"
            _end(connection, row.id, row.entity, ApprovalState.SUPERSEDED, by=SYSTEM, reason=why, at=at)
    same = [str(row.id) for row in found if row.same and not row.late]
    if same:
        return same[0]
    return _insert(connection, question, digest, at)


def get_approval(connection: Connection, id: str) -> Approval:
    """Return one approval; NotFound when it is not there or the connection may not see it."""
    row = maybe(connection, "select * from approval where id = :i", i=id)
    if row is None:
        raise NotFound(f"There is no approval {id} that you may see.", code="approval.not_found")
    return _approval(row)


def list_approvals(
    connection: Connection, actor: Actor, *, state: ApprovalState = ApprovalState.OPEN, limit: int = 100
) -> tuple[Approval, ...]:
    """Return the inbox of a person: what the role or a delegation lets decide, own questions left out."""
    found = rows(
        connection,
        """select * from approval
           where state = :state and requester <> :me and (role = any(:roles) or :me = any(delegates))
             and (entity = '' or entity = any(:entities) or '*' = any(:entities))
           order by deadline nulls last, asked_at, id limit :limit""",
        {
            "state": state.value,
            "me": actor.worker_number,
            "roles": list(actor.roles),
            "entities": list(actor.entities),
            "limit": limit,
        },
    )
    return tuple(_approval(row) for row in found)


def decide(
    connection: Connection,
    id: str,
    *,
    actor: Actor,
    decision: Decision,
    view_hash: str,
    reason: str = "",
    at: datetime,
) -> Approval:
    """Approve or reject what was seen.

    Raises:
        Rejected: `approval.own_request` (requester and approver are one person, under whatever account or delegation),
            `approval.stale_view`, `approval.over_limit`, `approval.expired`, `approval.decided`, wrong role or entity.
        InvalidInput: a rejection without a reason.
    """
    approval = _lock(connection, id)
    _require_may_decide(approval, actor)
    if approval.state is not ApprovalState.OPEN:
        raise Rejected(
            f"This is {approval.state} already.", code="approval.decided", detail={"decided_by": approval.decided_by}
        )
    if approval.view_hash != view_hash:
        raise _stale()
    if approval.deadline is not None and at > approval.deadline:
        raise Rejected(
            f"This should have been decided by {approval.deadline:%d %b %Y %H:%M} UTC.",
            code="approval.expired",
            remedy="Ask again: the facts may have changed.",
        )
    if decision is Decision.REJECT and not reason.strip():
        raise InvalidInput("A rejection needs a reason.", code="approval.no_reason", remedy="Say what must change.")
    if decision is Decision.APPROVE:
        require_limit(actor, approval.money)
    state = ApprovalState.APPROVED if decision is Decision.APPROVE else ApprovalState.REJECTED
    _end(connection, id, approval.entity, state, by=actor.worker_number, reason=reason, at=at)
    return get_approval(connection, id)


def delegate(connection: Connection, id: str, to: str, *, actor: Actor, at: datetime) -> None:
    """Let another worker decide too, within that worker's own entities and limit.

    Raises:
        Rejected: `approval.own_request` when it would go to the requester; whatever would keep `actor` from deciding.
    """
    approval = _lock(connection, id)
    _require_may_decide(approval, actor)
    if to == approval.requester:
        raise _own_request()
    if approval.state is not ApprovalState.OPEN:
        raise Rejected(f"This is {approval.state} already.", code="approval.decided")
    execute(
        connection,
        "update approval set delegates = array_append(array_remove(delegates, :to), :to) where id = :i",
        to=to,
        i=id,
    )
    record_event(connection, id, approval.entity, at=at, actor=actor.worker_number, kind="delegated", to=to)


def ask_back(connection: Connection, id: str, question: str, *, actor: Actor, at: datetime) -> Approval:
    """Put a question to the requester before deciding; the approval stays open, the question stands in its timeline.

    Raises:
        InvalidInput: an empty question.
        Rejected: whatever would keep `actor` from deciding; `approval.decided`.
    """
    approval = _lock(connection, id)
    _require_may_decide(approval, actor)
    if approval.state is not ApprovalState.OPEN:
        raise Rejected(f"This is {approval.state} already.", code="approval.decided")
    if not question.strip():
        raise InvalidInput("There is no question.", code="approval.no_question", remedy="Say what is not clear.")
    number = actor.worker_number
    record_event(connection, id, approval.entity, at=at, actor=number, kind="asked_back", question=question.strip())
    return approval


def withdraw(connection: Connection, id: str, *, by: str, reason: str, at: datetime) -> None:
    """Take a question back (worker number of the requester, or `accordant` for its run); only while it is open."""
    approval = _lock(connection, id)
    if by not in (approval.requester, SYSTEM):
        raise Rejected("Only who asked can take the question back.", code="approval.not_requester")
    if approval.state is not ApprovalState.OPEN:
        raise Rejected(f"This is {approval.state} already.", code="approval.decided")
    _end(connection, id, approval.entity, ApprovalState.WITHDRAWN, by=by, reason=reason, at=at)


def require_valid(connection: Connection, id: str, view_hash: str) -> Approval:
    """Judge an approval again where it is used, in the transaction that stores the effect's intent; the row is held.

    Args:
        connection: open transaction.
        id: the approval.
        view_hash: hash of the view as the facts stand now.

    Raises:
        Rejected: `approval.not_approved`, `approval.stale_view` (facts or the stored view changed since), or
            `approval.own_request`.
    """
    approval = _lock(connection, id)
    if approval.state is not ApprovalState.APPROVED:
        raise Rejected(f"This is {approval.state}, not approved.", code="approval.not_approved")
    if approval.decided_by == approval.requester:
        raise _own_request()
    if approval.view_hash != view_hash or content_hash(approval.view) != view_hash:
        raise _stale()
    return approval


def _require_may_decide(approval: Approval, actor: Actor) -> None:
    require_person(actor)
    if actor.worker_number == approval.requester:
        raise _own_request()
    require_entity(actor, approval.entity)
    if actor.worker_number not in approval.delegates:
        require_role(actor, approval.role)


def _own_request() -> Rejected:
    return Rejected(
        "Who asks for an approval cannot give it.",
        code="approval.own_request",
        remedy="Another person must decide; a second account of the same worker does not count.",
    )


def _stale() -> Rejected:
    return Rejected(
        "What is to be approved changed since it was shown.",
        code="approval.stale_view",
        remedy="Look at it again and decide on what it says now.",
    )


def _insert(connection: Connection, question: Ask, digest: str, at: datetime) -> str:
    id = new_id("apr")
    plain = question.model_dump(exclude={"view", "money", "delegates"})
    execute(
        connection,
        """insert into approval (id, kind, subject, view, view_hash, entity, amount_minor, currency, requester, role,
             delegates, rule, deadline, run_id, asked_at)
           values (:id, :kind, :subject, cast(:view as json), :hash, :entity, :minor, :currency, :requester, :role,
             :delegates, :rule, :deadline, :run_id, :at)""",
        **plain,
        id=id,
        view=canonical_json(question.view),
        hash=digest,
        minor=question.money.rounded().minor if question.money else None,
        currency=question.money.currency if question.money else None,
        delegates=list(question.delegates),
        at=at,
    )
    record_event(connection, id, question.entity, at=at, actor=question.requester, kind="asked", rule=question.rule)
    return id


def _lock(connection: Connection, id: str) -> Approval:
    execute(connection, "select 1 from approval where id = :i for update", i=id)
    return get_approval(connection, id)


def _end(
    connection: Connection, id: str, entity: str, state: ApprovalState, *, by: str, reason: str, at: datetime
) -> None:
    execute(
        connection,
        "update approval set state = :s, decided_by = :by, decided_at = :at, reason = :why where id = :i",
        s=state.value,
        by=by,
        at=at,
        why=reason,
        i=id,
    )
    record_event(connection, id, entity, at=at, actor=by, kind=state.value, reason=reason)


def _approval(row: Any) -> Approval:
    stored = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    minor, currency = stored.pop("amount_minor"), stored.pop("currency")
    return Approval.model_validate({**stored, "money": None if minor is None else Money.from_minor(minor, currency)})
