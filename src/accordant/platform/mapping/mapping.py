"""A mapping: one vendor object and one canonical object, read and written by the same declaration."""

from __future__ import annotations

import pathlib
from collections.abc import Collection
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from accordant.kernel import ExternalId, InvalidInput, content_hash
from accordant.platform.mapping.declaration import declare
from accordant.platform.mapping.diagnosis import explain
from accordant.platform.mapping.drift import compile_drift
from accordant.platform.mapping.lineage import describe, lineage, vendor_fields
from accordant.platform.mapping.paths import Payload
from accordant.platform.mapping.reading import MISREAD, ReadFields, compile_line, compile_reader, id_text
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
        self._fills = frozenset({"id", "changed_at"} & model.model_fields.keys())
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
            ref = ExternalId(system=system, type=self._declaration.vendor, value=id_text(self._id_of(payload, None)))
            changed_at = self._changed_at_of(payload, None) if self._changed_at_of else None
            self._complete(fields, payload, ref, changed_at)
            return ReadResult(self._validate(fields), ref, changed_at, self._find_unknown(payload))
        except MISREAD as error:
            raise explain(self._declaration, self._model, payload, system=system, error=error) from error

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
        return vendor_fields(self._declaration)

    @property
    def lineage(self) -> dict[str, tuple[str, ...]]:
        """Which vendor paths each canonical field comes from; fields of elements as `lines.amount`."""
        return lineage(self._declaration, self._fills)

    def describe(self) -> str:
        """Return the declaration as a Markdown table for the documentation."""
        return describe(self._declaration, self._fills)


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
