"""The declaration language: read one YAML document, check it against the model, give plain parts to compile.

Every finding is collected, so that an author sees all of them at once. Nothing here touches a payload.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from accordant.kernel import InvalidInput, Reference
from accordant.platform.mapping.paths import Path, Query
from accordant.platform.mapping.transforms import BUILT_IN, Ref, Transform

_KEYS = ("canonical", "vendor", "id", "changed_at", "fields", "constant", "read_only", "ignore", "extensions")
_LINE_KEYS = {"from", "path", "each", "fields", "as", "default"}
_GIVEN = ("id", "changed_at", "extensions")  # filled from the declaration's own keys


@dataclass(frozen=True, slots=True)
class Line:
    """One field of the declaration.

    Args:
        name: the canonical field.
        sources: the vendor's paths of the value; of the list when `is_list`.
        transform: what lies between; None hands the value over as it is.
        label: the transform as the author wrote it.
        is_list: each element of the list is mapped, by `items` or by `transform`.
        items: the fields of each element.
        default: our value when the vendor's is absent or null; `has_default` tells it from None.
        is_writable: False for queries and fields declared read only.
    """

    name: str
    sources: tuple[Path | Query, ...]
    transform: Transform | Ref | None = None
    label: str = ""
    is_list: bool = False
    items: tuple[Line, ...] | None = None
    default: Any = None
    has_default: bool = False
    is_writable: bool = True


@dataclass(frozen=True, slots=True)
class Declaration:
    """A checked declaration."""

    canonical: str
    vendor: str
    id: Path
    changed_at: Line | None
    lines: tuple[Line, ...]
    constant: Mapping[str, Any]
    ignore: tuple[str, ...]
    extensions: tuple[str, ...]


def declare(
    document: Mapping[str, Any], *, model: type[BaseModel], transforms: Mapping[str, Transform], name: str
) -> Declaration:
    """Check a document against the model.

    Raises:
        InvalidInput: with every finding, code `mapping.declaration`.
    """
    reader = _Reader(transforms)
    declaration = reader.declaration(document, model)
    if reader.findings or declaration is None:
        raise InvalidInput(
            f"{name}: " + "; ".join(reader.findings),
            code="mapping.declaration",
            remedy="Mend the lines named above; the language is shown in platform/mapping/README.md.",
            detail={"findings": reader.findings},
        )
    return declaration


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(str(word), [str(each) for each in known], n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""


class _Reader:
    """Reads a document part by part and notes what is wrong."""

    def __init__(self, transforms: Mapping[str, Transform]) -> None:
        self.findings: list[str] = []
        custom: dict[str, Callable[..., Transform | Ref]] = {
            name: (lambda made=transform: made) for name, transform in transforms.items()
        }
        self._factories = {**BUILT_IN, **custom}

    def declaration(self, document: Mapping[str, Any], model: type[BaseModel]) -> Declaration | None:
        for key in document:
            if key not in _KEYS:
                self.findings.append(f"unknown key `{key}`{suggest(key, _KEYS)}")
        absent = [key for key in ("canonical", "vendor", "id", "fields") if not document.get(key)]
        self.findings += [f"`{key}` is missing" for key in absent]
        if absent:
            return None
        if document["canonical"] != model.__name__:
            self.findings.append(f"declares `{document['canonical']}`, but is loaded for `{model.__name__}`")
        read_only = document.get("read_only") or ()
        lines = self._lines(document["fields"], model, "", frozenset(read_only))
        constant = document.get("constant") or {}
        for name in read_only:
            self._require_field(name, model, name)
        for name, value in constant.items():
            self._require_value(self._require_field(name, model, name), value, name)
        extensions = tuple(document.get("extensions") or ())
        if extensions and "extensions" not in model.model_fields:
            self.findings.append(f"`{model.__name__}` has no field `extensions`")
        given = {"id"} | ({"changed_at"} if document.get("changed_at") else set())
        self._require_complete(model, {line.name for line in lines} | set(constant) | given, "")
        identity = self._path(document["id"], "id")
        return Declaration(
            canonical=document["canonical"],
            vendor=document["vendor"],
            id=identity or Path("id", ("id",)),
            changed_at=self._changed_at(document.get("changed_at")),
            lines=lines,
            constant=constant,
            ignore=tuple(document.get("ignore") or ()),
            extensions=extensions,
        )

    def _changed_at(self, value: Any) -> Line | None:
        if not value:
            return None
        spec = {"from": value} if isinstance(value, str) else value
        return self._line("changed_at", {"as": "instant", **spec}, None, "changed_at", frozenset(["changed_at"]))

    def _lines(self, fields: Any, model: type[BaseModel], at: str, read_only: frozenset[str]) -> tuple[Line, ...]:
        if not isinstance(fields, Mapping):
            self.findings.append(f"`{at}fields` is not a list of `name: {{from: …}}`")
            return ()
        lines = []
        for name, spec in fields.items():
            where = f"{at}{name}"
            field = self._require_field(name, model, where)
            if field is not None:
                line = self._line(
                    name, {"from": spec} if isinstance(spec, str | list) else spec, field, where, read_only
                )
                lines += [line] if line else []
        return tuple(lines)

    def _line(
        self, name: str, spec: Any, field: FieldInfo | None, where: str, read_only: frozenset[str]
    ) -> Line | None:
        kinds = [kind for kind in ("from", "path", "each") if isinstance(spec, Mapping) and kind in spec]
        if len(kinds) != 1:
            self.findings.append(f"`{where}` needs exactly one of `from`, `path`, `each`")
            return None
        (kind,) = kinds
        texts = spec[kind] if isinstance(spec[kind], list) else [spec[kind]]
        sources = [self._query(text, where) if kind == "path" else self._path(text, where) for text in texts]
        transform, label = self._transform(spec, where)
        items = None
        if "fields" in spec:
            element = _element_model(field)
            if kind != "each" or element is None:
                self.findings.append(f"`{where}` has `fields`, but is no `each` over objects")
            else:
                items = self._lines(spec["fields"], element, f"{where}.", frozenset())
                self._require_complete(element, {line.name for line in items}, f"{where}.")
        elif len(sources) > 1 and transform is None:
            self.findings.append(f"`{where}` has several paths and no `as`")
        self._check_reference(field, transform, spec, where)
        for value in _given_values(spec):
            self._require_value(field, value, where)
        return Line(
            name=name,
            sources=tuple(source for source in sources if source is not None),
            transform=transform,
            label=label,
            is_list=kind == "each",
            items=items,
            default=spec.get("default"),
            has_default="default" in spec,
            is_writable=kind != "path" and name not in read_only,
        )

    def _transform(self, spec: Mapping[str, Any], where: str) -> tuple[Transform | Ref | None, str]:
        options = {key: value for key, value in spec.items() if key not in _LINE_KEYS}
        wanted = spec.get("as")
        if wanted is None:
            for key in options:
                self.findings.append(f"`{where}` has an unknown key `{key}`{suggest(key, _LINE_KEYS)}")
            return None, ""
        name, arguments = (next(iter(wanted)), list(wanted.values())) if isinstance(wanted, Mapping) else (wanted, [])
        factory = self._factories.get(name)
        if factory is None or len(arguments) > 1:
            self.findings.append(f"`{where}` has an unknown transform `{name}`{suggest(name, self._factories)}")
            return None, ""
        try:
            inspect.signature(factory).bind(*arguments, **options)
            return factory(*arguments, **options), str(name)
        except (TypeError, ValueError, LookupError) as error:
            self.findings.append(f"`{where}` cannot use `{name}` so: {error}")
            return None, ""

    def _check_reference(
        self, field: FieldInfo | None, transform: Transform | Ref | None, spec: Mapping[str, Any], where: str
    ) -> None:
        is_reference = field is not None and any(isinstance(mark, Reference) for mark in _metadata(field))
        if is_reference and (transform is None or spec.get("as") in BUILT_IN) and not isinstance(transform, Ref):
            self.findings.append(f"`{where}` is a reference: add `as: ref, type: <the vendor's object type>`")

    def _path(self, text: Any, where: str) -> Path | None:
        try:
            return Path.parse(str(text))
        except ValueError as error:
            self.findings.append(f"`{where}`: {error}")
            return None

    def _query(self, text: Any, where: str) -> Query | None:
        try:
            return Query.parse(str(text))
        except ValueError as error:
            self.findings.append(f"`{where}`: {error}")
            return None

    def _require_field(self, name: str, model: type[BaseModel], where: str) -> FieldInfo | None:
        field = model.model_fields.get(name)
        if field is None:
            self.findings.append(f"`{model.__name__}` has no field `{where}`{suggest(name, model.model_fields)}")
        return field

    def _require_value(self, field: FieldInfo | None, value: Any, where: str) -> None:
        """Note a value of ours, written in the declaration, that the model's field would refuse."""
        if field is None:
            return
        try:
            TypeAdapter(field.rebuild_annotation()).validate_python(value)
        except ValidationError as error:
            self.findings.append(f"`{where}` cannot be `{value}`: {error.errors()[0]['msg']}")

    def _require_complete(self, model: type[BaseModel], mapped: set[str], at: str) -> None:
        for name, field in model.model_fields.items():
            if field.is_required() and name not in mapped:
                self.findings.append(f"required field `{at}{name}` is not mapped")


