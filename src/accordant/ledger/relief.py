"""What is approved and will not be billed by its own line: relieved by a fee, written down, written off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from accordant.kernel import InvalidInput
from accordant.ledger.lines import move, one_currency, record_act, require, take_open
from accordant.ledger.models import By, Moved, Part
from accordant.ledger.rejections import translated


def relieve(connection: Connection, parts: Sequence[Part], *, accounting_on: date, against: str, by: By) -> Moved:
    """Let work be covered by something billed otherwise: a fixed fee, a retainer, prepaid hours.

    `against` says what covers it: the id of the fee's line or of the contract.
    """
    return _take_off(connection, "relieve", "relieved", parts, accounting_on, by, document_ref=against)


def write_down(connection: Connection, parts: Sequence[Part], *, accounting_on: date, by: By) -> Moved:
    """Lower what will be billed of lines; `Part(id, Decimal(0), amount)` lowers the money and keeps the hours."""
    return _take_off(connection, "write_down", "written_down", parts, accounting_on, by)


def write_off(connection: Connection, parts: Sequence[Part], *, accounting_on: date, by: By) -> Moved:
    """Give up what is open of lines, or a part of it."""
    return _take_off(connection, "write_off", "written_off", parts, accounting_on, by)


@translated
def _take_off(
    connection: Connection,
    kind: str,
    balance: str,
    parts: Sequence[Part],
    accounting_on: date,
    by: By,
    *,
    document_ref: str = "",
) -> Moved:
    """Move parts of what is open; each call is a new act, so make it in the transaction that stores its outcome."""
    if not parts:
        raise InvalidInput("No line is named.", code="ledger.no_lines")
    rows = require(connection, (part.line_id for part in parts))
    shares = [take_open(rows[part.line_id], part) for part in sorted(parts, key=lambda part: part.line_id)]
    entity, currency = one_currency(rows)
    act = record_act(connection, kind, entity, by, accounting_on=accounting_on, document_ref=document_ref)
    move(connection, act, balance, shares)
    return Moved(act, tuple(shares), currency)
