"""The way of one engagement from CRM to payment, hop by hop, and the lineage of a billed line in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from accordant import ledger
from accordant.kernel import Money, NotFound
from accordant.platform.storage import rows


@dataclass(frozen=True)
class Hop:
    """One station on the way; `took` is the time since the station before, None at the first."""

    name: str
    role: str
    at: datetime
    proof: str
    took: timedelta | None = None


@dataclass(frozen=True)
class Billing:
    """One invoice that a line stood on, or a credit of it."""

    kind: str
    invoice_id: str
    number: str
    at: datetime
    amount: Money


@dataclass(frozen=True)
class Source:
    """One version of the line as its own system told it."""

    system: str
    source_ref: str
    version: int
    mapping: str
    recorded_at: datetime


@dataclass(frozen=True)
class Lineage:
    """Where a line comes from and where it went."""

    line: ledger.Line
    sources: tuple[Source, ...]
    entries: tuple[ledger.Entry, ...]
    billed: tuple[Billing, ...]
    in_erp: str


@dataclass(frozen=True)
class InvoiceLines:
    """An invoice with the ledger lines that it bills."""

    invoice_id: str
    number: str
    contract_id: str
    shares: tuple[tuple[str, str, Money], ...]
    amount: Money


def hops(connection: Connection, engagement: str, invoice_id: str | None = None) -> tuple[Hop, ...]:
    """Return the stations that were reached, in order of time, with the latency of each hop.

    Args:
        connection: what may be seen.
        engagement: contract id.
        invoice_id: which invoice to follow to its payment; when None the newest that is posted, or drafted.
    """
    invoice = invoice_id or _followed_invoice(connection, engagement)
    stations = [*_sold(connection, engagement), *_work(connection, engagement, invoice)]
    if invoice:
        stations += _billed(connection, invoice)
    return with_latency(stations)


def with_latency(stations: Sequence[Hop]) -> tuple[Hop, ...]:
    """Order stations by time and say how long each took since the one before.

    >>> at = lambda h: datetime(2026, 11, 2, h)
    >>> found = with_latency([Hop("Paid", "erp", at(15), ""), Hop("Sold", "crm", at(9), "")])
    >>> [(hop.name, hop.took) for hop in found]
    [('Sold', None), ('Paid', datetime.timedelta(seconds=21600))]
    """
    ordered = sorted(stations, key=lambda hop: hop.at)
    before: list[Hop | None] = [None, *ordered]
    return tuple(
        replace(hop, took=hop.at - last.at if last else None) for hop, last in zip(ordered, before, strict=False)
    )


def _followed_invoice(connection: Connection, engagement: str) -> str | None:
    found = rows(
        connection,
        """select a.invoice_id from ledger_act a join ledger_journal j on j.act = a.id
           join ledger_line l on l.id = j.line_id
           where l.contract_id = :e and a.kind in ('draft', 'post')
           order by (a.kind = 'post') desc, a.id desc limit 1""",
        e=engagement,
    )
    return found[0].invoice_id if found else None


def _sold(connection: Connection, engagement: str) -> list[Hop]:
    """The deal as it came from the CRM, and the business states."""
    deal = rows(
        connection,
        """select v.recorded_at, v.system, v.source_ref from record d join record_version v on v.id = d.id
           where d.kind = 'deal' and d.body ->> 'contract_id' = :e and v.body ->> 'stage' = 'won'
           order by v.version limit 1""",
        e=engagement,
    )
    states = rows(
        connection,
        "select state, at, source, evidence from engagement_state where engagement = :e and status = 'reached'",
        e=engagement,
    )
    roles = {"sold": "crm", "activated": "psa", "financially_approved": "erp", "ready_to_bill": "erp"}
    return [
        *(Hop("Deal won, received", "crm", r.recorded_at, r.source_ref) for r in deal),
        *(
            Hop(r.state.replace("_", " ").capitalize(), roles[r.state], r.at, str(r.evidence.get("code", "")))
            for r in states
        ),
    ]


def _work(connection: Connection, engagement: str, invoice: str | None) -> list[Hop]:
    """The last approval of the lines on the invoice (of any line without one), and their arrival in the ERP."""
    found = rows(
        connection,
        """with mine as (
             select distinct l.id from ledger_line l
             where l.contract_id = :e and (cast(:invoice as text) is null or exists (
               select from ledger_journal j join ledger_act a on a.id = j.act
               where j.line_id = l.id and a.invoice_id = :invoice)))
           select count(distinct mine.id) as lines,
                  max(a.at) filter (where a.kind in ('approve', 'adjust')) as approved_at,
                  (select max(e.ended_at) from effect e join mine on mine.id = e.base
                   where e.operation = 'post_time' and e.state = 'done') as posted_at
           from mine join ledger_journal j on j.line_id = mine.id join ledger_act a on a.id = j.act""",
        e=engagement,
        invoice=invoice,
    )[0]
    hops = [Hop("Work approved", "psa", found.approved_at, f"{found.lines:,} lines")] if found.approved_at else []
    return [*hops, Hop("Time in the ERP", "erp", found.posted_at, "")] if found.posted_at else hops


def _billed(connection: Connection, invoice: str) -> list[Hop]:
    acts = rows(
        connection,
        "select kind, at, document_ref from ledger_act where invoice_id = :i and kind in ('draft', 'post', 'credit')",
        i=invoice,
    )
    names = {"draft": "Invoice drafted", "post": "Invoice posted", "credit": "Credited"}
    decided = rows(
        connection,
        """select decided_at, rule from approval
           where subject = :subject and state = 'approved' order by decided_at desc limit 1""",
        subject=f"invoice:{invoice}",
    )
    # A payment has no entity: it is reached through the invoice that it pays.
    paid = rows(
        connection,
        """select v.recorded_at, p.body ->> 'reference' as reference from record p
           join record i on i.id = p.body ->> 'invoice_id' and i.kind = 'invoice' and i.entity <> ''
           join record_version v on v.id = p.id and v.version = 1
           where p.kind = 'payment' and p.body ->> 'invoice_id' = :i""",
        i=invoice,
    )
    return [
        *(Hop(names[r.kind], "erp", r.at, r.document_ref) for r in acts),
        *(Hop("Invoice approved", "", r.decided_at, r.rule) for r in decided),
        *(Hop("Payment received", "erp", r.recorded_at, r.reference or "") for r in paid),
    ]


def lineage(connection: Connection, line_id: str) -> Lineage:
    """Return where a line comes from and where it went; NotFound when the connection may not see it."""
    found = ledger.line_states(connection, [line_id])
    if not found:
        raise NotFound(f"There is no line {line_id} that you may see.", code="ledger.line_unknown")
    [line] = found
    entries = ledger.history(connection, line_id)
    # A time entry has no entity of its own: the line, which was seen above, leads to it.
    sources = rows(
        connection,
        """select system, source_ref, version, mapping, recorded_at from record_version
           where id = :id order by version""",
        id=line_id,
    )
    in_erp = rows(
        connection,
        "select ref from effect where base = :id and operation = 'post_time' and state = 'done' limit 1",
        id=line_id,
    )
    numbers = {e.invoice_id: e.document_ref for e in entries if e.kind == "post"}
    billed = [
        Billing(e.kind, e.invoice_id, e.document_ref or numbers.get(e.invoice_id, ""), e.at, e.amount)
        for e in entries
        if e.invoice_id and e.kind in ("draft", "post", "credit")
    ]
    return Lineage(
        line=line,
        sources=tuple(Source(r.system, r.source_ref, r.version, r.mapping, r.recorded_at) for r in sources),
        entries=entries,
        billed=tuple(billed),
        in_erp=in_erp[0].ref if in_erp else "",
    )


def invoice_lines(connection: Connection, invoice_id: str, *, limit: int = 500) -> InvoiceLines:
    """Return the lines behind an invoice, the largest first; NotFound when the connection may not see it."""
    found = rows(
        connection,
        """select l.id, l.source_ref, l.contract_id, l.currency, j.amount, a.document_ref,
                  sum(j.amount) over () as whole
           from ledger_act a join ledger_journal j on j.act = a.id join ledger_line l on l.id = j.line_id
           where a.id = (select id from ledger_act where invoice_id = :i and kind in ('draft', 'post')
                         order by (kind = 'post') desc, id desc limit 1)
           order by abs(j.amount) desc, l.id limit :limit""",
        i=invoice_id,
        limit=limit,
    )
    if not found:
        raise NotFound(f"There is no invoice {invoice_id} that you may see.", code="invoice.not_found")
    first = found[0]
    return InvoiceLines(
        invoice_id=invoice_id,
        number=first.document_ref,
        contract_id=first.contract_id,
        shares=tuple((r.id, r.source_ref, Money.from_minor(r.amount, r.currency)) for r in found),
        amount=Money.from_minor(int(first.whole), first.currency),
    )
