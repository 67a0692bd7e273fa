"""Approved work that is not billed: by entity and currency, by age, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from accordant import ledger
from accordant.insight.definition import Definition
from accordant.kernel import Money, total
from accordant.platform.storage import rows

UNBILLED = Definition(
    id="unbilled_approved_time",
    question="How much approved work is not billed?",
    formula="Σ of approved − billed + credited − relieved − written down − written off; an over-billed line counts 0",
    unit="money per currency; hours for time",
    cut_off="now",
    sources=("ledger_line",),
    owner="finance_operations",
)

BANDS = ((7, "0–7 d"), (30, "8–30 d"), (60, "31–60 d"), (None, "over 60 d"))
"""Age of unbilled work in days since it was done."""


@dataclass(frozen=True)
class Unbilled:
    """What of one entity and currency is approved and not billed; `amount` = ready + held + drafted."""

    entity: str
    amount: Money
    ready: Money
    held: Money
    drafted: Money
    hours: Decimal
    line_count: int


def unbilled(connection: Connection, **only: str) -> tuple[Unbilled, ...]:
    """Return unbilled approved work by entity and currency, in order of entity; named values narrow it (`contract_id`).

    10 h approved at GBP 100.00, 4 h of them billed, 1 h of those credited, 2 h written off: 10 − 4 + 1 − 2 = 5 h and
    GBP 500.00 are unbilled.
    """
    return tuple(_unbilled(balance) for balance in ledger.balance_by(connection, "entity", **only))


def _unbilled(balance: ledger.Balance) -> Unbilled:
    amount, quantity = balance.amount, balance.quantity
    # What is used beyond the approval stands as negative open; a credit is due for it, it is not unbilled work.
    opened = amount.open + amount.over
    return Unbilled(
        entity=balance.key["entity"],
        amount=opened + amount.drafted,
        ready=opened - amount.held,
        held=amount.held,
        drafted=amount.drafted,
        hours=quantity.open + quantity.over + quantity.drafted,
        line_count=balance.line_count,
    )


def in_group(found: Sequence[Unbilled], to_group: Callable[[Money], Money], currency: str) -> Money:
    """Return the sum in the group's currency."""
    return total((to_group(each.amount) for each in found), currency)


@dataclass(frozen=True)
class Band:
    """Unbilled time of one age."""

    name: str
    hours: Decimal
    amount: Money


def unbilled_by_age(connection: Connection, today: date, currency: str) -> tuple[Band, ...]:
    """Return unbilled time lines of a currency by age since the day of work; the bands add up to all time lines."""
    found = rows(
        connection,
        """select (cast(:today as date) - worked_on) as days, sum(open_q + over_q + drafted_q) as hours,
                  sum(open_m + over_m + drafted_m)::bigint as minor
           from ledger_state where currency = :currency and kind = 'time' group by days""",
        today=today,
        currency=currency,
    )
    return bands([(row.days, row.hours, Money.from_minor(row.minor, currency)) for row in found], currency)


def bands(lines: Sequence[tuple[int, Decimal, Money]], currency: str) -> tuple[Band, ...]:
    """Sort (days, hours, money) into the bands of age.

    >>> gbp = lambda n: Money.of(n, "GBP")
    >>> lines = [(7, Decimal(1), gbp(10)), (8, Decimal(1), gbp(20)), (61, Decimal(1), gbp(5))]
    >>> [str(b.amount) for b in bands(lines, "GBP")]
    ['GBP 10', 'GBP 20', 'GBP 0', 'GBP 5']
    """
    result = []
    low = -1
    for high, name in BANDS:
        inside = [line for line in lines if line[0] > low and (high is None or line[0] <= high)]
        inside += [line for line in lines if low == -1 and line[0] < 0]
        hours = sum((line[1] for line in inside), Decimal(0))
        result.append(Band(name, hours, total((line[2] for line in inside), currency)))
        low = high if high is not None else low
    return tuple(result)
