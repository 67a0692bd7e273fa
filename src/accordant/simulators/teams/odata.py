"""The part of OData that Graph's directory understands: `$filter`, `$select`, `$top` with `$skiptoken`."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from accordant.simulators.teams.errors import bad_request

Row = dict[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),]|[A-Za-z_][\w/:.@-]*|\d[\w:.+-]*)")


def compile_filter(text: str) -> Test:
    """Compile a `$filter`: comparisons, `in`, `startswith`, `any`, joined by `and`, `or`, brackets.

    Raises:
        GraphError: 400 on anything else, as the directory does.
    """
    parser = _Parser(_tokens(text))
    test = parser.either()
    if parser.peek() is not None:
        raise _invalid()
    return test


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _invalid()
        tokens.append(match.group(1))
        at = match.end()
    return tokens


def _invalid() -> Exception:
    return bad_request("Invalid filter clause", "Request_UnsupportedQuery")


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if token is None or (expected is not None and token.lower() != expected):
            raise _invalid()
        self._at += 1
        return token

    def either(self) -> Test:
        tests = [self.all()]
        while (self.peek() or "").lower() == "or":
            self.take()
            tests.append(self.all())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def all(self) -> Test:
        tests = [self.one()]
        while (self.peek() or "").lower() == "and":
            self.take()
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        if self.peek() == "(":
            self.take()
            test = self.either()
            self.take(")")
            return test
        name = self.take()
        if name.lower() == "startswith":
            return self._starts_with()
        if name.lower().endswith("/any"):
            return self._any(name[: -len("/any")])
        operator = self.take().lower()
        if operator == "in":
            wanted = self._values()
            return lambda row: _fold(row.get(name)) in wanted
        return self._comparison(name, operator)

    def _comparison(self, name: str, operator: str) -> Test:
        value = self._value()
        tests: dict[str, Test] = {
            "eq": lambda row: _fold(row.get(name)) == value,
            "ne": lambda row: _fold(row.get(name)) != value,
            "gt": lambda row: str(_fold(row.get(name))) > str(value),
            "ge": lambda row: str(_fold(row.get(name))) >= str(value),
            "lt": lambda row: str(_fold(row.get(name))) < str(value),
        }
        if operator not in tests:
            raise _invalid()
        return tests[operator]

    def _starts_with(self) -> Test:
        self.take("(")
        name = self.take()
        self.take(",")
        start = str(self._value())
        self.take(")")
        return lambda row: str(_fold(row.get(name)) or "").startswith(start)

    def _any(self, name: str) -> Test:
        self.take("(")
        self.take()  # the lambda variable with its property, as in `x:x`
        self.take("eq")
        value = self._value()
        self.take(")")
        return lambda row: value in [_fold(item) for item in row.get(name, [])]

    def _values(self) -> list[Any]:
        self.take("(")
        values = [self._value()]
        while self.peek() == ",":
            self.take()
            values.append(self._value())
        self.take(")")
        return values

    def _value(self) -> Any:
        token = self.take()
        if token.startswith("'"):
            return _fold(token[1:-1].replace("''", "'"))
        literals = {"true": True, "false": False, "null": None}
        return literals.get(token, _fold(token))


def _fold(value: Any) -> Any:
    """Compare text as the directory does, without regard to case."""
    return value.casefold() if isinstance(value, str) else value


def select(row: Row, fields: str | None) -> Row:
    """Return the fields named by `$select`, or all of them."""
    if not fields:
        return row
    wanted = {name.strip() for name in fields.split(",")}
    return {name: value for name, value in row.items() if name in wanted or name.startswith("@")}


def page(request: Request, rows: Sequence[Row], *, default: int, ceiling: int, context: str) -> Row:
    """Return one page under `value`, with `@odata.nextLink` when more follow."""
    query = request.query_params
    size = int(query.get("$top", default))
    if not 1 <= size <= ceiling:
        raise bad_request(f"Invalid page size specified: '{size}'. Must be between 1 and {ceiling} inclusive.")
    start = read_token(query["$skiptoken"]) if "$skiptoken" in query else 0
    body: Row = {"@odata.context": f"{root(request)}/$metadata#{context}"}
    if query.get("$count") == "true":
        body["@odata.count"] = len(rows)
    body["value"] = [select(row, query.get("$select")) for row in rows[start : start + size]]
    if start + size < len(rows):
        follow = {**dict(query), "$skiptoken": write_token(start + size)}
        body["@odata.nextLink"] = f"{str(request.url).split('?')[0]}?{urlencode(follow)}"
    return body


def root(request: Request) -> str:
    """Return the version root the call came in by, `https://graph.microsoft.com/v1.0` at the vendor's."""
    version = request.url.path.split("/")[1]
    return f"{request.url.scheme}://{request.url.netloc}/{version}"


def write_token(position: int) -> str:
    """Return an opaque token for a position."""
    return urlsafe_b64encode(f"p{position}".encode()).decode().rstrip("=")


def read_token(token: str) -> int:
    """Return the position of a token; raises 400 on a token that is not ours."""
    try:
        return int(urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().removeprefix("p"))
    except ValueError:
        raise bad_request("Badly formed token.") from None
