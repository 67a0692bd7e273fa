"""What can be wrong in an estate whose files are well formed: names that lead nowhere, gaps, overlaps, no owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase

import holidays

from accordant.governance.access import Access
from accordant.governance.estate import ROLES, EstateFile, Route
from accordant.governance.ownership import ANY, ObjectOwnership, judged_fields, owned_objects
from accordant.governance.secret import is_reference
from accordant.governance.source import Finding, Place, Sheet, suggestion


@dataclass(frozen=True, slots=True)
class Draft:
    """An estate as read, each part with the file it stands in."""

    sheet: Sheet
    main: EstateFile
    ownership: tuple[tuple[ObjectOwnership, Sheet], ...]
    access: Access
    access_files: tuple[tuple[Access, Sheet], ...]

    @property
    def entity_ids(self) -> set[str]:
        """Ids of the firm's entities."""
        return {entity.id for entity in self.main.entities}

    @property
    def roles(self) -> set[str]:
        """Roles that some system has."""
        return {role for system in self.main.systems.values() for role in system.roles}


def check_draft(draft: Draft, *, on: date, connectors: Collection[str] | None = None) -> list[Finding]:
    """Return every finding about a well-formed estate, in the order of its sections."""
    return [
        *_entities(draft),
        *_systems(draft, connectors),
        *_routing(draft, on),
        *_ownership(draft),
        *_access(draft),
    ]


def _entities(draft: Draft) -> Iterator[Finding]:
    calendars = holidays.list_supported_countries()
    counts = Counter(entity.id for entity in draft.main.entities)
    for index, entity in enumerate(draft.main.entities):
        place: Place = ("entities", index)
        if counts[entity.id] > 1:
            yield draft.sheet.finding((*place, "id"), f"The entity {entity.id} stands here twice.")
        if entity.calendar not in calendars:
            yield draft.sheet.finding(
                (*place, "calendar"),
                f"No calendar of public holidays is called {entity.calendar}.",
                suggestion(entity.calendar, calendars),
            )


def _systems(draft: Draft, connectors: Collection[str] | None) -> Iterator[Finding]:
    for name, system in draft.main.systems.items():
        place: Place = ("systems", name)
        if connectors is not None and system.connector not in connectors:
            yield draft.sheet.finding(
                (*place, "connector"),
                f"No connector is called {system.connector}.",
                suggestion(system.connector, connectors),
            )
        for role in system.roles:
            if role not in ROLES:
                yield draft.sheet.finding(
                    (*place, "roles"), f"{name} has a role that does not exist: {role}.", suggestion(role, ROLES)
                )
        for key, reference in system.secrets.items():
            if not is_reference(reference):
                yield draft.sheet.finding(
                    (*place, "secrets", key),
                    f"`{key}` of {name} must be a reference, not the secret itself.",
                    "Write `env:NAME` or `file:path`; if this was a real secret, replace it in the system too.",
                )


def _routing(draft: Draft, on: date) -> Iterator[Finding]:
    for role in sorted(draft.roles - draft.main.routing.keys()):
        if role in ROLES:
            yield draft.sheet.finding(
                ("routing",), f"Nothing is routed to {role}, though a system has that role.", f"Add `{role}:` rows."
            )
    for role, rows in draft.main.routing.items():
        if role not in draft.roles:
            yield draft.sheet.finding(
                ("routing", role), f"No system has the role {role}.", suggestion(role, draft.roles)
            )
            continue
        for index, row in enumerate(rows):
            yield from _route(draft, role, index, row)
        yield from _overlaps(draft, role, rows)
        yield from _gaps(draft, role, rows, on)


def _route(draft: Draft, role: str, index: int, row: Route) -> Iterator[Finding]:
    place: Place = ("routing", role, index)
    for key, name in (("use", row.use), ("shadow", row.shadow)):
        if name is None:
            continue
        if name not in draft.main.systems:
            yield draft.sheet.finding(
                (*place, key), f"There is no system {name}.", suggestion(name, draft.main.systems)
            )
        elif role not in draft.main.systems[name].roles:
            yield draft.sheet.finding(
                (*place, key), f"{name} does not have the role {role}.", f"Add {role} to its `roles`, or use another."
            )
    if row.when.entity is not None and row.when.entity not in draft.entity_ids:
        yield _unknown_entity(draft, draft.sheet, (*place, "when", "entity"), row.when.entity)
    objects = {cls.__name__ for cls in owned_objects().values()}
    if row.when.object is not None and row.when.object not in objects:
        yield draft.sheet.finding(
            (*place, "when", "object"),
            f"There is no canonical object {row.when.object}.",
            suggestion(row.when.object, objects),
        )


