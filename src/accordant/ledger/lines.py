"""The moves that every act is made of: lock lines, record the act, move one balance. No business decision here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import InvalidInput, Money
from accordant.ledger.models import By, Part, Share
from accordant.ledger.rejections import rejected

_QUANTITY = Decimal("0.000001")


def query(connection: Connection, sql: str, /, **parameters: Any) -> list[Any]:
    """Run a statement with the driver's own markers; `%(x)b` sends a list as a binary array, three times faster."""
    return list(connection.exec_driver_sql(sql, parameters).all())


def change(connection: Connection, sql: str, /, **parameters: Any) -> int:
    """Run a statement that returns no rows; the number of rows it touched."""
    return connection.exec_driver_sql(sql, parameters).rowcount


def lock(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Lock these lines in order of id, so that two acts cannot wait for each other, and return their state by id."""
    found = query(
        connection,
        """select s.* from unnest(%(ids)b::text[]) w(id) join ledger_state s on s.id = w.id
           order by s.id for update of s""",
        ids=sorted(set(ids)),
    )
    return {row.id: row for row in found}


def require(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Lock these lines; Rejected when one is not in the ledger."""
    wanted = set(ids)
    found = lock(connection, wanted)
    if missing := wanted - found.keys():
        raise rejected("ledger.line_unknown", f"The ledger has no line {min(missing)} ({len(missing)} missing).")
    return found


def record_act(
    connection: Connection,
    kind: str,
    entity: str,
    by: By,
    *,
    invoice: tuple[str, str] | None = None,
    accounting_on: date | None = None,
    document_ref: str = "",
) -> int:
    """Record an act and return its id; call it after the lines are locked, so that ids follow the order of acts.

    `invoice` is the id and currency, for the acts of an invoice.
    """
    invoice_id, currency = invoice or (None, None)
    [(act,)] = query(
        connection,
        """insert into ledger_act (kind, entity, invoice_id, currency, document_ref, accounting_on, cause, actor, run)
           values (%(kind)s, %(entity)s, %(invoice_id)s, %(currency)s, %(document_ref)s, %(accounting_on)s, %(cause)s,
                   %(actor)s, %(run)s) returning id""",
        kind=kind,
        entity=entity,
        invoice_id=invoice_id,
        currency=currency,
        document_ref=document_ref,
        accounting_on=accounting_on,
        cause=by.cause,
        actor=by.actor,
        run=by.run,
    )
    return int(act)


def move(
    connection: Connection, act: int, balance: str, shares: Sequence[Share], *, open_invoice: str | None = None
) -> None:
    """Add the shares to one balance of their lines under the act; the database's guard judges it.

    `balance` is drafted, credited, relieved, written_down or written_off; a draft names its `open_invoice`.

    Raises:
        InvalidInput: a line is named twice.
    """
    if len({share.line_id for share in shares}) < len(shares):
        raise InvalidInput("A line is named twice in one act.", code="ledger.line_repeated")
    on_invoice = ", open_invoice = %(invoice)s" if open_invoice else ""
    change(
        connection,
        f"""update ledger_line l set {balance}_q = {balance}_q + w.q, {balance}_m = {balance}_m + w.m, act = %(act)s
                                     {on_invoice}
            from unnest(%(ids)b::text[], %(qs)b::numeric[], %(ms)b::bigint[]) w(id, q, m) where l.id = w.id""",
        act=act,
        invoice=open_invoice,
        ids=[share.line_id for share in shares],
        qs=[share.quantity for share in shares],
        ms=[share.minor for share in shares],
    )


def share_of(row: Any, quantity: Decimal, minor: int) -> Share:
    """Build the share of a locked line."""
    return Share(row.id, row.contract_id, row.project_id, quantity, minor, row.currency)


def take(row: Any, part: Part, left: tuple[Decimal, int], *, over: str) -> Share:
    """Cut a part from what is left of a line; a measure that is not given follows the other in proportion.

    What takes all of the given measure takes all of the other: the last part carries the rounding.

    Args:
        row: the locked line.
        part: what is asked for.
        left: quantity and minor units that may be taken.
        over: code of the refusal when it is more than that.
    """
    left_q, left_m = left
    quantity, minor = part.quantity, None if part.amount is None else part.amount.minor
    if quantity is None and minor is None:
        quantity, minor = left_q, left_m
    elif quantity is None:
        quantity = _portion(left_q, Decimal(minor or 0), Decimal(left_m), _QUANTITY)
    elif minor is None:
        minor = int(_portion(Decimal(left_m), quantity, left_q, Decimal(1)))
    share = share_of(row, quantity, minor or 0)
    if part.amount is not None and part.amount.currency != row.currency:
        raise rejected("ledger.invoice_mixed", f"Line {row.id} is in {row.currency}, not in {part.amount.currency}.")
    if not (_within(share.quantity, left_q) and _within(Decimal(share.minor), Decimal(left_m))):
        raise rejected(
            over,
            f"{share.quantity.normalize():f} ({share.amount}) of line {row.id} of contract {row.contract_id} "
            f"was asked for, {left_q.normalize():f} ({Money.from_minor(left_m, row.currency)}) is left.",
        )
    if not share.quantity and not share.minor:
        raise rejected("ledger.nothing_open", f"Nothing is left of line {row.id} of contract {row.contract_id}.")
    return share


def take_open(row: Any, part: Part) -> Share:
    """Cut a part from what is open of a locked line; Rejected when the line is over-billed or less is open."""
    if row.over_q or row.over_m:
        due = Money.from_minor(row.over_m, row.currency)
        raise rejected(
            "ledger.over_billed",
            f"Line {row.id} of contract {row.contract_id} is over-billed: "
            f"a credit of {row.over_q.normalize():f} ({due}) is due.",
        )
    return take(row, part, (row.open_q, row.open_m), over="ledger.over_billed")


def one_currency(rows: Mapping[str, Any]) -> tuple[str, str]:
    """Return the entity and currency of the lines; Rejected when there is more than one."""
    found = {(row.entity, row.currency) for row in rows.values()}
    if len(found) > 1:
        named = ", ".join(sorted(f"{entity} {currency}" for entity, currency in found))
        raise rejected("ledger.invoice_mixed", f"The lines belong to {named}; one act serves one of them.")
    return found.pop()


def _portion(of: Decimal, part: Decimal, whole: Decimal, unit: Decimal) -> Decimal:
    """Return the part of `of` that `part` is of `whole`, to the unit; all of it when part is whole."""
    if part == whole:
        return of
    return (of * part / whole).quantize(unit, ROUND_HALF_UP) if whole else Decimal(0)


def _within(part: Decimal, whole: Decimal) -> bool:
    return min(whole, Decimal(0)) <= part <= max(whole, Decimal(0))
