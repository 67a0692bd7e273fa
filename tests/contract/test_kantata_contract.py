"""Kantata, simulated, under the contract of every capability of a PSA. R-SYS-10, R-TST-01."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from accordant.connectors.kantata import KantataConnector, KantataSettings
from accordant.kernel import ExternalId
from accordant.ports import FeedPage
from accordant.simulators._shared import Document
from accordant.simulators.kantata import TOKEN, KantataSimulator
from accordant.testing import (
    ConnectorContract,
    CustomerBench,
    CustomerRegistryContract,
    DirectoryBench,
    EngagementStatusContract,
    FeedBench,
    PeopleDirectoryContract,
    ProjectBench,
    ProjectSetupContract,
    SimulatedBench,
    StaffingBench,
    StaffingContract,
    StatusBench,
    TimeFeedContract,
)

PARTS = ("stories", "workspace_resources", "workspace_allocations", "custom_field_values")


class KantataBench(SimulatedBench, CustomerBench, ProjectBench, StaffingBench, StatusBench, DirectoryBench):
    """An account with its roles and custom fields, a company and a project of nobody's."""

    calls = "* /api/v1/*"
    in_parts = frozenset({"create_project", "request_staffing"})
    secrets = (TOKEN,)

    def __init__(self, **settings) -> None:
        sim = KantataSimulator(event_delay_s=0.0, event_duplicate_rate=0.0)
        sim.load("workspace_groups", [{"name": "Northwind", "company": True}])
        sim.load("workspaces", [{"title": "Theirs", "currency": "GBP"}])
        given = KantataSettings(
            url="http://psa.example/api/v1",
            access_token=TOKEN,
            approver_ids=("2",),
            throttle_wait_s=(0.001, 0.002),
            **settings,
        )
        super().__init__(sim, lambda http: KantataConnector("kantata-main", given, http, clock=sim.clock))

    async def books(self) -> list[Document]:
        parts = [Document(name, str(n)) for name in PARTS for n in range(len(self.sim.account[name]))]
        return [*self.sim.books.documents(), *parts]

    async def stranger(self, name: str) -> ExternalId:
        (record,) = self.sim.load("workspace_groups", [{"name": name, "company": True}])
        return self.ref("workspace_groups", record.id)

    async def customer(self) -> ExternalId:
        return self.ref("workspace_groups", "1")

    async def project(self) -> ExternalId:
        return self.ref("workspaces", "1")

    async def target(self) -> ExternalId:
        return self.ref("workspaces", "1")

    async def book_time(self, project: ExternalId) -> None:
        self.entry(project.value, "")

    async def person(self, email: str) -> str:
        (record,) = self.sim.load("users", [{"full_name": "Somebody", "email_address": email}])
        return record.id

    def entry(self, workspace: str, note: str) -> str:
        now = datetime.now(UTC) + self.sim.clock.offset
        row = {
            "workspace_id": workspace,
            "user_id": "2",
            "role_id": "3",
            "date_performed": "2026-05-06",
            "time_in_minutes": 90,
            "rate_in_cents": 20000,
            "notes": note,
            "created_at": now.replace(microsecond=0),
            "updated_at": now.replace(microsecond=0),
        }
        return self.sim.load_time_entries([row])[0].id


class TimeBench(KantataBench, FeedBench):
    """The same account, with people who log time."""

    page_size = 200  # a constant of the connector
    overlap = timedelta(seconds=30)

    async def page(self, watermark: str | None) -> FeedPage:
        return await self.connector.time_since(watermark)

    async def add(self, name: str) -> str:
        return self.entry("1", name)

    async def touch(self, id: str) -> None:
        self.sim.account.change("time_entries", self.sim.account.at("time_entries", id), "1", notes="changed")

    async def remove(self, id: str) -> None:
        self.sim.account.remove("time_entries", self.sim.account.at("time_entries", id), "1")

    def name_of(self, body) -> str:
        return body.note


class OnKantata:
    connector = "kantata"

    def bench(self) -> KantataBench:
        return KantataBench()


class TestConnector(OnKantata, ConnectorContract): ...


class TestCustomerRegistry(OnKantata, CustomerRegistryContract): ...


class TestProjectSetup(OnKantata, ProjectSetupContract): ...


class TestStaffing(OnKantata, StaffingContract): ...


class TestEngagementStatus(OnKantata, EngagementStatusContract): ...


class TestPeopleDirectory(OnKantata, PeopleDirectoryContract): ...


class TestTimeFeed(OnKantata, TimeFeedContract):
    def bench(self) -> TimeBench:
        return TimeBench()
