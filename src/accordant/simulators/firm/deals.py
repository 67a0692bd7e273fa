"""The deals of the firm: every billing method in every entity, priced, planned and staffed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from accordant.simulators.firm.model import Client, Deal, LegalEntity, Method, Milestone, RateLine, Worker
from accordant.simulators.firm.names import WORK
from accordant.simulators.firm.staff import ENTITIES, SELLERS

# Eight methods against three entities: twenty-four deals show each method in each entity.
_METHODS = (
    Method.TIME_AND_MATERIALS,
    Method.CAPPED,
    Method.FIXED_FEE,
    Method.MILESTONE,
    Method.RETAINER,
    Method.MANAGED_SERVICE,
    Method.TIME_AND_MATERIALS,
    Method.CAPPED,
)
_RATES = {"PARTNER": "320", "MANAGER": "240", "CONS-SR": "187.50", "CONS": "140", "ANALYST": "95"}
_ORDERED_LACKS = (("practice",), ("lead", "method"))
_FIRST_INCOMPLETE, _INCOMPLETE_EVERY = 5, 8  # the managed services: sold in a hurry
_LARGE_FEE = Decimal(520_000)  # above what is started without a second look
_TERMS_MONTHS = (6, 4, 3, 9, 12, 12, 2, 6)
_MOST_STAFFED = 5


def sell(
    count: int, today: date, clients: Sequence[Client], workers: Sequence[Worker], random: Random
) -> tuple[Deal, ...]:
    """Return that many deals, in the order in which they are won."""
    return tuple(_deal(position, today, clients, workers, random) for position in range(count))


def _deal(position: int, today: date, clients: Sequence[Client], workers: Sequence[Worker], random: Random) -> Deal:
    entity = ENTITIES[position % len(ENTITIES)]
    method = _METHODS[position % len(_METHODS)]
    own = [client for client in clients if client.entity == entity.code]
    client = own[position // len(ENTITIES) % len(own)]
    team = _team([w for w in workers if w.entity == entity.code], position // len(ENTITIES))
    lines = _rate_lines(entity, team, random)
    started_on = (today - timedelta(days=random.randrange(86, 110))).replace(day=1)
    planned = sum((line.rate * line.hours for line in lines), Decimal(0))
    is_large = method is Method.FIXED_FEE and position // len(_METHODS) == 2
    return Deal(
        code=f"D{position + 1:03}",
        name=f"{WORK[position % len(WORK)]} {client.name.split()[0]} {position + 1}",
        client=client.code,
        entity=entity.code,
        currency=entity.currency,
        method=method,
        practice=_practice(method, position),
        lead=next((w.email for w in team if w.role in ("MANAGER", "PARTNER")), team[0].email),
        seller=SELLERS[position % len(SELLERS)],
        start_on=started_on,
        term_months=_TERMS_MONTHS[position % len(_TERMS_MONTHS)],
        rate_lines=lines,
        milestones=_milestones(started_on, planned) if method is Method.MILESTONE else (),
        fee=_LARGE_FEE if is_large else _fee(method, planned),
        po_number=f"PO-{random.randrange(10_000, 99_999)}" if position % 3 else None,
        payment_terms_days=(30, 14, None, 45)[position % 4],
        team=tuple(w.number for w in team),
        lacks=_lacks(position),
        is_won_twice=position == 1,
    )


def _lacks(position: int) -> tuple[str, ...]:
    if position % _INCOMPLETE_EVERY != _FIRST_INCOMPLETE:
        return ()
    return _ORDERED_LACKS[position // _INCOMPLETE_EVERY % len(_ORDERED_LACKS)]


def _practice(method: Method, position: int) -> str:
    if method is Method.MANAGED_SERVICE:
        return "managed-services"
    return "advisory" if method is Method.RETAINER or position % 2 else "technology"


def _team(own: Sequence[Worker], turn: int) -> tuple[Worker, ...]:
    """Return the next people of the entity, so that everybody gets a turn and nobody is on all deals."""
    size = min(_MOST_STAFFED, len(own))
    start = turn * (size - 1)
    return tuple(own[(start + offset) % len(own)] for offset in range(size))


def _rate_lines(entity: LegalEntity, team: Sequence[Worker], random: Random) -> tuple[RateLine, ...]:
    discount = Decimal(random.choice(("1", "0.95", "0.9")))
    roles = dict.fromkeys(worker.role for worker in team)
    return tuple(
        RateLine(role, _price(Decimal(_RATES[role]) * entity.rates * discount), Decimal(random.randrange(120, 260, 10)))
        for role in roles
    )


def _price(rate: Decimal) -> Decimal:
    """Round to half a unit, as people price: 181.40 → 181.50."""
    return ((rate * 2).quantize(Decimal(1)) / 2).quantize(Decimal("0.01"))


def _fee(method: Method, planned: Decimal) -> Decimal | None:
    share = {
        Method.CAPPED: Decimal("0.8"),
        Method.FIXED_FEE: Decimal("1.1"),
        Method.RETAINER: Decimal("0.15"),
        Method.MANAGED_SERVICE: Decimal("0.2"),
    }.get(method)
    return None if share is None else (planned * share).quantize(Decimal("1E3")).quantize(Decimal("0.01"))


def _milestones(started_on: date, planned: Decimal) -> tuple[Milestone, ...]:
    parts = (("Design accepted", "0.3", 30), ("Pilot live", "0.4", 60), ("Handover", "0.3", 85))
    return tuple(
        Milestone(
            name,
            (planned * Decimal(share)).quantize(Decimal("1E2")).quantize(Decimal("0.01")),
            started_on + timedelta(days=days),
            needs_evidence=share == "0.4",
        )
        for name, share, days in parts
    )
