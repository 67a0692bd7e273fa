"""Notice vendor fields that nobody declared, at the price of one set comparison per object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from accordant.platform.mapping.declaration import Declaration, Line
from accordant.platform.mapping.paths import Path, Query

FindUnknown = Callable[[dict[str, Any]], frozenset[str]]
_EVERYWHERE = "*."

# What is known below each key; None: everything below it is known.
Known = dict[str, "Known | None"]


def compile_drift(declaration: Declaration) -> FindUnknown:
    """Return what lists the unknown fields of a record by dotted path, list elements under their list's path."""
    known: Known = {}
    ignored = [entry for entry in declaration.ignore if not entry.startswith(_EVERYWHERE)]
    everywhere = [entry.removeprefix(_EVERYWHERE) for entry in declaration.ignore if entry.startswith(_EVERYWHERE)]
    _add_lines(known, declaration.lines)
    _add(known, declaration.id.keys)
    if declaration.changed_at is not None:
        _add_lines(known, [declaration.changed_at])
    for text in (*ignored, *declaration.extensions):
        _add(known, Path.parse(text).keys)
    return _compile(known, frozenset(everywhere))


def _add(known: Known, keys: tuple[str, ...]) -> None:
    """Mark a path; what is wholly known stays so."""
    first, *rest = keys
    if not rest:
        known[first] = None
    elif known.setdefault(first, {}) is not None:
        _add(known[first], tuple(rest))  # type: ignore[arg-type]  # not None, just asked


def _add_lines(known: Known, lines: Iterable[Line]) -> None:
    for line in lines:
        for source in line.sources:
            if isinstance(source, Query):
                for root in source.roots:
                    known[root] = None
            elif not source.is_above:
                _add(known, source.keys)
        if line.items is not None and isinstance(line.sources[0], Path):
            _open(known, line.sources[0].keys, line.items)


def _open(known: Known, keys: tuple[str, ...], items: Iterable[Line]) -> None:
    """Look into the elements of a list instead of taking it as wholly known."""
    for key in keys[:-1]:
        below = known.get(key)
        if below is None:
            return
        known = below
    elements: Known = {}
    _add_lines(elements, items)
    known[keys[-1]] = elements


def _compile(known: Known, everywhere: frozenset[str]) -> FindUnknown:
    here = everywhere.union(known)
    is_known = here.issuperset
    below = [(key, _compile(part, everywhere)) for key, part in known.items() if part is not None]
    if not below:
        return lambda payload: frozenset() if is_known(payload) else frozenset(payload) - here

    def find(payload: dict[str, Any]) -> frozenset[str]:
        unknown = frozenset() if is_known(payload) else frozenset(payload) - here
        for key, find_below in below:
            value = payload.get(key)
            for part in value if type(value) is list else (value,):
                if type(part) is dict and (found := find_below(part)):
                    unknown |= {f"{key}.{name}" for name in found}
        return unknown

    return find
