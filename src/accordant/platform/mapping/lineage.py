"""What a declaration says about itself: fields to request, where each canonical field comes from, a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from accordant.platform.mapping.declaration import Declaration, Line
from accordant.platform.mapping.paths import Path, Query


def vendor_fields(declaration: Declaration) -> tuple[str, ...]:
    """Return the vendor's dotted paths to request, in the order of the declaration."""
    lines = [line for line in (declaration.changed_at, *declaration.lines) if line is not None]
    paths = [path for line in lines for path in _requested(line, "")]
    return tuple(dict.fromkeys([declaration.id.text, *paths, *declaration.extensions]))


def lineage(declaration: Declaration, fills: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the vendor paths of each canonical field, of elements too; `fills` names what is filled of itself."""
    origins: dict[str, tuple[str, ...]] = {}
    if "id" in fills:
        origins["id"] = (declaration.id.text,)
    if "changed_at" in fills and declaration.changed_at is not None:
        origins["changed_at"] = paths_of(declaration.changed_at)
    for line in declaration.lines:
        origins |= _origins(line, "", "")
    return origins | {f"extensions.{name}": (name,) for name in declaration.extensions}


def describe(declaration: Declaration, fills: Collection[str]) -> str:
    """Return the declaration as a Markdown table: canonical field, vendor paths, transform, direction."""
    lines = _by_name(declaration.lines, "")
    rows = [f"| {declaration.canonical} | {declaration.vendor} | as | direction |", "|---|---|---|---|"]
    for name, paths in lineage(declaration, fills).items():
        line = lines.get(name)
        is_written = line.is_writable if line else name.startswith("extensions.")
        cells = ", ".join(f"`{path}`" for path in paths).replace("|", "\\|")
        rows.append(f"| `{name}` | {cells} | {line.label if line else ''} | {'both' if is_written else 'read'} |")
    rows += [f"| `{name}` | | always `{value}` | read |" for name, value in declaration.constant.items()]
    return "\n".join(rows)


def paths_of(line: Line, at: str = "") -> tuple[str, ...]:
    """Return the line's vendor paths, below the path of the list it belongs to."""
    return tuple(_text(source, at) for source in line.sources)


def _text(source: Path | Query, at: str) -> str:
    if isinstance(source, Path) and source.is_above:
        return source.text.removeprefix("^")
    return f"{at}.{source.text}" if at else source.text


def _requested(line: Line, at: str) -> Iterable[str]:
    for source in line.sources:
        if isinstance(source, Query):
            yield from (f"{at}.{root}" if at else root for root in source.roots)
        elif line.items is None:
            yield _text(source, at)
        else:
            for item in line.items:
                yield from _requested(item, _text(source, at))


def _origins(line: Line, name_at: str, path_at: str) -> dict[str, tuple[str, ...]]:
    paths = paths_of(line, path_at)
    origins = {f"{name_at}{line.name}": paths}
    for item in line.items or ():
        origins |= _origins(item, f"{name_at}{line.name}.", paths[0])
    return origins


def _by_name(lines: Iterable[Line], at: str) -> dict[str, Line]:
    named: dict[str, Line] = {}
    for line in lines:
        named |= {f"{at}{line.name}": line} | _by_name(line.items or (), f"{at}{line.name}.")
    return named
