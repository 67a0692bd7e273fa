"""Work enters the ledger: approve (new, corrected, withdrawn), price, hold and release. Nothing is billed here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import InvalidInput, Money, exponent_of
from accordant.ledger.lines import change, lock, query, record_act, require
from accordant.ledger.models import Approved, ApprovedLine, By, LineKind, OverBilled, Price, Priced, Refused
from accordant.ledger.rejections import meaning_of, rejected, remedy_of, translated

_PLACE = ("contract_id", "project_id", "worker_id", "role", "worked_on")
_PRICED_BY = ("contract_id", "role", "worked_on")  # a rate is found by these
_COLUMNS = {
    "id": "text",
    "kind": "text",
    "entity": "text",
    "currency": "text",
    "contract_id": "text",
    "contract_version": "int",
    "project_id": "text",
    "worker_id": "text",
    "role": "text",
    "worked_on": "date",
    "source_ref": "text",
    "unit_price": "numeric",
    "approved_q": "numeric",
}
_FROM_ARRAYS = (
    f"unnest({', '.join(f'%({name})b::{type_}[]' for name, type_ in _COLUMNS.items())}) w({', '.join(_COLUMNS)})"
)


@translated
def approve(connection: Connection, lines: Sequence[ApprovedLine], by: By) -> Approved:
    """Record what was approved; a line that is known is corrected, a line that says the same again changes nothing.

    The last word on a line within the batch counts. A correction below what is already billed is recorded: the line
    is over-billed, with the credit that is due. One bad line is refused alone.
    """
    wanted = {line.id: line for line in lines}
    for line in wanted.values():
        _require_line_currency(line)
    known = lock(connection, wanted)
    # In order of id: two workers that insert the same lines then wait for each other in one direction only.
    fresh = [line for id_, line in sorted(wanted.items()) if id_ not in known]
    new = _insert(connection, fresh, by)
    # Another worker may have approved the same line meanwhile: then it is known by now.
    late = lock(connection, (line.id for line in fresh if line.id not in new))
    arrived = new | late.keys()
    taken = [_refused(line.id, "ledger.source_taken") for line in fresh if line.id not in arrived]
    known |= late
    verdicts = {id_: _verdict(wanted[id_], row) for id_, row in known.items()}
    changed = sorted(id_ for id_, verdict in verdicts.items() if verdict == "")
    _adjust(connection, [_merged(wanted[id_], known[id_]) for id_ in changed], by)
    return Approved(
        new=tuple(sorted(new)),
        changed=tuple(changed),
        same=tuple(sorted(id_ for id_, verdict in verdicts.items() if verdict is None)),
        refused=(*taken, *(_refused(id_, code) for id_, code in sorted(verdicts.items()) if code)),
        over_billed=_over_billed(connection, changed),
    )


@translated
def withdraw(connection: Connection, line_ids: Iterable[str], by: By) -> Approved:
    """Take back the approval of lines: the approved quantity becomes 0, what was billed is over-billed."""
    rows = require(connection, line_ids)
    return approve(connection, [_as_approved(row, Decimal(0)) for row in rows.values()], by)


@translated
def price(connection: Connection, prices: Sequence[Price], by: By) -> Priced:
    """Set the price per unit of lines, in the line's currency; a line in use keeps its price and is refused."""
    wanted = {price.line_id: price for price in prices}
    rows = require(connection, wanted)
    refused = [_refused(id_, code) for id_, row in rows.items() if (code := _price_refusal(wanted[id_], row))]
    out = {refusal.line_id for refusal in refused}
    changed = [row for id_, row in rows.items() if id_ not in out and not _is_priced_so(wanted[id_], row)]
    for entity, group in _by_entity(changed):
        change(
            connection,
            """update ledger_line l set unit_price = w.price, contract_version = w.version, act = %(act)s,
                                        approved_m = round(l.approved_q * w.price)
               from unnest(%(ids)b::text[], %(prices)b::numeric[], %(versions)b::int[]) w(id, price, version)
               where l.id = w.id""",
            act=record_act(connection, "price", entity, by),
            ids=[row.id for row in group],
            prices=[_minor(wanted[row.id].unit_price) for row in group],
            versions=[wanted[row.id].contract_version for row in group],
        )
    done = {row.id for row in changed}
    return Priced(tuple(sorted(done)), tuple(sorted(rows.keys() - done - out)), tuple(refused))


@translated
def hold(connection: Connection, line_ids: Iterable[str], reason: str, by: By) -> tuple[str, ...]:
    """Keep what is open of lines off every invoice; returns those that were not held for this reason before.

    Raises:
        Rejected: `ledger.line_held` when a line stands on a draft.
    """
    if not reason:
        raise InvalidInput("A hold needs a reason.", code="ledger.reason_missing")
    return _set_hold(connection, line_ids, reason, "hold", by)


@translated
def release(connection: Connection, line_ids: Iterable[str], reason: str, by: By) -> tuple[str, ...]:
    """End the hold of lines; returns those that were held. The reason goes to the act's cause."""
    return _set_hold(connection, line_ids, "", "release", By(by.actor, f"{by.cause}: {reason}", by.run))


def _set_hold(connection: Connection, line_ids: Iterable[str], reason: str, kind: str, by: By) -> tuple[str, ...]:
    rows = [row for row in require(connection, line_ids).values() if row.hold_reason != reason]
    drafted = [row for row in rows if row.open_invoice]
    if drafted:
        raise rejected(
            "ledger.line_held",
            f"Line {drafted[0].id} of contract {drafted[0].contract_id} stands on the draft {drafted[0].open_invoice}.",
        )
    for entity, group in _by_entity(rows):
        change(
            connection,
            """update ledger_line l set hold_reason = %(reason)s, act = %(act)s
               from unnest(%(ids)b::text[]) w(id) where l.id = w.id""",
            reason=reason,
            act=record_act(connection, kind, entity, by),
            ids=[row.id for row in group],
        )
    return tuple(sorted(row.id for row in rows))


