"""Echoes of our own writes, and fields that two systems keep turning back and forth."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import ExternalId, NotFound, canonical_json
from accordant.platform.storage import execute, maybe, rows

FLIPS_ALLOWED = 2
"""Flips of one field within `FLIP_WINDOW`; one more stops the field."""
FLIP_WINDOW = timedelta(hours=1)


def field_hashes(fields: Mapping[str, Any], key: bytes) -> dict[str, str]:
    """Return a keyed hash per field: equal values give equal hashes, and no hash gives away a personal value."""
    return {
        name: hmac.new(key, canonical_json(value).encode(), hashlib.sha256).hexdigest()
        for name, value in fields.items()
    }


def remember_echo(connection: Connection, ref: ExternalId, hashes: Mapping[str, str]) -> None:
    """Keep what a record looked like when it was read back after our write; other fields keep theirs."""
    execute(
        connection,
        """insert into echo (system, type, external_id, hashes) values (:s, :t, :v, cast(:h as jsonb))
           on conflict (system, type, external_id)
           do update set hashes = echo.hashes || excluded.hashes, at = clock_timestamp()""",
        s=ref.system,
        t=ref.type,
        v=ref.value,
        h=canonical_json(dict(hashes)),
    )


def news(connection: Connection, ref: ExternalId, hashes: Mapping[str, str]) -> frozenset[str]:
    """Return the fields of an observation that are not as we wrote them: all, when we never wrote."""
    row = maybe(
        connection,
        "select hashes from echo where system = :s and type = :t and external_id = :v",
        s=ref.system,
        t=ref.type,
        v=ref.value,
    )
    written = row.hashes if row else {}
    return frozenset(name for name, value in hashes.items() if written.get(name) != value)


def is_echo(connection: Connection, ref: ExternalId, hashes: Mapping[str, str]) -> bool:
    """Tell whether an observation shows nothing but what we wrote."""
    return not news(connection, ref, hashes)


def note_changes(
    connection: Connection, id: str, changes: Mapping[str, tuple[str, str]], *, system: str, at: datetime
) -> frozenset[str]:
    """Note that fields of an object changed, and return those of them that must not change any more.

    A flip is a change back to a value that the field left within the hour before. The third flip stops the field,
    until `release`. Call it under the lock of the object's record.

    Args:
        connection: open transaction.
        id: canonical id.
        changes: `{field: (hash before, hash after)}`.
        system: who brings the change.
        at: when.
    """
    since = at - FLIP_WINDOW
    execute(connection, "delete from field_change where id = :i and at < :since", i=id, since=since)
    for field, (before, after) in changes.items():
        execute(
            connection,
            "insert into field_change (id, field, before, after, system, at) values (:i, :f, :b, :a, :s, :at)",
            i=id,
            f=field,
            b=before,
            a=after,
            s=system,
            at=at,
        )
    execute(
        connection,
        """insert into field_stop (id, field, at)
           select later.id, later.field, :at from field_change later
           where later.id = :i and later.field = any(:fields) and later.at <= :at
             and exists (select from field_change earlier where earlier.id = later.id
                         and earlier.field = later.field and earlier.at < later.at and earlier.before = later.after)
           group by later.id, later.field having count(*) > :allowed
           on conflict (id, field) where released_at is null do nothing""",
        i=id,
        fields=list(changes),
        at=at,
        allowed=FLIPS_ALLOWED,
    )
    return stopped(connection, id) & changes.keys()


def stopped(connection: Connection, id: str) -> frozenset[str]:
    """Return the fields of an object that are stopped."""
    found = rows(connection, "select field from field_stop where id = :i and released_at is null", i=id)
    return frozenset(row.field for row in found)


def release(connection: Connection, id: str, field: str, *, at: datetime, by: str) -> None:
    """Let a stopped field change again; its flips are forgotten. NotFound when it is not stopped."""
    touched = execute(
        connection,
        """update field_stop set released_at = :at, released_by = :by
           where id = :i and field = :f and released_at is null""",
        at=at,
        by=by,
        i=id,
        f=field,
    )
    if not touched:
        raise NotFound(f"`{field}` of {id} is not stopped.", code="masterdata.not_stopped")
    execute(connection, "delete from field_change where id = :i and field = :f", i=id, f=field)
