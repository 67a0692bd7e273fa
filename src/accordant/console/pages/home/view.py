"""The home page as a model: the sentence, five questions, exposure, queue and cut-offs, in the order of the role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant import cases, ledger
from accordant.cases.queue import FAR
from accordant.console import words
from accordant.console.charts import Bars, stacked_bars
from accordant.console.pages.home.tiles import Tile, tiles
from accordant.console.parts import CaseRow, approval_row, case_row
from accordant.console.visit import Visit
from accordant.insight.exposure import Cause, Held, by_code, exposure_at, exposure_by_day, held, is_due, is_live
from accordant.insight.kept import Kept, kept
from accordant.insight.unbilled import in_group, unbilled
from accordant.kernel import Money, total

CHART_DAYS = 30
QUEUE_ROWS = 6


@dataclass(frozen=True)
class Words:
    """A piece of the opening sentence; weight is '', strong or risk."""

    text: str
    weight: str = ""


@dataclass(frozen=True)
class CutOff:
    """What is ready and what is at risk before an entity's next cut-off."""

    entity: str
    when: str
    left: str
    is_soon: bool
    case_count: int
    ready: Money
    risk: Money
    ready_group: Money
    risk_group: Money

    @property
    def ready_share(self) -> int:
        """How many per cent of both are ready."""
        whole = self.ready_group.amount + self.risk_group.amount
        return int(self.ready_group.amount * 100 / whole) if whole else 100


@dataclass(frozen=True)
class Home:
    """The page; what the role may not read is None or empty."""

    lede: tuple[Words, ...]
    tiles: tuple[Tile, ...]
    chart: Bars | None
    causes: tuple[Cause, ...]
    case_count: int
    queue: tuple[CaseRow, ...]
    queue_count: int
    cut_offs: tuple[CutOff, ...]
    kept: tuple[Kept, ...]


def home(connection: Connection, visit: Visit) -> Home:
    """Read the page for a person."""
    currency = visit.deps.estate.group_currency
    found = held(connection, since=visit.now - timedelta(days=CHART_DAYS)) if visit.may("cases:read") else ()
    live = [case for case in found if is_live(case, visit.now)]
    queue = _queue(connection, visit)
    cut_offs = _cut_offs(connection, visit, live) if visit.may("billing:read") else ()
    return Home(
        lede=_lede(connection, visit, live, queue_count=len(queue)),
        tiles=tiles(connection, visit, found),
        chart=_chart(found, visit) if live or found else None,
        causes=by_code(found, visit.now, currency),
        case_count=len(live),
        queue=tuple(row for _, row in queue[:QUEUE_ROWS]),
        queue_count=len(queue),
        cut_offs=cut_offs,
        kept=kept(connection) if visit.may("billing:read") else (),
    )


# ------------------------------------------------------------------ the sentence


def _lede(connection: Connection, visit: Visit, live: Sequence[Held], *, queue_count: int) -> tuple[Words, ...]:
    """Say what is true, how much money, by when; for who does not read billing, what waits for the role."""
    if not visit.may("billing:read"):
        return _lede_of_work(live, queue_count)
    group = visit.deps.estate.group_currency
    unbilled_sum = in_group(unbilled(connection), visit.deps.to_group, group)
    sentence = [Words(visit.say(unbilled_sum, whole=True), "strong"), Words(" is approved and not billed.")]
    if not live:
        return (*sentence, Words(" No case is open."))
    risk = exposure_at(live, visit.now, group)
    count = words.plural(len(live), "case")
    sentence += [Words(" "), Words(visit.say(risk, whole=True), "risk"), Words(f" is at risk in {count}")]
    return (*sentence, *_most_urgent(visit, live))


def _most_urgent(visit: Visit, live: Sequence[Held]) -> tuple[Words, ...]:
    """Name the entity whose next cut-off holds the most money, and when it closes."""
    best: tuple[int, str] = (0, "")
    for entity in visit.entities:
        due = [c for c in live if c.entity == entity.id and is_due(c, visit.now, visit.next_cut_off)]
        best = max(best, (sum(c.group_minor for c in due), entity.id))
    if not best[0]:
        return (Words("; none of it is due before the next cut-off."),)
    entity = visit.deps.estate.entity(best[1])
    closes = entity.cut_off_after(visit.now)
    money = visit.say(Money.from_minor(best[0], visit.deps.estate.group_currency), whole=True)
    when = _when(closes.astimezone(entity.zone), visit.now.astimezone(entity.zone))
    if best[0] == sum(c.group_minor for c in live):
        return (Words(f", all of which must clear before {entity.id.upper()} closes {when}."),)
    return (
        Words(", and "),
        Words(money, "risk"),
        Words(f" of that must clear before {entity.id.upper()} closes {when}."),
    )


