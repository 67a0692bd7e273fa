"""The approvals inbox: a view as a readable card, the difference to what was asked before, who may decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from accordant import cases
from accordant.cases import Approval, ApprovalState
from accordant.console import parts, words
from accordant.console.pages.case.view import name_of
from accordant.console.pages.runs.view import address_of
from accordant.console.visit import Visit
from accordant.insight import inbox
from accordant.kernel import Money, total

TABS = ("inbox", "asked", "history")
PAGE = 50
_STATES = {
    ApprovalState.OPEN: ("warn", "Open"),
    ApprovalState.APPROVED: ("good", "Approved"),
    ApprovalState.REJECTED: ("bad", "Rejected"),
    ApprovalState.SUPERSEDED: ("", "Superseded"),
    ApprovalState.WITHDRAWN: ("", "Withdrawn"),
}


@dataclass(frozen=True)
class Card:
    """What exactly is decided, by whom, until when; the order of facts is the same at every door."""

    approval: Approval
    title: str
    state: tuple[str, str]
    facts: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, ...], ...]
    terms: tuple[tuple[str, str, str], ...]
    same: str
    earlier: str
    asked_by: str
    asked: str
    due: str
    is_soon: bool
    next: str
    said: tuple[parts.Entry, ...]
    why_not: str
    people: tuple[tuple[str, str], ...]
    decided: str
    run_href: str


@dataclass(frozen=True)
class Inbox:
    """Everything the page shows."""

    tab: str
    tabs: tuple[tuple[str, str, int | None, bool], ...]
    sentence: tuple[str, Money | None, str]
    cards: tuple[Card, ...]
    past: tuple[Card, ...]
    page: int
    has_more: bool


def show(connection: Connection, visit: Visit, tab: str, page: int) -> Inbox:
    """Return one tab of the inbox."""
    waiting = cases.list_approvals(connection, visit.actor)
    own = inbox.own_requests(connection, visit.actor)
    chosen = tab if tab in TABS else "inbox"
    found: Sequence[Approval] = {"inbox": waiting, "asked": own}.get(chosen, ())
    past = (
        inbox.history(connection, visit.actor, limit=PAGE + 1, offset=(page - 1) * PAGE) if chosen == "history" else ()
    )
    counts = {"inbox": len(waiting), "asked": len(own), "history": None}
    names = {"inbox": "Waits for me", "asked": "Asked by me", "history": "History"}
    return Inbox(
        tab=chosen,
        tabs=tuple(
            (names[t], f"/approvals?tab={t}" if t != "inbox" else "/approvals", counts[t], t == chosen) for t in TABS
        ),
        sentence=_sentence(waiting, visit),
        cards=tuple(card(connection, visit, approval) for approval in found),
        past=tuple(card(connection, visit, approval) for approval in past[:PAGE]),
        page=page,
        has_more=len(past) > PAGE,
    )


def card(connection: Connection, visit: Visit, approval: Approval) -> Card:
    """Return one approval as a card."""
    zone = visit.zone_of(approval.entity)
    earlier = inbox.earlier_view(connection, approval)
    terms, same = _differences(earlier.view, approval.view) if earlier else ((), "")
    told = [e for e in cases.list_events(connection, approval.id) if e.kind in ("asked_back", "delegated")]
    return Card(
        approval=approval,
        title=f"{words.readable(approval.kind)}",
        state=_STATES[approval.state],
        facts=tuple(
            (words.readable(name), str(value)) for name, value in inbox.ordered(approval.view) if _is_fact(value)
        ),
        lines=_lines(approval.view),
        terms=terms,
        same=same,
        earlier=f"Asked before, {words.moment(earlier.asked_at, zone)}: {earlier.state}." if earlier else "",
        asked_by=name_of(visit, approval.requester),
        asked=words.moment(approval.asked_at, zone),
        due=words.due(approval.deadline, visit.now, zone) if approval.deadline else "no deadline",
        is_soon=parts.is_soon(approval.deadline, visit.now),
        next=_next(approval, visit),
        said=tuple(_said(event, visit, zone) for event in reversed(told)),
        why_not=why_not(approval, visit),
        people=_people(approval, visit),
        decided=_decided(approval, visit),
        run_href=address_of(approval.run_id) if approval.run_id and visit.may("runs:read") else "",
    )


def why_not(approval: Approval, visit: Visit) -> str:
    """Return why this person cannot decide; '' when nothing is in the way. The room judges again at the decision."""
    actor = visit.actor
    if approval.state is not ApprovalState.OPEN:
        return f"This is {approval.state} already."
    if actor.worker_number == approval.requester:
        return "You asked for it; another person decides."
    if not visit.may("approvals:decide"):
        return "Your roles read approvals; they decide none."
    if approval.role not in actor.roles and actor.worker_number not in approval.delegates:
        return f"It takes the role {words.readable(approval.role).lower()}."
    if approval.deadline is not None and visit.now > approval.deadline:
        return "It was not decided in time; it is asked again when the facts are read anew."
    return ""


def over_limit(approval: Approval, visit: Visit) -> str:
    """Return why this person may reject but not approve: the amount; '' when the limit suffices."""
    if approval.money is None:
        return ""
    limit = visit.actor.approval_limits.get(approval.money.currency)
    if limit is not None and abs(approval.money.amount) <= limit:
        return ""
    own = (
        f"your limit is {Money(amount=limit, currency=approval.money.currency)}" if limit else "you have no limit in it"
    )
    return f"{approval.money} is over what you may approve: {own}."


def _sentence(waiting: Sequence[Approval], visit: Visit) -> tuple[str, Money | None, str]:
    if not waiting:
        return "Nothing waits for you.", None, ""
    said = words.plural(len(waiting), "decision") + (" waits" if len(waiting) == 1 else " wait") + " for you"
    money = [visit.deps.to_group(a.money) for a in waiting if a.money is not None]
    soon = sum(parts.is_soon(a.deadline, visit.now) for a in waiting)
    due = f"; {words.number(soon)} due within two days." if soon else "."
    return (
        (f"{said}, over", total(money, visit.deps.estate.group_currency), due) if money else (f"{said}{due}", None, "")
    )


def _is_fact(value: Any) -> bool:
    return isinstance(value, str | int) and str(value) != ""


def _lines(view: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return the first list of rows in a view: what an invoice bills, line by line."""
    tables = [value for value in view.values() if isinstance(value, list) and value and isinstance(value[0], list)]
    return tuple(tuple(str(cell) for cell in row) for row in tables[0]) if tables else ()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[tuple[str, str, str], ...], str]:
    names = [name for name, _ in inbox.ordered({**before, **after})]
    changed = [n for n in names if before.get(n) != after.get(n)]
    terms = tuple((words.readable(n), _short(before.get(n)), _short(after.get(n))) for n in changed)
    return terms, words.plural(len(names) - len(changed), "fact")


