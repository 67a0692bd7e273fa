"""Decisions that wait: how many, how long, how much hangs on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant.insight.definition import Definition
from accordant.kernel import Money
from accordant.platform.storage import rows

AGEING_APPROVALS = Definition(
    id="ageing_approvals",
    question="Are approvals ageing?",
    formula="open approvals asked more than 2 days before, with the money they are about",
    unit="count and money per currency",
    cut_off="now",
    sources=("approval",),
    owner="finance_operations",
)
OLD = timedelta(days=2)


@dataclass(frozen=True)
class Asked:
    """An approval, open or decided."""

    id: str
    entity: str
    asked_at: datetime
    ended_at: datetime | None
    money: Money | None


@dataclass(frozen=True)
class Ageing:
    """Open approvals that are old, the oldest first; `trend` counts the old ones at the end of each day."""

    open_count: int
    old: tuple[Asked, ...]
    trend: tuple[int, ...]


def ageing_approvals(connection: Connection, *, now: datetime, days: int = 10) -> Ageing:
    """Say which open approvals wait longer than two days."""
    found = rows(
        connection,
        """select id, entity, asked_at, decided_at, amount_minor, currency from approval
           where state = 'open' or decided_at > :since order by asked_at""",
        since=now - timedelta(days=days),
    )
    asked = [
        Asked(
            r.id,
            r.entity,
            r.asked_at,
            r.decided_at,
            None if r.amount_minor is None else Money.from_minor(r.amount_minor, r.currency),
        )
        for r in found
    ]
    ends = [now - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return Ageing(
        open_count=sum(a.ended_at is None for a in asked),
        old=tuple(a for a in asked if is_old(a, now)),
        trend=tuple(sum(is_old(a, end) for a in asked) for end in ends),
    )


def is_old(asked: Asked, at: datetime) -> bool:
    """Tell whether an approval was open at an instant and had been for more than two days.

    Asked on the 1st at 09:00 and decided on the 4th at 12:00: not yet old on the 3rd at 09:00, old on the 4th at 11:59,
    gone on the 5th.
    """
    return at - asked.asked_at > OLD and (asked.ended_at is None or asked.ended_at > at)