def _when(closes: datetime, now: datetime) -> str:
    days = (closes.date() - now.date()).days
    name = {0: "today", 1: "tomorrow"}.get(days) or (f"on {closes:%A}" if days < 7 else f"on {words.day(closes)}")
    return f"{name} at {closes:%H:%M}"


def _lede_of_work(live: Sequence[Held], queue_count: int) -> tuple[Words, ...]:
    if not live:
        return (Words("Nothing is stopped."), Words(" No case is open in what you may see."))
    engagements = {case.engagement for case in live if case.engagement}
    sentence = [Words(words.plural(len(live), "case"), "strong"), Words(" are open" if len(live) > 1 else " is open")]
    if engagements:
        sentence.append(Words(f" in {words.plural(len(engagements), 'engagement')}"))
    waits = (
        f"; {words.plural(queue_count, 'thing waits', 'things wait')} for you."
        if queue_count
        else "; none waits for you."
    )
    return (*sentence, Words(waits))


# ------------------------------------------------------------------ exposure


def _chart(found: Sequence[Held], visit: Visit) -> Bars:
    currency = visit.deps.estate.group_currency
    days = exposure_by_day(
        found,
        now=visit.now,
        days=CHART_DAYS,
        currency=currency,
        next_cut_off=visit.next_cut_off,
    )
    today = days[-1]
    whole, top = today.due + today.later, max(days, key=lambda day: day.due + day.later)
    symbol = words.say_money(Money.zero(currency)).rstrip("0")
    finding = (
        f"{words.number(whole)} today, {words.number(today.due)} of it due at the next cut-off. "
        f"The highest was {words.number(top.due + top.later)} on {words.day(top.on)}."
    )
    return stacked_bars(
        "exposure",
        f"Money at risk per day, group {currency}",
        finding,
        [(day.on, (day.due, day.later)) for day in days],
        heads=("due at the next cut-off", "later"),
        colors=("r1", "r2"),
        last_label=f"{symbol}{words.short_amount(whole)} today",
    )


# ------------------------------------------------------------------ my queue


def _queue(connection: Connection, visit: Visit) -> list[tuple[int, CaseRow]]:
    """Return the cases that the roles can act on and the approvals to decide, by money per day that is left."""
    found: dict[str, tuple[int, CaseRow]] = {}
    if visit.may("cases:read"):
        for role in sorted(visit.actor.roles):
            for case in cases.list_cases(connection, cases.CaseFilter(role=role), at=visit.now, limit=50):
                zone = visit.zone_of(case.entity)
                row = case_row(case, visit.now, zone, owner=visit.name_of(case.owner))
                found[case.id] = (case.severity, row)
    if visit.may("approvals:decide"):
        for approval in cases.list_approvals(connection, visit.actor, limit=50):
            money = visit.deps.to_group(approval.money) if approval.money else None
            left = max((approval.deadline - visit.now) / timedelta(days=1), 1) if approval.deadline else FAR
            severity = int((money.minor if money else 0) / left)
            found[approval.id] = (severity, approval_row(approval, visit.now, visit.zone_of(approval.entity), money))
    return sorted(found.values(), key=lambda pair: -pair[0])


# ------------------------------------------------------------------ cut-offs


def _cut_offs(connection: Connection, visit: Visit, live: Sequence[Held]) -> tuple[CutOff, ...]:
    rows = []
    for entity in visit.entities:
        closes = entity.cut_off_after(visit.now)
        month_end = closes.astimezone(entity.zone).date().replace(day=1) - timedelta(days=1)
        ready = total(
            (
                r.ready
                for r in ledger.billing_readiness(connection, entity.id, month_end)
                if r.currency == entity.currency
            ),
            entity.currency,
        )
        due = [c for c in live if c.entity == entity.id and is_due(c, visit.now, visit.next_cut_off)]
        risk = total(
            (c.exposure for c in due if c.exposure and c.exposure.currency == entity.currency), entity.currency
        )
        rows.append(
            CutOff(
                entity=entity.id,
                when=f"{closes:%a} {words.day(closes, year=False)} {closes:%H:%M}",
                left=words.span(closes - visit.now),
                is_soon=closes - visit.now < timedelta(hours=48),
                case_count=len(due),
                ready=ready,
                risk=risk,
                ready_group=visit.deps.to_group(ready),
                risk_group=Money.from_minor(sum(c.group_minor for c in due), visit.deps.estate.group_currency),
            )
        )
    return tuple(sorted(rows, key=lambda row: -row.risk_group.amount))
