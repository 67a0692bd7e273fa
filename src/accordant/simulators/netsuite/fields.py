"""Kinds of field: how each is read from a request, shown in an answer, and seen by SuiteQL.

Inside, a value is plain: text, bool, Decimal, ISO date or date-time text, the id of a reference, the id of a choice,
minutes of a duration, a list of rows for a sublist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from accordant.simulators.netsuite.errors import invalid_type, invalid_value

_DURATION = re.compile(r"(\d{1,5}):([0-5]?\d)")


class Directory(Protocol):
    """What fields need of the system: to resolve references and to name what they point to."""

    def resolve(self, types: tuple[str, ...], *, id: str | None, external_id: str | None) -> str | None:
        """Return the internal id of the record, or None."""
        ...

    def show(self, types: tuple[str, ...], id: str) -> dict[str, Any]:
        """Return the reference object: id, name and link."""
        ...

    def name_of(self, types: tuple[str, ...], id: str) -> str:
        """Return the display name of the record."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text of any length."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request."""
        if isinstance(value, str):
            return value
        raise invalid_type("string", path)

    def give(self, value: Any, _: Directory, *, simple: bool) -> Any:  # noqa: ARG002 - all kinds share the signature
        """Show in an answer."""
        return value

    def sql(self, value: Any) -> Any:
        """Return the value as SuiteQL sees it."""
        return value


@dataclass(frozen=True, slots=True)
class Number(Text):
    """An exact number."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request; a bool is not a number."""
        if isinstance(value, Decimal):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        raise invalid_type("number", path)


@dataclass(frozen=True, slots=True)
class Flag(Text):
    """True or false; SuiteQL says T or F."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request."""
        if isinstance(value, bool):
            return value
        raise invalid_type("boolean", path)

    def sql(self, value: Any) -> Any:
        """Return T or F."""
        return "T" if value else "F"


@dataclass(frozen=True, slots=True)
class Day(Text):
    """A civil date, ISO on the record service."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request."""
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError):
            raise invalid_value(value, path) from None

    def sql(self, value: Any) -> Any:
        """Return a date."""
        return date.fromisoformat(value)


@dataclass(frozen=True, slots=True)
class Moment(Text):
    """A UTC date-time."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request."""
        try:
            return datetime.fromisoformat(value).isoformat().replace("+00:00", "Z")
        except (TypeError, ValueError):
            raise invalid_value(value, path) from None

    def sql(self, value: Any) -> Any:
        """Return a date-time without zone, as the database holds it."""
        return datetime.fromisoformat(value).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Duration(Text):
    """Hours and minutes as `h:mm`; kept in minutes."""

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read from a request."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise invalid_value(value, path)
        return int(match[1]) * 60 + int(match[2])

    def give(self, value: Any, _: Directory, *, simple: bool) -> Any:  # noqa: ARG002 - all kinds share the signature
        """Show as `h:mm`."""
        return f"{value // 60}:{value % 60:02d}"

    def sql(self, value: Any) -> Any:
        """Return hours."""
        return (Decimal(value) / 60).quantize(Decimal("0.0001")).normalize()


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference, by internal or external id."""

    types: tuple[str, ...]

    def take(self, value: Any, path: str, directory: Directory) -> Any:
        """Read from a request and resolve; refuse what does not exist."""
        if not isinstance(value, dict):
            raise invalid_type("reference object", path)
        id, external_id = value.get("id"), value.get("externalId")
        found = directory.resolve(self.types, id=None if id is None else str(id), external_id=external_id)
        if found is None:
            raise invalid_value(id if id is not None else external_id, path)
        return found

    def give(self, value: Any, directory: Directory, *, simple: bool) -> Any:  # noqa: ARG002 - as above
        """Show id, name and link."""
        return directory.show(self.types, value)

    def sql(self, value: Any) -> Any:
        """Return the id as a number."""
        return int(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed list; an empty list takes any value (countries)."""

    names: Mapping[str, str]

    def take(self, value: Any, path: str, _: Directory) -> Any:
        """Read `{"id": …}` or the bare id."""
        id = str(value.get("id", "")) if isinstance(value, dict) else str(value)
        if not id or (self.names and id not in self.names):
            raise invalid_value(id, path)
        return id

    def give(self, value: Any, _: Directory, *, simple: bool) -> Any:
        """Show id and name, or the bare id under `simpleEnumFormat=true`."""
        return value if simple else {"id": value, "refName": self.names.get(value, value)}

    def sql(self, value: Any) -> Any:
        """Return the id."""
        return value


