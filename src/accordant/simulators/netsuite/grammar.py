"""SuiteQL text into a statement: recursive descent over tokens, closures out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accordant.simulators.netsuite.errors import Refusal
from accordant.simulators.netsuite.statement import (
    COMPARE,
    Condition,
    Env,
    Expr,
    Join,
    Params,
    Statement,
    Table,
    comparable,
    invalid,
    key_of,
    text_of,
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)|(?P<op><>|!=|<=|>=|[=<>(),?*]))"""
)
_RESERVED = {
    "FROM",
    "WHERE",
    "ORDER",
    "JOIN",
    "LEFT",
    "INNER",
    "ON",
    "AND",
    "OR",
    "AS",
    "ASC",
    "DESC",
    "IN",
    "IS",
    "LIKE",
}

_FORMATS = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S", "FF3": "%f", "TZH:TZM": ""}
_FORMAT_PART = re.compile(r'"([^"]*)"|(YYYY|MM|DD|HH24|MI|SS)|(.)')


def _strftime(oracle_format: str) -> str:
    return "".join(
        m[1] if m[1] is not None else _FORMATS[m[2]] if m[2] else m[3].replace("%", "%%")
        for m in _FORMAT_PART.finditer(oracle_format)
    )


def _to_char(value: Any, fmt: str) -> Any:
    return None if value is None else value.strftime(_strftime(fmt)) if isinstance(value, date) else text_of(value)


def _to_moment(text: Any, fmt: str) -> Any:
    try:
        return None if text is None else datetime.strptime(text, _strftime(fmt))  # noqa: DTZ007 - the database's own
    except (ValueError, TypeError):
        raise invalid(f"the literal does not match the format {fmt}") from None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "TO_CHAR": _to_char,
    "TO_DATE": _to_moment,
    "TO_TIMESTAMP": _to_moment,
    "UPPER": lambda v: None if v is None else str(v).upper(),
    "LOWER": lambda v: None if v is None else str(v).lower(),
}


def parse(text: str, tables: Mapping[str, Table]) -> Statement:
    """Parse one SELECT over the tables; raises a Refusal (400 INVALID_PARAMETER) for what it cannot read."""
    return _Parser(text, tables).statement()


