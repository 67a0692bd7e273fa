"""Questions to the ledger: lines and their states, balances, history, readiness. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection

from accordant.kernel import InvoiceId, Money, NotFound, exponent_of
from accordant.ledger.lines import query
from accordant.ledger.models import Balance, Balances, Entry, Line, LineKind, OverBilled, Readiness

Dimension = Literal["entity", "currency", "contract_id", "project_id", "worker_id", "kind"]
_DIMENSIONS = ("entity", "currency", "contract_id", "project_id", "worker_id", "kind")
_BALANCES = (
    "approved",
    "open",
    "held",
    "drafted",
    "billed",
    "credited",
    "relieved",
    "written_down",
    "written_off",
    "over",
)
# What a person calls the line; the first that holds. `ready` is open, priced and free.
_STATE = """case
  when over_q <> 0 or over_m <> 0 then 'over_billed'
  when open_invoice is not null then 'drafted'
  when hold_reason <> '' then 'held'
  when approved_q = 0 and approved_m = 0 then 'withdrawn'
  when (open_q <> 0 or open_m <> 0) and unit_price is null then 'unpriced'
  when open_q = 0 and open_m = 0 and (billed_q <> credited_q or billed_m <> credited_m) then 'billed'
  when open_q = 0 and open_m = 0 and (relieved_q <> 0 or relieved_m <> 0) then 'relieved'
  when open_q = 0 and open_m = 0 then 'written_off'
  when billed_q <> credited_q or billed_m <> credited_m then 'partly_billed'
  when credited_q <> 0 or credited_m <> 0 then 'credited'
  else 'ready' end"""
_LINES = f"""
select s.*, {_STATE} as state,
       case when hold_reason <> '' then open_q else 0 end as held_q,
       case when hold_reason <> '' then open_m else 0 end as held_m
