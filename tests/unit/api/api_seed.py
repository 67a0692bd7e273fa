"""The same small book of work in two entities, so that a test can see which of the two a caller sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from accordant import cases, ledger, masterdata
from accordant.canonical import (
    ApprovalState,
    BillingMethod,
    Contract,
    Customer,
    Deal,
    DealStage,
    Invoice,
    InvoiceLine,
    Payment,
    Project,
    TimeEntry,
    Worker,
)
from accordant.flows.activate_project.models import ActivateProject
from accordant.kernel import ExternalId, Money
from accordant.platform.durable import Starter
from accordant.platform.events import Event, Sequencer, publish
from accordant.platform.storage import Database, execute
from accordant.process import engagement, records
from accordant.runtime.house import FLOWS

DAY = date(2026, 11, 5)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CURRENCY = {"uk01": "GBP", "us01": "USD"}


@dataclass(frozen=True)
class Book:
    """Ids of what stands in one entity."""

    entity: str
    run: str = ""
    case: str = ""
    approval: str = ""
    view_hash: str = ""

    def id(self, prefix: str) -> str:
        return f"{prefix}_{self.entity}"

    @property
    def currency(self) -> str:
        return CURRENCY[self.entity]


def seed(database: Database) -> dict[str, Book]:
    """Write a book for each of the two entities, and one customer of the whole firm."""
    with database.begin() as connection:
        _keep(connection, "customer", "", Customer(id="cus_firm", name="O'Brien & Søn", country="GB"))
        books = {entity: _book(connection, database, Book(entity)) for entity in CURRENCY}
    Sequencer(database).move()
    return books


def _book(connection: Connection, database: Database, book: Book) -> Book:
    _records(connection, book)
    _ledger(connection, book)
    request = ActivateProject(deal_id=book.id("dea"), deal_version=1, contract_id=book.id("con"), entity=book.entity)
    run = Starter(database).start_in(connection, FLOWS.newest("activate-project").start(request)).run_id
    execute(connection, "update run set state = 'parked' where id = :id", id=run)
    for seq, (name, at) in enumerate((("contract validation", "begin"), ("contract validation", "end"))):
        execute(
            connection,
            """insert into run_note (run_id, seq, kind, name, detail)
               values (:run, :seq, 'stage', :name, json_build_object('at', cast(:at as text)))""",
            run=run,
            seq=seq,
            name=name,
            at=at,
        )
    evidence = {"contract": book.id("con")}
    for state in ("sold", "activated"):
        engagement.put(
            connection, book.id("con"), state, "reached", source="crm", evidence=evidence, entity=book.entity
        )
    case = cases.open_case(connection, a_case(book, run), at=AT)
    approval = cases.ask(connection, a_question(book, run), at=AT)
    publish(connection, [Event("contract.approved", book.id("con"), book.id("con"), book.entity, {"id": "1"})])
    return Book(book.entity, run, case, approval, cases.get_approval(connection, approval).view_hash)


def _records(connection: Connection, book: Book) -> None:
    money = Money(amount=Decimal(1200), currency=book.currency)
    terms = {"entity": book.entity, "currency": book.currency, "billing_method": BillingMethod.TIME_AND_MATERIALS}
    contract, project, invoice = book.id("con"), book.id("prj"), book.id("inv")
    bodies = [
        ("contract", Contract(id=contract, customer_id="cus_firm", name="Ledger review", is_approved=True, **terms)),
        (
            "deal",
            Deal(
                id=book.id("dea"),
                name="Ledger review",
                stage=DealStage.WON,
                customer_id="cus_firm",
                contract_id=contract,
                entity=book.entity,
                delivery_lead="lead@meridian.example",
                owner="owner@meridian.example",
            ),
        ),
        (
            "project",
            Project(
                id=project,
                code=f"P-{book.entity}",
                name="Review",
                customer_id="cus_firm",
                contract_id=contract,
                start_on=DAY,
                **terms,
            ),
        ),
        (
            "worker",
            Worker(
                id=book.id("wrk"),
                number="90500",
                name="Ada Nowhere",
                email="ada@meridian.example",
                entity=book.entity,
                valid_from=DAY,
                entered_at=AT,
            ),
        ),
        (
            "time_entry",
            TimeEntry(
                id=book.id("tim"),
                project_id=project,
                worker_id=book.id("wrk"),
                worked_on=DAY,
                hours=Decimal(8),
                approval=ApprovalState.APPROVED,
                note="with the dentist's client",
            ),
        ),
        (
            "invoice",
            Invoice(
                id=invoice,
                customer_id="cus_firm",
                contract_id=contract,
                contract_version=1,
                project_id=project,
                entity=book.entity,
                currency=book.currency,
                invoice_on=DAY,
                lines=(
                    InvoiceLine(
                        id="1",
                        sources=(book.id("tim"),),
                        description="Work",
                        quantity=Decimal(8),
                        unit_price=Money(amount=Decimal(150), currency=book.currency),
                        amount=money,
                    ),
                ),
            ),
        ),
        ("payment", Payment(id=book.id("pay"), invoice_id=invoice, amount=money, paid_on=DAY)),
    ]
    for kind, body in bodies:
        _keep(connection, kind, getattr(body, "entity", ""), body)
        masterdata.link(connection, ExternalId(system="source", type=kind, value=body.id), body.id, kind=kind)


def _keep(connection: Connection, kind: str, entity: str, body: object) -> None:
    entry = records.Entry(kind, body.id, entity, body, "source", f"source/{kind}/{body.id}", AT)  # type: ignore[attr-defined]
    records.save(connection, [entry])


def _ledger(connection: Connection, book: Book) -> None:
    line = ledger.ApprovedLine(
        id=book.id("tim"),
        entity=book.entity,
        currency=book.currency,
        contract_id=book.id("con"),
        project_id=book.id("prj"),
        worked_on=DAY,
        source_ref=f"psa/{book.entity}",
        quantity=Decimal(8),
        unit_price=Money(amount=Decimal(150), currency=book.currency),
    )
    ledger.approve(connection, [line], ledger.By(actor="90001", cause="evt_1"))


def a_case(book: Book, run: str = "", **facts: object) -> cases.Case:
    """Return a case of the entity about its contract's order number and cap."""
    return cases.Case(
        **{  # type: ignore[arg-type]
            "code": "erp.invoice.period_closed",
            "sentence": "The invoice for Castellan Rail is stopped: the period October 2026 is closed.",
            "stage": cases.Stage.ERP_POSTING,
            "role": "finance_operations",
            "replay_roles": ("integration_support",),
            "entity": book.entity,
            "cause_key": "period:2026-10",
            "subject": f"invoice:{book.entity}",
            "actions": tuple(cases.Action),
            "editable": ("contract.po_number", "contract.cap"),
            "run_id": run or None,
            **facts,
        }
    )


def a_question(book: Book, run: str, **facts: object) -> cases.Ask:
    """Return what an approver of the entity is asked."""
    return cases.Ask(
        **{  # type: ignore[arg-type]
            "kind": "post_invoice",
            "subject": f"invoice:{book.entity}",
            "view": {"net": "900.00"},
            "entity": book.entity,
            "money": Money(amount=Decimal(900), currency=book.currency),
            "requester": "90777",
            "role": "finance_operations",
            "rule": "invoice-approval/3",
            "run_id": run,
            **facts,
        }
    )
