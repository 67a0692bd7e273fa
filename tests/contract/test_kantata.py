"""What the Kantata connector promises at every step of every write: its word and the account's own books agree.

R-SYS-10, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accordant.canonical import BillingMethod, Customer, Project, Task
from accordant.connectors.kantata import KantataConnector, KantataSettings
from accordant.kernel import AccordantError, ExternalId, Money, UnknownOutcome
from accordant.platform.http import in_process
from accordant.ports import Absent, EngagementStatus, Found, StaffingRequest
from accordant.simulators._shared import Document, Fault
from accordant.simulators.kantata import TOKEN, KantataSimulator

SYSTEM = "kantata-main"
KEY = "k_1#1"
FAULTS = ("429", "500", "expired_token", "timeout_before_commit", "timeout_after_commit", "half_body", "html_error")
HOSTILE = '=HYPERLINK("A|B") O\'Brien שלום 😀'
CUSTOMER = Customer(id="cus_1", name=HOSTILE, country="GB", city="Leeds")
PROJECT = Project(
    id="prj_1",
    code="P-1",
    name=HOSTILE,
    customer_id="cus_1",
    contract_id="con_1",
    entity="uk01",
    currency="GBP",
    billing_method=BillingMethod.TIME_AND_MATERIALS,
    start_on=date(2026, 6, 1),
    tasks=(Task(code="T/1", name=HOSTILE), Task(code="T2", name="Go-live", is_milestone=True)),
)
STATUS = EngagementStatus(state="ready_to_bill", invoiced=Money.of("1000.10", "GBP"), as_of=date(2026, 11, 20))
REQUEST = StaffingRequest(role="Consultant", hours=Decimal(80), start_on=date(2026, 6, 1), end_on=date(2026, 6, 30))


@dataclass
class World:
    """An account with one company and one project of nobody's."""

    sim: KantataSimulator

    @classmethod
    def begin(cls) -> World:
        sim = KantataSimulator(event_duplicate_rate=0.0)
        sim.load("workspace_groups", [{"name": "Northwind", "company": True}])
        sim.load("workspaces", [{"title": "Theirs", "currency": "GBP"}])
        return cls(sim)

    def run(self, story: Callable[[KantataConnector], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            settings = KantataSettings(
                url="http://psa.example/api/v1", access_token=TOKEN, approver_ids=("2",), throttle_wait_s=(0.001, 0.002)
            )
            connector = KantataConnector(SYSTEM, settings, in_process(self.sim.app, timeout_s=0.05))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(whole())

    def books(self, kind: str) -> list[Document]:
        return [d for d in self.sim.books.documents() if d.kind == kind]

    def count(self, collection: str) -> int:
        return len(self.sim.account[collection])


def ref(type_: str, id: str) -> ExternalId:
    return ExternalId(system=SYSTEM, type=type_, value=id)


@dataclass(frozen=True)
class Write:
    """One write of the connector, how it is found again, and what the books must show once it is done."""

    do: Callable[[KantataConnector], Awaitable[Any]]
    find: Callable[[KantataConnector], Awaitable[Any]]
    made: Callable[[World], Any]
    expected: Any
    steps: int


async def status_reads_back(connector: KantataConnector) -> Found | Absent:
    seen = await connector.read_engagement_status(ref("workspaces", "1"))
    return Found(None) if seen == STATUS else Absent()


async def is_withdrawn(connector: KantataConnector) -> Found | Absent:
    envelope = await connector.client.page("workspaces", operation="test", archived="only")
    return Found(None) if envelope.total else Absent()


def by_key(name: str) -> Callable[[KantataConnector], Awaitable[Any]]:
    async def find(connector: KantataConnector) -> Any:
        return (await getattr(connector, name)((KEY,)))[KEY]

    return find


WRITES = {
    "create_project": Write(
        do=lambda k: k.create_project(PROJECT, customer=ref("workspace_groups", "1"), key=KEY),
        find=by_key("find_projects"),
        made=lambda w: (
            [d.state for d in w.books("project") if d.key == KEY],
            w.count("workspaces"),
            w.count("stories"),
        ),
        expected=(["active"], 2, 2),
        steps=6,
    ),
    "request_staffing": Write(
        do=lambda k: k.request_staffing(REQUEST, project=ref("workspaces", "1"), key=KEY),
        find=by_key("find_staffing_requests"),
        made=lambda w: (
            [d.state for d in w.books("resource_request") if d.key == KEY],
            w.count("workspace_resources"),
            w.count("workspace_allocations"),
        ),
        expected=(["new"], 1, 1),
        steps=6,
    ),
    "create_customer": Write(
        do=lambda k: k.create_customer(CUSTOMER, entity="uk01", currency="GBP", key=KEY),
        find=by_key("find_customers"),
        made=lambda w: ([d.facts["name"] for d in w.books("customer") if d.key == KEY], w.count("workspace_groups")),
        expected=([HOSTILE], 2),
        steps=1,
    ),
    "adopt_customer": Write(
        do=lambda k: k.adopt_customer(ref("workspace_groups", "1"), entity="uk01", currency="GBP", key=KEY),
        find=by_key("find_customers"),
        made=lambda w: ([d.id for d in w.books("customer") if d.key == KEY], w.count("workspace_groups")),
        expected=(["1"], 1),
        steps=2,
    ),
    "put_engagement_status": Write(
        do=lambda k: k.put_engagement_status(ref("workspaces", "1"), STATUS, key=KEY),
        find=status_reads_back,
        made=lambda w: (w.books("project")[0].facts["engagement_state"], w.count("custom_field_values")),
        expected=("ready_to_bill", 3),
        steps=2,
    ),
    "withdraw_project": Write(
        do=lambda k: k.withdraw_project(ref("workspaces", "1"), key=KEY),
        find=is_withdrawn,
        made=lambda w: [d.state for d in w.books("project")],
        expected=["archived"],
        steps=2,
    ),
}
STEPS = [(name, step) for name, write in WRITES.items() for step in range(write.steps)]


@pytest.mark.parametrize(("name", "step"), STEPS)
@pytest.mark.parametrize("fault", FAULTS)
class TestWriteUnderFault:
    """The fault strikes the call number `step` of the write."""

    def test_its_word_agrees_with_the_books(self, name, step, fault):
        world, write = World.begin(), WRITES[name]
        armed = world.sim.faults.arm(Fault(fault, on="* /api/v1/*", after=step))

        async def story(connector: KantataConnector) -> tuple[str, bool]:
            try:
                await write.do(connector)
                said = "done"
            except UnknownOutcome as error:
                said = f"unknown {error.lookup_key}"
            except AccordantError:
                said = "not done"
            world.sim.faults.clear()
            return said, isinstance(await write.find(connector), Found)

        said, found = world.run(story)

        assert armed.struck == 1
        assert (write.made(world) == write.expected) or not found
        assert said == f"unknown {KEY}" or (said == "done") == found

    def test_looked_up_and_sent_again_it_is_there_once(self, name, step, fault):
        world, write = World.begin(), WRITES[name]
        world.sim.faults.arm(Fault(fault, on="* /api/v1/*", after=step))

        async def story(connector: KantataConnector) -> None:
            try:
                await write.do(connector)
            except UnknownOutcome:
                if not isinstance(await write.find(connector), Found):
                    await write.do(connector)
            except AccordantError:
                await write.do(connector)

        world.run(story)

        assert write.made(world) == write.expected
