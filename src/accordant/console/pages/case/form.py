"""The forms of a case: what can be corrected, what was, and a form's answer as a resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from accordant.cases import Action, Edit, FieldEdit, Resolution, RootCause
from accordant.cases.resolution import RESOLUTION, needs_second_person
from accordant.console import words
from accordant.insight.exceptions import Field
from accordant.kernel import InvalidInput, Money


@dataclass(frozen=True)
class Box:
    """An input of the correction form; `kind` is text, number, date, choice or money."""

    field: Field
    label: str
    kind: str
    value: str
    options: tuple[str, ...] = ()
    currency: str = ""


def boxes(fields: Sequence[Field]) -> tuple[Box, ...]:
    """Return inputs for the fields whose type a form can hold; structured ones are corrected in their system."""
    found = (_box(field) for field in fields)
    return tuple(box for box in found if box is not None)


def _box(field: Field) -> Box | None:
    plain = _plain(field.annotation)
    name, value = words.readable(field.path.replace(".", " ")), "" if field.value is None else str(field.value)
    if plain is Money:
        money = field.value or {}
        return Box(field, name, "money", str(money.get("amount", "")), currency=str(money.get("currency", "")))
    if plain is bool:
        return Box(field, name, "choice", value.lower(), ("true", "false"))
    if isinstance(plain, type) and issubclass(plain, Enum):
        return Box(field, name, "choice", value, tuple(str(member.value) for member in plain))
    kinds = {str: "text", int: "number", Decimal: "text", date: "date"}
    return Box(field, name, kinds[plain], value) if plain in kinds else None


def _plain(annotation: Any) -> Any:
    """Return the one type behind `X | None` and `Annotated[X, …]`."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return _plain(parts[0]) if len(parts) == 1 and type(None) in get_args(annotation) else annotation


def edits_of(fields: Sequence[Field], form: Mapping[str, str]) -> tuple[FieldEdit, ...]:
    """Return the corrections that a form makes: only fields whose value changed."""
    found = []
    for box in boxes(fields):
        text = form.get(f"edit.{box.field.path}")
        if text is None:
            continue
        after = _value(box, text.strip(), form)
        if after != box.field.value:
            field = box.field
            found.append(
                FieldEdit(
                    object_kind=field.object_kind,
                    object_id=field.object_id,
                    field=field.name,
                    before=field.value,
                    after=after,
                )
            )
    return tuple(found)


def _value(box: Box, text: str, form: Mapping[str, str]) -> Any:
    if not text:
        return None
    if box.kind == "money":
        return {"amount": text.replace(",", ""), "currency": box.currency or form.get(f"currency.{box.field.path}", "")}
    plain = _plain(box.field.annotation)
    if plain is bool:
        return text == "true"
    return int(text) if plain is int and text.lstrip("-").isdigit() else text


def money_moves(edits: Sequence[FieldEdit]) -> bool:
    """Tell whether a correction needs a second person."""
    return bool(edits) and needs_second_person(
        Edit(reason="asked before it is done", root_cause=RootCause.OTHER, edits=tuple(edits))
    )


def terms(edits: Sequence[FieldEdit]) -> tuple[tuple[str, str, str], ...]:
    """Return corrections for the diff: name, before, after."""
    return tuple((words.readable(e.path.replace(".", " ")), _shown(e.before), _shown(e.after)) for e in edits)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        return f"{value['currency']} {value['amount']}"
    return "" if value is None else str(value)


def resolution_of(kind: Action, form: Mapping[str, str], edits: Sequence[FieldEdit]) -> Resolution:
    """Return what a form says.

    Raises:
        InvalidInput: `case.incomplete_answer`, naming what is missing.
    """
    plain: dict[str, Any] = {
        "kind": kind.value,
        "reason": form.get("reason", ""),
        "root_cause": form.get("root_cause", ""),
    }
    if kind is Action.EDIT:
        plain["edits"] = [edit.model_dump() for edit in edits]
    if kind is Action.ADD_MAPPING:
        plain |= {name: form.get(name, "").strip() for name in ("table", "key", "value")}
    if kind is Action.DONE_BY_HAND:
        plain["external_id"] = {name: form.get(name, "").strip() for name in ("system", "type", "value")}
    try:
        return RESOLUTION.validate_python(plain)
    except ValidationError as error:
        names = ", ".join(sorted({str(e["loc"][-1]).replace("_", " ") for e in error.errors() if e["loc"]}))
        raise InvalidInput(
            f"The answer is not complete: {names}.",
            code="case.incomplete_answer",
            remedy="Say why in at least three letters, and choose the root cause.",
        ) from error


def check_edits(edits: Sequence[FieldEdit], fields: Sequence[Field]) -> None:
    """Refuse a correction that changes nothing, or to a value that does not fit, before it is shown."""
    if not edits:
        raise InvalidInput("Nothing was changed.", code="case.no_change", remedy="Change a field, then look at it.")
    types = {field.path: field.annotation for field in fields}
    for edit in edits:
        try:
            TypeAdapter(types[edit.path]).validate_python(edit.after)
        except ValidationError as error:
            raise InvalidInput(
                f"`{edit.path}` cannot be set to this: {error.errors()[0]['msg']}.", code="case.unfit_value"
            ) from error
