"""The steward's queue: pairs that may be one client, and what a person decided about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import InvalidInput, NotFound, Rejected, new_id
from accordant.masterdata.alias import alias, current_ids, end_alias
from accordant.platform.storage import execute, maybe, rows

_COLUMNS = "id, left_id, right_id, score, reasons, state, opened_at, decided_at, decided_by, decision"


@dataclass(frozen=True, slots=True)
class Question:
    """One pair in the queue.

    Args:
        score: 0–100.
        reasons: why they may be one.
        state: open, merged or rejected.
        decided_by: worker number of the steward.
        decision: the reason given.
    """

    id: str
    left_id: str
    right_id: str
    score: int
    reasons: tuple[str, ...]
    state: str
    opened_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None


def list_questions(connection: Connection, *, state: str = "open", limit: int = 200) -> tuple[Question, ...]:
    """Return pairs in a state, the likeliest first."""
    found = rows(
        connection,
        f"select {_COLUMNS} from match_candidate where state = :s order by score desc, opened_at, id limit :n",
        s=state,
        n=limit,
    )
    return tuple(_question(row) for row in found)


def get_question(connection: Connection, id: str) -> Question:
    """Return one pair; NotFound when there is none."""
    row = maybe(connection, f"select {_COLUMNS} from match_candidate where id = :i", i=id)
    if row is None:
        raise NotFound(f"There is no match question {id}.", code="masterdata.no_question")
    return _question(row)


def merge(connection: Connection, id: str, *, survivor: str, at: datetime, by: str, reason: str) -> None:
    """Decide that a pair is one client: the other id is read as the survivor's from now on.

    Raises:
        InvalidInput: the survivor is not of the pair, or no reason is given.
        Rejected: somebody decided already.
    """
    question = get_question(connection, id)
    if survivor not in (question.left_id, question.right_id):
        raise InvalidInput(f"{survivor} is not one of the two.", code="masterdata.not_of_pair")
    _decide(connection, question, "merged", at=at, by=by, reason=reason)
    other = question.right_id if survivor == question.left_id else question.left_id
    now = current_ids(connection, [survivor, other])
    if now[survivor] != now[other]:
        alias(connection, now[other], now[survivor], at=at, by=by, reason=reason)


def reject(connection: Connection, id: str, *, at: datetime, by: str, reason: str) -> None:
    """Decide that a pair is two clients; it is not asked about again. Raises like `merge`."""
    _decide(connection, get_question(connection, id), "rejected", at=at, by=by, reason=reason)


def unmerge(connection: Connection, from_id: str, *, at: datetime, by: str, reason: str) -> None:
    """Take a merge back: what each had is as it was, and the pair counts as rejected.

    Raises:
        NotFound: `from_id` is not merged into anything.
    """
    _require_reason(reason)
    into = end_alias(connection, from_id, at=at, by=by, reason=reason)
    left, right = sorted((from_id, into))
    execute(
        connection,
        """insert into match_candidate (id, left_id, right_id, score, reasons, state, decided_at, decided_by, decision)
           values (:id, :l, :r, 0, '["unmerged"]', 'rejected', :at, :by, :why)
           on conflict (left_id, right_id) do update set state = 'rejected', decided_at = excluded.decided_at,
             decided_by = excluded.decided_by, decision = excluded.decision""",
        id=new_id("mat"),
        l=left,
        r=right,
        at=at,
        by=by,
        why=reason,
    )


def _decide(connection: Connection, question: Question, state: str, *, at: datetime, by: str, reason: str) -> None:
    _require_reason(reason)
    touched = execute(
        connection,
        """update match_candidate set state = :s, decided_at = :at, decided_by = :by, decision = :why
           where id = :i and state = 'open'""",
        s=state,
        at=at,
        by=by,
        why=reason,
        i=question.id,
    )
    if not touched:
        raise Rejected(
            "This pair is decided already.",
            code="masterdata.decided",
            remedy="Unmerge it if the decision was wrong.",
            detail={"state": question.state, "by": question.decided_by},
        )


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("A decision needs a reason.", code="masterdata.no_reason", remedy="Say why, in a sentence.")


def _question(row: Any) -> Question:
    return Question(
        row.id,
        row.left_id,
        row.right_id,
        row.score,
        tuple(row.reasons),
        row.state,
        row.opened_at,
        row.decided_at,
        row.decided_by,
        row.decision,
    )
