"""General ledger impact of posted documents: balanced lines, in the document's currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the general ledger; the amount is debit when positive, credit when negative."""

    document: str
    account: str
    subsidiary: str
    currency: str
    amount: Decimal


def trial_balance(postings: Iterable[Posting]) -> dict[tuple[str, str], Decimal]:
    """Return debits minus credits by subsidiary and currency: zero everywhere, or the ledger is wrong."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in postings:
        sums[line.subsidiary, line.currency] += line.amount
    return dict(sums)


def account_balances(postings: Iterable[Posting]) -> dict[tuple[str, str, str], Decimal]:
    """Return debits minus credits by account, subsidiary and currency."""
    sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for line in postings:
        sums[line.account, line.subsidiary, line.currency] += line.amount
    return dict(sums)
