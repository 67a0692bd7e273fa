"""What the Salesforce connector promises whatever goes wrong: its answer and the org's own books never disagree.

R-SYS-01, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from accordant.canonical import Customer
from accordant.connectors.salesforce import SalesforceConnector
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.kernel import ExternalId, Money
from accordant.platform.http import in_process
from accordant.ports import EngagementStatus
from accordant.simulators._shared import Document
from accordant.simulators.salesforce import SalesforceSimulator

SYSTEM = "salesforce-main"
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


class TestBooks:
    def test_a_created_account_is_beside_the_one_that_was_there_an_adopted_one_is_it(self):
        created, adopted = World.begin(), World.begin()

        created.run(lambda connector: create(created, connector))
        adopted.run(lambda connector: adopt(adopted, connector))

        assert (keyed(created), len(created.books("account"))) == (1, 2)
        assert (keyed(adopted), len(adopted.books("account"))) == (1, 1)

    def test_a_status_stands_in_the_words_of_the_org(self):
        world = World.begin()

        world.run(lambda connector: put(world, connector))

        assert has_status(world) == 1
