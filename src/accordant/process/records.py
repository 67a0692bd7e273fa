"""Canonical objects at rest: the current state, and each version with where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Connection

from accordant.canonical import (
    Assignment,
    CanonicalModel,
    Contract,
    Customer,
    Deal,
    Expense,
    Invoice,
    Payment,
    Project,
    TimeEntry,
    Worker,
)
from accordant.kernel import NotFound, Reference
from accordant.platform.storage import bulk, rows

KINDS: dict[str, type[CanonicalModel]] = {
    "assignment": Assignment,
    "contract": Contract,
    "customer": Customer,
    "deal": Deal,
    "expense": Expense,
    "invoice": Invoice,
    "payment": Payment,
    "project": Project,
    "time_entry": TimeEntry,
    "worker": Worker,
}
_KIND_OF = {model: kind for kind, model in KINDS.items()}


def kind_of(model: type[CanonicalModel]) -> str:
    """Return the kind of a canonical model: `time_entry` for TimeEntry."""
    return _KIND_OF[model]


def references(model: type[CanonicalModel]) -> dict[str, Reference]:
    """Return the fields of a model that refer to canonical objects, its own id among them."""
    found = {}
    for name, info in model.model_fields.items():
        marks = [*info.metadata, *(m for arg in get_args(info.annotation) for m in getattr(arg, "__metadata__", ()))]
        mark = next((m for m in marks if isinstance(m, Reference)), None)
        if mark is not None:
            found[name] = mark
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """A version to keep: the object, whose word it is, and when that system changed it."""

    kind: str
    id: str
    entity: str
    body: CanonicalModel
    system: str
    source_ref: str
    changed_at: datetime
    mapping: str = ""
    blob: int | None = None
    position: int | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it is kept."""

    kind: str
    id: str
    entity: str
    version: int
    hash: str
    changed_at: datetime
    body: Any
    is_deleted: bool = False


_SAVE = """
with given as (
  select * from unnest(
    %(ids)b::text[], %(kinds)b::text[], %(entities)b::text[], %(hashes)b::text[], %(changed)b::timestamptz[],
    %(bodies)b::text[], %(systems)b::text[], %(refs)b::text[], %(mappings)b::text[], %(blobs)b::bigint[],
    %(positions)b::int[], %(deleted)b::boolean[])
    as g(id, kind, entity, hash, changed_at, body, system, source_ref, mapping, blob, position, deleted)
), head as (
  insert into record (id, kind, entity, version, hash, changed_at, body, deleted)
  select id, kind, entity, 1, hash, changed_at, body::json, deleted from given
  on conflict (id) do update set version = record.version + 1, entity = excluded.entity, hash = excluded.hash,
    changed_at = excluded.changed_at, recorded_at = clock_timestamp(), body = excluded.body, deleted = excluded.deleted
  returning id, version
), kept as (
  insert into record_version (id, version, entity, hash, system, source_ref, mapping, blob, position, changed_at, body)
  select g.id, h.version, g.entity, g.hash, g.system, g.source_ref, g.mapping, g.blob, g.position, g.changed_at,
         g.body::json
  from given g join head h using (id)
)
select id, version from head
"""


def hash_of(body: CanonicalModel) -> str:
    """Return the hash of an object's business content; the source's change moment does not count."""
    return hashlib.sha256(body.model_dump_json(exclude={"changed_at"}).encode()).hexdigest()


def save(connection: Connection, entries: Sequence[Entry], hashes: Sequence[str] | None = None) -> dict[str, int]:
    """Keep one version of each object, in one statement; returns the version numbers by id."""
    if not entries:
        return {}
    kept = bulk(
        connection,
        _SAVE,
        ids=[e.id for e in entries],
        kinds=[e.kind for e in entries],
        entities=[e.entity for e in entries],
        hashes=list(hashes or (hash_of(e.body) for e in entries)),
        changed=[e.changed_at for e in entries],
        bodies=[e.body.model_dump_json() for e in entries],
        systems=[e.system for e in entries],
        refs=[e.source_ref for e in entries],
        mappings=[e.mapping for e in entries],
        blobs=[e.blob for e in entries],
        positions=[e.position for e in entries],
        deleted=[e.is_deleted for e in entries],
    )
    return dict(kept)


def load(connection: Connection, ids: Iterable[str]) -> dict[str, Stored]:
    """Return the current state of objects by id; those never seen are absent."""
    found = rows(
        connection,
        "select id, kind, entity, version, hash, changed_at, body, deleted from record where id = any(:ids)",
        ids=list(ids),
    )
    return {r.id: _stored(r, r.deleted) for r in found}


def load_version(connection: Connection, id: str, version: int) -> Stored:
    """Return one version of an object, as it was known then; NotFound when it was never kept."""
    found = rows(
        connection,
        """select v.id, r.kind, v.entity, v.version, v.hash, v.changed_at, v.body
           from record_version v join record r using (id) where v.id = :id and v.version = :version""",
        id=id,
        version=version,
    )
    if not found:
        raise NotFound(f"Version {version} of {id} was never recorded.", code="record.version_missing")
    return _stored(found[0], is_deleted=False)


def _stored(row: Any, is_deleted: bool) -> Stored:  # noqa: FBT001
    body = KINDS[row.kind].model_validate(row.body)
    return Stored(row.kind, row.id, row.entity, row.version, row.hash, row.changed_at, body, is_deleted)
