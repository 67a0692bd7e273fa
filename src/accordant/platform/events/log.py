"""Writing events inside the caller's transaction, and reading the log by position."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from accordant.platform.storage import execute, rows


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in the past tense: `contract.approved`.

    Args:
        type: noun and past participle.
        key: order is kept per key; insert the event after the key's row is locked.
        subject: the engagement it belongs to (correlation).
        data: ids, versions and money; no personal field.
    """

    type: str
    key: str
    subject: str = ""
    entity: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def publish(connection: Connection, events: Sequence[Event]) -> None:
    """Insert events; they appear in the log a few milliseconds after the commit, in order per key."""
    if not events:
        return
    execute(
        connection,
        """insert into event_fresh (key, type, subject, entity, data)
           select * from unnest(cast(:keys as text[]), cast(:types as text[]), cast(:subjects as text[]),
                                cast(:entities as text[]), cast(:data as json[]))""",
        keys=[e.key for e in events],
        types=[e.type for e in events],
        subjects=[e.subject for e in events],
        entities=[e.entity for e in events],
        data=[json.dumps(e.data) for e in events],
    )


def read(
    connection: Connection,
    *,
    after: int = 0,
    types: Sequence[str] = (),
    key: str | None = None,
    subject: str | None = None,
    limit: int = 500,
) -> list[Any]:
    """Return log rows after a position, oldest first; `types` are patterns such as `invoice.*`."""
    return rows(
        connection,
        """select position, id, key, type, subject, entity, at, data from event_log
           where position > :after and (cast(:key as text) is null or key = :key)
             and (cast(:subject as text) is null or subject = :subject)
             and (cardinality(cast(:types as text[])) = 0 or type like any (cast(:types as text[])))
           order by position limit :limit""",
        after=after,
        key=key,
        subject=subject,
        types=like_any(types),
        limit=limit,
    )


def like_any(types: Sequence[str]) -> list[str]:
    """Turn patterns such as `time_entry.*` into SQL's."""
    return [t.replace("_", r"\_").replace("%", r"\%").replace("*", "%") for t in types]
