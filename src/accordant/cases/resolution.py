"""Resolutions: the seven ways to end a case, what each must say, and which need a second person."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from accordant import canonical
from accordant.canonical import CanonicalModel
from accordant.cases.case import Action
from accordant.kernel import ExternalId, InvalidInput, Money, Reference

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class RootCause(StrEnum):
    """Why it happened, for the Pareto report (R-EXC-10)."""

    MISSING_MAPPING = "missing mapping"
    MISSING_DATA = "missing data"
    WRONG_DATA = "wrong data"
    DUPLICATE = "duplicate"
    OWNERSHIP = "changed by a system that does not own it"
    LATE_APPROVAL = "late approval"
    PERIOD_CLOSED = "period closed"
    CONTRACT_TERMS = "contract terms"
    SYSTEM_DOWN = "system did not answer"
    SYSTEM_CHANGED = "system changed its behavior"
    RULE_WRONG = "our rule or mapping was wrong"
    OTHER = "other"


class _Resolution(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Reason
    root_cause: RootCause


class Retry(_Resolution):
    """Go on with the same flow version and the same estate snapshot."""

    kind: Literal[Action.RETRY] = Action.RETRY


class Reprocess(_Resolution):
    """Go on with the current flow version and estate."""

    kind: Literal[Action.REPROCESS] = Action.REPROCESS


class FieldEdit(BaseModel):
    """One field of one object, before and after, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object_kind: str = Field(description="`contract`, `time_entry` …")
    object_id: str
    field: str
    before: Any = None
    after: Any = None

    @property
    def path(self) -> str:
        """The field as a case names it: `contract.po_number`."""
        return f"{self.object_kind}.{self.field}"


class Edit(_Resolution):
    """Correct fields, then go on. A field that changes money needs a second person (R-EXC-06)."""

    kind: Literal[Action.EDIT] = Action.EDIT
    edits: tuple[FieldEdit, ...] = Field(min_length=1)


class AddMapping(_Resolution):
    """Add a row to a code table, then go on with everything that waits for it (R-MDM-08)."""

    kind: Literal[Action.ADD_MAPPING] = Action.ADD_MAPPING
    table: str = Field(min_length=1)
    key: str = Field(min_length=1)
    value: str = Field(min_length=1)


class DoneByHand(_Resolution):
    """A person did it in the system: this is its id there, to be adopted."""

    kind: Literal[Action.DONE_BY_HAND] = Action.DONE_BY_HAND
    external_id: ExternalId


class Compensate(_Resolution):
    """Undo what the run did."""

    kind: Literal[Action.COMPENSATE] = Action.COMPENSATE


class Dismiss(_Resolution):
    """Nothing needs to happen."""

    kind: Literal[Action.DISMISS] = Action.DISMISS


Resolution = Annotated[
    Retry | Reprocess | Edit | AddMapping | DoneByHand | Compensate | Dismiss, Field(discriminator="kind")
]
RESOLUTION: TypeAdapter[Resolution] = TypeAdapter(Resolution)

ENDS_AT_ONCE = frozenset({Action.DISMISS})
"""Resolutions after which no run has anything left to do."""

REPLAYS = frozenset({Action.RETRY, Action.REPROCESS})
"""Resolutions that change no fact; roles that may replay a case may use these alone."""

_MONEY_BY_NAME = frozenset({"currency", "is_billable", "billing_method"})


def needs_second_person(resolution: Resolution) -> bool:
    """Tell whether a resolution changes money: judged by the field's type, not by what the caller says."""
    return isinstance(resolution, Edit) and any(_is_money(edit) for edit in resolution.edits)


def require_edits(resolution: Edit, editable: tuple[str, ...]) -> None:
    """Refuse edits of fields that the case does not open, that do not exist, or to values that do not fit.

    Raises:
        InvalidInput: `case.field_not_editable`, `case.unknown_field` or `case.unfit_value`, naming the field.
    """
    for edit in resolution.edits:
        if edit.path not in editable:
            raise InvalidInput(
                f"`{edit.path}` cannot be edited here.",
                code="case.field_not_editable",
                remedy=f"Fields that can: {', '.join(editable) or 'none'}.",
            )
        try:
            TypeAdapter(_field(edit)).validate_python(edit.after)
        except ValidationError as error:
            raise InvalidInput(
                f"`{edit.path}` cannot be set to this: {error.errors()[0]['msg']}.", code="case.unfit_value"
            ) from error


def _objects() -> dict[str, type[CanonicalModel]]:
    classes = (getattr(canonical, name) for name in canonical.__all__)
    models = [cls for cls in classes if isinstance(cls, type) and issubclass(cls, CanonicalModel)]
    return {
        mark.kind: cls
        for cls in models
        if "id" in cls.model_fields
        for mark in cls.model_fields["id"].metadata
        if isinstance(mark, Reference)
    }


def _field(edit: FieldEdit) -> Any:
    cls = _objects().get(edit.object_kind)
    if cls is None or edit.field not in cls.model_fields or edit.field == "id":
        raise InvalidInput(f"There is no field `{edit.path}` to edit.", code="case.unknown_field")
    return cls.model_fields[edit.field].annotation


def _is_money(edit: FieldEdit) -> bool:
    return edit.field in _MONEY_BY_NAME or _holds_amount(_field(edit))


def _holds_amount(annotation: Any) -> bool:
    """Tell whether a type is, or contains, an amount or a quantity that is priced."""
    if isinstance(annotation, type):
        if issubclass(annotation, Money | Decimal):
            return True
        if issubclass(annotation, BaseModel):
            return any(_holds_amount(field.annotation) for field in annotation.model_fields.values())
    return any(_holds_amount(part) for part in get_args(annotation))
