"""The exception page: a case, its run's writes and its timeline as the templates show them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from accordant import cases
from accordant.cases import Action, CaseFilter, CaseState, CaseView, Event
from accordant.cases.case import MASK
from accordant.console import parts, words
from accordant.console.pages.case import acts, form
from accordant.console.visit import Visit
from accordant.insight import exceptions
from accordant.insight.exceptions import Waiting, Wrote

_STATES = {
    CaseState.OPEN: ("bad", "Open"),
    CaseState.WAITING: ("warn", "Waits"),
    CaseState.REPLAYING: ("on", "Replaying"),
    CaseState.RESOLVED: ("good", "Resolved"),
}
_WRITE_STATES = {
    "done": ("on", "Done"),
    "failed": ("bad", "Refused"),
    "undone": ("", "Taken back"),
    "unsure": ("warn", "Unknown"),
    "intent": ("warn", "Begun"),
}
_PLAIN = re.compile(r"[a-z]{3}_[0-9a-z]{8,}|[−-]?[\d.,:TZ+-]+|[a-z0-9]+([._/-][a-z0-9#@:]+)+|true|false")
_PLAIN_KEYS = frozenset({"system", "operation", "code", "field", "state", "table", "rule", "error", "cause", "class"})
_HIDDEN = "••••••"


@dataclass(frozen=True)
class Attempt:
    """One write of the run: what, where, how often it was called, how it stands."""

    what: str
    system: str
    key: str
    calls: int
    when: str
    kind: str
    word: str
    note: str


@dataclass(frozen=True)
class Detail:
    """A fact of the case; mark is '' or mask."""

    key: str
    value: str
    mark: str = ""
    note: str = ""


@dataclass(frozen=True)
class Proposal:
    """A correction that waits for a second person."""

    by: str
    hash: str
    reason: str
    terms: tuple[tuple[str, str, str], ...]
    why_not: str


@dataclass(frozen=True)
class Shown:
    """Everything the page and the panel show of a case."""

    case: CaseView
    zone: ZoneInfo
    state: tuple[str, str]
    owner: str
    why: tuple[str, ...]
    people: tuple[str, ...]
    acts: tuple[acts.Act, ...]
    blocked: str
    attempts: tuple[Attempt, ...]
    next_try: str
    waits: str
    alike: tuple[parts.CaseRow, ...]
    timeline: tuple[parts.Entry, ...]
    details: tuple[Detail, ...]
    is_revealed: bool
    proposal: Proposal | None
    answer: str
    run_id: str

    @property
    def is_live(self) -> bool:
        """Whether something can still be done about it."""
        return self.case.state is not CaseState.RESOLVED

    @property
    def primary(self) -> Action | None:
        """The one act to recommend: a correction where one is offered, else the first that may be done."""
        able = [act.kind for act in self.acts if not act.why_not]
        return next((k for k in able if k in (Action.EDIT, Action.ADD_MAPPING)), able[0] if able else None)


def show(connection: Connection, visit: Visit, id: str, *, is_revealed: bool = False) -> Shown:
    """Return a case as this person sees it; NotFound when it is not there or not in the person's entities."""
    case = cases.get_case(connection, id, at=visit.now)
    zone = visit.zone_of(case.entity)
    waiting = exceptions.waiting(connection, case.run_id) if case.run_id else None
    writes = exceptions.writes_of(connection, case.run_id) if case.run_id else ()
    offered = acts.acts_on(case, visit.actor, acts.versions(visit.deps.answers.flows, waiting))
    names = exceptions.people_behind(connection, case) if is_revealed else {}
    return Shown(
        case=case,
        zone=zone,
        state=_STATES[case.state],
        owner=name_of(visit, case.owner),
        why=_why(case, waiting, visit),
        people=who_can(visit, case),
        acts=offered if visit.may("cases:act") else (),
        blocked=next((act.why_not for act in offered if act.why_not), ""),
        attempts=tuple(attempt_of(wrote, zone) for wrote in writes),
        next_try=_next_try(waiting, zone),
        waits=_waits(waiting),
        alike=_alike(connection, visit, case),
        timeline=tuple(_entry(visit, event, zone) for event in reversed(cases.list_events(connection, id))),
        details=tuple(_details(case.details, names, is_revealed=is_revealed)),
        is_revealed=is_revealed,
        proposal=_proposal(visit, case),
        answer=_answer(case, visit),
        run_id=waiting.run_id if waiting else "",
    )


def name_of(visit: Visit, worker_number: str | None) -> str:
    """Return the name behind a worker number; '' for nobody, the number for somebody who left."""
    if not worker_number:
        return ""
    if worker_number == cases.SYSTEM:
        return "Accordant"
    return visit.name_of(worker_number)


def who_can(visit: Visit, case: CaseView) -> tuple[str, ...]:
    """Return the names of those who may act on a case, each once."""
    found = visit.deps.estate.access.actors_in(case.role, case.entity)
    return tuple(dict.fromkeys(actor.name for actor in found))


def _why(case: CaseView, waiting: Waiting | None, visit: Visit) -> tuple[str, ...]:
    system, operation = case.details.get("system"), case.details.get("operation")
    told = []
    if system and operation:
        told.append(f"{system} refused to {words.readable(str(operation)).lower()}.")
    if case.seen_count > 1:
        ago = words.age(case.seen_at, visit.now)
        told.append(f"It was met {words.number(case.seen_count)} times, the last time {ago} ago.")
    if waiting is not None and waiting.state in ("parked", "failed"):
        told.append("The run stands still and holds no worker; nothing is sent meanwhile, nothing is lost.")
    if case.escalated_at is not None:
        told.append(f"It was brought before someone higher {words.age(case.escalated_at, visit.now)} ago.")
    return tuple(told)


