"""A connector over a simulated account, and builders of what flows hand to it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from accordant.canonical import BillingMethod, Customer, Invoice, InvoiceLine, Project, Task
from accordant.connectors.netsuite import NetSuiteConnector, NetSuiteSettings
from accordant.kernel import ExternalId, Money
from accordant.platform.http import in_process
from accordant.ports import BillingRules, TimeToPost
from accordant.simulators._shared import Document, Fault
from accordant.simulators.netsuite import NetSuiteSimulator

T = TypeVar("T")

RECORDS = "/services/rest/record/v1"
HOSTILE = [
    "O'Brien & Söhne",
    '=HYPERLINK("http://x.example")',
    "A|B",
    "שלום עולם",
    "𝔇elta 🚀",
    "x' OR '1'='1",
    "50%_\\",
]


@dataclass
class Erp:
    """The simulator, the connector, and one engagement's records."""

    sim: NetSuiteSimulator
    connector: NetSuiteConnector
    periods: list[str]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one operation in an event loop of its own."""
        return asyncio.run(work)

    def arm(self, name: str, on: str = "*", **facts: Any) -> Fault:
        """Arm a fault; `options` are its own."""
        return self.sim.faults.arm(Fault(name, on=on, **facts))

    def customer(self, name: str = "Larch Foods", *, key: str = "cus_1#1", **fields: Any) -> ExternalId:
        """Create a customer of uk01 in GBP."""
        entity, currency = fields.pop("entity", "uk01"), fields.pop("currency", "GBP")
        body = a_customer(name, **fields)
        work = self.connector.create_customer(body, entity=entity, currency=currency, key=key)
        return self.run(work).ref

    def project(self, customer: ExternalId, *, key: str = "prj_1#1", **fields: Any) -> ExternalId:
        """Create a project with two tasks."""
        return self.run(self.connector.create_project(a_project(**fields), customer=customer, key=key)).ref

    def engagement(self) -> tuple[ExternalId, ExternalId]:
        """Create a customer with a project."""
        customer = self.customer()
        return customer, self.project(customer)

    def draft(
        self, customer: ExternalId, project: ExternalId, *amounts: str, key: str = "inv_1#1", **fields: Any
    ) -> Any:
        """Draft an invoice over lines of these amounts."""
        invoice = an_invoice(*amounts, **fields)
        return self.run(self.connector.draft_invoice(invoice, customer=customer, project=project, key=key))

    def books(self, kind: str) -> list[Document]:
        """Return the account's documents of a kind."""
        return [d for d in self.sim.books.documents() if d.kind == kind]


def open_erp(**settings: Any) -> Erp:
    """Return a connector to an account in February 2027 with two subsidiaries and four open months."""
    sim = NetSuiteSimulator()
    sim.clock.offset = datetime(2027, 2, 15, 12, tzinfo=UTC) - datetime.now(UTC)
    uk = sim.load_subsidiary("Meridian UK", currency="GBP", country="GB", external_id="uk01")
    sim.load_subsidiary("Meridian DE", currency="EUR", country="DE", external_id="de01")
    periods = sim.load_months(date(2027, 1, 1), 4)
    sim.load_tax_item("GB-S", 20, country="GB")
    sim.load_item("CONSULTING")
    sim.load_item("ADVISORY")
    sim.load_employee("E100", "Ada", "Worker", subsidiary=uk)
    return Erp(sim, connect(sim, **settings), periods)


def connect(sim: NetSuiteSimulator, **settings: Any) -> NetSuiteConnector:
    """Return a connector to the account, logged in by a certificate on the machine's clock."""
    enrolled = sim.enroll("accordant")
    values = {
        "url": "http://sim",
        "client_id": enrolled.client_id,
        "certificate_id": enrolled.certificate_id,
        "private_key": enrolled.private_key_pem,
        "service_item": "CONSULTING",
        "role_items": {"ADV": "ADVISORY"},
    }
    return NetSuiteConnector("netsuite-uk", NetSuiteSettings(**(values | settings)), in_process(sim.app, timeout_s=0.2))


def a_customer(name: str = "Larch Foods", **fields: Any) -> Customer:
    return Customer(**({"id": "cus_1", "name": name, "country": "GB", "city": "Leeds"} | fields))


def a_project(**fields: Any) -> Project:
    values = {
        "id": "prj_1",
        "code": "P-1001",
        "name": "Warehouse move",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "entity": "uk01",
        "currency": "GBP",
        "billing_method": BillingMethod.TIME_AND_MATERIALS,
        "start_on": date(2027, 1, 4),
        "tasks": (Task(code="PLAN", name="Plan"), Task(code="MOVE", name="Move", due_on=date(2027, 6, 30))),
    }
    return Project(**(values | fields))


def a_line(project: ExternalId, **fields: Any) -> TimeToPost:
    values = {
        "line_id": "lin_1",
        "source_ref": "kantata-main/9001",
        "project": project,
        "worker_number": "E100",
        "worked_on": date(2027, 2, 3),
        "hours": Decimal("1.5"),
        "rate": Money.of("120", "GBP"),
        "amount": Money.of("180", "GBP"),
    }
    return TimeToPost(**(values | fields))


def an_invoice(*amounts: str, currency: str = "GBP", **fields: Any) -> Invoice:
    lines = tuple(
        InvoiceLine(
            id=f"l{number}",
            sources=(f"lin_{number}",),
            source_refs=(f"kantata-main/{9000 + number}",),
            description="Consulting",
            quantity=Decimal(1),
            unit_price=Money.of(amount, currency),
            amount=Money.of(amount, currency),
            tax_code="GB-S",
        )
        for number, amount in enumerate(amounts or ("100.00",), start=1)
    )
    values = {
        "id": "inv_1",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "project_id": "prj_1",
        "entity": "uk01",
        "currency": currency,
        "invoice_on": date(2027, 2, 10),
        "due_on": date(2027, 3, 12),
        "po_number": "PO-7",
        "lines": lines,
        "view_hash": "ab12",
    }
    return Invoice(**(values | fields))


def some_rules(**fields: Any) -> BillingRules:
    values = {
        "contract_id": "con_1",
        "contract_version": 2,
        "billing_method": BillingMethod.CAPPED,
        "currency": "GBP",
        "tax_code": "GB-S",
        "payment_terms_days": 30,
        "cap": Money.of("50000", "GBP"),
        "po_number": "PO-7",
    }
    return BillingRules(**(values | fields))
