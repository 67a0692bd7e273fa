"""A small believable firm, written through the rooms' own functions: what the pages are looked at and tested with.

Nine engagements of three entities, from sold to paid, with cases, approvals, two versions of terms, and late writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pages.firm import FIRM, Trouble, Work
from sqlalchemy import Connection

from accordant import cases, ledger, masterdata
from accordant.canonical import (
    ApprovalState,
    Assignment,
    BillingMethod,
    Contract,
    Customer,
    Deal,
    DealStage,
    Invoice,
    InvoiceLine,
    InvoiceState,
    Milestone,
    Payment,
    Project,
    RateLine,
    TimeEntry,
    Worker,
)
from accordant.kernel import ExternalId, Money
from accordant.platform.durable import Note, RunState, Start, Taken, end_run, open_run, write_notes
from accordant.platform.effects import Controls, Ending, Item, Scope
from accordant.platform.effects.ledger import conclude, intend
from accordant.platform.events import Event, publish
from accordant.platform.events.sequencer import Sequencer
from accordant.platform.storage import Database, execute
from accordant.process import engagement, records

CURRENCY = {"uk01": "GBP", "us01": "USD", "de01": "EUR"}
RATES = {"GBP": Decimal(1), "USD": Decimal("0.7720"), "EUR": Decimal("0.8540")}
SYSTEMS = {"crm": "salesforce-main", "psa": "kantata-main", "erp": "netsuite-main", "hris": "workday-main"}
ROLES = {"PRIN": "195.00", "CONS-SR": "147.50", "CONS": "111.25"}


def to_group(money: Money) -> Money:
    """Return an amount in the group's currency, at the rates of the seed."""
    return Money.of(money.amount * RATES[money.currency], "GBP").rounded()


@dataclass
class Seeded:
    """Ids by the key of the engagement."""

    contract: dict[str, str] = field(default_factory=dict)
    project: dict[str, str] = field(default_factory=dict)
    invoice: dict[str, str] = field(default_factory=dict)
    line: dict[str, str] = field(default_factory=dict)
    case: dict[str, list[str]] = field(default_factory=dict)
    approval: dict[str, str] = field(default_factory=dict)


def seed(database: Database, now: datetime, works: tuple[Work, ...] = FIRM) -> Seeded:
    """Fill a database; everything happened before `now`."""
    seeded = Seeded()
    for number, work in enumerate(works):
        with database.begin() as connection:
            _Telling(connection, work, number, now, seeded).tell()
    with database.begin() as connection:
        _history_of_cases(connection, now)
    Sequencer(database).move()
    return seeded


