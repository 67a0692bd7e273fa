"""NetSuite, simulated, under the contract of every capability of an ERP. R-SYS-03, R-TST-01."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import ClassVar

from accordant.connectors.netsuite import NetSuiteConnector, NetSuiteSettings
from accordant.connectors.netsuite.keys import key_of
from accordant.kernel import ExternalId
from accordant.ports import FeedPage
from accordant.simulators._shared import Document
from accordant.simulators.netsuite import NetSuiteSimulator
from accordant.testing import (
    BillingSetupContract,
    ConnectorContract,
    CustomerBench,
    CustomerRegistryContract,
    ErpBench,
    FeedBench,
    InvoicePostingContract,
    PaymentFeedContract,
    PeriodCalendarContract,
    ProjectBench,
    ProjectSetupContract,
    SimulatedBench,
    TimePostingContract,
)
from accordant.testing.builders import a_project, a_time_line


class NetSuiteBench(SimulatedBench, ErpBench, CustomerBench, ProjectBench):
    """An account in February 2027 with one subsidiary, its tax code, service item and employee."""

    calls = "* /services/rest/[rqa][eus][cey]*"  # records, queries, jobs; not the login
    enforces_keys = True
    locks_time = True
    in_parts = frozenset({"create_project", "post_time"})
    tax_code = "GB-S"
    worker_number = "E100"
    today = date(2027, 2, 15)
    closing_day = date(2027, 1, 20)

    def __init__(self) -> None:
        sim = NetSuiteSimulator()
        sim.clock.offset = datetime(2027, 2, 15, 12, tzinfo=UTC) - datetime.now(UTC)
        self.uk = sim.load_subsidiary("Meridian UK", currency="GBP", country="GB", external_id="uk01")
        self.january, *_ = sim.load_months(date(2027, 1, 1), 3)
        sim.load_tax_item("GB-S", 20, country="GB")
        sim.load_item("CONSULTING")
        sim.load_employee("E100", "Ada", "Worker", subsidiary=self.uk)
        given = settings(sim)
        self.secrets = (given.private_key.get_secret_value()[40:80], given.client_id.get_secret_value())
        super().__init__(sim, lambda http: NetSuiteConnector("netsuite-uk", given, http))

    async def books(self) -> list[Document]:
        types = self.sim.state.types
        tasks = [Document("task", r.id, facts={"title": r.data["title"]}) for r in types["projectTask"]]
        rules = [
            Document("rules", r.id, facts={name: str(v) for name, v in r.data.items() if name.startswith("custentity")})
            for r in types["job"]
        ]
        return [replace(d, key=key_of(d.key)) for d in self.sim.books.documents()] + tasks + rules

    async def audit(self) -> None:
        assert set(self.sim.trial_balance().values()) <= {Decimal(0)}

    async def stranger(self, name: str) -> ExternalId:
        body = {"companyName": name, "subsidiary": {"id": self.uk}}
        return self.ref("customer", self.sim.load("customer", body))

    async def customer(self) -> ExternalId:
        return await self.stranger("Northwind")

    async def engagement(self, currency: str = "") -> tuple[ExternalId, ExternalId]:
        customer = await self.customer()
        if currency:
            await self.connector.adopt_customer(customer, entity="uk01", currency=currency, key="cus_9#1")
        project = a_project(currency=currency or "GBP")
        made = await self.connector.create_project(project, customer=customer, key="prj_9#1")
        return customer, made.ref

    async def close(self) -> None:
        self.sim.set_period(self.january, closed=True)

    async def reopen(self) -> None:
        self.sim.set_period(self.january, closed=False)

    async def pay(self, invoice: ExternalId, amount: Decimal) -> None:
        self.sim.receive_payment(invoice.value, amount)

    async def book_time(self, project: ExternalId) -> None:
        await self.connector.post_time({"tim_9#1": a_time_line(project)})


class PaymentBench(NetSuiteBench, FeedBench):
    """The same account, read two payments at a time."""

    lacks: ClassVar = {
        "deletions": "a payment that is taken off an invoice leaves no trace in the account's queries (README)"
    }

    def __init__(self) -> None:
        super().__init__()
        self.connector.settings = self.connector.settings.model_copy(update={"page_size": 2})
        self.invoices = 0

    async def page(self, watermark: str | None) -> FeedPage:
        return await self.connector.payments_since(watermark)

    async def add(self, name: str) -> str:
        self.invoices += 1
        customer = await self.customer()
        line = {"item": {"externalId": "CONSULTING"}, "amount": Decimal(100)}
        body = {"entity": {"id": customer.value}, "tranDate": "2027-02-01", "item": {"items": [line]}}
        invoice = self.sim.load("invoice", body | {"approvalStatus": {"id": "2"}})
        return f"{self.sim.receive_payment(invoice, reference=name)}:{invoice}"

    async def touch(self, id: str) -> None:
        self.sim.state.touch("customerPayment", id.partition(":")[0], memo="changed")

    def name_of(self, body) -> str:
        return body.reference


def settings(sim: NetSuiteSimulator) -> NetSuiteSettings:
    enrolled = sim.enroll("accordant")
    return NetSuiteSettings(
        url="http://erp.example",
        client_id=enrolled.client_id,
        certificate_id=enrolled.certificate_id,
        private_key=enrolled.private_key_pem,
        service_item="CONSULTING",
    )


class OnNetSuite:
    connector = "netsuite"

    def bench(self) -> NetSuiteBench:
        return NetSuiteBench()


class TestConnector(OnNetSuite, ConnectorContract): ...


class TestCustomerRegistry(OnNetSuite, CustomerRegistryContract): ...


class TestProjectSetup(OnNetSuite, ProjectSetupContract): ...


class TestBillingSetup(OnNetSuite, BillingSetupContract): ...


class TestTimePosting(OnNetSuite, TimePostingContract): ...


class TestInvoicePosting(OnNetSuite, InvoicePostingContract): ...


class TestPeriodCalendar(OnNetSuite, PeriodCalendarContract): ...


class TestPaymentFeed(OnNetSuite, PaymentFeedContract):
    def bench(self) -> PaymentBench:
        return PaymentBench()
