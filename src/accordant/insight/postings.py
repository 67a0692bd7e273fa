"""What ledger and ERP say of the same writes: time that has not arrived, invoices that differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from accordant.insight.definition import Definition
from accordant.kernel import Money
from accordant.platform.storage import rows

TIME_IN_ERP = Definition(
    id="time_in_erp",
    question="Is time flowing?",
    formula="approved time lines without a confirmed write to the ERP, of those worked in the window",
    unit="count and money per currency",
    cut_off="worked in the 35 days before",
    sources=("ledger_line", "effect"),
    owner="finance_operations",
)
POSTINGS = Definition(
    id="postings_reconcile",
    question="Do postings reconcile?",
    formula="invoices that the ERP confirmed under the number that the ledger has ÷ invoices sent to be posted",
    unit="share, and money per currency of the others",
    cut_off="sent in the 35 days before",
    sources=("effect", "ledger_act", "ledger_journal"),
    owner="finance_operations",
)
WINDOW = timedelta(days=35)


@dataclass(frozen=True)
class Late:
    """An approved line that the ERP has not confirmed."""

    line_id: str
    entity: str
    approved_at: datetime
    amount: Money


@dataclass(frozen=True)
class TimeFlow:
    """Approved time lines of the window and those that are late; `trend` counts the late ones per day."""

    line_count: int
    late: tuple[Late, ...]
    trend: tuple[int, ...]


def time_in_erp(connection: Connection, *, now: datetime, today: date, days: int = 10) -> TimeFlow:
    """Say which approved time lines are not in the ERP, the oldest approval first.

    Three lines approved, two of them confirmed by the ERP: 1 of 3 is late.
    """
    found = rows(
        connection,
        """with mine as materialized (
             select l.id, l.entity, l.currency, l.approved_m, e.ended_at from ledger_line l
             left join effect e on e.base = l.id and e.operation = 'post_time' and e.state = 'done'
             where l.kind = 'time' and l.worked_on > :since and l.approved_q <> 0
               and (e.ended_at is null or e.ended_at > :trend_since))
           select mine.*, a.at as approved_at from mine
           join lateral (select min(j.act) as first from ledger_journal j where j.line_id = mine.id) f on true
           join ledger_act a on a.id = f.first
           order by a.at, mine.id""",
        since=today - WINDOW,
        trend_since=now - timedelta(days=days),
    )
    count = rows(
        connection,
        "select count(*) as n from ledger_line where kind = 'time' and worked_on > :since and approved_q <> 0",
        since=today - WINDOW,
    )[0].n
    ends = [now - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return TimeFlow(
        line_count=count,
        late=tuple(
            Late(r.id, r.entity, r.approved_at, Money.from_minor(r.approved_m, r.currency))
            for r in found
            if r.ended_at is None
        ),
        trend=tuple(
            sum(r.approved_at <= end and (r.ended_at is None or r.ended_at > end) for r in found) for end in ends
        ),
    )


@dataclass(frozen=True)
class Break:
    """An invoice about whose posting the ledger and the ERP do not agree, and how."""

    invoice_id: str
    entity: str
    why: str
    since: datetime
    amount: Money


@dataclass(frozen=True)
class Postings:
    """Invoices sent to be posted, and those that do not match, the oldest first."""

    sent_count: int
    breaks: tuple[Break, ...]


def postings(connection: Connection, *, now: datetime) -> Postings:
    """Compare what the ERP confirmed with what the ledger has billed."""
    found = rows(
        connection,
        """select split_part(e.base, '/', 1) as invoice_id, e.entity, e.state, e.facts ->> 'number' as number,
                  e.intent_at, p.document_ref, d.currency, d.minor
           from effect e
           left join ledger_act p on p.invoice_id = split_part(e.base, '/', 1) and p.kind = 'post'
           left join lateral (
             select a.currency, sum(j.amount)::bigint as minor from ledger_act a join ledger_journal j on j.act = a.id
             where a.invoice_id = split_part(e.base, '/', 1) and a.kind = 'draft' group by a.currency) d on true
           where e.operation = 'post_invoice' and e.intent_at > :since and e.state <> 'undone'
           order by e.intent_at""",
        since=now - WINDOW,
    )
    breaks = [
        Break(r.invoice_id, r.entity, why, r.intent_at, Money.from_minor(r.minor or 0, r.currency or "XXX"))
        for r in found
        if (why := _difference(r.state, r.number, r.document_ref))
    ]
    return Postings(len(found), tuple(breaks))


def _difference(state: str, number: str | None, document_ref: str | None) -> str:
    """Say how ERP and ledger differ; '' when they agree."""
    if state == "failed":
        return "the ERP refused it"
    if state != "done":
        return "the ERP has not confirmed it"
    if document_ref is None:
        return "posted in the ERP, not in the ledger"
    return "" if number == document_ref else "two numbers"