@dataclass(frozen=True, slots=True)
class Nested:
    """A subrecord, such as an address."""

    fields: Mapping[str, Any]

    def take(self, value: Any, path: str, directory: Directory) -> Any:
        """Read the object."""
        if not isinstance(value, dict):
            raise invalid_type("object", path)
        return take(self.fields, value, path + ".", directory)

    def give(self, value: Any, directory: Directory, *, simple: bool) -> Any:
        """Show the object."""
        return give(self.fields, value, directory, simple=simple)

    def sql(self, _: Any) -> Any:
        """Subrecords are not columns."""
        return None


@dataclass(frozen=True, slots=True)
class Lines:
    """A sublist; each row carries its key in `key`."""

    fields: Mapping[str, Any]
    key: str = "line"

    def take(self, value: Any, path: str, directory: Directory) -> Any:
        """Read `{"items": [...]}`; unknown properties of a line are dropped."""
        items = value.get("items") if isinstance(value, dict) else None
        if not isinstance(items, list):
            raise invalid_type("collection", path)
        return [self._row(row, f"{path}.items[{number}]", directory) for number, row in enumerate(items)]

    def unknown(self, value: Any, path: str) -> list[str]:
        """Return the properties of lines that the sublist does not have."""
        items = value.get("items", []) if isinstance(value, dict) else []
        names = {name for row in items if isinstance(row, dict) for name in row}
        return [f"{path}.{name}" for name in sorted(names - self.fields.keys() - {"links", "refName"})]

    def give(self, value: Any, directory: Directory, *, simple: bool) -> Any:
        """Show the rows."""
        rows = [give(self.fields, row, directory, simple=simple) for row in value]
        return {"items": rows, "totalResults": len(rows), "links": []}

    def sql(self, _: Any) -> Any:
        """Sublists are tables of their own in SuiteQL."""
        return None

    def _row(self, row: Any, path: str, directory: Directory) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise invalid_type("object", path)
        return take(self.fields, row, path + ".", directory)


FieldKind = Text | Ref | Choice | Nested | Lines


@dataclass(frozen=True, slots=True)
class Schema:
    """One record type.

    Args:
        fields: its properties.
        family: types of one family share ids and external ids.
        read_only: properties that only the system sets; in a request they are ignored.
        writable: whether the role of the integration may create and change it.
        names: properties that make its display name, the first filled one wins.
    """

    fields: Mapping[str, FieldKind]
    family: str
    read_only: frozenset[str] = frozenset()
    writable: bool = True
    names: tuple[str, ...] = ("name",)
    sublists: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sublists", tuple(n for n, f in self.fields.items() if isinstance(f, Lines)))


def take(fields: Mapping[str, Any], body: Mapping[str, Any], path: str, directory: Directory) -> dict[str, Any]:
    """Read the known properties of a body; null clears a property."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        kind = fields.get(name)
        if kind is not None:
            values[name] = None if value is None else kind.take(value, path + name, directory)
    return values


def give(fields: Mapping[str, Any], values: Mapping[str, Any], directory: Directory, *, simple: bool) -> dict[str, Any]:
    """Show the filled properties."""
    return {
        name: fields[name].give(value, directory, simple=simple)
        for name, value in values.items()
        if value is not None and name in fields
    }
