"""Cross-references: which canonical id the record of a connected system stands for, merges included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from accordant.kernel import ExternalId, InvalidInput, KeyConflict, NotFound, new_id
from accordant.masterdata.alias import current_ids, merged_into
from accordant.platform.storage import execute, maybe, rows

Asked = tuple[ExternalId, str, str]
"""A record to resolve: its id there, the kind of canonical object, the prefix of ids of that kind."""


@dataclass(frozen=True, slots=True)
class Xref:
    """One row of the registry; `until` is set when the record is gone in its system."""

    ref: ExternalId
    id: str
    kind: str
    entity: str
    since: datetime
    until: datetime | None


_UNNEST = "unnest(cast(:systems as text[]), cast(:types as text[]), cast(:values as text[]))"

_KNOWN = f"""
select x.system || '/' || x.type || '/' || x.external_id as ref, x.id, x.kind
from xref x join {_UNNEST} as asked(system, type, external_id) using (system, type, external_id)
"""

_ALLOCATE = """
insert into xref (system, type, external_id, kind, id, entity)
select system, type, external_id, kind, id, :entity
from unnest(cast(:systems as text[]), cast(:types as text[]), cast(:values as text[]),
            cast(:kinds as text[]), cast(:ids as text[])) as fresh(system, type, external_id, kind, id)
