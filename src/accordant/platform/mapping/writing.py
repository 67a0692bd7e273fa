"""Compile lines to closures that write: our object becomes a vendor's payload, nested as the paths say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from accordant.kernel import InvalidInput
from accordant.platform.mapping.declaration import Line
from accordant.platform.mapping.paths import Path, Payload
from accordant.platform.mapping.transforms import Ref, Resolver

WriteField = Callable[[Any, Payload, Resolver | None], None]


def compile_writers(lines: Iterable[Line]) -> dict[str, WriteField]:
    """Return, per canonical field that may be written, what puts its value into a payload."""
    return {line.name: _writer(line) for line in lines if line.is_writable}


def _writer(line: Line) -> WriteField:
    paths = tuple(source for source in line.sources if isinstance(source, Path))
    put = _list_put(line) if line.is_list else _value_put(line)
    several = len(paths) > 1

    def write(value: Any, payload: Payload, resolve: Resolver | None) -> None:
        theirs = None if value is None else _named(line.name, put, value, resolve)
        # Clearing touches the first path only: the currency beside an amount belongs to other fields too.
        values = theirs if several and theirs is not None else (theirs,)
        for path, part in zip(paths, values, strict=False):
            if not path.is_above and (part is not None or value is None):
                path.set(payload, part)

    return write


def _named(name: str, put: Callable[[Any, Resolver | None], Any], value: Any, resolve: Resolver | None) -> Any:
    try:
        return put(value, resolve)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidInput(
            f"`{name}` cannot be written: {error}",
            code="mapping.unwritable",
            remedy="Correct the value, or the field's line in the mapping.",
            detail={"field": name},
        ) from error


def _value_put(line: Line) -> Callable[[Any, Resolver | None], Any]:
    transform = line.transform
    if transform is None:
        return lambda value, _: value
    if isinstance(transform, Ref):
        return transform.put
    put = transform.put
    return lambda value, _: put(value)


def _list_put(line: Line) -> Callable[[Any, Resolver | None], Any]:
    if line.items is None:
        put = _value_put(line)
        return lambda values, resolve: [put(value, resolve) for value in values]
    writers = compile_writers(line.items)
    return lambda elements, resolve: [write_fields(writers, element, resolve) for element in elements]


def write_fields(
    writers: dict[str, WriteField], body: BaseModel, resolve: Resolver | None, only: frozenset[str] | None = None
) -> Payload:
    """Return the payload of the fields that have a value, or of exactly those in `only` (None clears)."""
    payload: Payload = {}
    for name, write in writers.items():
        value = getattr(body, name)
        if (value is not None) if only is None else name in only:
            write(value, payload, resolve)
    return payload
