"""The connector against the simulated account, in process."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accordant.canonical import BillingMethod, Customer, Project, Task
from accordant.connectors.kantata import KantataConnector, KantataSettings
from accordant.kernel import ExternalId
from accordant.platform.http import in_process
from accordant.ports import StaffingRequest
from accordant.simulators._shared import Fault
from accordant.simulators.kantata import TOKEN, KantataSimulator

SYSTEM = "kantata-main"


class SteppedClock:
    """Our clock, moved by hand."""

    def __init__(self):
        self.at = datetime(2026, 6, 1, tzinfo=UTC)

    def now(self):
        return self.at

    def step(self, seconds):
        self.at += timedelta(seconds=seconds)


class Bench:
    """A simulated account and connectors to it."""

    def __init__(self):
        self.sim = KantataSimulator(event_delay_s=0.0, event_duplicate_rate=0.0)
        self.clock = SteppedClock()
        self.settings = KantataSettings(
            url="http://sim/api/v1", access_token=TOKEN, approver_ids=("2",), throttle_wait_s=(0.001, 0.002)
        )

    def run(self, work, **http_options):
        """Run `work(connector)` in an event loop of its own."""

        async def main():
            http = in_process(self.sim.app, **({"timeout_s": 0.15} | http_options))
            connector = KantataConnector(SYSTEM, self.settings, http, clock=self.clock)
            try:
                return await work(connector)
            finally:
                await connector.aclose()

        return asyncio.run(main())

    def fault(self, name, on="*", **options):
        rest = {k: options.pop(k) for k in ("times", "after", "rate") if k in options}
        return self.sim.faults.arm(Fault(name, on=on, options=options, **rest))

    def books(self, kind):
        return [d for d in self.sim.books.documents() if d.kind == kind]

    def calls(self, method, path):
        return [o for o, *_ in self.sim.calls if o == f"{method} /api/v1/{path}"]

    def a_workspace(self, **fields):
        return self.sim.load("workspaces", [{"title": "Rollout", "currency": "GBP"} | fields])[0].id

    def entries(self, workspace_id, count, **fields):
        row = {"workspace_id": workspace_id, "user_id": "2", "role_id": "3", "date_performed": "2026-05-06",
               "time_in_minutes": 90, "rate_in_cents": 20000}  # fmt: skip
        return [r.id for r in self.sim.load_time_entries([row | fields] * count)]


def a_project(**fields):
    given = {
        "id": "prj_1",
        "code": "P-1001",
        "name": "Rollout",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "entity": "uk01",
        "currency": "GBP",
        "billing_method": BillingMethod.CAPPED,
        "start_on": date(2026, 6, 1),
        "end_on": date(2026, 9, 30),
        "tasks": (Task(code="T1", name="Design"), Task(code="M1", name="Go-live", is_milestone=True)),
    }
    return Project(**given | fields)


def a_customer(**fields):
    return Customer(**{"id": "cus_1", "name": "Northwind Energy", "country": "GB", "city": "Leeds"} | fields)


def a_request(**fields):
    given = {"role": "Consultant", "hours": Decimal(80), "start_on": date(2026, 6, 1), "end_on": date(2026, 6, 30)}
    return StaffingRequest(**given | fields)


def ref(type_, value):
    return ExternalId(system=SYSTEM, type=type_, value=value)
