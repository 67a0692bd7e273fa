"""A mapping: one vendor object and one canonical object, read and written by the same declaration."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterable
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from accordant.kernel import ContractDrift, ExternalId, InvalidInput, content_hash
from accordant.platform.mapping.declaration import Line, declare
from accordant.platform.mapping.drift import compile_drift
from accordant.platform.mapping.paths import Path, Payload, Query
from accordant.platform.mapping.reading import MISREAD, ReadFields, compile_line, compile_reader
from accordant.platform.mapping.transforms import Resolver, Transform
from accordant.platform.mapping.writing import compile_writers, write_fields
from accordant.platform.yaml import read_yaml

M = TypeVar("M", bound=BaseModel)
_OVERLAY_KEYS = ("fields", "constant", "read_only", "ignore", "extensions")


@dataclass(frozen=True, slots=True)
class ReadResult(Generic[M]):
    """One record as read.

    Args:
        body: the validated object; its id and references hold the text of external ids.
        ref: the record in its system.
        changed_at: the vendor's instant of the last change; None when the declaration names none.
        unknown: dotted paths of vendor fields that the declaration does not know (drift).
    """

    body: M
    ref: ExternalId
    changed_at: datetime | None
    unknown: frozenset[str]


class Mapping(Generic[M]):
    """A checked and compiled declaration; immutable, safe to share between threads."""

    def __init__(
        self,
        document: AbstractMapping[str, Any],
        *,
        model: type[M],
        transforms: AbstractMapping[str, Transform] | None = None,
        name: str = "mapping",
    ) -> None:
        self._document = document
        self._model = model
        self._transforms = transforms or {}
        self._name = name
        self._declaration = declare(document, model=model, transforms=self._transforms, name=name)
        self._validate = model.__pydantic_validator__.validate_python
        self._find_unknown = compile_drift(self._declaration)
        self._writers = compile_writers(self._declaration.lines)
        self._fills = {field for field in ("id", "changed_at") if field in model.model_fields}
        self._readers: dict[str, ReadFields] = {}
        self._id_of = self._declaration.id.getter()
        changed_at = self._declaration.changed_at
        self._changed_at_of = compile_line(changed_at, "") if changed_at else None
        self.id = content_hash(_ordered(document))

    @classmethod
    def load(
        cls,
        path: pathlib.Path | Traversable,
        *,
        model: type[M],
        transforms: AbstractMapping[str, Transform] | None = None,
    ) -> Mapping[M]:
        """Read, check and compile a declaration file; raises InvalidInput that names file and lines."""
        document = read_yaml(path.read_text(encoding="utf-8"), name=path.name)
        if not isinstance(document, dict):
            raise InvalidInput(f"{path.name} holds no declaration", code="mapping.declaration")
        return cls(document, model=model, transforms=transforms, name=path.name)

    def overlay(self, changes: AbstractMapping[str, Any]) -> Mapping[M]:
        """Return a mapping with changed or added lines, without code.

        `fields` and `constant` are replaced name by name (null takes a line away); `read_only`, `ignore` and
        `extensions` are added to.
        """
        document = dict(self._document)
        for key, change in changes.items():
            if key not in _OVERLAY_KEYS:
                raise InvalidInput(f"an overlay cannot change `{key}` of {self._name}", code="mapping.declaration")
            before = document.get(key)
            if key in {"fields", "constant"}:
                merged = {**(before or {}), **change}
                document[key] = {name: line for name, line in merged.items() if line is not None}
            else:
                document[key] = list(dict.fromkeys([*(before or ()), *change]))
        return Mapping(document, model=self._model, transforms=self._transforms, name=f"{self._name} with overlay")

    @property
    def vendor(self) -> str:
        """The vendor's object type: the type of the ExternalIds that `read` gives."""
        return self._declaration.vendor

    def read(self, payload: Payload, *, system: str) -> ReadResult[M]:
        """Map and validate one record of the system.

        Raises:
            ContractDrift: naming object, record and vendor fields, when the record does not fit the declaration.
        """
        reader = self._readers.get(system)
        if reader is None:
            reader = self._readers[system] = compile_reader(self._declaration.lines, system)
        try:
            fields = reader(payload, None)
            ref = ExternalId(system=system, type=self._declaration.vendor, value=_id_text(self._id_of(payload, None)))
            changed_at = self._changed_at_of(payload, None) if self._changed_at_of else None
            self._complete(fields, payload, ref, changed_at)
            return ReadResult(self._validate(fields), ref, changed_at, self._find_unknown(payload))
        except MISREAD as error:
            raise self._drift(payload, system, error) from error

    def _complete(self, fields: dict[str, Any], payload: Payload, ref: ExternalId, changed_at: datetime | None) -> None:
        """Add what the declaration fills by itself: id, change instant, constants, extensions."""
        if "id" in self._fills and "id" not in fields:
            fields["id"] = str(ref)
        if "changed_at" in self._fills and "changed_at" not in fields:
            fields["changed_at"] = changed_at
        fields.update(self._declaration.constant)
        if self._declaration.extensions:
            fields["extensions"] = {
                name: _json_value(payload[name]) for name in self._declaration.extensions if name in payload
            }

    def write(self, body: M, *, only: Collection[str] | None = None, resolve: Resolver | None = None) -> Payload:
        """Return the vendor's payload of an object; ids, constants and read-only fields are never in it.

        Args:
            body: the object; a field that is None is left out.
            only: canonical fields to write, nothing else; a field named here that is None is cleared (null).
            resolve: gives the vendor's id of a reference; without it references must be texts of ExternalIds.

        Raises:
            InvalidInput: a value that the vendor's field cannot hold, or a name in `only` that is not writable.
        """
        wanted = None if only is None else frozenset(only)
        if wanted is not None and (strange := wanted - self._writers.keys() - {"extensions"}):
            raise InvalidInput(f"{self._name} does not write {', '.join(sorted(strange))}", code="mapping.unwritable")
        payload = write_fields(self._writers, body, resolve, wanted)
        if self._declaration.extensions and (wanted is None or "extensions" in wanted):
            extensions: dict[str, Any] = getattr(body, "extensions", {})
            payload |= {name: extensions[name] for name in self._declaration.extensions if name in extensions}
        return payload

    @property
    def vendor_fields(self) -> tuple[str, ...]:
        """The vendor's dotted paths to request, in the order of the declaration."""
        declaration = self._declaration
        changed_at = [declaration.changed_at] if declaration.changed_at else []
        paths = [path for line in (*changed_at, *declaration.lines) for path in _all_paths(line, "")]
        return tuple(dict.fromkeys([declaration.id.text, *paths, *declaration.extensions]))

    @property
    def lineage(self) -> dict[str, tuple[str, ...]]:
        """Which vendor paths each canonical field comes from; fields of elements as `lines.amount`."""
        declaration = self._declaration
        lineage: dict[str, tuple[str, ...]] = {}
        if "id" in self._fills:
            lineage["id"] = (declaration.id.text,)
        if "changed_at" in self._fills and declaration.changed_at:
            lineage["changed_at"] = _paths(declaration.changed_at, "")
        for line in declaration.lines:
            lineage[line.name] = _paths(line, "")
            for item in line.items or ():
                lineage[f"{line.name}.{item.name}"] = _paths(item, _paths(line, "")[0])
        return lineage | {f"extensions.{name}": (name,) for name in declaration.extensions}

    def describe(self) -> str:
        """Return the declaration as a Markdown table for the documentation."""
        rows = [f"| {self._declaration.canonical} | {self.vendor} | as | direction |", "|---|---|---|---|"]
        lines = {line.name: line for line in self._declaration.lines}
        lines |= {f"{line.name}.{item.name}": item for line in lines.values() for item in line.items or ()}
        for name, paths in self.lineage.items():
            line = lines.get(name)
            both = line.is_writable if line else name.startswith("extensions.")
            label = line.label if line else ""
            cells = ", ".join(f"`{path}`" for path in paths).replace("|", "\\|")
            rows.append(f"| `{name}` | {cells} | {label} | {'both' if both else 'read'} |")
        rows += [f"| `{name}` | | always `{value}` | read |" for name, value in self._declaration.constant.items()]
        return "\n".join(rows)

    def _drift(self, payload: Any, system: str, error: Exception) -> ContractDrift:
        """Say which vendor field is wrong; slow, only for records that failed."""
        if not isinstance(payload, dict):
            return self._drift_error("?", system, {"": f"a record is an object, not {type(payload).__name__}"})
        problems = self._misread_lines(payload, system)
        if not problems and isinstance(error, ValidationError):
            problems = self._invalid_fields(error)
        record = payload.get(self._declaration.id.keys[0], "?") if len(self._declaration.id.keys) == 1 else "?"
        return self._drift_error(str(record), system, problems or {"": str(error)})

    def _drift_error(self, record: str, system: str, problems: dict[str, str]) -> ContractDrift:
        told = "; ".join(f"`{field}` {problem}" if field else problem for field, problem in problems.items())
        return ContractDrift(
            f"{self.vendor} {record}: {told}",
            system=system,
            remedy="Compare the record with the mapping: correct the record, or declare the vendor's change.",
            detail={"object": self.vendor, "record": record, "fields": problems, "mapping": self.id},
        )

    def _misread_lines(self, payload: Payload, system: str) -> dict[str, str]:
        declaration = self._declaration
        problems: dict[str, str] = {}
        identity = Line("id", (declaration.id,), Transform(_id_text, str))
        for line in (identity, declaration.changed_at, *declaration.lines):
            if line is None:
                continue
            try:
                value = compile_line(line, system)(payload, None)
            except MISREAD as error:
                problems[_paths(line, "")[0]] = f"cannot be read: {error}"
                continue
            if value is None and (line is identity or self._needs(line.name)):
                problems[_paths(line, "")[0]] = "is missing"
        return problems

    def _needs(self, name: str) -> bool:
        field = self._model.model_fields.get(name)
        return field is not None and (field.is_required() or field.default is not None) and not _takes_none(field)

    def _invalid_fields(self, error: ValidationError) -> dict[str, str]:
        lineage = self.lineage
        problems: dict[str, str] = {}
        for finding in error.errors(include_url=False, include_input=False):
            names = [str(part) for part in finding["loc"] if not isinstance(part, int)]
            paths = next(
                (lineage[key] for key in (".".join(names[:2]), names[0] if names else "") if key in lineage), ()
            )
            problems[paths[0] if paths else ".".join(names)] = finding["msg"]
        return problems


