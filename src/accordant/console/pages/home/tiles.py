"""The five questions: state, figure, one line, trend; which are shown and in which order depends on the role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant.console import words
from accordant.console.charts import spark
from accordant.console.visit import Visit
from accordant.insight.activation import provisioning
from accordant.insight.approvals import ageing_approvals
from accordant.insight.exposure import BILLING_STAGES, Held, exposure_at, is_live
from accordant.insight.postings import postings, time_in_erp
from accordant.kernel import Money, total

TREND_DAYS = 10
_WEEK = 7


@dataclass(frozen=True)
class Tile:
    """One question; kind is good, warn or bad."""

    question: str
    kind: str
    word: str
    figure: Money
    what: str
    spark: str
    change: str
    oldest: str
    href: str


_ORDER = {
    "finance_operations": ("blocked", "time", "ageing", "provisioned", "reconcile"),
    "delivery": ("ageing", "provisioned", "time", "blocked", "reconcile"),
    "integration_support": ("time", "provisioned", "blocked", "reconcile", "ageing"),
}
_USUAL = ("provisioned", "time", "blocked", "ageing", "reconcile")


def tiles(connection: Connection, visit: Visit, found: Sequence[Held]) -> tuple[Tile, ...]:
    """Return the questions that the person may read, the role's first."""
    role = next((role for role in _ORDER if role in visit.actor.roles), "")
    shown = []
    for name in _ORDER.get(role, _USUAL):
        scopes, build = _TILES[name]
        if any(visit.may(scope) for scope in scopes):
            shown.append(build(connection, visit, found))
    return tuple(shown)


def _provisioned(connection: Connection, visit: Visit, _: Sequence[Held]) -> Tile:
    now = provisioning(connection, now=visit.now, days=TREND_DAYS)
    count = len(now.waiting)
    is_old = bool(now.waiting) and visit.now - now.waiting[0].sold_at > timedelta(days=2)
    return Tile(
        question="Are projects provisioned?",
        kind="bad" if is_old else "warn" if count else "good",
        word="Stuck" if is_old else "On the way" if count else "All of them",
        figure=_sum(visit, (w.value for w in now.waiting)),
        what=f"{count} of {words.plural(now.sold_count, 'signed engagement')} have no project"
        if count
        else f"All {words.plural(now.sold_count, 'signed engagement')} have one",
        spark=spark(now.trend),
        change=_change(now.trend),
        oldest=_oldest(now.waiting[0].sold_at if now.waiting else None, visit.now),
        href="/engagements?standing=not_activated",
    )


def _time(connection: Connection, visit: Visit, _: Sequence[Held]) -> Tile:
    now = time_in_erp(connection, now=visit.now, today=visit.now.astimezone(visit.zone).date(), days=TREND_DAYS)
    count = len(now.late)
    is_late = bool(now.late) and visit.now - now.late[0].approved_at > timedelta(hours=4)
    return Tile(
        question="Is time flowing?",
        kind="bad" if is_late and count > now.line_count // 4 else "warn" if count else "good",
        word="Late" if is_late else "On the way" if count else "Flowing",
        figure=_sum(visit, (late.amount for late in now.late)),
        what=f"{words.number(count)} of {words.number(now.line_count)} approved lines not in the ERP"
        if count
        else f"All {words.plural(now.line_count, 'approved line')} are in the ERP",
        spark=spark(now.trend),
        change=_change(now.trend),
        oldest=_oldest(now.late[0].approved_at if now.late else None, visit.now),
        href="/engagements?standing=blocked",
    )


def _blocked(_: Connection, visit: Visit, found: Sequence[Held]) -> Tile:
    stopped = [case for case in found if case.stage in BILLING_STAGES]
    live = [case for case in stopped if is_live(case, visit.now)]
    currency = visit.deps.estate.group_currency
    ends = [visit.now - timedelta(days=back) for back in range(TREND_DAYS - 1, -1, -1)]
    trend = [exposure_at(stopped, end, currency) for end in ends]
    drafts = {case.invoice_id for case in live if case.invoice_id}
    engagements = {case.engagement for case in live if case.engagement}
    return Tile(
        question="Are invoices blocked?",
        kind="bad" if live else "good",
        word="Blocked" if live else "Clear",
        figure=trend[-1],
        what=", ".join((words.plural(len(engagements), "engagement"), f"{words.plural(len(drafts), 'draft')} stopped"))
        if live
        else "No case stops an invoice",
        spark=spark([money.amount for money in trend]),
        change=_money_change(trend),
        oldest=_oldest(live[0].opened_at if live else None, visit.now),
        href="/cases",
    )


def _ageing(connection: Connection, visit: Visit, _: Sequence[Held]) -> Tile:
    now = ageing_approvals(connection, now=visit.now, days=TREND_DAYS)
    return Tile(
        question="Are approvals ageing?",
        kind="warn" if now.old else "good",
        word="Ageing" if now.old else "Fresh",
        figure=_sum(visit, (asked.money for asked in now.old)),
        what=f"{words.number(len(now.old))} of {words.number(now.open_count)} open ones wait longer than 2 days"
        if now.old
        else f"{words.plural(now.open_count, 'approval')} open, none older than 2 days",
        spark=spark(now.trend),
        change=_change(now.trend),
        oldest=_oldest(now.old[0].asked_at if now.old else None, visit.now),
        href="/approvals",
    )


def _reconcile(connection: Connection, visit: Visit, _: Sequence[Held]) -> Tile:
    now = postings(connection, now=visit.now)
    matched = now.sent_count - len(now.breaks)
    share = words.percent(matched, now.sent_count, 2) or "Nothing to match"
    return Tile(
        question="Do postings reconcile?",
        kind="bad" if now.breaks else "good",
        word="Breaks" if now.breaks else "Balanced",
        figure=_sum(visit, (b.amount for b in now.breaks)),
        what=f"{share} matched, {words.plural(len(now.breaks), 'break')}"
        if now.breaks
        else f"{words.plural(now.sent_count, 'posted invoice')} agree with the ERP",
        spark="",
        change="last 35 days",
        oldest=_oldest(now.breaks[0].since if now.breaks else None, visit.now),
        href="/search",
    )


_Build = Callable[[Connection, Visit, Sequence[Held]], Tile]
_TILES: dict[str, tuple[tuple[str, ...], _Build]] = {
    "provisioned": (("engagements:read",), _provisioned),
    "time": (("billing:read", "runs:read"), _time),
    "blocked": (("cases:read",), _blocked),
    "ageing": (("approvals:read",), _ageing),
    "reconcile": (("billing:read", "runs:read"), _reconcile),
}
"""By name: any of the scopes is enough."""


def _sum(visit: Visit, amounts: Iterable[Money | None]) -> Money:
    currency = visit.deps.estate.group_currency
    return total((visit.deps.to_group(money) for money in amounts if money is not None), currency).rounded()


def _change(trend: Sequence[int]) -> str:
    gained = trend[-1] - trend[-1 - _WEEK]
    return f"{'+' if gained > 0 else ''}{words.number(gained)} this week" if gained else "as a week ago"


def _money_change(trend: Sequence[Money]) -> str:
    gained = trend[-1] - trend[-1 - _WEEK]
    return f"{'+' if gained.amount > 0 else ''}{words.number(gained.amount)} this week" if gained else "as a week ago"


def _oldest(since: datetime | None, now: datetime) -> str:
    return f"oldest {words.age(since, now)}" if since else ""
