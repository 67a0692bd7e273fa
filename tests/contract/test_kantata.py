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
from accordant.kernel import ExternalId, Money
from accordant.platform.http import in_process
from accordant.ports import EngagementStatus, StaffingRequest
from accordant.simulators._shared import Document
from accordant.simulators.kantata import TOKEN, KantataSimulator

SYSTEM = "kantata-main"
KEY = "k_1#1"
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
    """One write of the connector, and what the books must show once it is done."""

    do: Callable[[KantataConnector], Awaitable[Any]]
    made: Callable[[World], Any]
    expected: Any
    steps: int


WRITES = {
    "create_project": Write(
        do=lambda k: k.create_project(PROJECT, customer=ref("workspace_groups", "1"), key=KEY),
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
        made=lambda w: ([d.facts["name"] for d in w.books("customer") if d.key == KEY], w.count("workspace_groups")),
        expected=([HOSTILE], 2),
        steps=1,
    ),
    "adopt_customer": Write(
        do=lambda k: k.adopt_customer(ref("workspace_groups", "1"), entity="uk01", currency="GBP", key=KEY),
        made=lambda w: ([d.id for d in w.books("customer") if d.key == KEY], w.count("workspace_groups")),
        expected=(["1"], 1),
        steps=2,
    ),
    "put_engagement_status": Write(
        do=lambda k: k.put_engagement_status(ref("workspaces", "1"), STATUS, key=KEY),
        made=lambda w: (w.books("project")[0].facts["engagement_state"], w.count("custom_field_values")),
        expected=("ready_to_bill", 3),
        steps=2,
    ),
    "withdraw_project": Write(
        do=lambda k: k.withdraw_project(ref("workspaces", "1"), key=KEY),
        made=lambda w: [d.state for d in w.books("project")],
        expected=["archived"],
        steps=2,
    ),
}


@pytest.mark.parametrize("name", WRITES)
class TestWrite:
    """Without any fault; faults are the contract's (test_kantata_contract.py)."""

    def test_does_what_it_says_in_as_many_calls_as_are_said_here(self, name):
        world, write = World.begin(), WRITES[name]

        world.run(write.do)

        assert write.made(world) == write.expected
        assert len(world.sim.calls) == write.steps
