"""The one builder of SOQL: names are checked, values are written as literals of their type and escaped.

No query text is put together anywhere else.
Source: "SOQL and SOSL Reference", quoted string escape sequences and date formats, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from accordant.kernel import Bug, InvalidInput

Value = str | bool | int | Decimal | date | datetime | None

_NAME = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*", re.ASCII)
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPED = re.compile(r"[\\'\n\r\t\x08\x0c]")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that is safe to put into a query; made by the functions of this module only."""

    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order."""

    field: str
    descending: bool = False

    @property
    def text(self) -> str:
        """The key as SOQL; nulls come first, as the vendor has it."""
        return f"{_name(self.field)} DESC" if self.descending else _name(self.field)


@dataclass(frozen=True, slots=True)
class Select:
    """A query; `source` is an object, or a child relationship inside `children`."""

    source: str
    fields: tuple[str, ...]
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    children: tuple[Select, ...] = ()

    @property
    def text(self) -> str:
        """The query as SOQL; raises Bug when a name is none."""
        columns = [*map(_name, self.fields), *(f"({child.text})" for child in self.children)]
        parts = [f"SELECT {', '.join(columns)} FROM {_name(self.source)}"]
        if self.where is not None:
            parts.append(f"WHERE {self.where.text}")
        if self.order:
            parts.append(f"ORDER BY {', '.join(key.text for key in self.order)}")
        if self.limit is not None:
            parts.append(f"LIMIT {self.limit:d}")
        return " ".join(parts)


def equals(field: str, value: Value) -> Condition:
    """Match one value; text without regard to case, as the vendor compares it."""
    return Condition(f"{_name(field)} = {literal(value)}")


def is_set(field: str) -> Condition:
    """Match records that have a value."""
    return Condition(f"{_name(field)} != null")


def after(field: str, value: Value) -> Condition:
    """Match greater values."""
    return Condition(f"{_name(field)} > {literal(value)}")


def at_least(field: str, value: Value) -> Condition:
    """Match greater or equal values."""
    return Condition(f"{_name(field)} >= {literal(value)}")


def one_of(field: str, values: Iterable[Value]) -> Condition:
    """Match any of the values, at least one; text without regard to case."""
    listed = ", ".join(literal(value) for value in values)
    if not listed:
        raise Bug(f"no value to look for in {field}", code="soql.empty_list")
    return Condition(f"{_name(field)} IN ({listed})")


def like(field: str, *, starts_with: str) -> Condition:
    """Match text by its beginning; wildcards in the text are taken as letters."""
    escaped = _quoted_text(starts_with).replace("%", "\\%").replace("_", "\\_")
    return Condition(f"{_name(field)} LIKE '{escaped}%'")


def all_of(*conditions: Condition) -> Condition:
    """Match when every condition does."""
    return _joined("AND", conditions)


def any_of(*conditions: Condition) -> Condition:
    """Match when one condition does."""
    return _joined("OR", conditions)


def literal(value: Value) -> str:  # noqa: PLR0911 - one line per type
    """Return a value as SOQL writes it.

    Raises:
        Bug: an instant without zone, or a type that SOQL has no form for.
        InvalidInput: text that cannot be sent.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal() if value.is_finite():
            return format(value, "f")
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case str():
            return f"'{_quoted_text(value)}'"
        case _:
            raise Bug(f"{type(value).__name__} has no form in SOQL", code="soql.literal")


def split_children(paths: Iterable[str]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Split a mapping's paths into own fields and, per child relationship, the fields of its records.

    `Owner.Email` is an own field; `OpportunityLineItems.records.Quantity` is the field of a child.
    """
    own: list[str] = []
    children: dict[str, list[str]] = {}
    for path in paths:
        relationship, found, field = path.partition(".records.")
        if found:
            children.setdefault(relationship, []).append(field)
        else:
            own.append(path)
    return tuple(own), {relationship: tuple(fields) for relationship, fields in children.items()}


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Bug(f"{name!r} is not the name of a field or an object", code="soql.name")
    return name


def _quoted_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("a text holds half of a character and cannot be searched", code="soql.text") from error
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], text)


def _joined(word: str, conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        raise Bug(f"no condition to join by {word}", code="soql.no_condition")
    if len(conditions) == 1:
        return conditions[0]
    return Condition(f"({f' {word} '.join(condition.text for condition in conditions)})")
