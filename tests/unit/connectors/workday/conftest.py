import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest

from accordant.canonical import Worker
from accordant.connectors.workday import WorkdayConnector
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.platform.http import in_process
from accordant.ports import FeedPage, Observation
from accordant.simulators._shared import Fault
from accordant.simulators.workday import WorkdaySimulator

T = TypeVar("T")
HISTORY_FROM = date(2024, 1, 1)


class House:
    """A tenant with reference data, and our connector to it."""

    def __init__(self) -> None:
        self.sim = WorkdaySimulator()
        self.force = self.sim.force
        for id, name, kind in (
            ("UK01", "Meridian UK", "COMPANY"),
            ("DE01", "Meridian DE", "COMPANY"),
            ("CC-100", "Advisory", "COST_CENTER"),
            ("CC-200", "Delivery", "COST_CENTER"),
        ):
            self.force.organization(id, name, kind)
        self.force.location("LON", "London")
        self.force.location("BER", "Berlin")
        self.force.job_profile("CONS", "Consultant")
        self.force.job_profile("CONS-SR", "Senior Consultant")
        self.today = self.sim.now().date()
        login = self.sim.login
        self.settings = WorkdaySettings(
            url="http://sim",
            tenant=login.tenant,
            client_id=login.client_id,
            client_secret=login.client_secret,
            refresh_token=login.refresh_token,
            history_from=HISTORY_FROM,
        )

    def hire(self, id: str = "21001", on: date = date(2024, 3, 1), **facts: Any) -> Any:
        defaults = {
            "first_name": "Ada",
            "last_name": "O'Brien",
            "email": f"{id}@meridian.example",
            "company": "UK01",
            "cost_center": "CC-100",
            "job_profile": "CONS",
            "location": "LON",
            "at": datetime(2024, 2, 1, tzinfo=UTC),
        }
        return self.force.hire(id, on, **(defaults | facts))

    def pass_time(self, **span: float) -> None:
        self.sim.clock.offset += timedelta(**span)

    def run(self, story: Callable[[WorkdayConnector], Awaitable[T]], **settings: Any) -> T:
        async def told() -> T:
            connection = self.settings.model_copy(update=settings)
            connector = WorkdayConnector("workday-main", connection, in_process(self.sim.app, timeout_s=0.3))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(told())

    def page(self, watermark: str | None = None, **settings: Any) -> FeedPage[Worker]:
        return self.run(lambda workday: workday.workers_since(watermark), **settings)

    def read(self, watermark: str | None = None, **settings: Any) -> tuple[list[Observation[Worker]], str]:
        """Read to the end, as intake does; returns what was seen and where to go on."""
        seen: list[Observation[Worker]] = []
        while True:
            page = self.page(watermark, **settings)
            seen += page.observations
            watermark = page.watermark
            if not page.more:
                return seen, watermark

    def start(self) -> str:
        """Read everything there is, let the overlap pass, and return where to go on."""
        _, watermark = self.read()
        self.pass_time(minutes=6)
        return watermark

    def arm(self, name: str, on: str = "*", times: int | None = 1, **options: Any) -> Fault:
        return self.sim.faults.arm(Fault(name, on=on, times=times, options=options))


@pytest.fixture
def house() -> House:
    return House()
