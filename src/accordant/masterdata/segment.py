"""Facts with two time axes: from which civil day they hold, and when their source entered them (design section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import canonical_json
from accordant.platform.storage import execute, maybe, rows

Body = Mapping[str, Any]

_CURRENT = """
select distinct on (valid_from) valid_from, entered_at, body
from segment
where kind = :kind and key = :key and (cast(:known as timestamptz) is null or entered_at <= :known)
order by valid_from, entered_at desc, version desc
"""

_AS_OF = """
select asked.key, asked.valid_on, current.body
from unnest(cast(:keys as text[]), cast(:days as date[])) as asked(key, valid_on)
cross join lateral (
  select last.body from (
    select distinct on (s.valid_from) s.valid_from, s.body
    from segment s
    where s.kind = :kind and s.key = asked.key and s.valid_from <= asked.valid_on
      and (cast(:known as timestamptz) is null or s.entered_at <= :known)
    order by s.valid_from desc, s.entered_at desc, s.version desc
  ) last
  where last.body is not null
  order by last.valid_from desc
  limit 1
) current
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """What holds from a civil day until the next segment begins."""

    valid_from: date
    entered_at: datetime
    body: Body


def put_segment(
    connection: Connection,
    kind: str,
    key: str,
    *,
    valid_from: date,
    entered_at: datetime,
    body: Body | None,
    entity: str = "",
) -> bool:
    """Add what a source entered; nothing is overwritten, and the order of arrival does not matter.

    Args:
        connection: open transaction.
        kind: `worker`, `assignment`, `rate_card`, `cost_card`, `contract`.
        key: whose facts: a canonical id.
        valid_from: first civil day on which they hold.
        entered_at: the source's own entry moment. Of two entries for one day the later holds.
        body: the facts, without personal fields; None withdraws the entry of that day (what held before, holds).
        entity: legal entity; '' is firm-wide.

    Returns:
        False when exactly this was here already.
    """
    execute(connection, "select pg_advisory_xact_lock(hashtextextended(:k, 0))", k=f"masterdata.segment/{kind}/{key}")
    last = maybe(
        connection,
        """select version, cast(body as text) as body from segment
           where kind = :kind and key = :key and valid_from = :day and entered_at = :at
           order by version desc limit 1""",
        kind=kind,
        key=key,
        day=valid_from,
        at=entered_at,
    )
    text = None if body is None else canonical_json(dict(body))
    if last is not None and last.body == text:
        return False
    execute(
        connection,
        """insert into segment (kind, key, valid_from, entered_at, version, entity, body)
           values (:kind, :key, :day, :at, :version, :entity, cast(:body as json))""",
        kind=kind,
        key=key,
        day=valid_from,
        at=entered_at,
        version=last.version + 1 if last else 1,
        entity=entity,
        body=text,
    )
    return True


def as_of(
    connection: Connection, kind: str, key: str, valid_on: date, *, known_at: datetime | None = None
) -> Body | None:
    """Return what holds on a civil day, as it was known at an instant (now when not given); None when nothing does."""
    return as_of_many(connection, kind, [(key, valid_on)], known_at=known_at).get((key, valid_on))


def as_of_many(
    connection: Connection, kind: str, asked: Iterable[tuple[str, date]], *, known_at: datetime | None = None
) -> dict[tuple[str, date], Body]:
    """Answer many (key, civil day) at once, in one query; those with nothing are left out."""
    pairs = sorted(set(asked))
    found = rows(
        connection,
        _AS_OF,
        kind=kind,
        keys=[key for key, _ in pairs],
        days=[day for _, day in pairs],
        known=known_at,
    )
    return {(row.key, row.valid_on): row.body for row in found}


def list_segments(
    connection: Connection, kind: str, key: str, *, known_at: datetime | None = None
) -> tuple[Segment, ...]:
    """Return the whole line of segments as known at an instant, earliest first."""
    found = rows(connection, _CURRENT, kind=kind, key=key, known=known_at)
    return tuple(Segment(row.valid_from, row.entered_at, row.body) for row in found if row.body is not None)


def next_change_on(connection: Connection, kind: str, key: str, after: date) -> date | None:
    """Return the next civil day on which something changes: when a timer must look again. None when nothing does."""
    found = rows(connection, _CURRENT, kind=kind, key=key, known=None)
    return min((row.valid_from for row in found if row.valid_from > after and row.body is not None), default=None)