def attempt_of(wrote: Wrote, zone: ZoneInfo) -> Attempt:
    """Return a write as a row."""
    kind, word = _WRITE_STATES[wrote.state]
    word = "Done, adopted" if wrote.adopted and wrote.is_done else word
    at = wrote.ended_at or wrote.called_at or wrote.intent_at
    return Attempt(
        what=words.readable(wrote.operation),
        system=wrote.system,
        key=f"{wrote.base}#{wrote.generation}",
        calls=wrote.calls,
        when=f"{words.day(at.astimezone(zone), year=False)} {words.clock_time(at, zone)}",
        kind=kind,
        word=word,
        note=wrote.error or wrote.ref,
    )


def _next_try(waiting: Waiting | None, zone: ZoneInfo) -> str:
    if waiting is None or waiting.due_at is None or waiting.gate_kind != "date":
        return ""
    return words.moment(waiting.due_at, zone)


def _waits(waiting: Waiting | None) -> str:
    if waiting is None:
        return ""
    if waiting.state == "running":
        return "The run is at work."
    kinds = {
        "case": "waits for this answer",
        "failed": "stopped and waits for this answer",
        "approval": "waits for an approval",
        "date": "waits for its time",
        "event": "waits for an event",
        "system": "waits for a system",
    }
    return f"The run {kinds[waiting.gate_kind]}." if waiting.gate_kind in kinds else f"The run is {waiting.state}."


def _alike(connection: Connection, visit: Visit, case: CaseView) -> tuple[parts.CaseRow, ...]:
    which = CaseFilter(states=(CaseState.OPEN, CaseState.WAITING, CaseState.REPLAYING), cause_key=case.cause_key)
    found = [c for c in cases.list_cases(connection, which, at=visit.now, limit=6) if c.id != case.id][:5]
    return tuple(parts.case_row(c, visit.now, visit.zone_of(c.entity), owner=name_of(visit, c.owner)) for c in found)


_TOLD = {
    "opened": "Opened",
    "seen_again": "Met again",
    "assigned": "changed the owner",
    "tagged": "tagged it",
    "parked": "let it wait",
    "woken": "Open again: the time it waited for has come",
    "escalated": "Brought before someone higher",
    "proposed": "proposed a correction",
    "proposal_declined": "turned the proposal down",
    "resolved": "answered",
    "closed": "closed it",
    "went_away": "The problem went away by itself",
}


def _entry(visit: Visit, event: Event, zone: ZoneInfo) -> parts.Entry:
    detail = event.detail
    answer = detail.get("resolution") or {}
    what = _TOLD.get(event.kind, words.readable(event.kind))
    if event.kind == "assigned":
        owner = name_of(visit, str(detail.get("owner", "")))
        what = f"gave it to {owner}" if owner else "gave it back to everybody"
    if event.kind in ("resolved", "proposed") and answer:
        what = f"{what}: {words.readable(str(answer.get('kind', ''))).lower()}"
    kind = (
        "failure" if event.kind in ("opened", "seen_again") else "system" if event.actor == cases.SYSTEM else "person"
    )
    reason = str(answer.get("reason") or detail.get("reason") or "")
    cause = str(answer.get("root_cause") or detail.get("root_cause") or "")
    who = name_of(visit, event.actor)
    second = detail.get("proposed_by")
    facts = (reason, cause, f"proposed by {name_of(visit, str(second))}" if second else "")
    return parts.entry(event.at, visit.now, zone, kind=kind, what=what, who=who, facts=facts)


def _details(details: Mapping[str, Any], names: Mapping[str, str], *, is_revealed: bool) -> list[Detail]:
    return [_detail(key, value, names, is_revealed) for key, value in _flat(details)]


def _detail(key: str, value: Any, names: Mapping[str, str], is_revealed: bool) -> Detail:  # noqa: FBT001
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if text == MASK:
        return Detail(key, _HIDDEN, "mask", "never kept in a case")
    if is_revealed:
        return Detail(key, text, note=names.get(text, ""))
    if value is None or key.rsplit(".", 1)[-1] in _PLAIN_KEYS or _PLAIN.fullmatch(text):
        return Detail(key, text)
    return Detail(key, _HIDDEN, "mask")


def _flat(value: Any, key: str = "") -> list[tuple[str, Any]]:
    """Return nested facts as (dotted key, plain value)."""
    if isinstance(value, Mapping):
        return [pair for name, item in value.items() for pair in _flat(item, f"{key}.{name}" if key else str(name))]
    if isinstance(value, list | tuple):
        return [pair for at, item in enumerate(value) for pair in _flat(item, f"{key}.{at + 1}")]
    return [(key, value)]


def _proposal(visit: Visit, case: CaseView) -> Proposal | None:
    if case.proposal is None:
        return None
    plain, by = case.proposal["resolution"], str(case.proposal["by"])
    reason = ""
    if by == visit.actor.worker_number:
        reason = "You proposed it; another person confirms."
    elif case.role not in visit.actor.roles:
        reason = f"It takes the role {words.readable(case.role).lower()}."
    edits = tuple(cases.FieldEdit.model_validate(edit) for edit in plain.get("edits", ()))
    return Proposal(name_of(visit, by), str(case.proposal["hash"]), str(plain["reason"]), form.terms(edits), reason)


def _answer(case: CaseView, visit: Visit) -> str:
    if case.closed_at is not None:
        by = name_of(visit, case.closed_by)
        return f"Closed by {by} {words.age(case.closed_at, visit.now)} ago: {case.root_cause or 'no cause named'}."
    if case.resolution:
        return f"Answered by {words.readable(str(case.resolution['kind'])).lower()}; the run is at it."
    if case.waits_until is not None:
        return f"Waits until {words.moment(case.waits_until, visit.zone_of(case.entity))}."
    return ""
