"""The people of the firm: consultants from two lists of names, and the office that the demo estate knows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from accordant.simulators.firm.model import LegalEntity, Worker
from accordant.simulators.firm.names import FIRST_NAMES, LAST_NAMES, mailbox

DOMAIN = "meridian.example"
ENTITIES = (
    LegalEntity("uk01", "Meridian Advisory Limited", "GB", "GBP", Decimal(1)),
    LegalEntity("us01", "Meridian Advisory Inc.", "US", "USD", Decimal("1.3")),
    LegalEntity("de01", "Meridian Advisory GmbH", "DE", "EUR", Decimal("1.15")),
)
ROLES = {
    "PARTNER": "Partner",
    "MANAGER": "Manager",
    "CONS-SR": "Senior consultant",
    "CONS": "Consultant",
    "ANALYST": "Analyst",
}
COST_CENTERS = {"CC-100": "Advisory", "CC-200": "Technology", "CC-300": "Managed services", "CC-900": "Office"}

_FIRST_NUMBER = 21_001
# Of ten workers of an entity; the first ones come first in a small firm.
_LADDER = ("PARTNER", "MANAGER", "CONS-SR", "CONS", "ANALYST", "CONS", "CONS-SR", "ANALYST", "CONS", "MANAGER")
# Finance, sales and steering; their accounts in the integration's own estate carry the same numbers.
_OFFICE = (
    ("90001", "Orla", "Fennick", "uk01"),
    ("90002", "Tobin", "Hask", "uk01"),
    ("90003", "Maren", "Quill", "us01"),
    ("90004", "Juno", "Abelard", "uk01"),
    ("90005", "Silas", "Brandt", "uk01"),
    ("90006", "Ines", "Calloway", "us01"),
    ("90007", "Rurik", "Odden", "de01"),
    ("90008", "Wren", "Tallis", "uk01"),
    ("90009", "Corin", "Vale", "uk01"),
    ("90010", "Petra", "Lumley", "uk01"),
    ("90011", "Dara", "Winslow", "uk01"),
    ("90012", "Felix", "Marrow", "de01"),
    ("90013", "Thea", "Garrick", "us01"),
)
SELLERS = ("petra.lumley@meridian.example", "silas.brandt@meridian.example", "ines.calloway@meridian.example")


def hire_office(today: date) -> tuple[Worker, ...]:
    """Return the people behind the consultants."""
    return tuple(
        Worker(
            number, first, last, mailbox(first, last, DOMAIN), "OFFICE", "", "CC-900", entity, today.replace(2021, 1, 4)
        )
        for number, first, last, entity in _OFFICE
    )


def hire(count: int, today: date, random: Random) -> tuple[Worker, ...]:
    """Return the consultants, spread over the entities; nobody bears the name of another one."""
    names = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    chosen = random.sample(names, count)
    workers: list[Worker] = []
    for position, (first, last) in enumerate(chosen):
        entity = ENTITIES[position % len(ENTITIES)].code
        role = _LADDER[position // len(ENTITIES) % len(_LADDER)]
        workers.append(
            Worker(
                str(_FIRST_NUMBER + position),
                first,
                last,
                mailbox(first, last, DOMAIN),
                role,
                _manager_of(role, entity, workers),
                random.choice(("CC-100", "CC-200", "CC-300")),
                entity,
                today - timedelta(days=random.randrange(200, 3000)),
            )
        )
    return tuple(workers)


def _manager_of(role: str, entity: str, before: list[Worker]) -> str:
    """Return the number of the entity's last manager, or partner; a partner has none."""
    wanted = {"PARTNER": (), "MANAGER": ("PARTNER",)}.get(role, ("MANAGER", "PARTNER"))
    above = [w.number for w in before if w.entity == entity and w.role in wanted]
    return above[-1] if above else ""
