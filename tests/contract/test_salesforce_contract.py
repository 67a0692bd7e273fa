"""Salesforce, simulated, under the contract of every capability of a CRM. R-SYS-01, R-TST-01."""

from __future__ import annotations

import httpx2
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from accordant.connectors._shared.salesforce import ACKNOWLEDGE
from accordant.connectors.salesforce import SalesforceConnector
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.kernel import ExternalId
from accordant.ports import FeedPage
from accordant.simulators._shared import Document
from accordant.simulators.salesforce import SalesforceSimulator
from accordant.simulators.salesforce.metadata import OBJECTS
from accordant.testing import (
    ConnectorContract,
    CustomerBench,
    CustomerRegistryContract,
    DealDoorbellContract,
    DealFeedContract,
    DoorbellBench,
    EngagementStatusContract,
    FeedBench,
    SimulatedBench,
    StatusBench,
)


class SalesforceBench(SimulatedBench, CustomerBench, StatusBench, DoorbellBench, FeedBench):
    """An empty org, read two deals at a time."""

    calls = "* /services/data/*"
    enforces_keys = True
    secrets = ("simulated-secret",)

    def __init__(self) -> None:
        sim = SalesforceSimulator()
        settings = SalesforceSettings(
            url="http://crm.example",
            organization_id=sim.org.organization_id,
            client_id="simulated-client",
            client_secret="simulated-secret",
            page_size=2,
        )
        super().__init__(sim, lambda http: SalesforceConnector("salesforce-main", settings, http))

    async def books(self) -> list[Document]:
        kinds = {"account": "customer"}
        return [
            Document(
                kinds.get(d.kind, d.kind), d.id, d.key, state=d.state, facts=d.facts | {"name": d.facts.get("Name")}
            )
            for d in self.sim.books.documents()
        ]

    async def stranger(self, name: str) -> ExternalId:
        return self.ref("Account", self.sim.create("Account", Name=name, BillingCountryCode="GB"))

    async def target(self) -> ExternalId:
        return self.ref("Opportunity", await self.add("Deal"))

    async def page(self, watermark: str | None) -> FeedPage:
        return await self.connector.deals_since(watermark)

    async def add(self, name: str) -> str:
        account = self.sim.create("Account", Name=name, BillingCountryCode="GB")
        contract = self.sim.create("Contract", AccountId=account, StartDate="2026-11-01", ContractTerm=6)
        return self.sim.create(
            "Opportunity",
            Name=name,
            StageName="Closed Won",
            CloseDate="2026-11-20",
            AccountId=account,
            ContractId=contract,
        )

    async def touch(self, id: str) -> None:
        self.sim.update("Opportunity", id, Practice__c="Risk")

    async def remove(self, id: str) -> None:
        self.sim.org.delete(OBJECTS["Opportunity"], id)

    def name_of(self, body) -> str:
        return body.name

    async def ring(self) -> tuple[bytes, str]:
        bodies = []

        async def hook(request):
            bodies.append(await request.body())
            return Response(ACKNOWLEDGE, media_type="text/xml")

        app = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
        self.sim.listen("http://us/hook", transport=httpx2.ASGITransport(app=app))
        deal = self.sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")
        self.sim.update("Opportunity", deal, StageName="Closed Won")
        await self.sim.outbound.drain()
        return bodies[0], deal

    async def foreign_ring(self) -> bytes:
        body, _ = await self.ring()
        return body.replace(self.sim.org.organization_id.encode(), b"00DAc0000000099")


class OnSalesforce:
    connector = "salesforce"

    def bench(self) -> SalesforceBench:
        return SalesforceBench()


class TestConnector(OnSalesforce, ConnectorContract): ...


class TestCustomerRegistry(OnSalesforce, CustomerRegistryContract): ...


class TestEngagementStatus(OnSalesforce, EngagementStatusContract): ...


class TestDealDoorbell(OnSalesforce, DealDoorbellContract): ...


class TestDealFeed(OnSalesforce, DealFeedContract): ...
