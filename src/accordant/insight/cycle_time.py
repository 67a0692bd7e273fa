"""How long money takes: from the approval of work to its invoice."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant.insight.definition import Definition, Spread
from accordant.platform.storage import rows

INVOICE_CYCLE_TIME = Definition(
    id="invoice_cycle_time",
    question="How long does approved work wait for its invoice?",
    formula="median and p90 of (invoice posted − last approval among its lines)",
    unit="span",
    cut_off="invoices posted in the 30 days before",
    sources=("ledger_act", "ledger_journal"),
    owner="finance_operations",
)
WINDOW = timedelta(days=30)


def invoice_cycle_time(connection: Connection, *, until: datetime, entity: str | None = None) -> Spread | None:
    """Return the spread over invoices posted in the window; None when none was.

    Lines approved at 09:00 and 11:00, invoice posted at 17:00 the same day: 17:00 − 11:00 = 6 h.
    """
    found = rows(
        connection,
        """select p.at - (select max(a.at) from ledger_journal pj
                          join ledger_journal aj on aj.line_id = pj.line_id
                          join ledger_act a on a.id = aj.act and a.kind in ('approve', 'adjust') and a.id < p.id
                          where pj.act = p.id) as span
           from ledger_act p
           where p.kind = 'post' and p.at > :since and p.at <= :until and p.entity = coalesce(:entity, p.entity)""",
        since=until - WINDOW,
        until=until,
        entity=entity,
    )
    return Spread.of([row.span for row in found if row.span is not None])
