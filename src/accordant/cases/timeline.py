"""The timeline of a case or an approval: who did what, when; rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import canonical_json
from accordant.platform.storage import execute, rows


@dataclass(frozen=True, slots=True)
class Event:
    """One entry: `actor` is a worker number, or `accordant`."""

    at: datetime
    actor: str
    kind: str
    detail: Mapping[str, Any]


def record_event(
    connection: Connection, subject: str, entity: str, *, at: datetime, actor: str, kind: str, **detail: Any
) -> None:
    """Add an entry to the timeline of a case or an approval."""
    execute(
        connection,
        """insert into case_event (subject, entity, at, actor, kind, detail)
           values (:s, :e, :at, :a, :k, cast(:d as json))""",
        s=subject,
        e=entity,
        at=at,
        a=actor,
        k=kind,
        d=canonical_json(detail),
    )


def list_events(connection: Connection, subject: str) -> tuple[Event, ...]:
    """Return the timeline, oldest first."""
    found = rows(connection, "select at, actor, kind, detail from case_event where subject = :s order by id", s=subject)
    return tuple(Event(row.at, row.actor, row.kind, row.detail) for row in found)
