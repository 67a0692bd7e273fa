"""A simulated org in process, and a client that logs in and calls it."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from accordant.simulators.salesforce import SalesforceSimulator

ROOT = "/services/data/v59.0"
SECRETS = {"client_id": "simulated-client", "client_secret": "simulated-secret"}


class OrgClient:
    """Calls the simulator over ASGI, one event loop per call."""

    def __init__(self, sim: SalesforceSimulator) -> None:
        self.sim = sim
        self.token = ""

    def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return asyncio.run(self.asend(method, path, **options))

    async def asend(self, method: str, path: str, **options: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.sim.app)
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        if "json" in options:
            options["content"] = json.dumps(options.pop("json"), default=float)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as client:
            return await client.request(method, path, headers=headers, **options)

    def login(self) -> httpx2.Response:
        answer = self.send(
            "POST", "/services/oauth2/token", data={"grant_type": "client_credentials", **SECRETS}, headers={}
        )
        self.token = answer.json()["access_token"]
        return answer

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.send("GET", ROOT + path, **options)

    def post(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        return self.send("POST", ROOT + path, json=body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        return self.send("PATCH", ROOT + path, json=body, **options)

    def delete(self, path: str, **options: Any) -> httpx2.Response:
        return self.send("DELETE", ROOT + path, **options)

    def query(self, soql: str, **options: Any) -> Any:
        answer = self.get("/query", params={"q": soql}, **options)
        return answer.json()

    def names(self, soql: str) -> list[str]:
        return [record["Name"] for record in self.query(soql)["records"]]


@pytest.fixture
def sim() -> SalesforceSimulator:
    return SalesforceSimulator()


@pytest.fixture
def org(sim: SalesforceSimulator) -> OrgClient:
    client = OrgClient(sim)
    client.login()
    return client


@pytest.fixture
def won_deal(sim: SalesforceSimulator) -> str:
    """The id of a won opportunity with an account, an activated contract, a milestone and two lines."""
    account = sim.create("Account", Name="Kestrel Foods", BillingCountryCode="GB", VAT_Number__c="GB123456789")
    contract = sim.create("Contract", AccountId=account, StartDate="2026-11-01", ContractTerm=6)
    sim.update("Contract", contract, Status="Activated")
    sim.create("Milestone__c", Name="Report", Contract__c=contract, Amount__c=Decimal(5000))
    deal = sim.create(
        "Opportunity",
        Name="Ledger review",
        StageName="Closed Won",
        CloseDate="2026-11-20",
        AccountId=account,
        ContractId=contract,
    )
    for code, hours, rate in (("CONS-SR", 40, "150.50"), ("CONS-JR", 10, "90")):
        product = sim.create("Product2", Name=code, ProductCode=code)
        sim.create(
            "OpportunityLineItem",
            OpportunityId=deal,
            Product2Id=product,
            Quantity=Decimal(hours),
            UnitPrice=Decimal(rate),
        )
    return deal
