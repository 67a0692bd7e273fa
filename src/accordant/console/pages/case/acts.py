"""What may be done with a case, on which version, and why somebody may not."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.cases import Action, Actor, CaseState, CaseView
from accordant.cases.resolution import REPLAYS
from accordant.console import words
from accordant.insight.exceptions import Waiting
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
