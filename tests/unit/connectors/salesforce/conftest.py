"""The connector against a simulated org in process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from accordant.connectors.salesforce import SalesforceConnector
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.platform.http import in_process
from accordant.simulators.salesforce import SalesforceSimulator

SYSTEM = "salesforce-main"


class Estate:
    """One simulated org and what runs one story against it."""

    def __init__(self) -> None:
        self.sim = SalesforceSimulator()
        self.settings = SalesforceSettings(
            url="http://crm.example",
            organization_id=self.sim.org.organization_id,
            client_id="simulated-client",
            client_secret="simulated-secret",
        )

    def run(self, story: Callable[[SalesforceConnector], Awaitable[Any]], **settings: Any) -> Any:
        """Open a connector, run the story, close it."""

        async def whole() -> Any:
            chosen = self.settings.model_copy(update=settings)
            connector = SalesforceConnector(SYSTEM, chosen, in_process(self.sim.app))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(whole())

    def record(self, sobject: str, id: str) -> dict[str, Any]:
        return self.sim.org.tables[sobject].get(id).data

    def calls(self, method: str = "") -> list[str]:
        """Return the operations of the data API that were called, oldest first."""
        return [operation for operation, *_ in self.sim.calls if "/data/" in operation and operation.startswith(method)]

    def a_won_deal(self, **fields: Any) -> str:
        """Create a complete deal and return its id."""
        sim = self.sim
        account = sim.create(
            "Account", Name="O'Brien & Søn 😀", BillingCountryCode="GB", VAT_Number__c="GB123456789", LEI__c="L" * 20
        )
        contract = sim.create(
            "Contract",
            AccountId=account,
            StartDate="2026-11-01",
            ContractTerm=6,
            Billing_Method__c="Time and materials with cap",
            Cap_Amount__c=Decimal("60000.00"),
            PO_Number__c="PO-77",
            Payment_Terms_Days__c=Decimal(30),
            Version__c=Decimal(2),
            Effective_Date__c="2026-11-15",
            Entity__c="uk01",
        )
        sim.update("Contract", contract, Status="Activated")
        for number, name in enumerate(("Draft report", "Final report"), 1):
            sim.create(
                "Milestone__c",
                Name=name,
                Contract__c=contract,
                Amount__c=Decimal(5000 * number),
                Due_Date__c=f"2026-12-0{number}",
                Sequence__c=Decimal(number),
                Evidence_Required__c=number == 2,
            )
        deal = sim.create(
            "Opportunity",
            **{
                "Name": "Ledger review",
                "StageName": "Closed Won",
                "CloseDate": "2026-11-20",
                "AccountId": account,
                "ContractId": contract,
                "Entity__c": "uk01",
                "Practice__c": "Risk",
                "Delivery_Lead_Email__c": "lead@meridian.example",
            }
            | fields,
        )
        for code, hours, rate in (("CONS-SR", "40", "150.5"), ("CONS-JR", "10", "90")):
            product = sim.create("Product2", Name=code, ProductCode=code)
            sim.create(
                "OpportunityLineItem",
                OpportunityId=deal,
                Product2Id=product,
                Quantity=Decimal(hours),
                UnitPrice=Decimal(rate),
            )
        return deal


@pytest.fixture
def estate() -> Estate:
    return Estate()