class _Telling:
    """One engagement, written in the order in which it happens."""

    def __init__(self, connection: Connection, work: Work, number: int, now: datetime, seeded: Seeded) -> None:
        self.c, self.work, self.now, self.seeded, self.number = connection, work, now, seeded, number
        self.entity, self.currency = work.entity, CURRENCY[work.entity]
        self.ids = {p: f"{p}_{work.key}" for p in ("cus", "dea", "con", "prj", "inv", "pay")}
        seeded.contract[work.key], seeded.project[work.key] = self.ids["con"], self.ids["prj"]

    def tell(self) -> None:
        self._sell()
        run = self._run("activate-project", f"{self.ids['con']}#1")
        self._activate(run)
        if self.work.reach == 4:
            end_run(self.c, run.run_id, RunState.DONE, {"project": self.ids["prj"]})
        if self.work.lines:
            self._deliver()
        if self.work.bill or self.work.draft:
            self._bill()
        for trouble in self.work.troubles:
            self._trouble(trouble)

    # ------------------------------------------------------------------ sold

    def _sell(self) -> None:
        work, sold_at = self.work, self.now - timedelta(days=self.work.sold_days_ago)
        number = 10_400 + self.number
        customer = Customer(id=self.ids["cus"], name=work.client, country=work.entity[:2].upper().replace("UK", "GB"))
        deal = Deal(
            id=self.ids["dea"],
            name=work.name,
            stage=DealStage.WON,
            customer_id=customer.id,
            contract_id=self.ids["con"],
            entity=work.entity,
            amount=self._money(work.value),
            closed_on=sold_at.date(),
        )
        self._record("customer", customer.id, "", customer, "crm", f"account/001{number}", sold_at)
        self._contract(1, sold_at)
        if work.is_amended:
            self._contract(2, self.now - timedelta(days=5))
        self._record("deal", deal.id, work.entity, deal, "crm", f"opportunity/006{number}", sold_at)
        for role, type_, prefix in (("crm", "account", "001"), ("psa", "client", "C-"), ("erp", "customer", "CUST")):
            if role == "crm" or work.reach > 1:
                self._link(customer.id, "customer", role, type_, f"{prefix}{number}")
        self._link(deal.id, "deal", "crm", "opportunity", f"006{number}")
        execute(self.c, "update record_version set recorded_at = :at where id = :id", at=sold_at, id=deal.id)
        publish(self.c, [Event("deal.won", deal.id, self.ids["con"], work.entity, {"id": deal.id})])

    def _contract(self, version: int, at: datetime) -> None:
        first = date(self.now.year, self.now.month, 1)
        rates = {**ROLES, "PRIN": "185.00"} if self.work.is_amended and version == 1 else ROLES
        contract = Contract(
            id=self.ids["con"],
            version=version,
            customer_id=self.ids["cus"],
            name=self.work.name,
            is_approved=True,
            entity=self.entity,
            currency=self.currency,
            billing_method=self.work.method,
            effective_on=first,
            start_on=first - timedelta(days=31),
            end_on=date(self.now.year + 1, 3 * version, 28),
            rate_lines=tuple(
                RateLine(role=role, rate=self._money(rate), planned_hours=Decimal(400)) for role, rate in rates.items()
            ),
            cap=self._money(self.work.value) if self.work.method is BillingMethod.CAPPED else None,
            fixed_fee=self._money(self.work.value) if self.work.method is BillingMethod.FIXED_FEE else None,
            milestones=(
                Milestone(code="M4", name="Pump station survey", amount=self._money(24_000), due_on=self.now.date()),
            )
            if version == 2
            else (),
            po_number=f"PO-77{self.number:03d}",
            payment_terms_days=30,
        )
        self._record("contract", contract.id, self.entity, contract, "crm", f"contract/800{self.number}", at)

    # ------------------------------------------------------------------ activated

    def _activate(self, run: Taken) -> None:
        ids, work = self.ids, self.work
        evidence: dict[str, dict[str, Any]] = {
            "sold": {"deal": ids["dea"], "contract": ids["con"], "version": 1},
            "activated": {
                "project": ids["prj"],
                "code": self._code(),
                "psa": f"{SYSTEMS['psa']}/project/{self.number}",
            },
            "financially_approved": {"tax_rule": "gb-standard", "tax_code": "STD", "method": str(work.method)},
            "ready_to_bill": {"terms_days": 30, "currency": self.currency},
        }
        sources = ("crm", "psa", "erp", "erp")
        for place, state in enumerate(engagement.STATES[: work.reach]):
            engagement.reach(self.c, ids["con"], state, source=sources[place], evidence=evidence[state], run=run)
            publish(self.c, [Event(f"engagement.{state}", ids["con"], ids["con"], work.entity, evidence[state])])
            at = self.now - timedelta(days=work.sold_days_ago) + timedelta(minutes=4, hours=19 * place)
            execute(
                self.c,
                "update engagement_state set at = :at where engagement = :e and state = :s",
                at=at,
                e=ids["con"],
                s=state,
            )
        if any("evidence" in trouble.code for trouble in work.troubles):
            self._block("ready_to_bill")
        note = Note(1, "decision", "project-template", {"rows": ["standard"], "table": "9f3c71aa"}, self.now)
        write_notes(self.c, run.run_id, [note])
        if work.reach == 1:
            return
        project = Project(
            id=ids["prj"],
            code=self._code(),
            name=work.name,
            customer_id=ids["cus"],
            contract_id=ids["con"],
            contract_version=1,
            entity=work.entity,
            currency=self.currency,
            billing_method=work.method,
            start_on=self.now.date() - timedelta(days=31),
        )
        self._record("project", project.id, work.entity, project, "accordant", run.run_id, self.now)
        self._effect(run, "psa", "create_project", ids["prj"], f"{SYSTEMS['psa']}/project/88{self.number:03d}")
        self._effect(run, "erp", "create_project", ids["prj"], f"{SYSTEMS['erp']}/job/77{self.number:03d}")
        self._effect(
            run, "erp", "put_billing_rules", f"{ids['con']}/v1/billing", f"{SYSTEMS['erp']}/job/77{self.number:03d}"
        )
        for role in ("crm", "psa"):
            key = f"{ids['con']}/v1/active/{role}"
            self._effect(run, role, "put_engagement_status", key, f"{SYSTEMS[role]}/project/88{self.number:03d}")
        self._link(ids["prj"], "project", "psa", "project", f"88{self.number:03d}")
        self._link(ids["prj"], "project", "erp", "job", f"77{self.number:03d}")
        for place, role in enumerate(ROLES):
            self._staff(place, role)
        publish(self.c, [Event("project.activated", ids["con"], ids["con"], work.entity, {"code": self._code()})])

    def _block(self, state: str) -> None:
        execute(
            self.c,
            "update engagement_state set status = 'blocked' where engagement = :e and state = :s",
            e=self.ids["con"],
            s=state,
        )

    def _staff(self, place: int, role: str) -> None:
        names = ("Alder Quist", "Bryn Tamsin", "Cleo Marrable", "Dorian Pell", "Esme Farrow", "Finn Calder")
        worker_id = f"wrk_{self.entity}_{place}"
        worker = Worker(
            id=worker_id,
            number=f"{40_000 + place}",
            name=names[(place + self.number) % len(names)],
            entity=self.entity,
            role=role,
            valid_from=date(2025, 1, 1),
            entered_at=datetime(2025, 1, 1, tzinfo=UTC),
        )
        if not records.load(self.c, [worker_id]):
            self._record("worker", worker_id, self.entity, worker, "hris", f"worker/{worker.number}", self.now)
        staffed = Assignment(
            id=f"asg_{self.work.key}_{place}",
            project_id=self.ids["prj"],
            worker_id=worker_id,
            role=role,
            start_on=self.now.date() - timedelta(days=30),
        )
        self._record("assignment", staffed.id, "", staffed, "psa", f"assignment/{staffed.id}", self.now)

    # ------------------------------------------------------------------ delivered and billed

    def _deliver(self) -> None:
        work, lines = self.work, []
        for n in range(work.lines):
            role = list(ROLES)[n % 3]
            line_id, ref = f"tim_{work.key}_{n:03d}", f"time_entry/9{self.number}{n:03d}"
            worked_on = self.now.date() - timedelta(days=1 + n % 28)
            entry = TimeEntry(
                id=line_id,
                project_id=self.ids["prj"],
                worker_id=f"wrk_{self.entity}_{n % 3}",
                worked_on=worked_on,
                hours=Decimal("7.5"),
                approval=ApprovalState.APPROVED,
                role=role,
            )
            self._record("time_entry", line_id, "", entry, "psa", ref, self.now)
            self._link(line_id, "time_entry", "psa", "time_entry", ref.split("/")[1])
            lines.append(
                ledger.ApprovedLine(
                    id=line_id,
                    entity=self.entity,
                    currency=self.currency,
                    contract_id=self.ids["con"],
                    project_id=self.ids["prj"],
                    worker_id=entry.worker_id,
                    role=role,
                    worked_on=worked_on,
                    source_ref=f"{SYSTEMS['psa']}/{ref.split('/')[1]}",
                    quantity=entry.hours,
                    unit_price=self._money(ROLES[role]),
                )
            )
        self.seeded.line[work.key] = lines[0].id
        ledger.approve(self.c, lines, self._by("time_entry.approved"))
        if work.held:
            ledger.hold(self.c, [line.id for line in lines[-work.held :]], "client asked to wait", self._by("hold"))
        run = self._run("time-to-bill", f"{self.ids['prj']}:1")
        for line in lines[: work.lines if work.in_erp is None else work.in_erp]:
            self._effect(run, "erp", "post_time", line.id, f"{SYSTEMS['erp']}/time/{line.id[-6:]}")
        end_run(self.c, run.run_id, RunState.DONE, {"posted": work.lines})

    def _bill(self) -> None:
        work = self.work
        if work.bill:
            run = self._run("invoice-cycle", f"{self.ids['con']}:1")
            self._invoice(
                run, self.ids["inv"], range(work.bill), number=f"INV-{self.entity.upper()}-{20_388 + self.number}"
            )
            end_run(self.c, run.run_id, RunState.DONE, {"invoice": self.ids["inv"]})
        if work.draft:
            run = self._run("invoice-cycle", f"{self.ids['con']}:2")
            self._invoice(run, f"{self.ids['inv']}_2", range(work.bill, work.bill + work.draft), number="")

    def _invoice(self, run: Taken, invoice_id: str, which: range, *, number: str) -> None:
        parts = [ledger.Part(f"tim_{self.work.key}_{n:03d}") for n in which]
        drafted = ledger.draft(self.c, invoice_id, parts, self._by("cut-off"))
        invoice = Invoice(
            id=invoice_id,
            number=number or None,
            customer_id=self.ids["cus"],
            contract_id=self.ids["con"],
            contract_version=1,
            project_id=self.ids["prj"],
            entity=self.entity,
            currency=self.currency,
            invoice_on=self.now.date(),
            due_on=self.now.date() + timedelta(days=30),
            state=InvoiceState.POSTED if number else InvoiceState.DRAFT,
            lines=tuple(
                InvoiceLine(
                    id=s.line_id,
                    sources=(s.line_id,),
                    description="Services",
                    quantity=s.quantity,
                    unit_price=s.amount,
                    amount=s.amount,
                )
                for s in drafted.lines
            ),
        )
        self._record("invoice", invoice_id, self.entity, invoice, "accordant", run.run_id, self.now)
        ref = f"{SYSTEMS['erp']}/invoice/{30_000 + self.number}{1 if number else 2}"
        self._link(invoice_id, "invoice", "erp", "invoice", ref.rsplit("/", 1)[1])
        self._effect(run, "erp", "draft_invoice", invoice_id, ref, {"net": str(drafted.amount.amount)})
        self._ask(run, invoice_id, drafted, is_open=not number)
        self.seeded.invoice.setdefault(self.work.key, invoice_id)
        publish(
            self.c,
            [Event("invoice.drafted", self.ids["con"], self.ids["con"], self.entity, {"net": str(drafted.amount)})],
        )
        if number:
            self._post(run, invoice, number, ref, drafted)

    def _post(self, run: Taken, invoice: Invoice, number: str, ref: str, drafted: ledger.Draft) -> None:
        self._effect(run, "erp", "post_invoice", f"{invoice.id}/post", ref, {"number": number})
        ledger.post(self.c, invoice.id, accounting_on=self.now.date(), document_ref=number, by=self._by("approval"))
        for role in ("crm", "psa"):
            if role == "psa" or self.work.paid:
                self._effect(
                    run,
                    role,
                    "put_engagement_status",
                    f"{invoice.id}/posted/{role}",
                    f"{SYSTEMS[role]}/x/{self.number}",
                )
        publish(self.c, [Event("invoice.posted", self.ids["con"], self.ids["con"], self.entity, {"number": number})])
        if self.work.paid:
            amount = drafted.amount if self.work.paid == "all" else self._money(self.work.paid)
            payment = Payment(
                id=self.ids["pay"],
                invoice_id=invoice.id,
                amount=amount,
                paid_on=self.now.date(),
                reference=f"BACS {number}",
            )
            self._record("payment", payment.id, "", payment, "erp", f"payment/4{self.number:03d}", self.now)
            paid = invoice.model_copy(update={"state": InvoiceState.PAID})
            if self.work.paid == "all":
                self._record("invoice", invoice.id, self.entity, paid, "accordant", run.run_id, self.now)
            publish(
                self.c,
                [Event("payment.received", self.ids["con"], self.ids["con"], self.entity, {"amount": str(amount)})],
            )

    # ------------------------------------------------------------------ people

    def _ask(self, run: Taken, invoice_id: str, drafted: ledger.Draft, *, is_open: bool) -> None:
        view = {
            "client": self.work.client,
            "project": self._code(),
            "lines": len(drafted.lines),
            "hours": f"{drafted.quantity:f}",
            "net": str(drafted.amount),
        }
        asked_at = self.now - (timedelta(days=3 + self.number % 4, hours=2) if is_open else timedelta(hours=5))
        question = cases.Ask(
            kind="post_invoice",
            subject=f"invoice:{invoice_id}",
            view=view,
            entity=self.entity,
            money=drafted.amount,
            requester="accordant",
            role="finance_operations",
            rule="invoice-approval/over-25k",
            deadline=self.now + timedelta(hours=30),
            run_id=run.run_id,
        )
        id = cases.ask(self.c, question, at=asked_at)
        self.seeded.approval.setdefault(self.work.key, id)
        if not is_open:
            cases.decide(
                self.c,
                id,
                actor=_Person("90004", self.entity),
                decision=cases.Decision.APPROVE,
                view_hash=cases.view_hash(view),
                at=datetime.now(UTC),
            )

    def _trouble(self, trouble: Trouble) -> None:
        has_draft = self.work.draft and trouble.stage != "project creation"
        exposure = self._money(trouble.amount)
        due_on = self.now.date() + timedelta(days=trouble.due_days)
        case = cases.Case(
            code=trouble.code,
            sentence=trouble.sentence,
            stage=cases.Stage(trouble.stage),
            role=trouble.role,
            cause_key=f"{trouble.code}:{self.work.key}",
            subject=f"contract:{self.ids['con']}/{trouble.code}",
            entity=self.entity,
            client_id=self.ids["cus"],
            client=self.work.client,
            project_id=self.ids["prj"],
            contract_id=self.ids["con"],
            contract_version=1,
            engagement=self.work.name,
            invoice_id=f"{self.ids['inv']}_2" if has_draft else None,
            exposure=exposure,
            group_exposure=to_group(exposure),
            deadline=datetime.combine(due_on, time(17), UTC),
            tier=trouble.tier,
        )
        id = cases.open_case(self.c, case, at=self.now - timedelta(days=trouble.age_days, hours=3))
        self.seeded.case.setdefault(self.work.key, []).append(id)

    # ------------------------------------------------------------------ small words

    def _money(self, amount: Any) -> Money:
        return Money.of(amount, self.currency)

    def _code(self) -> str:
        return f"{self.entity.upper()}-{self.work.key[:6].upper()}"

    def _by(self, cause: str) -> ledger.By:
        return ledger.By(actor="system", cause=cause)

    def _run(self, flow: str, key: str) -> Taken:
        start = Start(flow=flow, version=1, key=key, input={"key": key}, entity=self.entity, subject=self.ids["con"])
        opened = open_run(self.c, start)
        return Taken(opened.run_id, 0, "seed", start.input, {"entity": self.entity, "subject": self.ids["con"]})

    def _effect(
        self, run: Taken, role: str, operation: str, base: str, ref: str, facts: dict[str, Any] | None = None
    ) -> None:
        scope = Scope(SYSTEMS[role], operation, "create", run, self.entity)
        standings = intend(self.c, scope, [Item(base, f"hash of {base}")], Controls())
        conclude(self.c, scope, [Ending(s, ref=ref, facts=facts or {}) for s in standings])

    def _link(self, id: str, kind: str, role: str, type_: str, value: str) -> None:
        masterdata.link(self.c, ExternalId(system=SYSTEMS[role], type=type_, value=value), id, kind=kind)

    def _record(self, kind: str, id: str, entity: str, body: Any, role: str, ref: str, at: datetime) -> None:
        system = SYSTEMS.get(role, role)
        source = f"{system}/{ref}" if system != role else ref
        records.save(self.c, [records.Entry(kind, id, entity, body, system, source, at, mapping=f"{kind}@1")])


