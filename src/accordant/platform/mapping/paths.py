"""Where a value stands in a vendor's payload: a parsed path, how to read it and how to set it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

Payload = dict[str, Any]
Getter = Callable[[Payload, Payload | None], Any]

_SEGMENT = re.compile(r'"([^"]+)"|([^."]+)')


@dataclass(frozen=True, slots=True)
class Path:
    """Keys from the record down to a value: `address.city`, `"odata.etag"`; `^` starts at the enclosing record."""

    text: str
    keys: tuple[str, ...]
    is_above: bool = False

    @classmethod
    def parse(cls, text: str) -> Path:
        """Read a path; raises ValueError when it is none."""
        body = text.removeprefix("^")
        segments = _SEGMENT.findall(body)
        keys = tuple(quoted or plain for quoted, plain in segments)
        if not keys or ".".join(f'"{q}"' if q else p for q, p in segments) != body:
            raise ValueError(f"`{text}` is not a path of dotted keys")
        return cls(text, keys, is_above=text != body)

    def getter(self) -> Getter:
        """Return what reads the value; None when a key on the way is absent or null."""
        keys = self.keys
        if self.is_above:
            return lambda _, above: _walk(above, keys)
        if len(keys) == 1:
            (key,) = keys
            return lambda payload, _: payload.get(key)
        return lambda payload, _: _walk(payload, keys)

    def set(self, payload: Payload, value: Any) -> None:
        """Put the value into the payload, making the objects on the way."""
        *way, last = self.keys
        for key in way:
            payload = payload.setdefault(key, {})
        payload[last] = value


def _walk(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if value is None:
            return None
        value = value.get(key)
    return value


@dataclass(frozen=True, slots=True)
class Query:
    """A JMESPath expression, for what plain keys cannot say; it can only be read."""

    text: str
    roots: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read an expression; raises ValueError when it is none."""
        try:
            tree = jmespath.compile(text).parsed
        except JMESPathError as error:
            raise ValueError(f"`{text}` is not JMESPath: {error}") from error
        return cls(text, tuple(dict.fromkeys(_roots(tree))))

    def getter(self) -> Getter:
        """Return what evaluates the expression on a record."""
        search = jmespath.compile(self.text).search
        return lambda payload, _: search(payload)


# The nodes whose first child alone sees the record; the others hand it to every child.
_CHAINS = {
    "subexpression",
    "index_expression",
    "projection",
    "filter_projection",
    "value_projection",
    "flatten",
    "pipe",
}


def _roots(node: dict[str, Any]) -> list[str]:
    if node["type"] == "field":
        return [node["value"]]
    children = node["children"][:1] if node["type"] in _CHAINS else node["children"]
    return [root for child in children for root in _roots(child)]