def _short(value: Any) -> str:
    if value is None:
        return ""
    return words.plural(len(value), "row") if isinstance(value, list) else str(value)


def _next(approval: Approval, visit: Visit) -> str:
    """Return who may decide: people in the role, then delegates; the requester never."""
    able = [
        actor.name
        for actor in visit.deps.estate.access.actors_in(approval.role, approval.entity)
        if actor.worker_number not in (approval.requester, visit.actor.worker_number)
    ]
    names = list(dict.fromkeys([*able, *(name_of(visit, number) for number in approval.delegates)]))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _people(approval: Approval, visit: Visit) -> tuple[tuple[str, str], ...]:
    """Return whom it may be handed to: whoever may decide at all, sees the entity, and did not ask."""
    access = visit.deps.estate.access
    able = (access.actor(person.id) for person in access.people)
    left_out = {approval.requester, visit.actor.worker_number, *approval.delegates}
    found = {
        a.worker_number: a.name
        for a in able
        if a.may("approvals:decide", approval.entity) and a.worker_number not in left_out
    }
    return tuple(sorted(found.items(), key=lambda pair: pair[1]))


def _said(event: cases.Event, visit: Visit, zone: Any) -> parts.Entry:
    if event.kind == "delegated":
        what, facts = f"handed it to {name_of(visit, str(event.detail['to']))} as well", ()
    else:
        what, facts = f"asked: {event.detail['question']}", ()
    return parts.entry(
        event.at, visit.now, zone, kind="person", who=name_of(visit, event.actor), what=what, facts=facts
    )


def _decided(approval: Approval, visit: Visit) -> str:
    if approval.decided_at is None:
        return ""
    by = name_of(visit, approval.decided_by)
    return f"{by}, {words.moment(approval.decided_at, visit.zone_of(approval.entity))}"