on conflict (system, type, external_id) do nothing
"""


def resolve(connection: Connection, asked: Iterable[Asked], *, entity: str = "") -> dict[str, str]:
    """Return the canonical id of each record, allocating ids for those never seen.

    Safe under concurrency: two transactions that meet the same new record get one id; the second waits for the
    first to end. Ask for everything a transaction needs in one call: rows are taken in one order, so that calls
    do not wait for each other in a circle.

    Args:
        connection: open transaction, read committed.
        asked: records in any order; repeats are fine.
        entity: the legal entity that new rows belong to; '' is firm-wide.

    Returns:
        ``{str(external_id): canonical id}``, merges followed.

    Raises:
        InvalidInput: `masterdata.kind_clash` when a record is known as another kind of object.
    """
    wanted = {str(ref): (ref, kind, prefix) for ref, kind, prefix in asked}
    known = _known(connection, [ref for ref, _, _ in wanted.values()])
    unknown = [wanted[key] for key in sorted(wanted.keys() - known.keys())]
    if unknown:
        _allocate(connection, unknown, entity)
        known |= _known(connection, [ref for ref, _, _ in unknown])
    for key, (_, kind, _) in wanted.items():
        _require_kind(key, kind, known[key][1])
    now = current_ids(connection, {id for id, _ in known.values()})
    return {key: now[id] for key, (id, _) in known.items()}


def find(connection: Connection, refs: Iterable[ExternalId]) -> dict[str, str]:
    """Return the canonical ids of the records that are known, merges followed; allocates nothing."""
    known = _known(connection, list(refs))
    now = current_ids(connection, {id for id, _ in known.values()})
    return {key: now[id] for key, (id, _) in known.items()}


def link(connection: Connection, ref: ExternalId, id: str, *, kind: str, entity: str = "") -> None:
    """Say that a record stands for a canonical id; repeating it does nothing.

    Raises:
        KeyConflict: `masterdata.linked_elsewhere` when the record stands for another object. Merge the two instead.
    """
    execute(
        connection,
        """insert into xref (system, type, external_id, id, kind, entity) values (:s, :t, :v, :i, :k, :e)
           on conflict (system, type, external_id) do nothing""",
        s=ref.system,
        t=ref.type,
        v=ref.value,
        i=id,
        k=kind,
        e=entity,
    )
    (stored, stored_kind) = _known(connection, [ref])[str(ref)]
    _require_kind(str(ref), kind, stored_kind)
    now = current_ids(connection, {stored, id})
    if now[stored] != now[id]:
        raise KeyConflict(
            f"{ref} stands for {stored} already, it cannot stand for {id} too.",
            code="masterdata.linked_elsewhere",
            remedy="If both are the same, merge them; a cross-reference never moves.",
            system=ref.system,
        )


def end(connection: Connection, ref: ExternalId, at: datetime) -> None:
    """Note that a record is gone in its system; its row stays, for history. NotFound when it was never known."""
    touched = execute(
        connection,
        """update xref set until = least(coalesce(until, :at), :at)
           where system = :s and type = :t and external_id = :v""",
        at=at,
        s=ref.system,
        t=ref.type,
        v=ref.value,
    )
    if not touched:
        raise NotFound(f"{ref} is not known here.", code="masterdata.unknown_reference", system=ref.system)


def external_ids(connection: Connection, id: str) -> tuple[Xref, ...]:
    """Return every record that stands for the object, those of merged ids included, by system and type."""
    family = merged_into(connection, [id])[id]
    found = rows(
        connection,
        """select system, type, external_id, id, kind, entity, since, until from xref
           where id = any(:ids) order by system, type, since, external_id""",
        ids=list(family),
    )
    return tuple(
        Xref(
            ExternalId(system=row.system, type=row.type, value=row.external_id),
            row.id,
            row.kind,
            row.entity,
            row.since,
            row.until,
        )
        for row in found
    )


def find_external(
    connection: Connection, ids: Sequence[str], *, system: str, type: str, entity: str | None = None
) -> dict[str, ExternalId]:
    """Return the record of each object in one system; objects without one are left out.

    Where several stand for one object, the entity's own row comes first, then the survivor's, then the oldest.

    Args:
        connection: open transaction.
        ids: canonical ids, merged ones too.
        system: instance id, `netsuite-us`.
        type: object type there.
        entity: prefer the row of this entity; rows of other entities are then left out, firm-wide ones are not.
    """
    families = merged_into(connection, ids)
    found = rows(
        connection,
        """select external_id, id, entity from xref
           where id = any(:ids) and system = :s and type = :t and until is null
             and (cast(:e as text) is null or entity in ('', :e))
           order by entity = coalesce(:e, entity) desc, since, external_id""",
        ids=sorted({member for family in families.values() for member in family}),
        s=system,
        t=type,
        e=entity,
    )
    result: dict[str, ExternalId] = {}
    for asked, family in families.items():
        of_family = [row for row in found if row.id in family]
        survivor = family[0]
        if of_family:
            best = min(of_family, key=lambda row: (entity is not None and row.entity != entity, row.id != survivor))
            result[asked] = ExternalId(system=system, type=type, value=best.external_id)
    return result


def kind_of(connection: Connection, id: str) -> str | None:
    """Return the kind of object a canonical id stands for, or None when no system knows it."""
    row = maybe(connection, "select kind from xref where id = :i limit 1", i=id)
    return row.kind if row else None


def _known(connection: Connection, refs: Sequence[ExternalId]) -> dict[str, tuple[str, str]]:
    if not refs:
        return {}
    found = rows(connection, _KNOWN, _columns(refs))
    return {row.ref: (row.id, row.kind) for row in found}


def _allocate(connection: Connection, unknown: Sequence[Asked], entity: str) -> None:
    execute(
        connection,
        _ALLOCATE,
        **_columns([ref for ref, _, _ in unknown]),
        kinds=[kind for _, kind, _ in unknown],
        ids=[new_id(prefix) for _, _, prefix in unknown],
        entity=entity,
    )


def _columns(refs: Sequence[ExternalId]) -> dict[str, list[str]]:
    return {
        "systems": [ref.system for ref in refs],
        "types": [ref.type for ref in refs],
        "values": [ref.value for ref in refs],
    }


def _require_kind(ref: str, asked: str, stored: str) -> None:
    if asked != stored:
        raise InvalidInput(
            f"{ref} is known as a {stored} and cannot be read as a {asked}.",
            code="masterdata.kind_clash",
            remedy="Give each kind of object its own type in the connector's external ids.",
        )
