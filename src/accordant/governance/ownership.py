"""Ownership: for each field of each object the one role that may change it, under which condition (R-SOR-02)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from accordant import canonical
from accordant.canonical import CanonicalModel, Contract, Deal, Expense, Invoice, TimeEntry
from accordant.kernel import InvalidInput, OwnershipConflict, Reference

ANY = "any"
"""The owner of a field that every system may change: written out, never assumed."""

NEW = "new"
"""The state of an object that no system has shown before."""

_JUDGED_APART = frozenset({"id", "extensions"})


class OwnershipCondition(BaseModel):
    """When a row holds; what is not given holds always."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    state: str | None = Field(default=None, description="State before the change: `new`, `draft`, `approved`, `won` …")
    entity: str | None = None
    since: date | None = Field(default=None, alias="from", description="First civil day.")
    until: date | None = Field(default=None, description="Last civil day, inclusive.")

    def holds(self, state: str, entity: str, on: date) -> bool:
        """Tell whether the row is for this state and entity on this day."""
        return (
            self.state in (None, state)
            and self.entity in (None, entity)
            and (self.since or date.min) <= on <= (self.until or date.max)
        )

    @property
    def is_open(self) -> bool:
        """Whether it holds always and everywhere."""
        return self == OwnershipCondition()


class OwnershipRow(BaseModel):
    """One row: fields by pattern (`billing_*`, `extensions.*`), and the role that owns them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    owner: str
    when: OwnershipCondition = OwnershipCondition()
    why: str = ""


class ObjectOwnership(BaseModel):
    """Who owns the fields of one object. The first row that holds decides; there is no default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: str = Field(description="Canonical object: `Customer`.")
    steward: str = Field(description="Role of the people who answer for this object (R-SOR-09).")
    fields: tuple[OwnershipRow, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that was not taken: the field, who owns it, and both values."""

    field: str
    owner: str
    steward: str
    kept: Any
    offered: Any


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may change and what may not.

    Args:
        accepted: changed fields with their new values; extensions as `extensions.<name>`.
        refused: changed fields that the system does not own.
    """

    kind: str
    before: CanonicalModel | None
    after: CanonicalModel
    accepted: Mapping[str, Any]
    refused: tuple[Refusal, ...]

    def merged(self) -> CanonicalModel:
        """Return the object as it shall be recorded: the owner's values, and no other's.

        Raises:
            OwnershipConflict: a new object whose required field comes from a system that does not own it.
        """
        fields = type(self.after).model_fields
        extensions = dict(self.after.extensions)
        changes: dict[str, Any] = {}
        for refusal in self.refused:
            name, _, extension = refusal.field.partition(".")
            if extension:
                _put(extensions, extension, refusal.kept)
            elif self.before is None and fields[name].is_required():
                raise OwnershipConflict(
                    f"A new {self.kind} needs `{name}`, which only the {refusal.owner} may set.",
                    remedy=f"Create it in the {refusal.owner}, or let the {refusal.steward} change the ownership row.",
                    detail={"field": name, "owner": refusal.owner},
                )
            else:
                changes[name] = refusal.kept
        return self.after.model_copy(update={**changes, "extensions": extensions})


def owned_objects() -> dict[str, type[CanonicalModel]]:
    """Return the canonical objects that need an owner, by kind: those with an id of ours."""
    result: dict[str, type[CanonicalModel]] = {}
    for name in canonical.__all__:
        cls = getattr(canonical, name)
        if isinstance(cls, type) and issubclass(cls, CanonicalModel) and "id" in cls.model_fields:
            for mark in cls.model_fields["id"].metadata:
                if isinstance(mark, Reference):
                    result[mark.kind] = cls
    return result


def judged_fields(cls: type[CanonicalModel]) -> tuple[str, ...]:
    """Return the fields of an object that have an owner: all but its id; extensions are judged one by one."""
    return tuple(name for name in cls.model_fields if name not in _JUDGED_APART)


def state_of(before: CanonicalModel | None) -> str:
    """Return the state that ownership conditions speak of, as it was before the change; '' when it has none."""
    match before:
        case None:
            return NEW
        case Contract():
            return "approved" if before.is_approved else "draft"
        case Deal():
            return before.stage.value
        case Invoice():
            return before.state.value
        case TimeEntry() | Expense():
            return before.approval.value
        case _:
            return ""


class Ownership:
    """The ownership rows of an estate, ready to judge changes."""

    def __init__(self, objects: Sequence[ObjectOwnership]) -> None:
        kinds = {cls.__name__: kind for kind, cls in owned_objects().items()}
        self._objects = {kinds.get(item.object, item.object): item for item in objects}
        self._row = lru_cache(maxsize=16_384)(self._first_row)

    def owner(self, kind: str, field: str, *, entity: str, on: date, state: str = "") -> str:
        """Return the role that owns a field, or `any`; InvalidInput `ownership.no_owner` when no row says so."""
        return self._row(kind, field, entity, on, state).owner

    def steward(self, kind: str) -> str:
        """Return the role that answers for a kind of object."""
        return self._of(kind).steward

    def judge(
        self,
        kind: str,
        before: CanonicalModel | None,
        after: CanonicalModel,
        *,
        roles: Collection[str] | str,
        entity: str,
        on: date,
        state: str | None = None,
    ) -> Judgement:
        """Judge a change that a system shows: which fields it may set, and which it may not.

        Args:
            kind: kind of object, `customer`.
            before: what is recorded; None when the object is new.
            after: what the system shows, references resolved.
            roles: roles of that system.
            entity: legal entity of the object; '' is firm-wide.
            on: the civil day the change counts for.
            state: overrides the state that is read off `before`.
        """
        held = {roles} if isinstance(roles, str) else set(roles)
        when = state_of(before) if state is None else state
        accepted: dict[str, Any] = {}
        refused: list[Refusal] = []
        for field, kept, offered in _changes(before, after):
            owner = self._row(kind, field, entity, on, when).owner
            if owner == ANY or owner in held:
                accepted[field] = offered
            else:
                refused.append(Refusal(field, owner, self.steward(kind), kept, offered))
        return Judgement(kind, before, after, accepted, tuple(refused))

    def _of(self, kind: str) -> ObjectOwnership:
        found = self._objects.get(kind)
        if found is None:
            raise InvalidInput(
                f"Nobody owns a {kind}: the estate has no ownership rows for it.",
                code="ownership.no_owner",
                remedy=f"Add a file for it under `ownership/`; objects with rows: {', '.join(sorted(self._objects))}.",
            )
        return found

    def _first_row(self, kind: str, field: str, entity: str, on: date, state: str) -> OwnershipRow:
        for row in self._of(kind).fields:
            if fnmatchcase(field, row.field) and row.when.holds(state, entity, on):
                return row
        raise InvalidInput(
            f"Nobody owns `{field}` of a {kind} in state {state or 'any'} for {entity or 'the firm'} on {on}.",
            code="ownership.no_owner",
            remedy="Add a row for it; `accordant check` lists every field without one.",
        )


def _changes(before: CanonicalModel | None, after: CanonicalModel) -> list[tuple[str, Any, Any]]:
    """List (field, kept, offered) of what differs; for a new object, of what is not the field's default."""
    result = []
    for name in judged_fields(type(after)):
        field = type(after).model_fields[name]
        kept = getattr(before, name) if before else (None if field.is_required() else field.get_default())
        offered = getattr(after, name)
        if kept != offered:
            result.append((name, kept, offered))
    old, new = (before.extensions if before else {}), after.extensions
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return result + [(f"extensions.{name}", old.get(name), new.get(name)) for name in names]


def _put(extensions: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        extensions.pop(name, None)
    else:
        extensions[name] = value
