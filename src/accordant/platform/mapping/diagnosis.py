"""Say why a record did not fit its declaration; slow, and only reached by records that failed."""

from __future__ import annotations

from contextlib import suppress
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from accordant.kernel import ContractDrift
from accordant.platform.mapping.declaration import Declaration, Line
from accordant.platform.mapping.lineage import lineage, paths_of
from accordant.platform.mapping.reading import MISREAD, compile_line, id_text
from accordant.platform.mapping.transforms import Transform


def explain(
    declaration: Declaration, model: type[BaseModel], payload: Any, *, system: str, error: Exception
) -> ContractDrift:
    """Return the error that names object, record and vendor fields, from what failed on the fast way."""
    if not isinstance(payload, dict):
        problems = {"": f"a record is an object, not {type(payload).__name__}"}
        record = "?"
    else:
        problems = _misread(declaration, model, payload, system)
        if not problems and isinstance(error, ValidationError):
            problems = _invalid(declaration, error)
        problems = problems or {"": f"cannot be read: {error}"}
        record = _record_id(declaration, payload)
    told = "; ".join(f"`{field}` {problem}" if field else problem for field, problem in problems.items())
    return ContractDrift(
        f"{declaration.vendor} {record}: {told}",
        system=system,
        remedy="Correct the record in its system, or declare the vendor's change in the mapping.",
        detail={"object": declaration.vendor, "record": record, "fields": problems},
    )


def _record_id(declaration: Declaration, payload: dict[str, Any]) -> str:
    try:
        return id_text(declaration.id.getter()(payload, None))
    except MISREAD:
        return "?"


def _misread(declaration: Declaration, model: type[BaseModel], payload: dict[str, Any], system: str) -> dict[str, str]:
    """Read line by line; return the problem of each vendor field that is missing or has no meaning."""
    identity = Line("id", (declaration.id,), Transform(id_text, str))
    problems: dict[str, str] = {}
    for line in (identity, declaration.changed_at, *declaration.lines):
        if line is None:
            continue
        try:
            value = compile_line(line, system)(payload, None)
        except MISREAD as error:
            problems |= _misread_elements(line, payload, system) or {paths_of(line)[0]: f"cannot be read: {error}"}
            continue
        if value is None and (line is identity or not _takes_none(model, line.name)):
            problems[paths_of(line)[0]] = "is missing"
    return problems


def _misread_elements(line: Line, payload: dict[str, Any], system: str) -> dict[str, str]:
    """Return the problems of fields of a list's elements; nothing when the list itself is what is wrong."""
    problems: dict[str, str] = {}
    with suppress(*MISREAD):
        elements = line.sources[0].getter()(payload, None)
        for element, item in ((element, item) for element in elements for item in line.items or ()):
            try:
                compile_line(item, system)(element, payload)
            except MISREAD as error:
                problems[paths_of(item, paths_of(line)[0])[0]] = f"cannot be read: {error}"
    return problems


def _takes_none(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is None or NoneType in get_args(field.annotation)


def _invalid(declaration: Declaration, error: ValidationError) -> dict[str, str]:
    """Return the model's findings under the vendor's names; the values themselves are never told."""
    origins = lineage(declaration, ("id", "changed_at"))
    problems: dict[str, str] = {}
    for finding in error.errors(include_url=False, include_input=False, include_context=False):
        names = [part for part in finding["loc"] if isinstance(part, str)]
        known = [".".join(names[:depth]) for depth in range(len(names), 0, -1)]
        vendor = next((origins[name][0] for name in known if name in origins), ".".join(names))
        problems[vendor] = finding["msg"]
    return problems
