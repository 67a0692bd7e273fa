"""Compile lines to closures that read: a vendor's payload becomes the values of the model's fields.

The fast way knows no error text; when it fails, `diagnose` reads the same record field by field and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from accordant.platform.mapping.declaration import Line
from accordant.platform.mapping.paths import Getter, Path, Payload
from accordant.platform.mapping.transforms import Ref

ReadFields = Callable[[Payload, Payload | None], dict[str, Any]]

# What a transform, a path or the model raises when a vendor's value is not what the declaration says.
MISREAD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def compile_reader(lines: Iterable[Line], system: str) -> ReadFields:
    """Return what reads all lines of a record into a dict of canonical names, for one system."""
    plain: list[tuple[str, str]] = []  # a key handed over as it is
    turned: list[tuple[str, str, Callable[[Any], Any]]] = []  # a key and its transform
    others: list[tuple[str, Getter]] = []
    for line in lines:
        key = _single_key(line)
        if key is None:
            others.append((line.name, compile_line(line, system)))
        elif line.transform is None:
            plain.append((line.name, key))
        else:
            turned.append((line.name, key, _get(line, system)))

    def read(payload: Payload, above: Payload | None) -> dict[str, Any]:
        value_of = payload.get
        fields = {name: value_of(key) for name, key in plain}
        for name, key, get in turned:
            value = value_of(key)
            fields[name] = None if value is None else get(value)
        for name, get_from in others:
            fields[name] = get_from(payload, above)
        return fields

    return read


def _single_key(line: Line) -> str | None:
    """Return the key of the commonest line: one value of the record itself, without default."""
    if line.is_list or line.has_default or len(line.sources) != 1:
        return None
    (source,) = line.sources
    return source.keys[0] if isinstance(source, Path) and len(source.keys) == 1 and not source.is_above else None


def _get(line: Line, system: str) -> Callable[..., Any]:
    return line.transform.getter(system) if isinstance(line.transform, Ref) else line.transform.get  # type: ignore[union-attr]  # the caller has a transform


def compile_line(line: Line, system: str) -> Getter:
    """Return what reads one line from a record and the record around it."""
    read = _list_reader(line, system) if line.is_list else _value_reader(line, system)
    if not line.has_default:
        return read
    default = line.default

    def read_or_default(payload: Payload, above: Payload | None) -> Any:
        value = read(payload, above)
        return default if value is None else value

    return read_or_default


def _value_reader(line: Line, system: str) -> Getter:
    getters = [source.getter() for source in line.sources]
    first = getters[0]
    if line.transform is None:
        return first
    get = _get(line, system)
    if len(getters) == 1:
        return lambda payload, above: None if (value := first(payload, above)) is None else get(value)
    if len(getters) == 2:
        second = getters[1]
        return lambda payload, above: (
            None if (value := first(payload, above)) is None else get(value, second(payload, above))
        )

    def read(payload: Payload, above: Payload | None) -> Any:
        values = [getter(payload, above) for getter in getters]
        return None if values[0] is None else get(*values)

    return read


def _list_reader(line: Line, system: str) -> Getter:
    elements = line.sources[0].getter()
    if line.items is not None:
        read_item = compile_reader(line.items, system)
        return lambda payload, above: tuple([read_item(item, payload) for item in elements(payload, above) or ()])
    if line.transform is None:
        return lambda payload, above: tuple(elements(payload, above) or ())
    get = _get(line, system)
    return lambda payload, above: tuple([get(item) for item in elements(payload, above) or ()])


def id_text(value: Any) -> str:
    """Return a record id as text; raises ValueError when there is none."""
    if value is None or value == "":
        raise ValueError("a record without id")
    return str(value)
