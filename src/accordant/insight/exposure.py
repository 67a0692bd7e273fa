"""Money at risk: what live cases hold up, over time, by cause and before the next cut-off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from accordant.insight.definition import Definition
from accordant.kernel import Money
from accordant.platform.storage import rows

EXPOSURE = Definition(
    id="exposure",
    question="How much money is at risk?",
    formula="Σ of the group exposure of cases that are not resolved, each case once",
    unit="money in the group's currency",
    cut_off="now; per day: at the end of the day",
    sources=("exception_case",),
    owner="finance_operations",
)

NextCutOff = Callable[[str, datetime], datetime]
"""The first cut-off of an entity after an instant."""

BILLING_STAGES = frozenset({"billing", "ERP posting"})


@dataclass(frozen=True)
class Held:
    """Money that a case holds up: its exposure in the group's minor units, and from when until when it did."""

    case_id: str
    entity: str
    stage: str
    code: str
    group_minor: int
    exposure: Money | None
    deadline: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    engagement: str
    invoice_id: str | None


@dataclass(frozen=True)
class Day:
    """Exposure at the end of a day, in the group's currency: due at the next cut-off of its entity, and later."""

    on: date
    due: Decimal
    later: Decimal


def held(connection: Connection, *, since: datetime) -> tuple[Held, ...]:
    """Return the cases that are live or were closed after an instant; whether money hangs on them or not."""
    found = rows(
        connection,
        """select id, entity, stage, code, coalesce(group_minor, 0) as group_minor, exposure_minor, currency, deadline,
                  opened_at, closed_at, coalesce(contract_id, '') as engagement, invoice_id
           from exception_case where state <> 'resolved' or closed_at > :since order by opened_at""",
        since=since,
    )
    return tuple(
        Held(
            r.id,
            r.entity,
            r.stage,
            r.code,
            r.group_minor,
            None if r.exposure_minor is None else Money.from_minor(r.exposure_minor, r.currency),
            r.deadline,
            r.opened_at,
            r.closed_at,
            r.engagement,
            r.invoice_id,
        )
        for r in found
    )


def exposure_at(cases: Sequence[Held], at: datetime, currency: str) -> Money:
    """Return the exposure at an instant.

    Two cases of GBP 100.00 and GBP 40.00, the second closed yesterday: GBP 100.00 now, GBP 140.00 two days ago.
    """
    return Money.from_minor(sum(c.group_minor for c in cases if is_live(c, at)), currency)


def is_live(case: Held, at: datetime) -> bool:
    """Tell whether a case was open at an instant."""
    return case.opened_at <= at and (case.closed_at is None or case.closed_at > at)


def exposure_by_day(
    cases: Sequence[Held], *, now: datetime, days: int, currency: str, next_cut_off: NextCutOff
) -> tuple[Day, ...]:
    """Return the exposure at the end of each of the last days, today's as of now, the oldest first."""
    result = []
    for back in range(days - 1, -1, -1):
        at = now - timedelta(days=back)
        live = [case for case in cases if is_live(case, at)]
        due = sum(c.group_minor for c in live if is_due(c, at, next_cut_off))
        whole = sum(c.group_minor for c in live)
        result.append(
            Day(at.date(), Money.from_minor(due, currency).amount, Money.from_minor(whole - due, currency).amount)
        )
    return tuple(result)


def is_due(case: Held, at: datetime, next_cut_off: NextCutOff) -> bool:
    """Tell whether a case must clear before the next cut-off of its entity."""
    return case.deadline is not None and bool(case.entity) and case.deadline <= next_cut_off(case.entity, at)


@dataclass(frozen=True)
class Cause:
    """Live cases with one code."""

    code: str
    count: int
    exposure: Money


def by_code(cases: Sequence[Held], at: datetime, currency: str) -> tuple[Cause, ...]:
    """Group live cases by code, the most expensive first."""
    groups: dict[str, list[Held]] = {}
    for case in cases:
        if is_live(case, at):
            groups.setdefault(case.code, []).append(case)
    causes = [
        Cause(code, len(of), Money.from_minor(sum(c.group_minor for c in of), currency)) for code, of in groups.items()
    ]
    return tuple(sorted(causes, key=lambda cause: (-cause.exposure.amount, -cause.count, cause.code)))
