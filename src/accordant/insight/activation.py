"""From sold to ready: which engagements wait for their project, and how long activation takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant.insight.definition import Definition, Spread
from accordant.kernel import Money
from accordant.platform.storage import rows

ACTIVATION_TIME = Definition(
    id="project_activation_time",
    question="How long after the sale can an engagement be billed?",
    formula="median and p90 of (ready to bill − sold), engagements that became ready",
    unit="span",
    cut_off="engagements that became ready in the 30 days before",
    sources=("engagement_state",),
    owner="delivery",
)
WINDOW = timedelta(days=30)


def activation_time(connection: Connection, *, until: datetime) -> Spread | None:
    """Return the spread of activation times; None when nothing became ready.

    Sold on Monday 10:00, ready to bill on Wednesday 09:00: 47 h.
    """
    found = rows(
        connection,
        """select r.at - s.at as span from engagement_state r join engagement_state s using (engagement)
           where r.state = 'ready_to_bill' and s.state = 'sold' and r.status = 'reached' and s.status = 'reached'
             and r.at > :since and r.at <= :until""",
        since=until - WINDOW,
        until=until,
    )
    return Spread.of([row.span for row in found])


@dataclass(frozen=True)
class Waiting:
    """An engagement that is sold and has no project yet; `value` is the deal's amount."""

    engagement: str
    entity: str
    sold_at: datetime
    value: Money | None


@dataclass(frozen=True)
class Provisioning:
    """How many engagements are sold, and which of them wait; `trend` counts the waiting at the end of each day."""

    sold_count: int
    waiting: tuple[Waiting, ...]
    trend: tuple[int, ...]


def provisioning(connection: Connection, *, now: datetime, days: int = 10) -> Provisioning:
    """Say which engagements that were sold have no project, the oldest first."""
    found = rows(
        connection,
        """select s.engagement, s.entity, s.at as sold_at, a.at as active_at,
                  deal.amount
           from engagement_state s
           left join engagement_state a on a.engagement = s.engagement
             and a.state = 'activated' and a.status = 'reached'
           left join (select distinct on (1) body ->> 'contract_id' as contract_id, body -> 'amount' as amount
                      from record where kind = 'deal' order by 1, id) deal on deal.contract_id = s.engagement
           where s.state = 'sold' and s.status = 'reached' and (a.at is null or a.at > :since)
           order by s.at""",
        since=now - timedelta(days=days),
    )
    sold = rows(connection, "select count(*) as n from engagement_state where state = 'sold' and status = 'reached'")
    ends = [now - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return Provisioning(
        sold_count=sold[0].n,
        waiting=tuple(
            Waiting(r.engagement, r.entity, r.sold_at, Money.model_validate(r.amount) if r.amount else None)
            for r in found
            if r.active_at is None
        ),
        trend=tuple(
            sum(r.sold_at <= end and (r.active_at is None or r.active_at > end) for r in found) for end in ends
        ),
    )
