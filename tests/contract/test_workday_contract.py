"""Workday, simulated, under the contract of a feed of workers. R-SYS-06, R-TST-01."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from accordant.connectors.workday import WorkdayConnector
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.ports import FeedPage
from accordant.simulators.workday import WorkdaySimulator
from accordant.testing import ConnectorContract, FeedBench, SimulatedBench, WorkerFeedContract


class WorkdayBench(SimulatedBench, FeedBench):
    """A tenant with its reference data, read two workers at a time."""

    lacks: ClassVar = {
        "deletions": "a worker is never deleted; a hire that is rescinded comes as inactive from its first day",
        "drift": "answers are XML under a versioned schema, to which the tenant adds nothing",
    }

    def __init__(self) -> None:
        sim = WorkdaySimulator()
        for id, kind in (("UK01", "COMPANY"), ("CC-1", "COST_CENTER"), ("CC-2", "COST_CENTER")):
            sim.force.organization(id, id, kind)
        sim.force.location("LON", "London")
        sim.force.job_profile("CONS", "Consultant")
        self.hired = 0
        settings = WorkdaySettings(
            url="http://hris.example",
            tenant=sim.login.tenant,
            client_id=sim.login.client_id,
            client_secret=sim.login.client_secret,
            refresh_token=sim.login.refresh_token,
            history_from=date(2025, 1, 1),
            page_size=2,
        )
        self.secrets = (sim.login.client_secret, sim.login.refresh_token)
        super().__init__(sim, lambda http: WorkdayConnector("workday-main", settings, http))

    async def page(self, watermark: str | None) -> FeedPage:
        return await self.connector.workers_since(watermark)

    async def add(self, name: str) -> str:
        self.hired += 1
        number = f"2100{self.hired}"
        facts = {"first_name": "Ada", "last_name": name, "company": "UK01", "email": ""}
        self.sim.force.hire(number, date(2025, 3, 1), cost_center="CC-1", location="LON", job_profile="CONS", **facts)
        return f"Employee_ID={number}"

    async def touch(self, id: str) -> None:
        self.sim.force.change(id.removeprefix("Employee_ID="), date(2025, 6, 1), cost_center="CC-2")

    def name_of(self, body) -> str:
        return body.name.removeprefix("Ada ")


class OnWorkday:
    connector = "workday"

    def bench(self) -> WorkdayBench:
        return WorkdayBench()


class TestConnector(OnWorkday, ConnectorContract): ...


class TestWorkerFeed(OnWorkday, WorkerFeedContract): ...
