"""Where approved money stands: billed, given up, not billed; by currency, from the line ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from accordant import ledger
from accordant.kernel import Money


@dataclass(frozen=True)
class Kept:
    """Approved money of one currency and where it stands: approved = billed + given_up + unbilled − over."""

    approved: Money
    billed: Money
    given_up: Money
    unbilled: Money
    over: Money


def kept(connection: Connection, **only: str) -> tuple[Kept, ...]:
    """Return where approved money stands, by currency."""
    return kept_of(ledger.balance_by(connection, **only))


def kept_of(balances: Sequence[ledger.Balance]) -> tuple[Kept, ...]:
    """Add up balances: what is billed counts net of credits, what is used beyond the approval stands apart."""
    return tuple(
        Kept(
            approved=b.amount.approved,
            billed=b.amount.billed - b.amount.credited,
            given_up=b.amount.relieved + b.amount.written_down + b.amount.written_off,
            unbilled=b.amount.open + b.amount.over + b.amount.drafted,
            over=b.amount.over,
        )
        for b in balances
    )