def _takes_none(field: Any) -> bool:
    from typing import get_args  # noqa: PLC0415

    return type(None) in get_args(field.annotation)


def _id_text(value: Any) -> str:
    if value is None or value == "":
        raise ValueError("is missing")
    return str(value)


def _paths(line: Line, at: str) -> tuple[str, ...]:
    return tuple(_text(source, at) for source in line.sources)


def _text(source: Path | Query, at: str) -> str:
    if not at:
        return source.text
    return source.text.removeprefix("^") if source.text.startswith("^") else f"{at}.{source.text}"


def _all_paths(line: Line, at: str) -> Iterable[str]:
    for source in line.sources:
        if isinstance(source, Query):
            yield from source.roots
        elif line.items is None:
            yield _text(source, at)
        else:
            for item in line.items:
                yield from _all_paths(item, _text(source, at))


def _ordered(value: Any) -> Any:
    """Return the document with mappings as pairs: their order counts, and their keys need not be text."""
    if isinstance(value, AbstractMapping):
        return [[key, _ordered(part)] for key, part in value.items()]
    return [_ordered(part) for part in value] if isinstance(value, list | tuple) else value


def _json_value(value: Any) -> Any:
    """Return the value as plain JSON; an exact number that is not whole becomes text, never a float."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {key: _json_value(part) for key, part in value.items()}
    return [_json_value(part) for part in value] if isinstance(value, list) else value
