"""What the Salesforce connector promises whatever goes wrong: its answer and the org's own books never disagree.

R-SYS-01, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from accordant.canonical import Customer
from accordant.connectors.salesforce import SalesforceConnector
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.kernel import AccordantError, ExternalId, Money, UnknownOutcome
from accordant.platform.http import in_process
from accordant.ports import Absent, EngagementStatus, Found
from accordant.simulators._shared import Document, Fault
from accordant.simulators.salesforce import SalesforceSimulator

SYSTEM = "salesforce-main"
FAULTS = ("429", "500", "expired_token", "timeout_before_commit", "timeout_after_commit", "half_body", "html_error")
KEY = "cus_1#1"
CUSTOMER = Customer(id="cus_1", name='=HYPERLINK("A|B") O\'Brien שלום 😀', country="GB", vat_number="GB1")
STATUS = EngagementStatus(
    state="ready_to_bill",
    project_code="P-100",
    payment_status="part_paid",
    invoiced=Money.of("1000.10", "GBP"),
    paid=Money.of("0.05", "GBP"),
    as_of=date(2026, 11, 20),
)


@dataclass
class World:
    """An org with one account of nobody's and one won deal."""

    sim: SalesforceSimulator
    account: str
    deal: str

    @classmethod
    def begin(cls) -> World:
        sim = SalesforceSimulator()
        account = sim.create("Account", Name="Merlin")
        deal = sim.create("Opportunity", Name="Deal", StageName="Closed Won", CloseDate="2026-11-20")
        return cls(sim, account, deal)

    def run(self, story: Callable[[SalesforceConnector], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            settings = SalesforceSettings(
                url="http://crm.example",
                organization_id=self.sim.org.organization_id,
                client_id="simulated-client",
                client_secret="simulated-secret",
            )
            http = in_process(self.sim.app, timeout_s=0.15)
            connector = SalesforceConnector(SYSTEM, settings, http)
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(whole())

    def books(self, kind: str) -> list[Document]:
        return [document for document in self.sim.books.documents() if document.kind == kind]

    def ref(self, type_: str, id: str) -> ExternalId:
        return ExternalId(system=SYSTEM, type=type_, value=id)


async def create(world, connector):
    return await connector.create_customer(CUSTOMER, entity="uk01", currency="GBP", key=KEY)


async def adopt(world, connector):
    ref = world.ref("Account", world.account)
    return await connector.adopt_customer(ref, entity="uk01", currency="GBP", key=KEY)


async def put(world, connector):
    return await connector.put_engagement_status(world.ref("Opportunity", world.deal), STATUS, key="k1")


def keyed(world):
    return sum(document.key == KEY for document in world.books("account"))


def has_status(world):
    (document,) = world.books("opportunity")
    return int(document.facts["Engagement_State__c"] == "Ready to bill")


async def looked_up(world, connector):
    answer = (await connector.find_customers((KEY,)))[KEY]
    assert isinstance(answer, Found | Absent)
    return int(isinstance(answer, Found))


async def read_back(world, connector):
    return int(await connector.read_engagement_status(world.ref("Opportunity", world.deal)) == STATUS)


WRITES = {"create": (create, keyed, looked_up), "adopt": (adopt, keyed, looked_up), "put": (put, has_status, read_back)}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("fault", FAULTS)
class TestWriteUnderFault:
    def test_its_word_agrees_with_the_books(self, write, method, fault):
        world = World.begin()
        operation, in_books, look_up = WRITES[write]
        world.sim.faults.arm(Fault(fault, on=f"{method} /services/data/*", options={"hang_s": 1}))

        async def story(connector):
            try:
                await operation(world, connector)
                said = "done"
            except UnknownOutcome:
                said = "unknown"
            except AccordantError:
                said = "not done"
            world.sim.faults.clear()
            return said, await look_up(world, connector)

        said, found = world.run(story)

        assert in_books(world) == found
        assert said == "unknown" or (said == "done") == bool(found)

    def test_once_more_after_any_outcome_it_is_there_once(self, write, method, fault):
        world = World.begin()
        operation, in_books, _ = WRITES[write]
        world.sim.faults.arm(Fault(fault, on=f"{method} /services/data/*", options={"hang_s": 1}))

        async def story(connector):
            try:
                await operation(world, connector)
            except AccordantError:
                await operation(world, connector)

        world.run(story)

        assert in_books(world) == 1
        assert len(world.books("account")) == (2 if write == "create" else 1)


class TestReadBack:
    def test_what_was_written_reads_the_same(self):
        world = World.begin()

        async def story(connector):
            await create(world, connector)
            await put(world, connector)
            matched = await connector.match_customers(CUSTOMER)
            return matched, await connector.read_engagement_status(world.ref("Opportunity", world.deal))

        (matched,), status = world.run(story)

        assert matched.body.model_copy(update={"id": CUSTOMER.id, "currency": None}) == CUSTOMER
        assert status == STATUS