class _Parser:
    """Recursive descent over the tokens of one statement."""

    def __init__(self, text: str, tables: Mapping[str, Table]) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.tables = tables
        self.sources: list[tuple[str, Table]] = []
        self.parameter_count = 0
        self.seek: tuple[str, tuple[Expr, ...]] | None = None
        self.last_constants: tuple[str, tuple[Expr, ...]] | None = None

    def statement(self) -> Statement:
        self._expect("SELECT")
        select_at = self.at
        self._skip_to_from()
        table = self._source()
        joins = tuple(self._joins())
        end, self.at = self.at, select_at
        select = tuple(self._select())
        self.at = end
        where = self._conjunction(top=True) if self._accept("WHERE") else None
        if self._peek() == "OR":  # an OR at the top: the index cannot answer
            where, self.seek = self._alternatives(where), None
        order = tuple(self._order(dict(select)))
        if self.at != len(self.tokens):
            raise invalid(f"unexpected {self.tokens[self.at][1]}")
        return Statement(table, joins, select, where, self.seek, order, self.parameter_count)

    # -- clauses

    def _skip_to_from(self) -> None:
        while self._peek() != "FROM":
            if self._take()[1] == "?":
                raise invalid("parameters are not supported in the select list")
        self._expect("FROM")

    def _source(self) -> Table:
        name = self._take()[1]
        table = self.tables.get(name.lower())
        if table is None:
            raise invalid(f"Record '{name}' was not found")
        alias = name
        if self._peek_kind() == "word" and self._peek() not in _RESERVED:
            alias = self._take()[1]
        self.sources.append((alias.lower(), table))
        return table

    def _joins(self) -> Iterator[Join]:
        while self._peek() in ("JOIN", "INNER", "LEFT"):
            outer = self._accept("LEFT")
            self._accept("INNER")
            self._accept("OUTER")
            self._expect("JOIN")
            table = self._source()
            self._expect("ON")
            sides = [self._column(self._take()[1])]
            self._expect("=")
            sides.append(self._column(self._take()[1]))
            last = len(self.sources) - 1
            own = next((name for at, name in sides if at == last), None)
            other = next(((at, name) for at, name in sides if at != last), None)
            if own is None or other is None:
                raise invalid("a join must compare a column of each table")
            yield Join(table, own, self._read(*other), outer)

    def _select(self) -> Iterator[tuple[str, Expr]]:
        number = 0
        while True:
            number += 1
            if self._accept("*"):
                yield from self._all_columns()
            else:
                start = (self._peek_kind(), self._peek_raw())
                expr = self._expression()
                bare = start[0] == "word" and self.at and self.tokens[self.at - 1] == start
                name = start[1].rsplit(".", 1)[-1].lower() if bare else f"expr{number}"
                if self._accept("AS") or (self._peek_kind() == "word" and self._peek() not in _RESERVED):
                    name = self._take()[1].lower()
                yield name, expr
            if not self._accept(","):
                self._expect("FROM")
                return

    def _all_columns(self) -> Iterator[tuple[str, Expr]]:
        for at, (_, table) in enumerate(self.sources):
            for name in table.columns:
                yield name, self._read(at, name)

    def _order(self, aliases: Mapping[str, Expr]) -> Iterator[tuple[Expr, bool]]:
        if not self._accept("ORDER"):
            return
        self._expect("BY")
        while True:
            word = self._peek_raw().lower()
            if word in aliases and "." not in word:
                self._take()
                expr = aliases[word]
            else:
                expr = self._expression()
            descending = self._accept("DESC")
            self._accept("ASC")
            yield expr, descending
            if not self._accept(","):
                return

    # -- conditions

    def _alternatives(self, first: Condition | None = None) -> Condition:
        tests = [first or self._conjunction()]
        while self._accept("OR"):
            tests.append(self._conjunction())
        return tests[0] if len(tests) == 1 else lambda e, p: any(t(e, p) for t in tests)

    def _conjunction(self, *, top: bool = False) -> Condition:
        tests = []
        while True:
            self.last_constants = None
            tests.append(self._negation())
            if top and self.seek is None and self.last_constants is not None:
                self.seek = self.last_constants
            if not self._accept("AND"):
                break
        return tests[0] if len(tests) == 1 else lambda e, p: all(t(e, p) for t in tests)

    def _negation(self) -> Condition:
        if self._accept("NOT"):
            test = self._negation()
            self.last_constants = None
            return lambda e, p: not test(e, p)
        if self._accept("("):
            test = self._alternatives()
            self._expect(")")
            self.last_constants = None
            return test
        return self._comparison()

    def _comparison(self) -> Condition:
        column = self._peek_raw()
        left = self._expression()
        negated = self._accept("NOT")
        operator = self._take()[1].upper()
        if operator == "IS":
            negated = self._accept("NOT")
            self._expect("NULL")
            return lambda e, p: (left(e, p) is None) != negated
        if operator == "IN":
            test = self._membership(left, column, negated=negated)
        elif operator == "LIKE":
            test = self._like(left)
        elif operator == "BETWEEN":
            test = self._between(left)
        elif operator in COMPARE:
            test = self._compared(left, column, operator)
        else:
            raise invalid(f"unexpected {operator}")
        if negated:
            return lambda e, p: left(e, p) is not None and not test(e, p)
        return test

    def _compared(self, left: Expr, column: str, operator: str) -> Condition:
        constant = self._is_constant()
        compare, right = COMPARE[operator], self._expression()
        if operator == "=" and constant:
            self._offer_seek(column, (right,))

        def test(env: Env, params: Params) -> bool:
            a, b = left(env, params), right(env, params)
            return a is not None and b is not None and compare(*comparable(a, b))

        return test

    def _membership(self, left: Expr, column: str, *, negated: bool) -> Condition:
        self._expect("(")
        constants, operands = True, []
        while True:
            constants = constants and self._is_constant()
            operands.append(self._expression())
            if not self._accept(","):
                break
        self._expect(")")
        if len(operands) > 1000:
            raise invalid("a list may hold at most 1000 values")
        if constants and not negated:
            self._offer_seek(column, tuple(operands))
        memo: list[tuple[Params, frozenset[str]]] = []

        def test(env: Env, params: Params) -> bool:
            if not (constants and memo and memo[0][0] is params):
                memo[:] = [(params, frozenset(key_of(operand(env, params)) for operand in operands))]
            value = left(env, params)
            return value is not None and key_of(value) in memo[0][1]

        return test

    def _like(self, left: Expr) -> Condition:
        pattern = self._expression()
        escape = self._expression()((), ()) if self._accept("ESCAPE") else ""

        def test(env: Env, params: Params) -> bool:
            value, wanted = left(env, params), pattern(env, params)
            return (
                value is not None
                and wanted is not None
                and _like(str(wanted), escape).fullmatch(str(value)) is not None
            )

        return test

    def _between(self, left: Expr) -> Condition:
        low = self._expression()
        self._expect("AND")
        high = self._expression()

        def test(env: Env, params: Params) -> bool:
            value, a, b = left(env, params), low(env, params), high(env, params)
            if value is None or a is None or b is None:
                return False
            return COMPARE[">="](*comparable(value, a)) and COMPARE["<="](*comparable(value, b))

        return test

    def _is_constant(self) -> bool:
        return self._peek_kind() in ("text", "number") or self._peek_raw() == "?"

    def _offer_seek(self, column: str, operands: tuple[Expr, ...]) -> None:
        try:
            at, name = self._column(column)
        except Refusal:
            return  # the left side is a function call
        if at == 0 and name in self.sources[0][1].seek:
            self.last_constants = (name, operands)

    # -- expressions

    def _expression(self) -> Expr:
        kind, text = self._take()
        if kind == "text":
            literal: Any = text[1:-1].replace("''", "'")
            return lambda _e, _p: literal
        if kind == "number":
            number = Decimal(text)
            return lambda _e, _p: number
        if text == "?":
            position = self.parameter_count
            self.parameter_count += 1
            return lambda _, p: p[position]
        if kind == "word" and self._accept("("):
            return self._call(text.upper())
        if kind == "word":
            return self._read(*self._column(text))
        raise invalid(f"unexpected {text}")

    def _call(self, name: str) -> Expr:
        if name == "BUILTIN.DF":
            at, column = self._column(self._take()[1])
            self._expect(")")
            display = self.sources[at][1].columns[column].display
            if display is None:
                return self._read(at, column)
            return lambda e, _: None if e[at] is None else display(e[at])
        function = _FUNCTIONS.get(name)
        if function is None:
            raise invalid(f"unknown function {name}")
        arguments = [self._expression()]
        while self._accept(","):
            arguments.append(self._expression())
        self._expect(")")
        return lambda e, p: function(*(a(e, p) for a in arguments))

    def _column(self, text: str) -> tuple[int, str]:
        alias, _, name = text.lower().rpartition(".")
        for at, (source, table) in enumerate(self.sources):
            if (not alias or alias == source) and name in table.columns:
                return at, name
        raise invalid(f"Field '{text}' was not found")

    def _read(self, at: int, name: str) -> Expr:
        value = self.sources[at][1].columns[name].value
        if at == 0:
            return lambda e, _: value(e[0])
        return lambda e, _: None if e[at] is None else value(e[at])

    # -- tokens

    def _peek_raw(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _peek_kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _peek(self) -> str:
        return self._peek_raw().upper()

    def _take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise invalid("unexpected end of the query")
        self.at += 1
        return self.tokens[self.at - 1]

    def _accept(self, word: str) -> bool:
        if self._peek() == word and self._peek_kind() != "text":
            self.at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise invalid(f"{word} expected near {self._peek_raw() or 'the end'}")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid(f"unexpected character near {text[at : at + 10]!r}")
        tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
        at = match.end()
    return tokens


def _like(pattern: str, escape: str) -> re.Pattern[str]:
    parts, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        if escape and char == escape and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append(".*" if char == "%" else "." if char == "_" else re.escape(char))
        at += 1
    return re.compile("".join(parts), re.DOTALL)
