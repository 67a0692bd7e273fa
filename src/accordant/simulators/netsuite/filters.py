"""The `q` parameter of collections: `companyName START_WITH "Ac" AND dateCreated ON_OR_AFTER "1/1/2027"`.

AND binds tighter than OR; dates are in the account's format (US), never ISO.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.netsuite.errors import malformed
from accordant.simulators.netsuite.fields import Day, Flag, Lines, Moment, Nested, Number, Ref, Schema

Test = Callable[[Record], bool]

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([()\[\],])|([^\s()\[\],"]+))')

_TEXT_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "IS": lambda a, b: a == b,
    "CONTAIN": lambda a, b: b in a,
    "START_WITH": lambda a, b: a.startswith(b),
    "END_WITH": lambda a, b: a.endswith(b),
}
_NUMBER_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "EQUAL": lambda a, b: a == b,
    "GREATER": lambda a, b: a > b,
    "GREATER_OR_EQUAL": lambda a, b: a >= b,
    "LESS": lambda a, b: a < b,
    "LESS_OR_EQUAL": lambda a, b: a <= b,
}
_DATE_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "ON": lambda a, b: a == b,
    "AFTER": lambda a, b: a > b,
    "BEFORE": lambda a, b: a < b,
    "ON_OR_AFTER": lambda a, b: a >= b,
    "ON_OR_BEFORE": lambda a, b: a <= b,
}


def compile_filter(text: str, schema: Schema) -> Test:
    """Return a test of records; raises a Refusal (400 INVALID_REQUEST) for anything it cannot read."""
    reader = _Reader(text, schema)
    test = reader.alternatives()
    reader.finish()
    return test


def us_date(text: str) -> date:
    """Read `M/D/YYYY`."""
    try:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a civil date
    except ValueError:
        raise malformed(f"Invalid date: {text}. Use the date format of the account.") from None


class _Reader:
    def __init__(self, text: str, schema: Schema) -> None:
        self.schema = schema
        self.tokens = [(m[1] is not None, m[1] if m[1] is not None else m[2] or m[3]) for m in _TOKEN.finditer(text)]
        self.at = 0

    def alternatives(self) -> Test:
        tests = [self._conjunction()]
        while self._accept("OR"):
            tests.append(self._conjunction())
        return tests[0] if len(tests) == 1 else lambda r: any(t(r) for t in tests)

    def finish(self) -> None:
        if self.at != len(self.tokens):
            raise malformed()

    def _conjunction(self) -> Test:
        tests = [self._condition()]
        while self._accept("AND"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda r: all(t(r) for t in tests)

    def _condition(self) -> Test:
        if self._accept("("):
            test = self.alternatives()
            if not self._accept(")"):
                raise malformed()
            return test
        name, operator = self._next(), self._next()
        kind = Number() if name == "id" else self.schema.fields.get(name)
        if kind is None or isinstance(kind, Lines | Nested):
            raise malformed(f"Invalid search query: {name} is not filterable.")
        return _negatable(operator, lambda plain: self._comparison(name, kind, plain))

    def _comparison(self, name: str, kind: Any, operator: str) -> Test:
        def value_of(record: Record) -> Any:
            return Decimal(record.id) if name == "id" else record.data.get(name)

        if operator == "EMPTY":
            return lambda r: value_of(r) in (None, "")
        if operator in ("ANY_OF", "BETWEEN"):
            return _membership(operator, value_of, [_typed(kind, v) for v in self._list()])
        compare, wanted = _operator(kind, operator), _typed(kind, self._next())
        if isinstance(kind, Day | Moment):
            return lambda r: value_of(r) is not None and compare(date.fromisoformat(value_of(r)[:10]), wanted)
        return lambda r: value_of(r) is not None and compare(value_of(r), wanted)

    def _list(self) -> list[str]:
        if not self._accept("["):
            raise malformed()
        values = [self._next()]
        while self._accept(","):
            values.append(self._next())
        if not self._accept("]"):
            raise malformed()
        return values

    def _accept(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == (False, word):
            self.at += 1
            return True
        return False

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise malformed()
        self.at += 1
        return self.tokens[self.at - 1][1]


def _negatable(operator: str, build: Callable[[str], Test]) -> Test:
    if operator.endswith("_NOT"):
        test = build(operator.removesuffix("_NOT"))
        return lambda r: not test(r)
    return build(operator)


def _membership(operator: str, value_of: Callable[[Record], Any], values: list[Any]) -> Test:
    if operator == "ANY_OF":
        return lambda r: value_of(r) in values
    if len(values) != 2:
        raise malformed()
    low, high = values
    return lambda r: value_of(r) is not None and low <= value_of(r) <= high


def _operator(kind: Any, operator: str) -> Callable[[Any, Any], bool]:
    if isinstance(kind, Number):
        table: dict[str, Callable[[Any, Any], bool]] = _NUMBER_OPERATORS
    elif isinstance(kind, Day | Moment):
        table = _DATE_OPERATORS
    elif isinstance(kind, Flag):
        table = {"IS": lambda a, b: a is b}
    else:
        table = _TEXT_OPERATORS
    if operator not in table:
        raise malformed(f"Invalid search query: operator {operator} cannot be used here.")
    return table[operator]


def _typed(kind: Any, text: str) -> Any:
    if isinstance(kind, Number):
        try:
            return Decimal(text)
        except InvalidOperation:
            raise malformed() from None
    if isinstance(kind, Day | Moment):
        return us_date(text)
    if isinstance(kind, Flag):
        return text.lower() == "true"
    return str(text) if isinstance(kind, Ref) else text
