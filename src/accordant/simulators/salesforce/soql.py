"""The query language: text to a tree, for the part of SOQL that integrations use.

Fields with relationship dots, `COUNT()`, `FIELDS(ALL)`, child subqueries; `WHERE` with comparisons, `IN`, `LIKE`,
`AND`, `OR`, `NOT` and parentheses; `ORDER BY`, `LIMIT`, `OFFSET`. Aggregates and date functions are not spoken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from accordant.simulators.salesforce.errors import Refusal, malformed_query

Literal = str | Decimal | bool | date | datetime | None
_MAX_OFFSET = 2_000

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)
      | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator value`; for `IN` and `NOT IN` the value is a tuple."""

    path: str
    operator: str
    value: Literal | tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Conditions joined by `AND`."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by `OR`."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """A condition denied."""

    part: Condition


Condition = Comparison | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `ORDER BY`; nulls come first unless asked otherwise."""

    path: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """One query; `source` names an object, or a child relationship inside a subquery."""

    source: str
    paths: tuple[str, ...]
    children: tuple[Select, ...] = ()
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    counts: bool = False
    all_fields: bool = False


def parse(text: str) -> Select:
    """Return the tree of a query; raises the vendor's MALFORMED_QUERY."""
    parser = _Parser(text)
    select = parser.select()
    parser.end()
    return select


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                letter = text[place:].lstrip()[:1]
                raise malformed_query(f"line 1:{place} no viable alternative at character '{letter}'")
            self._tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            place = match.end()
        self._at = 0

    def select(self) -> Select:
        self._expect("SELECT")
        counts = all_fields = False
        paths: list[str] = []
        children: list[Select] = []
        while True:
            if self._take("("):
                children.append(self.select())
                self._expect(")")
            elif self._call("COUNT"):
                counts = True
            elif self._call("FIELDS", "ALL"):
                all_fields = True
            else:
                paths.append(self._name())
            if not self._take(","):
                break
        self._expect("FROM")
        source = self._name()
        where = self._or() if self._take("WHERE") else None
        order = self._order() if self._take("ORDER") else ()
        limit = self._whole() if self._take("LIMIT") else None
        offset = self._whole() if self._take("OFFSET") else 0
        if offset > _MAX_OFFSET:
            raise Refusal(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        return Select(source, tuple(paths), tuple(children), where, order, limit, offset, counts, all_fields)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise malformed_query(f"unexpected token: '{self._tokens[self._at][1]}'")

    # Conditions. The vendor refuses AND beside OR without parentheses.

    def _or(self) -> Condition:
        first = self._not()
        for word, join in (("AND", All), ("OR", AnyOf)):
            if self._peek(word):
                return self._chain(word, join, first)
        return first

    def _chain(self, word: str, join: Callable[[tuple[Condition, ...]], Condition], first: Condition) -> Condition:
        parts = [first]
        while self._take(word):
            parts.append(self._not())
        if self._peek("AND") or self._peek("OR"):
            raise malformed_query(f"unexpected token: {self._tokens[self._at][1]}")
        return join(tuple(parts))

    def _not(self) -> Condition:
        if self._take("NOT"):
            return Not(self._not())
        if self._take("("):
            inside = self._or()
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Condition:
        path = self._name()
        if self._take("LIKE"):
            return Comparison(path, "LIKE", self._literal(keep_wildcards=True))
        if self._take("IN"):
            return Comparison(path, "IN", self._list())
        if self._take("NOT"):
            self._expect("IN")
            return Comparison(path, "NOT IN", self._list())
        for operator in ("<=", ">=", "!=", "<>", "=", "<", ">"):
            if self._take(operator):
                return Comparison(path, "!=" if operator == "<>" else operator, self._literal())
        raise self._surprise()

    def _list(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self, *, keep_wildcards: bool = False) -> Literal:
        kind, text = self._next()
        if kind == "string":
            return _unescaped(text[1:-1], keep_wildcards=keep_wildcards)
        if kind == "datetime":
            return datetime.fromisoformat(text).astimezone(UTC)
        if kind == "date":
            return date.fromisoformat(text)
        if kind == "number":
            return Decimal(text)
        words: dict[str, Literal] = {"true": True, "false": False, "null": None}
        if kind == "name" and text.lower() in words:
            return words[text.lower()]
        raise malformed_query(f"unexpected token: '{text}'")

    # The tail

    def _order(self) -> tuple[Order, ...]:
        self._expect("BY")
        keys = [self._key()]
        while self._take(","):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> Order:
        path = self._name()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(path, descending, nulls_last)

    # Tokens

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise malformed_query("unexpected token: '<EOF>'")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self, word: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        kind, text = self._tokens[self._at]
        return kind in ("name", "sign") and text.upper() == word

    def _take(self, word: str) -> bool:
        found = self._peek(word)
        self._at += found
        return found

    def _call(self, word: str, argument: str = "") -> bool:
        wanted = [word, "(", argument, ")"] if argument else [word, "(", ")"]
        ahead = [text.upper() for _, text in self._tokens[self._at : self._at + len(wanted)]]
        if ahead != wanted:
            return False
        self._at += len(wanted)
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._surprise()

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise malformed_query(f"unexpected token: '{text}'")
        return text

    def _whole(self) -> int:
        kind, text = self._next()
        if kind != "number" or not text.isdigit():
            raise malformed_query(f"unexpected token: '{text}'")
        return int(text)

    def _surprise(self) -> Refusal:
        text = self._tokens[self._at][1] if self._at < len(self._tokens) else "<EOF>"
        return malformed_query(f"unexpected token: '{text}'")


def _unescaped(text: str, *, keep_wildcards: bool) -> str:
    """Resolve backslashes; escaped wildcards stay escaped for `LIKE` and become plain elsewhere."""

    def one(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter in "_%\\" and keep_wildcards:
            return f"\\{letter}"
        if letter in "_%":
            return letter
        if letter not in _ESCAPES:
            raise malformed_query(f"invalid escape sequence '\\{letter}' in string literal")
        return _ESCAPES[letter]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)
