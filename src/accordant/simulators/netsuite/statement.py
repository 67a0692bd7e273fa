"""The shape of a parsed SuiteQL statement, and how its values compare, sort and print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from accordant.simulators.netsuite.errors import Refusal

Env = tuple[Any, ...]
Params = Sequence[Any]
Expr = Callable[[Env, Params], Any]
Condition = Callable[[Env, Params], bool]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its value, and its display name for `BUILTIN.DF`."""

    value: Callable[[Any], Any]
    display: Callable[[Any], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, all its rows, and the columns that find rows without reading all."""

    columns: Mapping[str, Column]
    scan: Callable[[], Iterable[Any]]
    seek: Mapping[str, Callable[[Any], Iterable[Any]]]


@dataclass(frozen=True, slots=True)
class Join:
    """A joined table: `own` column of it equals `other` of the tables before it."""

    table: Table
    own: str
    other: Expr
    outer: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed SELECT."""

    table: Table
    joins: tuple[Join, ...]
    select: tuple[tuple[str, Expr], ...]
    where: Condition | None
    seek: tuple[str, tuple[Expr, ...]] | None
    order: tuple[tuple[Expr, bool], ...]
    parameter_count: int


def invalid(why: str) -> Refusal:
    """Refuse a query that cannot be understood."""
    detail = f"Invalid search query. Detailed unprocessed description follows. Search error occurred: {why}."
    return Refusal(400, "INVALID_PARAMETER", detail)


def key_of(value: Any) -> str:
    """Return the text that equal values share: numbers beside the text of a parameter."""
    return value if isinstance(value, str) else text_of(value)


def text_of(value: Any) -> str:
    """Return the value as the wire shows it."""
    if isinstance(value, datetime):
        return f"{value:%-m/%-d/%Y %-I:%M} {value:%p}".lower()
    if isinstance(value, date):
        return f"{value:%-m/%-d/%Y}"
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def sortable(value: Any) -> tuple[bool, Any]:
    """Return a key that sorts values of one column, nulls last."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    return (value is None, "" if value is None else value)


def comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Bring two values to one type, as the database does: text to number or date beside one."""
    if isinstance(left, str) == isinstance(right, str):
        if isinstance(left, date) and isinstance(right, date):
            return sortable(left)[1], sortable(right)[1]
        return left, right
    text, other = (left, right) if isinstance(left, str) else (right, left)
    try:
        bent: Any = Decimal(text) if isinstance(other, int | Decimal) else None
    except InvalidOperation:
        bent = None
    if bent is None:
        raise invalid("a value does not fit the type of its column")
    return (bent, right) if isinstance(left, str) else (left, bent)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
