"""The dry run of an act: what the run has written already, what will be looked up, what will be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accordant.cases import Action, CaseView
from accordant.console import words
from accordant.console.pages.case.acts import Versions, label
from accordant.insight.exceptions import Wrote


@dataclass(frozen=True)
class Preview:
    """What will happen: shown before it does."""

    title: str
    button: str
    effects: tuple[str, ...]
    undo: str = ""


def preview(case: CaseView, kind: Action, on: Versions, writes: Sequence[Wrote]) -> Preview:
    """Tell what an act will do, from what the run has written so far."""
    tell = {
        Action.RETRY: _retry,
        Action.REPROCESS: _reprocess,
        Action.EDIT: _corrected,
        Action.ADD_MAPPING: _mapped,
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
    closes = kind in (Action.DISMISS, Action.COMPENSATE)
    effects = tell(on, writes) if closes else (*tell(on, writes), *money)
    return Preview(f"{name}: {case.client or words.readable(case.stage)}", name, effects, undo)


def says(wrote: Wrote) -> str:
    """Name a write as a person reads it: `create customer in netsuite-main`."""
    return f"{words.readable(wrote.operation).lower()} in {wrote.system}"


def _retry(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    where = f"with v{on.own} and the rules it began with" if on.own else "where it stopped"
    return (f"The run goes on {where}.", *_writes_again(writes))


def _reprocess(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    new = f"v{on.newest}" if on.newest else "the current version"
    done = [w for w in writes if w.is_done]
    found = (
        f"{words.plural(len(done), 'write')} done already: found under the same key and not sent again"
        f" ({_names(done)}). Where the content would differ now, it is refused as a conflict."
    )
    return (
        f"This run ends; a new one starts with the same input on {new} and the current rules.",
        found if done else "Nothing was written outside so far.",
        *_open_and_refused(writes),
    )


def _corrected(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    return ("The corrected fields are kept as a new version; the old one stays readable.", *_retry(on, writes))


def _mapped(on: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
    return ("The row is kept: from now on what the system says means your value.", *_retry(on, writes))


def _by_hand(_: Versions, writes: Sequence[Wrote]) -> tuple[str, ...]:
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
