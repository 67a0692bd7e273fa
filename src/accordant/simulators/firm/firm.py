"""The firm as a whole, the same for the same seed, size and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

from accordant.simulators.firm.clients import win_clients
from accordant.simulators.firm.deals import sell
from accordant.simulators.firm.model import Client, Deal, LegalEntity, Method, TimeLine, Worker
from accordant.simulators.firm.staff import ENTITIES, hire, hire_office
from accordant.simulators.firm.timesheets import fill_time_sheets

_MONTHS_PLAYED = 3


@dataclass(frozen=True, slots=True)
class Firm:
    """Everybody and everything: who works here, for whom, under which terms, and what they will book.

    `workers` are the consultants, `office` the people behind them; `deals` are in the order in which they are won,
    `lines` by day of work.
    """

    seed: int
    today: date
    entities: tuple[LegalEntity, ...]
    clients: tuple[Client, ...]
    workers: tuple[Worker, ...]
    office: tuple[Worker, ...]
    deals: tuple[Deal, ...]
    lines: tuple[TimeLine, ...]

    @classmethod
    def generate(
        cls,
        seed: int,
        *,
        engagements: int = 24,
        lines: int = 5200,
        workers: int | None = None,
        today: date | None = None,
    ) -> Firm:
        """Return the firm of a seed.

        Args:
            seed: another one makes other names, prices and hours.
            engagements: how many deals are won; with 24 each billing method is sold in each entity.
            lines: of time, at least; a dozen at least, so that each kind of mistake happens.
            workers: consultants; about two for each engagement unless said otherwise.
            today: the day on which the twelve weeks of time end; the machine's day in UTC by default.
        """
        random = Random(seed)  # noqa: S311 - a simulated firm must repeat itself
        day = today or datetime.now(UTC).date()
        clients = win_clients(random)
        staff = hire(workers or max(9, 2 * engagements - 3), day, random)
        deals = sell(engagements, day, clients, staff, random)
        return cls(
            seed=seed,
            today=day,
            entities=ENTITIES,
            clients=clients,
            workers=staff,
            office=hire_office(day),
            deals=deals,
            lines=fill_time_sheets(lines, day, deals, staff, random),
        )

    @property
    def cycles(self) -> int:
        """How many invoices the months played should bring, roughly: one per month or milestone and deal."""
        return sum(len(deal.milestones) if deal.method is Method.MILESTONE else _MONTHS_PLAYED for deal in self.deals)

    def client(self, code: str) -> Client:
        """Return a client by its code."""
        return next(client for client in self.clients if client.code == code)

    def worker(self, number: str) -> Worker:
        """Return a consultant by number."""
        return next(worker for worker in self.workers if worker.number == number)
