"""The one builder of SuiteQL: names come from code, every value is bound to a `?`, lists stay within the limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from accordant.kernel import Bug

LIST_LIMIT = 500
"""Values per IN list; the database itself allows 1,000."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
_TEXT_OF = {
    "date": "TO_CHAR({}, 'YYYY-MM-DD')",
    "instant": "TO_CHAR({}, 'YYYY-MM-DD\"T\"HH24:MI:SS')",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of a WHERE clause with its bound values."""

    text: str
    params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Select:
    """One statement.

    Args:
        table: the table, with its alias if joined: `transaction p`.
        columns: column names; `as_date` and `as_instant` make ISO text of dates.
        joins: `table alias`, own column, other column.
        where: conditions, all of which must hold.
        order: columns, ascending.
    """

    table: str
    columns: tuple[str, ...]
    joins: tuple[tuple[str, str, str], ...] = ()
    where: tuple[Condition, ...] = ()
    order: tuple[str, ...] = field(default=())

    def that(self, *conditions: Condition) -> Select:
        """Return the statement with further conditions."""
        return replace(self, where=(*self.where, *conditions))

    @property
    def text(self) -> str:
        """The statement with `?` in place of every value."""
        joins = "".join(f" JOIN {_table(t)} ON {_name(own)} = {_name(other)}" for t, own, other in self.joins)
        where = " AND ".join(c.text for c in self.where)
        order = ", ".join(_name(column) for column in self.order)
        return (
            f"SELECT {', '.join(self.columns)} FROM {_table(self.table)}{joins}"
            f"{' WHERE ' + where if where else ''}{' ORDER BY ' + order if order else ''}"
        )

    @property
    def params(self) -> tuple[str, ...]:
        """The bound values, in order."""
        return tuple(value for condition in self.where for value in condition.params)


def column(name: str, alias: str = "") -> str:
    """Name a column of the result."""
    return f"{_name(name)} AS {_name(alias)}" if alias else _name(name)


def as_date(name: str, alias: str) -> str:
    """Show a date as ISO text, whatever the account's format."""
    return f"{_TEXT_OF['date'].format(_name(name))} AS {_name(alias)}"


def as_instant(name: str, alias: str) -> str:
    """Show a date-time as ISO text without zone."""
    return f"{_TEXT_OF['instant'].format(_name(name))} AS {_name(alias)}"


def equals(name: str, value: str) -> Condition:
    """Compare with one value."""
    return Condition(f"{_name(name)} = ?", (value,))


def equals_folded(name: str, value: str) -> Condition:
    """Compare without regard to case."""
    return Condition(f"UPPER({_name(name)}) = ?", (value.upper(),))


def one_of(name: str, values: Sequence[str]) -> Condition:
    """Compare with a list of at least one and at most `LIST_LIMIT` values."""
    if not 0 < len(values) <= LIST_LIMIT:
        raise Bug(f"a list of {len(values)} values was put into one query", code="netsuite.query")
    return Condition(f"{_name(name)} IN ({', '.join('?' * len(values))})", tuple(values))


def since_day(name: str, day: date) -> Condition:
    """Compare with a civil day, inclusive."""
    return Condition(f"{_name(name)} >= TO_DATE(?, 'YYYY-MM-DD')", (day.isoformat(),))


def at(name: str, operator: str, moment: datetime) -> Condition:
    """Compare a date-time with a moment, given naive in the zone the account shows."""
    if operator not in {"=", ">", ">="}:
        raise Bug(f"{operator} is no comparison", code="netsuite.query")
    literal = moment.strftime("%Y-%m-%d %H:%M:%S")
    return Condition(f"{_name(name)} {operator} TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS')", (literal,))


def above(name: str, id: str) -> Condition:
    """Compare an id with one that was seen."""
    return Condition(f"{_name(name)} > ?", (id,))


def any_of(*conditions: Condition) -> Condition:
    """Hold when one of them does."""
    return _combined(" OR ", conditions)


def all_of(*conditions: Condition) -> Condition:
    """Hold when each of them does."""
    return _combined(" AND ", conditions)


def _combined(word: str, conditions: tuple[Condition, ...]) -> Condition:
    return Condition(f"({word.join(c.text for c in conditions)})", tuple(p for c in conditions for p in c.params))


def _name(name: str) -> str:
    """Let nothing but a column name through: values never become part of the text."""
    if not _NAME.fullmatch(name):
        raise Bug(f"{name!r} is no column name", code="netsuite.query")
    return name


def _table(name: str) -> str:
    return " ".join(_name(part) for part in name.split(" ", 1))