def _insert(connection: Connection, lines: Sequence[ApprovedLine], by: By) -> set[str]:
    new: set[str] = set()
    for entity, group in _by_entity(lines):
        act = record_act(connection, "approve", entity, by)
        inserted = query(
            connection,
            f"""insert into ledger_line ({", ".join(_COLUMNS)}, approved_m, act)
                select w.*, coalesce(round(w.approved_q * w.unit_price), 0), %(act)s from {_FROM_ARRAYS}
                on conflict do nothing returning id""",
            act=act,
            **_arrays(group),
        )
        new.update(row.id for row in inserted)
    return new


def _adjust(connection: Connection, lines: Sequence[ApprovedLine], by: By) -> None:
    for entity, group in _by_entity(lines):
        change(
            connection,
            f"""update ledger_line l
                set contract_id = w.contract_id, contract_version = w.contract_version, project_id = w.project_id,
                    worker_id = w.worker_id, role = w.role, worked_on = w.worked_on, unit_price = w.unit_price,
                    approved_q = w.approved_q, approved_m = coalesce(round(w.approved_q * w.unit_price), 0),
                    act = %(act)s
                from {_FROM_ARRAYS} where l.id = w.id""",
            act=record_act(connection, "adjust", entity, by),
            **_arrays(group),
        )


def _arrays(lines: Sequence[ApprovedLine]) -> dict[str, list[Any]]:
    plain = _COLUMNS.keys() - {"kind", "unit_price", "approved_q"}
    arrays: dict[str, list[Any]] = {name: [getattr(line, name) for line in lines] for name in plain}
    arrays["kind"] = [line.kind.value for line in lines]
    arrays["unit_price"] = [None if line.unit_price is None else _minor(line.unit_price) for line in lines]
    arrays["approved_q"] = [line.quantity for line in lines]
    return arrays


def _verdict(line: ApprovedLine, row: Any) -> str | None:
    """Compare a re-delivery with its line: None is the same, '' is a change, else the code of the refusal."""
    if (line.kind, line.entity, line.currency, line.source_ref) != (row.kind, row.entity, row.currency, row.source_ref):
        return "ledger.line_identity"
    moved = any(getattr(line, name) != getattr(row, name) for name in _PLACE)
    if moved and (_in_use(row) or row.billed_q or row.billed_m):
        return "ledger.line_moved"
    repriced = line.unit_price is not None and _minor(line.unit_price) != row.unit_price
    if repriced and line.kind is LineKind.TIME and _in_use(row):
        return "ledger.line_repriced"
    return "" if moved or repriced or line.quantity != row.approved_q else None


def _merged(line: ApprovedLine, row: Any) -> ApprovedLine:
    """Keep the price that the ledger knows, unless a new one came or what it was found by has changed."""
    if line.unit_price is not None or any(getattr(line, name) != getattr(row, name) for name in _PRICED_BY):
        return line
    return line.model_copy(update={"unit_price": _price_of(row), "contract_version": row.contract_version})


def _as_approved(row: Any, quantity: Decimal) -> ApprovedLine:
    facts = {name: getattr(row, name) for name in ApprovedLine.model_fields.keys() - {"unit_price", "quantity"}}
    return ApprovedLine(**facts, quantity=quantity, unit_price=_price_of(row))


def _price_refusal(price: Price, row: Any) -> str:
    if price.unit_price.currency != row.currency:
        return "ledger.invoice_mixed"
    return "ledger.line_repriced" if not _is_priced_so(price, row) and _in_use(row) else ""


def _is_priced_so(price: Price, row: Any) -> bool:
    return (_minor(price.unit_price), price.contract_version) == (row.unit_price, row.contract_version)


def _in_use(row: Any) -> bool:
    """Say whether any of the line is drafted, billed and not credited, relieved or written off."""
    return bool(row.open_q != row.approved_q or row.open_m != row.approved_m)


def _over_billed(connection: Connection, ids: Sequence[str]) -> tuple[OverBilled, ...]:
    found = query(
        connection,
        """select s.* from unnest(%(ids)b::text[]) w(id) join ledger_state s on s.id = w.id
           where s.over_q <> 0 or s.over_m <> 0 order by s.id""",
        ids=ids,
    )
    return tuple(
        OverBilled(row.id, row.contract_id, row.project_id, row.over_q, Money.from_minor(row.over_m, row.currency))
        for row in found
    )


def _by_entity(lines: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    groups: Mapping[str, list[Any]] = defaultdict(list)
    for line in lines:
        groups[line.entity].append(line)
    yield from groups.items()


def _refused(line_id: str, code: str) -> Refused:
    return Refused(line_id, code, meaning_of(code), remedy_of(code))


def _require_line_currency(line: ApprovedLine) -> None:
    if line.unit_price is not None and line.unit_price.currency != line.currency:
        raise InvalidInput(
            f"Line {line.id} is in {line.currency}, its price in {line.unit_price.currency}.", code="ledger.currency"
        )


def _minor(price: Money) -> Decimal:
    """Return the price in minor units, with what is finer: GBP 0.125 → 12.5."""
    return price.amount.scaleb(exponent_of(price.currency))


def _price_of(row: Any) -> Money | None:
    if row.unit_price is None:
        return None
    return Money(amount=row.unit_price.scaleb(-exponent_of(row.currency)), currency=row.currency)
