"""What the NetSuite connector promises at every step of every write: its word and the account's own books agree.

R-SYS-03, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from accordant.canonical import BillingMethod, Customer, Invoice, InvoiceLine, Project, Task
from accordant.connectors.netsuite import NetSuiteConnector, NetSuiteSettings
from accordant.kernel import AccordantError, ExternalId, Money
from accordant.platform.http import in_process
from accordant.ports import BillingRules, Failed, TimeToPost
from accordant.simulators._shared import Document
from accordant.simulators.netsuite import NetSuiteSimulator

SYSTEM = "netsuite-uk"
KEY = "k_1#1"
HOSTILE = '=HYPERLINK("A|B") O\'Brien שלום 😀'
CUSTOMER = Customer(id="cus_1", name=HOSTILE, country="GB", city="Leeds", vat_number="GB111")
PROJECT = Project(
    id="prj_1",
    code="P-1",
    name=HOSTILE,
    customer_id="cus_1",
    contract_id="con_1",
    entity="uk01",
    currency="GBP",
    billing_method=BillingMethod.TIME_AND_MATERIALS,
    start_on=date(2027, 1, 4),
    tasks=(Task(code="T/1", name=HOSTILE), Task(code="T2", name="Go-live")),
)
RULES = BillingRules(
    contract_id="con_1",
    contract_version=1,
    billing_method=BillingMethod.TIME_AND_MATERIALS,
    currency="GBP",
    tax_code="GB-S",
    payment_terms_days=30,
)
INVOICE = Invoice(
    id="inv_1",
    customer_id="cus_1",
    contract_id="con_1",
    contract_version=1,
    project_id="prj_1",
    entity="uk01",
    currency="GBP",
    invoice_on=date(2027, 2, 10),
    lines=(
        InvoiceLine(
            id="l1",
            sources=("tim_1",),
            source_refs=("kantata-main/9001",),
            description=HOSTILE,
            quantity=Decimal(1),
            unit_price=Money.of("100.10", "GBP"),
            amount=Money.of("100.10", "GBP"),
            tax_code="GB-S",
        ),
    ),
)


@dataclass
class World:
    """An account in February 2027 with a customer, a project and a draft of somebody else's."""

    sim: NetSuiteSimulator
    settings: NetSuiteSettings
    customer: ExternalId
    project: ExternalId
    draft: ExternalId

    @classmethod
    def begin(cls) -> World:
        sim = NetSuiteSimulator()
        sim.clock.offset = datetime(2027, 2, 15, 12, tzinfo=UTC) - datetime.now(UTC)
        uk = sim.load_subsidiary("Meridian UK", currency="GBP", country="GB", external_id="uk01")
        sim.load_months(date(2027, 1, 1), 3)
        sim.load_tax_item("GB-S", 20, country="GB")
        sim.load_item("CONSULTING")
        sim.load_employee("E100", "Ada", "Worker", subsidiary=uk)
        customer = sim.load("customer", {"companyName": "Northwind", "subsidiary": {"id": uk}})
        project = sim.load("job", {"companyName": "Theirs", "parent": {"id": customer}})
        line = {"item": {"externalId": "CONSULTING"}, "amount": Decimal(50)}
        body = {"entity": {"id": customer}, "tranDate": "2027-02-01", "item": {"items": [line]}}
        draft = sim.load("invoice", body)
        enrolled = sim.enroll("accordant")
        settings = NetSuiteSettings(
            url="http://erp.example",
            client_id=enrolled.client_id,
            certificate_id=enrolled.certificate_id,
            private_key=enrolled.private_key_pem,
            service_item="CONSULTING",
        )
        return cls(sim, settings, ref("customer", customer), ref("job", project), ref("invoice", draft))

    def run(self, story: Callable[[NetSuiteConnector], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            connector = NetSuiteConnector(SYSTEM, self.settings, in_process(self.sim.app, timeout_s=0.1))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(whole())

    def books(self, kind: str) -> list[Document]:
        return [d for d in self.sim.books.documents() if d.kind == kind]


def ref(type_: str, id: str) -> ExternalId:
    return ExternalId(system=SYSTEM, type=type_, value=id)


def lines_on(world: World) -> dict[str, TimeToPost]:
    line = TimeToPost(
        line_id="tim_1",
        source_ref="kantata-main/9001",
        project=world.project,
        worker_number="E100",
        worked_on=date(2027, 2, 3),
        hours=Decimal("1.5"),
        rate=Money.of("120", "GBP"),
        amount=Money.of("180", "GBP"),
        memo=HOSTILE,
    )
    return {KEY: line, "k_2#1": line.model_copy(update={"line_id": "tim_2"})}


Story = Callable[[NetSuiteConnector, World], Awaitable[Any]]


@dataclass(frozen=True)
class Write:
    """One write of the connector, and what the books must show once it is done."""

    do: Story
    made: Callable[[World], Any]
    expected: Any
    steps: int


async def posted_all(connector: NetSuiteConnector, world: World) -> None:
    """Post the lines; a refusal of one of them counts as a refusal of the write."""
    outcomes = await connector.post_time(lines_on(world))
    for failed in (o for o in outcomes.values() if isinstance(o, Failed)):
        raise AccordantError(str(failed.error["message"]))


WRITES = {
    "create_customer": Write(
        do=lambda c, _: c.create_customer(CUSTOMER, entity="uk01", currency="GBP", key=KEY),
        made=lambda w: [(d.key, d.facts["name"], d.facts["vat"]) for d in w.books("customer")[1:]],
        expected=[("k_1-231", HOSTILE, "GB111")],
        steps=3,
    ),
    "adopt_customer": Write(
        do=lambda c, w: c.adopt_customer(w.customer, entity="uk01", currency="USD", key=KEY),
        made=lambda w: [(d.key, d.facts["currencies"]) for d in w.books("customer")],
        expected=[("k_1-231", ["GBP", "USD"])],
        steps=4,
    ),
    "create_project": Write(
        do=lambda c, w: c.create_project(PROJECT, customer=w.customer, key=KEY),
        made=lambda w: ([d.key for d in w.books("project")[1:]], len(w.sim.state.types["projectTask"])),
        expected=(["k_1-231"], 2),
        steps=7,
    ),
    "withdraw_project": Write(
        do=lambda c, w: c.withdraw_project(w.project, key=KEY),
        made=lambda w: [d.state for d in w.books("project")],
        expected=["inactive"],
        steps=2,
    ),
    "put_billing_rules": Write(
        do=lambda c, w: c.put_billing_rules(w.project, RULES, key=KEY),
        made=lambda w: w.books("project")[0].source,
        expected="con_1",
        steps=3,
    ),
    "post_time": Write(
        do=posted_all,
        made=lambda w: sorted((d.key, d.source, d.amount, d.state) for d in w.books("time_bill")),
        expected=[
            ("k_1-231", "kantata-main/9001", Decimal("180.00"), "approved"),
            ("k_2-231", "kantata-main/9001", Decimal("180.00"), "approved"),
        ],
        steps=5,
    ),
    "draft_invoice": Write(
        do=lambda c, w: c.draft_invoice(INVOICE, customer=w.customer, project=w.project, key=KEY),
        made=lambda w: [(d.key, d.amount, d.facts["total"], d.state) for d in w.books("invoice")[1:]],
        expected=[("k_1-231", Decimal("100.1"), "120.12", "draft")],
        steps=6,
    ),
    "post_invoice": Write(
        do=lambda c, w: c.post_invoice(w.draft, key=KEY),
        made=lambda w: ([d.state for d in w.books("invoice")], [d.amount for d in w.books("journal")]),
        expected=(["posted"], [Decimal(50)]),
        steps=5,
    ),
    "delete_draft": Write(
        do=lambda c, w: c.delete_draft(w.draft, key=KEY),
        made=lambda w: w.books("invoice"),
        expected=[],
        steps=1,
    ),
}


@pytest.mark.parametrize("name", WRITES)
class TestWrite:
    """Without any fault; faults are the contract's (test_netsuite_contract.py)."""

    def test_does_what_it_says_in_as_many_calls_as_are_said_here(self, name: str) -> None:
        world, write = World.begin(), WRITES[name]

        world.run(lambda c: write.do(c, world))

        assert write.made(world) == write.expected
        calls = [operation for operation, *_ in world.sim.calls if "oauth2" not in operation]
        assert len(calls) == write.steps, calls
        assert set(world.sim.trial_balance().values()) <= {Decimal(0)}