@dataclass(frozen=True)
class _Person:
    worker_number: str
    entity: str
    id: str = "juno.abelard"
    roles: tuple[str, ...] = ("finance_operations",)

    @property
    def entities(self) -> tuple[str, ...]:
        return (self.entity,)

    @property
    def approval_limits(self) -> dict[str, Decimal]:
        return {"GBP": Decimal(250_000), "USD": Decimal(300_000), "EUR": Decimal(280_000)}


def _history_of_cases(connection: Connection, now: datetime) -> None:
    """Cases of the last month that are closed: what the exposure chart remembers."""
    for n in range(26):
        opened_at = now - timedelta(days=30 - n, hours=n % 5)
        exposure = Money.of(18_000 + 7_919 * (n * 7 % 11), "GBP")
        case = cases.Case(
            code="erp.invoice.period_closed",
            stage=cases.Stage.ERP_POSTING,
            role="finance_operations",
            entity="uk01",
            sentence=f"Invoice {n} of Halvard & Roe Logistics cannot be posted: the period is closed.",
            cause_key=f"past:{n}",
            subject=f"past:{n}",
            exposure=exposure,
            group_exposure=exposure,
            tier=2,
            deadline=opened_at + timedelta(days=2 + n % 9),
        )
        id = cases.open_case(connection, case, at=opened_at)
        dismissed = cases.Dismiss(reason="The period was opened again.", root_cause=cases.RootCause.PERIOD_CLOSED)
        cases.resolve(
            connection, id, dismissed, actor=_Person("90004", "uk01"), at=opened_at + timedelta(days=1 + n % 6)
        )