def _given_values(spec: Mapping[str, Any]) -> list[Any]:
    """Return the canonical values that a line itself names: its default, and the outcomes of a choice."""
    outcomes: list[Any] = []
    match spec:
        case {"from": _, "as": {"choice": Mapping() as choice}} | {"path": _, "as": {"choice": Mapping() as choice}}:
            outcomes = [*choice.values(), *_present(spec, "otherwise")]
    return list(dict.fromkeys([*outcomes, *_present(spec, "default")]))


def _present(spec: Mapping[str, Any], key: str) -> list[Any]:
    return [spec[key]] if key in spec else []


def _metadata(field: FieldInfo) -> list[Any]:
    """Marks of the field itself and of the members of its union (`CustomerId | None`)."""
    marks = list(field.metadata)
    for member in get_args(field.annotation):
        marks += getattr(member, "__metadata__", ())
    return marks


def _element_model(field: FieldInfo | None) -> type[BaseModel] | None:
    """Return the model that a list or tuple field holds."""
    annotations = [field.annotation] if field is not None else []
    if annotations and get_origin(annotations[0]) in {Union, UnionType}:
        annotations = [member for member in get_args(annotations[0]) if member is not NoneType]
    for annotation in annotations:
        for element in get_args(annotation):
            if isinstance(element, type) and issubclass(element, BaseModel):
                return element
    return None
