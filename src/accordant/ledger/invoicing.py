"""From open to billed and back: draft, undraft, post, credit. Each call is one act; each may be repeated safely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import Bug, InvalidInput, InvoiceId, KeyConflict, Money, Rejected
from accordant.ledger.caps import cut_to_cap
from accordant.ledger.lines import change, lock, move, one_currency, query, record_act, share_of, take, take_open
from accordant.ledger.models import AllOpen, By, Credited, Draft, Part, Posted, Share
from accordant.ledger.rejections import rejected, translated

_DUST = Decimal("0.000010")  # a quantity that thirds and sevenths leave behind goes with the last credit


@translated
def draft(connection: Connection, invoice_id: InvoiceId, what: AllOpen | Sequence[Part], by: By) -> Draft:
    """Put lines on the draft of an invoice: everything open of a contract as far as its cap, or named parts.

    An invoice is drafted once. Asking again for everything open answers with what stands on it, so lines approved
    meanwhile wait for the next invoice; asking for the same parts again does, too.

    Raises:
        Rejected: `ledger.nothing_open`, `ledger.over_billed`, `ledger.over_cap`, `ledger.line_held`,
            `ledger.line_unpriced`, `ledger.line_on_other_invoice`, `ledger.invoice_posted`, `ledger.invoice_drafted`.
    """
    _lock_invoice(connection, invoice_id)
    _require_unposted(connection, invoice_id)
    standing = _on_draft(connection, invoice_id)
    if standing:
        return _same_draft(connection, invoice_id, standing, what)
    if isinstance(what, AllOpen):
        rows = _lock_all_open(connection, what)
        whole = [share_of(row, row.open_q, row.open_m) for row in rows.values()]
        shares = cut_to_cap(connection, what.contract_id, whole, rows)
    else:
        rows = lock(connection, (part.line_id for part in what))
        shares = [_draftable(rows, part) for part in sorted(what, key=lambda part: part.line_id)]
    if not shares:
        raise _nothing_open(connection, what)
    entity, currency = one_currency(rows)
    act = record_act(connection, "draft", entity, by, invoice=(invoice_id, currency))
    move(connection, act, "drafted", shares, open_invoice=invoice_id)
    return Draft(act, tuple(shares), currency, invoice_id)


@translated
def undraft(connection: Connection, invoice_id: InvoiceId, by: By) -> tuple[Share, ...]:
    """Take everything off the draft: the lines are open again. Returns what stood on it, empty when nothing did."""
    _lock_invoice(connection, invoice_id)
    _require_unposted(connection, invoice_id)
    standing = _on_draft(connection, invoice_id)
    if standing:
        entity, currency = one_currency(standing)
        change(
            connection,
            """update ledger_line l set drafted_q = 0, drafted_m = 0, open_invoice = null, act = %(act)s
               from unnest(%(ids)b::text[]) w(id) where l.id = w.id""",
            act=record_act(connection, "undraft", entity, by, invoice=(invoice_id, currency)),
            ids=list(standing),
        )
    return _drafted_shares(standing)


@translated
def post(connection: Connection, invoice_id: InvoiceId, *, accounting_on: date, document_ref: str, by: By) -> Posted:
    """Bill everything that stands on the draft, under the number that the ERP gave it.

    Raises:
        Rejected: `ledger.nothing_drafted`, `ledger.period_signed_off`; `ledger.over_billed` when the approval of a
            line fell after it was drafted.
        KeyConflict: the invoice is posted with another number or accounting day.
    """
    _lock_invoice(connection, invoice_id)
    if posted := _act_of(connection, "post", "invoice_id", invoice_id):
        _require_same(posted, document_ref=document_ref, accounting_on=accounting_on)
        return Posted(posted.id, _moved_by(connection, posted.id), posted.currency, invoice_id, document_ref)
    standing = _on_draft(connection, invoice_id)
    if not standing:
        raise rejected("ledger.nothing_drafted", f"Nothing stands on invoice {invoice_id}.")
    entity, currency = one_currency(standing)
    act = record_act(
        connection,
        "post",
        entity,
        by,
        invoice=(invoice_id, currency),
        accounting_on=accounting_on,
        document_ref=document_ref,
    )
    change(
        connection,
        """update ledger_line l set billed_q = billed_q + drafted_q, billed_m = billed_m + drafted_m,
                                    drafted_q = 0, drafted_m = 0, open_invoice = null, act = %(act)s
           from unnest(%(ids)b::text[]) w(id) where l.id = w.id""",
        act=act,
        ids=list(standing),
    )
    return Posted(act, _drafted_shares(standing), currency, invoice_id, document_ref)


@translated
def credit(
    connection: Connection,
    invoice_id: InvoiceId,
    what: Fraction | Sequence[Part] | None = None,
    *,
    accounting_on: date,
    document_ref: str,
    by: By,
) -> Credited:
    """Take back what a posted invoice billed: the lines are open again, at the price that was billed.

    `what` is None for everything that earlier credits left, a fraction of what was billed on every line, or parts of
    named lines; who takes the last quantity takes the rest of the money. `document_ref` is the id of the credit note:
    repeated with it, the call answers as the first time.

    Raises:
        Rejected: `ledger.over_credited`, `ledger.period_signed_off`, `ledger.nothing_open` when all is credited.
        KeyConflict: the credit note exists for another invoice or accounting day.
    """
    _lock_invoice(connection, invoice_id)
    if done := _act_of(connection, "credit", "document_ref", document_ref):
        _require_same(done, invoice_id=invoice_id, accounting_on=accounting_on)
        return Credited(done.id, _moved_by(connection, done.id), done.currency, invoice_id, document_ref)
    billed = _lock_billed(connection, invoice_id)
    if isinstance(what, Fraction):
        parts: Sequence[Part] = _fraction_of(billed, what)
    else:
        parts = what if what is not None else [Part(id_) for id_, row in billed.items() if row.left_q or row.left_m]
    shares = [_creditable(invoice_id, billed, part) for part in sorted(parts, key=lambda part: part.line_id)]
    if not shares:
        raise rejected("ledger.nothing_open", f"Invoice {invoice_id} has nothing left to credit.")
    entity, currency = one_currency(billed)
    act = record_act(
        connection,
        "credit",
        entity,
        by,
        invoice=(invoice_id, currency),
        accounting_on=accounting_on,
        document_ref=document_ref,
    )
    move(connection, act, "credited", shares)
    return Credited(act, tuple(shares), currency, invoice_id, document_ref)


def _lock_invoice(connection: Connection, invoice_id: str) -> None:
    query(connection, "select pg_advisory_xact_lock(hashtextextended('ledger.invoice:' || %(id)s, 0))", id=invoice_id)


def _act_of(connection: Connection, kind: str, column: str, value: str) -> Any | None:
    found = query(
        connection, f"select * from ledger_act where kind = '{kind}' and {column} = %(v)s order by id", v=value
    )
    return found[-1] if found else None


def _require_unposted(connection: Connection, invoice_id: str) -> None:
    if _act_of(connection, "post", "invoice_id", invoice_id):
        raise rejected("ledger.invoice_posted", f"Invoice {invoice_id} is posted.")


def _require_same(act: Any, **asked: object) -> None:
    for name, value in asked.items():
        if getattr(act, name) != value:
            raise KeyConflict(
                f"The {act.kind} of {act.invoice_id} is recorded with {name} {getattr(act, name)}, not {value}.",
                code="ledger.act_conflict",
                remedy="Use another id for another document.",
            )


def _on_draft(connection: Connection, invoice_id: str) -> dict[str, Any]:
    """Lock what stands on the draft; the acts of the invoice lead to its lines, no index on a balance is needed."""
    found = query(
        connection,
        """select l.* from ledger_line l
           where l.open_invoice = %(id)s
             and l.id = any (array(select j.line_id from ledger_act a join ledger_journal j on j.act = a.id
                                   where a.invoice_id = %(id)s and a.kind = 'draft'))
           order by l.id for update of l""",
        id=invoice_id,
    )
    return {row.id: row for row in found}


def _drafted_shares(rows: dict[str, Any]) -> tuple[Share, ...]:
    return tuple(share_of(row, row.drafted_q, row.drafted_m) for row in rows.values())


def _same_draft(connection: Connection, invoice_id: str, standing: dict[str, Any], what: Any) -> Draft:
    shares = _drafted_shares(standing)
    if not isinstance(what, AllOpen):
        stands = {share.line_id: share for share in shares}
        same = {part.line_id for part in what} == stands.keys() and all(
            part.quantity in (None, stands[part.line_id].quantity)
            and part.amount in (None, stands[part.line_id].amount)
            for part in what
        )
        if not same:
            raise rejected("ledger.invoice_drafted", f"Invoice {invoice_id} is drafted with {len(shares)} other lines.")
    drafted = _act_of(connection, "draft", "invoice_id", invoice_id)
    if drafted is None:
        raise Bug(f"Lines stand on {invoice_id} without an act.", code="ledger.act_lost")
    return Draft(drafted.id, shares, drafted.currency, invoice_id)


def _lock_all_open(connection: Connection, what: AllOpen) -> dict[str, Any]:
    found = query(
        connection,
        """select id, entity, currency, contract_id, project_id, worked_on, open_q, open_m, over_q, over_m
           from ledger_state s
           where contract_id = %(contract)s and worked_on between %(since)s and %(until)s
             and project_id = coalesce(%(project)s, project_id)
             and (open_q <> 0 or open_m <> 0) and over_q = 0 and over_m = 0
             and hold_reason = '' and open_invoice is null and unit_price is not null
           order by id for update of s""",
        contract=what.contract_id,
        since=what.from_on,
        until=what.until_on,
        project=what.project_id,
    )
    return {row.id: row for row in found}


def _nothing_open(connection: Connection, what: AllOpen | Sequence[Part]) -> Rejected:
    if not isinstance(what, AllOpen):
        return rejected("ledger.nothing_open", "No line is named.")
    [why] = query(
        connection,
        """select count(*) filter (where hold_reason <> '') as held,
                  count(*) filter (where unit_price is null) as unpriced,
                  count(*) filter (where open_invoice is not null) as drafted,
                  count(*) filter (where hold_reason = '' and unit_price is not null and open_invoice is null
                                     and over_q = 0 and over_m = 0) as free
           from ledger_state where contract_id = %(contract)s and worked_on between %(since)s and %(until)s
             and project_id = coalesce(%(project)s, project_id) and (open_q <> 0 or open_m <> 0 or drafted_m <> 0)""",
        contract=what.contract_id,
        since=what.from_on,
        until=what.until_on,
        project=what.project_id,
    )
    return rejected(
        "ledger.nothing_open",
        f"Contract {what.contract_id} has nothing to bill until {what.until_on}: {why.held} lines held, "
        f"{why.unpriced} without a price, {why.drafted} on another draft, {why.free} beyond the contract's cap.",
    )


def _draftable(rows: dict[str, Any], part: Part) -> Share:
    row = rows.get(part.line_id)
    if row is None:
        raise rejected("ledger.line_unknown", f"The ledger has no line {part.line_id}.")
    where = f"Line {row.id} of contract {row.contract_id}"
    if row.hold_reason:
        raise rejected("ledger.line_held", f"{where} is held: {row.hold_reason}.")
    if row.unit_price is None:
        raise rejected("ledger.line_unpriced", f"{where} has no price.")
    if row.open_invoice:
        on = Money.from_minor(row.drafted_m, row.currency)
        raise rejected("ledger.line_on_other_invoice", f"{where} stands with {on} on the draft {row.open_invoice}.")
    return take_open(row, part)


def _lock_billed(connection: Connection, invoice_id: str) -> dict[str, Any]:
    """Lock the lines that the invoice billed, with what was billed and what credits left, of this invoice alone."""
    found = query(
        connection,
        """with billed as (
             select j.line_id,
                    sum(j.quantity) filter (where a.kind = 'post') as billed_q,
                    sum(j.amount) filter (where a.kind = 'post') as billed_m,
                    sum(case a.kind when 'post' then j.quantity else -j.quantity end) as left_q,
                    sum(case a.kind when 'post' then j.amount else -j.amount end)::bigint as left_m
             from ledger_act a join ledger_journal j on j.act = a.id
             where a.invoice_id = %(id)s and a.kind in ('post', 'credit') group by j.line_id)
           select l.id, l.entity, l.currency, l.contract_id, l.project_id, b.billed_q, b.billed_m, b.left_q, b.left_m
           from billed b join ledger_line l on l.id = b.line_id order by l.id for update of l""",
        id=invoice_id,
    )
    if not found:
        raise rejected("ledger.nothing_drafted", f"Invoice {invoice_id} is not posted: there is nothing to credit.")
    return {row.id: row for row in found}


def _fraction_of(billed: dict[str, Any], fraction: Fraction) -> list[Part]:
    if not 0 < fraction <= 1:
        raise InvalidInput(f"A fraction of {fraction} cannot be credited.", code="ledger.fraction")
    parts = []
    for row in billed.values():
        quantity = _times(row.billed_q, fraction, Decimal("0.000001"))
        if abs(row.left_q - quantity) < _DUST:
            quantity = row.left_q
        if row.billed_q:
            parts.append(Part(row.id, quantity))
        else:
            amount = Money.from_minor(int(_times(Decimal(row.billed_m), fraction, Decimal(1))), row.currency)
            parts.append(Part(row.id, Decimal(0), amount))
    return parts


def _times(amount: Decimal, fraction: Fraction, unit: Decimal) -> Decimal:
    return (amount * fraction.numerator / fraction.denominator).quantize(unit, ROUND_HALF_UP)


def _creditable(invoice_id: str, billed: dict[str, Any], part: Part) -> Share:
    row = billed.get(part.line_id)
    if row is None:
        raise rejected("ledger.over_credited", f"Invoice {invoice_id} did not bill line {part.line_id}.")
    return take(row, part, (row.left_q, row.left_m), over="ledger.over_credited")


def _moved_by(connection: Connection, act: int) -> tuple[Share, ...]:
    found = query(
        connection,
        """select l.id, l.contract_id, l.project_id, l.currency, j.quantity, j.amount
           from ledger_journal j join ledger_line l on l.id = j.line_id where j.act = %(act)s order by l.id""",
        act=act,
    )
    return tuple(share_of(row, row.quantity, row.amount) for row in found)