from ledger_state s"""
_SUMS = ", ".join(f"sum({name}_{unit}) as {name}_{unit}" for name in _BALANCES for unit in ("q", "m"))


def line_states(connection: Connection, line_ids: Iterable[str]) -> tuple[Line, ...]:
    """Return these lines with state and balances, in order of id; unknown ids are left out."""
    return _lines(connection, "where id = any(%(ids)b) order by id", ids=sorted(set(line_ids)))


def open_lines(connection: Connection, contract_id: str, until_on: date) -> tuple[Line, ...]:
    """Return what of a contract is open until a day (held and unpriced too), in order of work day."""
    return _lines(
        connection,
        """where contract_id = %(contract)s and worked_on <= %(until)s and (open_q <> 0 or open_m <> 0)
           and over_q = 0 and over_m = 0 order by worked_on, id""",
        contract=contract_id,
        until=until_on,
    )


def over_billed(connection: Connection, entity: str | None = None) -> tuple[OverBilled, ...]:
    """Return the lines of which more is used than is approved, with the credit that is due."""
    found = query(
        connection,
        """select * from ledger_state where (over_q <> 0 or over_m <> 0) and entity = coalesce(%(entity)s, entity)
           order by id""",
        entity=entity,
    )
    return tuple(
        OverBilled(row.id, row.contract_id, row.project_id, row.over_q, Money.from_minor(row.over_m, row.currency))
        for row in found
    )


def history(connection: Connection, line_id: str) -> tuple[Entry, ...]:
    """Return what happened to a line, oldest first; NotFound when the ledger does not have it."""
    found = query(
        connection,
        """select a.*, j.quantity, j.amount, l.currency as line_currency
           from ledger_journal j join ledger_act a on a.id = j.act join ledger_line l on l.id = j.line_id
           where j.line_id = %(id)s order by a.id""",
        id=line_id,
    )
    if not found:
        raise NotFound(f"The ledger has no line {line_id}.", code="ledger.line_unknown")
    return tuple(
        Entry(
            act=row.id,
            kind=row.kind,
            quantity=row.quantity,
            amount=Money.from_minor(row.amount, row.line_currency),
            invoice_id=row.invoice_id,
            document_ref=row.document_ref,
            cause=row.cause,
            actor=row.actor,
            accounting_on=row.accounting_on,
            at=row.at,
        )
        for row in found
    )


def invoices_of(connection: Connection, line_id: str) -> tuple[InvoiceId, ...]:
    """Return the invoices that billed the line, oldest first."""
    found = query(
        connection,
        """select a.invoice_id from ledger_journal j join ledger_act a on a.id = j.act
           where j.line_id = %(id)s and a.kind = 'post' order by a.id""",
        id=line_id,
    )
    return tuple(row.invoice_id for row in found)


def balance_by(connection: Connection, *dimensions: Dimension, **only: str) -> tuple[Balance, ...]:
    """Sum all lines by these dimensions and always by currency, in order of the key.

    Named arguments keep the lines of one value: `entity="uk01"`.

    Raises:
        ValueError: a dimension the ledger does not know.
    """
    unknown = {*dimensions, *only} - {*_DIMENSIONS}
    if unknown:
        raise ValueError(f"The ledger has no dimension {sorted(unknown)}.")
    keys = tuple(dict.fromkeys((*dimensions, "currency")))
    where = " and ".join(f"{name} = %({name})s" for name in only) or "true"
    found = query(
        connection,
        f"""select {", ".join(keys)}, count(*) as line_count, {_SUMS} from ({_LINES} where {where}) s
            group by {", ".join(keys)} order by {", ".join(keys)}""",
        **only,
    )
    return tuple(
        Balance(
            key={name: getattr(row, name) for name in keys},
            line_count=row.line_count,
            quantity=_quantities(row),
            amount=_amounts(row),
        )
        for row in found
    )


def billing_readiness(connection: Connection, entity: str, until_on: date) -> tuple[Readiness, ...]:
    """Say per currency what of an entity, worked until a day, is ready to bill and what keeps the rest."""
    found = query(
        connection,
        f"""select currency, sum(open_m - held_m) filter (where over_m = 0) as ready, sum(held_m) as held,
                   sum(drafted_m) as drafted, sum(billed_m - credited_m) as billed, sum(over_m) as over_billed,
                   coalesce(sum(open_q) filter (where unit_price is null), 0) as unpriced_quantity,
                   count(*) filter (where over_m = 0 and open_m <> held_m) as ready_count,
                   count(*) filter (where state = 'held' and (open_q <> 0 or open_m <> 0)) as held_count,
                   count(*) filter (where unit_price is null and open_q <> 0) as unpriced_count,
                   count(*) filter (where open_invoice is not null) as drafted_count,
                   count(*) filter (where over_q <> 0 or over_m <> 0) as over_billed_count
            from ({_LINES} where entity = %(entity)s and worked_on <= %(until)s) s
            group by currency order by currency""",
        entity=entity,
        until=until_on,
    )
    return tuple(_readiness(entity, row) for row in found)


def _readiness(entity: str, row: Any) -> Readiness:
    def money(units: Decimal | None) -> Money:
        return Money.from_minor(int(units or 0), row.currency)

    return Readiness(
        entity=entity,
        currency=row.currency,
        ready=money(row.ready),
        held=money(row.held),
        drafted=money(row.drafted),
        billed=money(row.billed),
        over_billed=money(row.over_billed),
        unpriced_quantity=row.unpriced_quantity,
        ready_count=row.ready_count,
        held_count=row.held_count,
        unpriced_count=row.unpriced_count,
        drafted_count=row.drafted_count,
        over_billed_count=row.over_billed_count,
    )


def _lines(connection: Connection, tail: str, **parameters: object) -> tuple[Line, ...]:
    return tuple(_line(row) for row in query(connection, f"{_LINES} {tail}", **parameters))


def _line(row: Any) -> Line:
    price = row.unit_price
    same = ("id", "state", "entity", "contract_id", "contract_version", "project_id", "worker_id", "role", "worked_on")
    return Line(
        **{name: getattr(row, name) for name in (*same, "source_ref", "hold_reason", "open_invoice")},
        kind=LineKind(row.kind),
        unit_price=None
        if price is None
        else Money(amount=price.scaleb(-exponent_of(row.currency)), currency=row.currency),
        quantity=_quantities(row),
        amount=_amounts(row),
    )


def _quantities(row: Any) -> Balances[Decimal]:
    return _balances(row, "q", Decimal)


def _amounts(row: Any) -> Balances[Money]:
    return _balances(row, "m", lambda units: Money.from_minor(int(units), row.currency))


def _balances(row: Any, unit: str, read: Callable[[Any], Any]) -> Balances[Any]:
    values: Sequence[Any] = [read(getattr(row, f"{name}_{unit}")) for name in _BALANCES]
    return Balances(*values)
