"""Merges: one canonical id read as another, with dates and reason; ids, ledger lines and keys never move."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from accordant.kernel import InvalidInput, NotFound, Rejected
from accordant.platform.storage import execute, rows

_FORWARD = """
with recursive path(start, id, depth) as (
  select s, s, 0 from unnest(cast(:ids as text[])) as s
  union all
  select p.start, a.to_id, p.depth + 1 from path p join alias a on a.from_id = p.id and a.ended_at is null
)
select distinct on (start) start, id from path order by start, depth desc
"""

_BACKWARD = """
with recursive family(root, id, depth) as (
  select r, r, 0 from unnest(cast(:roots as text[])) as r
  union all
  select f.root, a.from_id, f.depth + 1 from family f join alias a on a.to_id = f.id and a.ended_at is null
)
select root, id from family order by root, depth, id
"""


def current_ids(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return for each id the id it is read as now: the end of its chain of merges, or itself."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    return {row.start: row.id for row in rows(connection, _FORWARD, ids=asked)}


def merged_into(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return for each id all ids that are the same object now: the surviving one first."""
    now = current_ids(connection, ids)
    families: dict[str, list[str]] = {root: [] for root in now.values()}
    if families:
        for row in rows(connection, _BACKWARD, roots=sorted(families)):
            families[row.root].append(row.id)
    return {id: tuple(families[root]) for id, root in now.items()}


def alias(connection: Connection, from_id: str, to_id: str, *, at: datetime, by: str, reason: str) -> None:
    """Merge `from_id` into `to_id`: from now on it is read as that.

    Raises:
        InvalidInput: the two are the same already, or of different kinds (by their prefix).
        Rejected: `from_id` is merged into something else; unmerge it first.
    """
    if from_id.partition("_")[0] != to_id.partition("_")[0]:
        raise InvalidInput(f"{from_id} and {to_id} are different kinds of things.", code="masterdata.merge_kinds")
    # One merge at a time: two opposite merges side by side would make a circle.
    execute(connection, "select pg_advisory_xact_lock(hashtextextended('masterdata.alias', 0))")
    now = current_ids(connection, [from_id, to_id])
    if now[from_id] == now[to_id]:
        raise InvalidInput(
            f"{from_id} and {to_id} are one object already.",
            code="masterdata.merged_already",
            remedy="Nothing is left to do.",
        )
    if now[from_id] != from_id:
        raise Rejected(
            f"{from_id} is merged into {now[from_id]} already.",
            code="masterdata.merged_elsewhere",
            remedy=f"Merge {now[from_id]} instead, or unmerge {from_id} first.",
        )
    execute(
        connection,
        "insert into alias (from_id, to_id, at, by, reason) values (:f, :t, :at, :by, :why)",
        f=from_id,
        t=to_id,
        at=at,
        by=by,
        why=reason,
    )


def end_alias(connection: Connection, from_id: str, *, at: datetime, by: str, reason: str) -> str:
    """End the open merge of `from_id` and return the id it was merged into; what it had comes back as it was.

    Raises:
        NotFound: it is not merged.
    """
    ended = rows(
        connection,
        """update alias set ended_at = :at, ended_by = :by, ended_reason = :why
           where from_id = :f and ended_at is null returning to_id""",
        f=from_id,
        at=at,
        by=by,
        why=reason,
    )
    if not ended:
        raise NotFound(f"{from_id} is not merged into anything.", code="masterdata.not_merged")
    return str(ended[0].to_id)