def _overlaps(draft: Draft, role: str, rows: Sequence[Route]) -> Iterator[Finding]:
    """Two rows of one scope: the later `from` takes over, unless both begin together or the first says it goes on."""
    for index, row in enumerate(rows):
        for earlier in rows[:index]:
            if row.when.scope != earlier.when.scope:
                continue
            first, second = sorted((earlier, row), key=lambda r: r.when.since or date.min)
            begins = second.when.since or date.min
            together = (first.when.since or date.min) == begins
            if together or (first.when.until is not None and first.when.until >= begins):
                yield draft.sheet.finding(
                    ("routing", role, index),
                    f"{first.use} and {second.use} both serve as {role} {_scope(row)} from {_day(begins)} on.",
                    "Give the rows dates that do not overlap.",
                )


def _gaps(draft: Draft, role: str, rows: Sequence[Route], on: date) -> Iterator[Finding]:
    """A day from `on` on, or a day between two rows, on which an entity has nobody for the role."""
    days = {on}
    for row in rows:
        days |= {row.when.since} if row.when.since else set()
        days |= {row.when.until + timedelta(days=1)} if row.when.until else set()
    for entity in sorted(draft.entity_ids):
        open_days = [d for d in sorted(days) if d >= on and not any(r.when.holds(entity, None, d) for r in rows)]
        if open_days:
            yield draft.sheet.finding(
                ("routing", role),
                f"No system serves as {role} for {entity} on {open_days[0]}.",
                "Add a row that holds on that day.",
            )


def _scope(row: Route) -> str:
    entity, object_ = row.when.scope
    return f"for {entity or 'every entity'}" + (f" and {object_}" if object_ else "")


def _day(day: date) -> str:
    return "the beginning" if day == date.min else day.isoformat()


def _ownership(draft: Draft) -> Iterator[Finding]:
    objects = {cls.__name__: cls for cls in owned_objects().values()}
    seen: dict[str, str] = {}
    for item, sheet in draft.ownership:
        if item.object not in objects:
            yield sheet.finding(
                ("object",), f"There is no canonical object {item.object}.", suggestion(item.object, objects)
            )
            continue
        if item.object in seen:
            yield sheet.finding(("object",), f"{item.object} is owned in {seen[item.object]} already.")
        seen[item.object] = sheet.name
        yield from _stewarded(draft, item, sheet)
        yield from _owned(draft, item, sheet, judged_fields(objects[item.object]))
    for name in sorted(objects.keys() - seen.keys()):
        yield Finding(
            draft.sheet.at("ownership"),
            f"Nobody owns {name}: no ownership file is about it.",
            f"Add `ownership/{name.lower()}.yaml`.",
        )


def _stewarded(draft: Draft, item: ObjectOwnership, sheet: Sheet) -> Iterator[Finding]:
    if item.steward not in draft.access.roles:
        yield sheet.finding(
            ("steward",),
            f"{item.object} names the steward {item.steward}, and no such role is in the access files.",
            suggestion(item.steward, draft.access.roles),
        )


def _owned(draft: Draft, item: ObjectOwnership, sheet: Sheet, fields: Sequence[str]) -> Iterator[Finding]:
    names = (*fields, "extensions.any")
    for index, row in enumerate(item.fields):
        place: Place = ("fields", index)
        if row.owner != ANY and row.owner not in draft.roles:
            yield sheet.finding(
                (*place, "owner"),
                f"{row.owner} owns `{row.field}` of {item.object}, and no system has that role.",
                suggestion(row.owner, {*draft.roles, ANY}),
            )
        if not row.field.startswith("extensions.") and not any(fnmatchcase(name, row.field) for name in names):
            yield sheet.finding(
                (*place, "field"), f"{item.object} has no field `{row.field}`.", suggestion(row.field, fields)
            )
        if row.when.entity is not None and row.when.entity not in draft.entity_ids:
            yield _unknown_entity(draft, sheet, (*place, "when", "entity"), row.when.entity)
    always = [row for row in item.fields if row.when.is_open]
    for name in names:
        if not any(fnmatchcase(name, row.field) for row in always):
            yield sheet.finding(
                ("fields",),
                f"Nobody owns `{name.replace('.any', '.*')}` of {item.object} when no condition holds.",
                "Add a row for it without `when`.",
            )


def _access(draft: Draft) -> Iterator[Finding]:
    counts: Mapping[str, int] = Counter(person.id for person in draft.access.people)
    for part, sheet in draft.access_files:
        for index, person in enumerate(part.people):
            place: Place = ("people", index)
            if counts[person.id] > 1:
                yield sheet.finding((*place, "id"), f"The account {person.id} stands here twice.")
            for role in person.roles:
                if role not in draft.access.roles:
                    yield sheet.finding(
                        (*place, "roles"),
                        f"{person.id} has the role {role}, which is not described.",
                        suggestion(role, draft.access.roles),
                    )
            for entity in () if person.entities == "*" else person.entities:
                if entity not in draft.entity_ids:
                    yield _unknown_entity(draft, sheet, (*place, "entities"), entity)


def _unknown_entity(draft: Draft, sheet: Sheet, place: Place, entity: str) -> Finding:
    return sheet.finding(place, f"The firm has no entity {entity}.", suggestion(entity, draft.entity_ids))
