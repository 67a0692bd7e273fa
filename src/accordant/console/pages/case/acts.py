"""What may be done with a case: who may, what it will do before it is done, and a form as a resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from accordant.cases import Action, Actor, CaseState, CaseView, Edit, FieldEdit, Resolution, RootCause
from accordant.cases.resolution import REPLAYS, RESOLUTION, needs_second_person
from accordant.console import words
from accordant.insight.exceptions import Field, Waiting, Wrote
from accordant.kernel import InvalidInput, Money
from accordant.process import FlowRegistry

_VERBS = {
    Action.RETRY: "Retry",
    Action.REPROCESS: "Reprocess",
    Action.EDIT: "Correct",
    Action.ADD_MAPPING: "Add mapping",
    Action.DONE_BY_HAND: "Done by hand",
    Action.COMPENSATE: "Take back",
    Action.DISMISS: "Dismiss",
}
SAID = {
    "retry": "Retry is under way.",
    "reprocess": "The work starts anew on the current version.",
    "edit": "The correction holds and the run goes on.",
    "proposed": "The correction is proposed; another person confirms it.",
    "add_mapping": "The mapping row holds and the run goes on.",
    "done_by_hand": "The record is adopted and the run goes on.",
    "compensate": "What was written is being taken back.",
    "dismiss": "The case is closed.",
    "assign": "The case has an owner.",
    "park": "The case waits.",
    "confirm": "The correction is confirmed and the run goes on.",
    "decline": "The proposal is turned down; the case is open again.",
}
"""What a toast says after an act, by the name of the act."""


@dataclass(frozen=True)
class Act:
    """A way to resolve a case; `why_not` says why this person cannot do it now."""

    kind: Action
    label: str
    href: str
    why_not: str = ""


@dataclass(frozen=True)
class Versions:
    """The version a run began with and the newest one of its flow; None where there is no run or no flow."""

    own: int | None = None
    newest: int | None = None


@dataclass(frozen=True)
class Preview:
    """What will happen: shown before it does."""

    title: str
    button: str
    effects: tuple[str, ...]
    undo: str = ""


@dataclass(frozen=True)
class Box:
    """An input of the correction form; `kind` is text, number, date, choice or money."""

    field: Field
    label: str
    kind: str
    value: str
    options: tuple[str, ...] = ()
    currency: str = ""


def versions(flows: FlowRegistry, waiting: Waiting | None) -> Versions:
    """Return which version a retry and a reprocess of a run would be on."""
    if waiting is None:
        return Versions()
    newest = max((flow.version for flow in flows if flow.name == waiting.flow), default=None)
    return Versions(waiting.version, newest)


def label(kind: Action, on: Versions) -> str:
    """Return the name of an act; Retry and Reprocess carry their version."""
    number = {Action.RETRY: on.own, Action.REPROCESS: on.newest}.get(kind)
    return f"{_VERBS[kind]} on v{number}" if number is not None else _VERBS[kind]


def acts_on(case: CaseView, actor: Actor, on: Versions) -> tuple[Act, ...]:
    """Return the acts that a case offers, in its order, each with the reason why this person cannot do it."""
    return tuple(
        Act(kind, label(kind, on), f"/cases/{case.id}/act/{kind.value}", why_not(case, kind, actor))
        for kind in case.actions
    )


def why_not(case: CaseView, kind: Action, actor: Actor) -> str:
    """Return why a person cannot resolve a case in this way; '' when nothing is in the way."""
    if case.state is CaseState.RESOLVED:
        return "The case is closed."
    if case.state is CaseState.REPLAYING:
        return "It is being tried; if that fails, the case is open again."
    if case.state is CaseState.WAITING and case.waits_until is None:
        return "A proposal waits for a second person: confirm or decline it first."
    is_replayer = kind in REPLAYS and bool(set(case.replay_roles) & set(actor.roles))
    if not is_replayer and case.role not in actor.roles:
        return f"It takes the role {words.readable(case.role).lower()}."
    if kind not in case.actions:
        return f"This case cannot be resolved by {_VERBS[kind].lower()}."
    return ""


def preview(case: CaseView, kind: Action, on: Versions, writes: Sequence[Wrote]) -> Preview:
    """Tell what an act will do, from what the run has written so far."""
    tell = {
        Action.RETRY: _retry,
        Action.REPROCESS: _reprocess,
        Action.EDIT: _goes_on,
        Action.ADD_MAPPING: _goes_on,
        Action.DONE_BY_HAND: _by_hand,
        Action.COMPENSATE: _taken_back,
        Action.DISMISS: _dismissed,
    }[kind]
    name = label(kind, on)
    undo = {
        Action.ADD_MAPPING: "the alias has an end date of its own; the steward can close it.",
        Action.EDIT: "correct the field again; each version is kept.",
    }.get(kind, "")
    money = (f"{words.say_money(case.exposure)} can move again when it helps.",) if case.exposure else ()
    closing = kind in (Action.DISMISS, Action.COMPENSATE)
    return Preview(
        f"{name}: {case.client or words.readable(case.stage)}",
        name,
        tell(on, writes) + (() if closing else money),
        undo,
    )


def says(wrote: Wrote) -> str:
    """Name a write as a person reads it: `create customer in netsuite-main`."""
    return f"{words.readable(wrote.operation).lower()} in {wrote.system}"


def _retry(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    where = f"on v{on.own} and the rules it began with" if on.own else "where it stopped"
    return (f"The run goes on {where}.", *_writes_again(writes))


def _reprocess(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    new = f"v{on.newest}" if on.newest else "the current version"
    done = [w for w in writes if w.is_done]
    found = (
        f"{words.plural(len(done), 'write')} done already: found under the same key and not sent again"
        f" ({_names(done)}). Where the content would differ now, it is refused as a conflict.",
    )
    return (
        f"This run ends; a new one starts with the same input on {new} and the current rules.",
        *(found if done else ("Nothing was written outside so far.",)),
        *_open_and_refused(writes),
    )


def _goes_on(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    return ("Then:", *_retry(on, writes)) if writes else _retry(on, writes)


def _by_hand(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    stopped = [w for w in writes if not w.is_done and w.state != "undone"]
    adopted = (
        f"The record you name becomes the outcome of {says(stopped[-1])}." if stopped else "The record is adopted."
    )
    return (adopted, "Nothing is sent for it. The run goes on.", *_stays(writes))


def _taken_back(_: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    done = [w for w in reversed(writes) if w.is_done and w.kind != "act"]
    posted = [w for w in writes if w.is_done and w.kind == "act"]
    told = [
        f"{words.plural(len(done), 'write')} taken back, the newest first: {_names(done)}."
        if done
        else "No write to take back."
    ]
    if posted:
        told.append(f"What was approved or posted stays: {_names(posted)}. Another document corrects it.")
    if done:
        told.append("Had the run passed its point of no return, they stay too, and the run ends.")
    return (*told, "The run ends and its key is free: the work may be started again.")


def _dismissed(_: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    done = [w for w in reversed(writes) if w.is_done]
    told = ["The case closes; the work that waits for it does not go on."]
    if done:
        told.append(f"What the run wrote before its point of no return is taken back: {_names(done)}.")
    return (*told, "Nothing new is sent.")


def _writes_again(writes: Sequence[Wrote]) -> tuple[str, ...]:
    return (*(_stays(writes) or ("Nothing was written outside so far.",)), *_open_and_refused(writes))


def _stays(writes: Sequence[Wrote]) -> tuple[str, ...]:
    done = [w for w in writes if w.is_done]
    return (f"{words.plural(len(done), 'write')} done already, not sent again: {_names(done)}.",) if done else ()


def _open_and_refused(writes: Sequence[Wrote]) -> tuple[str, ...]:
    unknown = [w for w in writes if w.is_open]
    refused = [w for w in writes if w.state == "failed"]
    told = []
    if unknown:
        told.append(
            f"{words.plural(len(unknown), 'write')} without an answer: looked up by key before anything is sent"
            f" ({_names(unknown)})."
        )
    if refused:
        told.append(f"{words.plural(len(refused), 'refused write')} sent again: {_names(refused)}.")
    return tuple(told)


def _names(writes: Sequence[Wrote], most: int = 4) -> str:
    named = [says(w) for w in writes[:most]]
    left = len(writes) - len(named)
    return ", ".join(named) + (f" and {left} more" if left else "")


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
