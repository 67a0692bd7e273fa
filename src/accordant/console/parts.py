"""What the component macros take: small frozen view models, and how domain objects become them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from accordant.cases import Approval, CaseView
from accordant.console import words
from accordant.kernel import Money

SOON = timedelta(hours=48)
"""A deadline nearer than this is written in amber."""

_GRAVE = 10_000_00  # minor units of the group's currency per day that is left
_HIGH = 2_500_00


@dataclass(frozen=True)
class CaseRow:
    """A row of a queue, for `parts.case_row`."""

    href: str
    shape: str
    color: str
    severity: str
    sentence: str
    meta: tuple[str, ...]
    exposure: Money | None
    group_exposure: Money | None
    due: str
    is_soon: bool
    tier: int = 0
    bold: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Entry:
    """An entry of a timeline, for `parts.timeline`: kind is person, system or failure."""

    at: datetime
    kind: str
    who: str
    what: str
    day: str
    day_order: str
    when: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A piece of evidence below a business state; look is '', warn or bad."""

    words: str
    age: str = ""
    look: str = ""


@dataclass(frozen=True)
class Station:
    """A business state on the journey line; look is reached, now, blocked or future."""

    name: str
    look: str
    when: str
    proofs: tuple[Proof, ...] = ()
    pin: str = ""
    word: str = ""


@dataclass(frozen=True)
class Cell:
    """What one system says of one fact; look is owner, same, off (differs) or stale (late)."""

    look: str
    value: str
    age: str = ""


@dataclass(frozen=True)
class Fact:
    """A row of the comparison; a cell is None where the system does not keep the fact."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class ApprovalCard:
    """What exactly is decided, for `parts.approval`."""

    title: str
    money: Money | None
    facts: tuple[tuple[str, str], ...]
    asked: str
    rule: str
    hash: str
    due: str
    is_soon: bool
    action: str
    may_decide: bool
    why_not: str = ""


def case_row(case: CaseView, now: datetime, zone: ZoneInfo, *, owner: str = "", is_current: bool = False) -> CaseRow:
    """Return the row of a case; `zone` is that of its entity, `owner` the name behind its worker number."""
    shape, color, severity = severity_of(case)
    place = " · ".join(part for part in (case.client, case.entity.upper()) if part)
    alike = f"{words.number(case.same_count - 1)} alike" if case.same_count > 1 else ""
    who = f"{owner or 'Unassigned'} · {words.age(case.opened_at, now)}"
    return CaseRow(
        href=f"/cases/{case.id}",
        shape=shape,
        color=color,
        severity=severity,
        sentence=case.sentence,
        meta=tuple(part for part in (place, words.readable(case.stage), who, alike) if part),
        exposure=case.exposure,
        group_exposure=case.group_exposure,
        due=words.due(case.deadline, now, zone),
        is_soon=is_soon(case.deadline, now),
        tier=case.tier,
        bold=case.client,
        is_current=is_current,
    )


def approval_row(approval: Approval, now: datetime, zone: ZoneInfo, group: Money | None) -> CaseRow:
    """Return the row of an approval in a queue that mixes both; `group` is its amount in the group's currency."""
    about = str(approval.view.get("client") or approval.subject)
    return CaseRow(
        href=f"/approvals#{approval.id}",
        shape="half",
        color="c-warn",
        severity="Approval",
        sentence=f"{words.readable(approval.kind)} for {about}: your decision is asked for.",
        meta=(
            "Approval",
            f"rule {approval.rule}",
            f"asked {words.age(approval.asked_at, now)} ago",
            approval.entity.upper(),
        ),
        exposure=approval.money,
        group_exposure=group,
        due=words.due(approval.deadline, now, zone),
        is_soon=is_soon(approval.deadline, now),
        bold=about,
    )


def severity_of(case: CaseView) -> tuple[str, str, str]:
    """Return shape, color and word of a case's severity: exposure × deadline, by shape first."""
    if case.severity >= _GRAVE:
        return "crit", "c-bad", "Critical"
    if case.severity >= _HIGH:
        return "high", "c-warn", "High"
    return ("norm", "c-m", "Normal") if case.exposure else ("ring", "c-m", "Low")


def is_soon(deadline: datetime | None, now: datetime) -> bool:
    """Tell whether a deadline is near enough, or over, to be written in amber."""
    return deadline is not None and deadline - now < SOON


def entry(
    at: datetime, now: datetime, zone: ZoneInfo, *, kind: str, what: str, who: str = "", facts: tuple[str, ...] = ()
) -> Entry:
    """Return a timeline entry, its day named as people name it."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    names = {today: "Today", today - timedelta(days=1): "Yesterday"}
    return Entry(
        at=at,
        kind=kind,
        who=who,
        what=what,
        day=names.get(local.date(), words.day(local)),
        day_order=local.date().isoformat(),
        when=f"{local:%H:%M}",
        facts=tuple(fact for fact in facts if fact),
    )


def approval_card(
    approval: Approval, now: datetime, zone: ZoneInfo, *, asked_by: str, why_not: str = ""
) -> ApprovalCard:
    """Return the card of an approval; `why_not` says why this person may not decide it."""
    facts = tuple(
        (words.readable(name), str(value))
        for name, value in approval.view.items()
        if isinstance(value, str | int) and str(value)
    )
    return ApprovalCard(
        title=f"{words.readable(approval.kind)}",
        money=approval.money,
        facts=facts,
        asked=f"{asked_by}, {words.moment(approval.asked_at, zone)}",
        rule=approval.rule,
        hash=approval.view_hash,
        due=words.due(approval.deadline, now, zone),
        is_soon=is_soon(approval.deadline, now),
        action=f"/approvals/{approval.id}",
        may_decide=not why_not,
        why_not=why_not,
    )
