"""The clients of the firm, two of them entered twice under nearly the same name."""

from __future__ import annotations

from random import Random

from accordant.simulators.firm.model import Client, Habit
from accordant.simulators.firm.names import (
    COMPANIES,
    DUPLICATES,
    FIRST_NAMES,
    LAST_NAMES,
    PARENTS,
    made_up_lei,
    mailbox,
    vat_number,
)
from accordant.simulators.firm.staff import ENTITIES

_HABITS = (Habit.PROMPT, Habit.LATE, Habit.PROMPT, Habit.PARTIAL, Habit.PROMPT, Habit.OVER)
_IN_LEDGER = {0, 4}  # both have a tax number, by which they are found


def win_clients(random: Random) -> tuple[Client, ...]:
    """Return the clients in the order of COMPANIES, then those entered twice."""
    clients = [_client(position, random) for position in range(len(COMPANIES))]
    for number, (name, original, has_same_number) in enumerate(DUPLICATES):
        first = clients[original]
        clients.append(
            Client(
                f"C{len(COMPANIES) + number + 1:02}",
                name,
                first.country,
                first.city,
                first.street,
                first.postal_code,
                first.entity,
                first.currency,
                first.vat_number if has_same_number else None,
                None,
                None,
                first.contact_first_name,
                first.contact_last_name,
                first.contact_email,
                first.habit,
                is_in_ledger=False,
            )
        )
    return tuple(clients)


def _client(position: int, random: Random) -> Client:
    name, country, city, street, postal_code, entity = COMPANIES[position]
    code = f"C{position + 1:02}"
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    return Client(
        code,
        name,
        country,
        city,
        street,
        postal_code,
        entity,
        next(e.currency for e in ENTITIES if e.code == entity),
        vat_number(country, random),
        made_up_lei(random) if position % 3 == 0 else None,
        f"C{PARENTS[position] + 1:02}" if position in PARENTS else None,
        first,
        last,
        mailbox(first, last, f"client-{code.lower()}.example"),
        _HABITS[position % len(_HABITS)],
        is_in_ledger=position in _IN_LEDGER,
    )
