"""Tryton, the real one, under the contract of every capability of an ERP; faults strike on the way to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import ClassVar, Self

import httpx2
import pytest
import stamina

from accordant.connectors.tryton import TrytonConnector, TrytonSettings
from accordant.connectors.tryton.keys import read_notes, uuid_of
from accordant.connectors.tryton.provision import UNASSIGNED
from accordant.connectors.tryton.reader import KEY_PREFIX
from accordant.kernel import ExternalId
from accordant.platform.http import Auth, HttpClient
from accordant.ports import FeedPage
from accordant.runtime.tryton_firm import BANK_DESK, INTEGRATION, SYSTEM, TrytonFirm, books_of, tryton_firm
from accordant.runtime.tryton_server import TrytonHome
from accordant.simulators._shared import Document, Fault, FaultPlan
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.tryton import TrytonClients, TrytonDesk
from accordant.testing import (
    STRIKES,
    BillingSetupContract,
    ConnectorContract,
    CustomerBench,
    CustomerRegistryContract,
    DisturbedTransport,
    ErpBench,
    FeedBench,
    InvoicePostingContract,
    PaymentFeedContract,
    PeriodCalendarContract,
    ProjectBench,
    ProjectSetupContract,
    TimePostingContract,
)
from accordant.testing.builders import a_project, a_time_line, an_invoice, billing_rules

HOME = TrytonHome(Path(__file__).parents[2] / ".tryton")
QUICK = ("timeout_after_commit",)  # the most telling one; the others come with `make proof`
_serial = count(1)


@pytest.fixture(scope="session")
def firm() -> Firm:
    return Firm.generate(5, engagements=6, lines=40, today=datetime.now(UTC).date())


@pytest.fixture(scope="session")
def tryton(firm: Firm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonFirm]:
    """The firm's ERP, served on a free port."""
    if not HOME.template.exists():
        pytest.fail("There is no Tryton in .tryton; run `make tryton` once, it takes about a minute.", pytrace=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tryton_firm(HOME, tmp_path_factory.mktemp("tryton"), books_of(firm, {"uk01": "04-01"}), port=port) as running:
        yield running


@pytest.fixture(scope="session")
def sessions() -> dict[str, Auth]:
    """The integration's login, shared by all benches."""
    return {}


class TrytonBench(ErpBench, CustomerBench, ProjectBench):
    """A login of its own on the one server; keys carry the bench's number, so that its books can be told apart."""

    calls = "POST *"
    tax_code = "GB-STD-20"
    forbidden: ClassVar = {"\\": "/"}
    lacks: ClassVar = {
        "reopen": "the integration's user may not open a period; people do",
        "partial_batch": "a batch is one transaction of the server: it is taken whole or not at all",
        "JPY": "this firm's books are set up with GBP, EUR and USD",
        "KWD": "this firm's books are set up with GBP, EUR and USD",
        "deletions": "a payment that is taken off an invoice leaves no trace in the database (README)",
        "names": "the payment wizard keeps no text of the client's",
        "drift": "an answer holds the fields that were asked for and no others",
        "clock": "the server's clock is the machine's and cannot be moved",
    }

    def __init__(self, running: TrytonFirm, firm: Firm, sessions: dict[str, Auth]) -> None:
        self.sessions = sessions
        self.mark = f"x{next(_serial)}x"
        self.running, self.firm = running, firm
        self.today = firm.today
        self.closing_day = firm.today - timedelta(days=220)
        self.worker_number = next(w.number for w in firm.workers if w.entity == "uk01")
        login = running.logins[INTEGRATION]
        self.secrets = (login["password"],)
        self.plan = FaultPlan()
        self.wire = DisturbedTransport(httpx2.AsyncHTTPTransport(), self.plan, door=True)
        settings = TrytonSettings(url=running.server.url, unassigned=UNASSIGNED, settle_s=1, page_size=1, **login)
        self.connector = TrytonConnector(SYSTEM, settings, self.http)
        self.keys: dict[str, str] = {}
        self.strangers: list[int] = []

    def http(self, *, system, base_url, auth, classify, **_) -> HttpClient:
        auth = self.sessions.setdefault("integration", auth)  # checking a password takes long on purpose
        quick = stamina.AsyncRetryingCaller(attempts=3, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001)
        return HttpClient(
            system=system, base_url=base_url, auth=auth, classify=classify, transport=self.wire, retrying=quick
        )

    def key(self, name: str) -> str:
        subject, slash, purpose = name.partition("/")
        key = f"{subject}{self.mark}{slash}{purpose}#1"
        self.keys[uuid_of(key)] = key
        return key

    def fault(self, name: str, on: str = "", **plan) -> Fault:
        return self.plan.arm(Fault(name, on=on or self.calls, **plan))

    def calm(self) -> None:
        self.plan.clear()

    async def commit_late(self) -> int:
        return await self.wire.commit_late()

    # -- the books, as far as this bench has written them

    async def books(self) -> list[Document]:
        invoices, moves = await self._invoices()
        chapters = [await self._customers(), await self._projects(), await self._time(), invoices, moves]
        return [document for chapter in chapters for document in chapter]

    async def _search(self, model: str, domain: list, *fields: str) -> list[dict]:
        return await self.connector.client.search(model, domain, list(fields), operation="books")

    def plain(self, text: str) -> str:
        return text.replace(self.mark, "")

    async def _customers(self) -> list[Document]:
        coded = await self._search("party.identifier", [["code", "like", f"%{self.mark}%"]], "code", "party")
        codes: dict[int, list[str]] = {id: [] for id in self.strangers}
        for row in coded:
            codes.setdefault(row["party"], []).append(row["code"].removeprefix(KEY_PREFIX))
        names = {r["id"]: r["name"] for r in await self._search("party.party", [["id", "in", list(codes)]], "name")}
        return [
            Document("customer", str(id), keys[0] if keys else "", facts={"name": names[id], "keys": len(keys)})
            for id, keys in codes.items()
        ]

    async def _projects(self) -> list[Document]:
        fields = ("name", "comment", "number", "timesheet_available", "parent")
        rows = await self._search("project.work", [["comment", "like", f"%accordant key: %{self.mark}%"]], *fields)
        tasks = await self._search("project.work", [["parent", "in", [row["id"] for row in rows]]], *fields)
        found = [Document("task", str(row["id"]), facts={"name": row["name"]}) for row in tasks]
        for row in rows:
            notes = read_notes(row["comment"])
            key = notes.pop("key")
            shown = {name: self.plain(value) for name, value in notes.items()}
            state = "active" if row["timesheet_available"] else "withdrawn"
            found.append(Document("project", str(row["id"]), key, state=state, facts={"name": row["name"], **shown}))
        return found

    async def _time(self) -> list[Document]:
        rows = await self._search(
            "timesheet.line", [["uuid", "in", list(self.keys)]], "uuid", "duration", "description"
        )
        return [
            Document(
                "time_bill",
                str(row["id"]),
                self.keys[row["uuid"]],
                source=row["description"].partition(" · ")[0],
                quantity=Decimal(str(row["duration"].total_seconds())) / 3600,
                facts={"description": row["description"]},
            )
            for row in rows
        ]

    async def _invoices(self) -> tuple[list[Document], list[Document]]:
        rows = await self._search(
            "account.invoice",
            [["description", "in", list(self.keys.values())]],
            "description",
            "untaxed_amount",
            "tax_amount",
            "state",
            "move",
            "currency.code",
        )
        found = [
            Document(
                "invoice",
                str(row["id"]),
                row["description"],
                currency=row["currency.code"],
                amount=row["untaxed_amount"],
                state=row["state"],
                facts={"tax": row["tax_amount"]},
            )
            for row in rows
        ]
        moves = [row["move"] for row in rows if row["move"]]
        lines = await self._search("account.move.line", [["move", "in", moves]], "debit", "credit", "move")
        return found, [Document("posting", str(r["id"]), amount=r["debit"] - r["credit"]) for r in lines]

    async def audit(self) -> None:
        _, postings = await self._invoices()
        assert sum(p.amount for p in postings) == 0

    # -- what people do in the ERP

    async def stranger(self, name: str) -> ExternalId:
        company = await self.connector.directory.company("uk01", operation="bench")
        country = await self.connector.directory.id_of("country", "GB", operation="bench")
        party = {"name": name, "addresses": [["create", [{"country": country}]]]}
        (id,) = await self.connector.client.create(
            "party.party", [party], operation="bench", key="bench", company=company
        )
        self.strangers.append(id)
        return self.connector.ref("party.party", id)

    async def customer(self) -> ExternalId:
        return await self.stranger("Northwind")

    async def engagement(self, currency: str = "") -> tuple[ExternalId, ExternalId]:
        customer = await self.customer()
        key = self.key("prj_9")
        project = a_project(code=f"P-9{self.mark}", currency=currency or "GBP")
        made = await self.connector.create_project(project, customer=customer, key=key)
        rules = billing_rules(currency or "GBP", tax_code=self.tax_code)
        await self.connector.put_billing_rules(made.ref, rules, key=f"{key}/billing")
        return customer, made.ref

    async def book_time(self, project: ExternalId) -> None:
        await self.connector.post_time({self.key("tim_9"): a_time_line(project, worked_on=self.today)})

    async def close(self) -> None:
        """The period was closed when the books were founded."""

    async def pay(self, invoice: ExternalId, amount: Decimal) -> None:
        clients = TrytonClients(TrytonDesk.at(self.running.server.url, self.running.logins[BANK_DESK]), self.firm)
        try:
            fields = ["number", "company", "amount_to_pay"]
            (row,) = await clients.desk.search("account.invoice", [["id", "=", int(invoice.value)]], fields)
            await clients.book(row, amount)
        finally:
            await clients.desk.close()


class PaymentBench(TrytonBench, FeedBench):
    """The same, read invoice by invoice from where the feed stands when the bench is opened."""

    page_size = 1

    async def __aenter__(self) -> Self:
        whole = self.connector.settings
        self.connector.settings = whole.model_copy(update={"page_size": 500})
        self.start = (await self.page(None)).watermark or None
        self.connector.settings = whole
        return self

    async def pass_time(self, span: timedelta) -> None:
        """The clock goes by itself; checks that need more of it are left out (`clock`)."""

    async def page(self, watermark: str | None) -> FeedPage:
        return await self.connector.payments_since(watermark)

    async def add(self, name: str) -> str:
        customer, project = await self._paying()
        invoice = an_invoice("100.00", invoice_on=self.today, tax_code=self.tax_code)
        key = self.key(f"inv_{next(_serial)}")
        draft = await self.connector.draft_invoice(invoice, customer=customer, project=project, key=key)
        await self.connector.post_invoice(draft.ref, key=f"{key}/post")
        await self.pay(draft.ref, Decimal("20.00"))
        rows = await self._search("account.invoice", [["id", "=", int(draft.ref.value)]], "payment_lines")
        return f"{rows[0]['payment_lines'][0]}:{draft.ref.value}"

    async def _paying(self) -> tuple[ExternalId, ExternalId]:
        if not hasattr(self, "_client"):
            self._client = await self.engagement()
        return self._client

    async def touch(self, id: str) -> None:
        await self.pay(self.connector.ref("account.invoice", id.partition(":")[2]), Decimal("10.00"))

    def name_of(self, body) -> str:
        return body.reference


class OnTryton:
    connector = "tryton"
    strikes = STRIKES if os.environ.get("ACCORDANT_PROOF") else {name: STRIKES[name] for name in QUICK}

    @pytest.fixture(autouse=True)
    def _running(self, tryton: TrytonFirm, firm: Firm, sessions: dict[str, Auth]) -> None:
        self.running, self.firm, self.sessions = tryton, firm, sessions

    def bench(self) -> TrytonBench:
        return TrytonBench(self.running, self.firm, self.sessions)


class TestConnector(OnTryton, ConnectorContract):
    def bench(self) -> TrytonBench:
        return TrytonBench(self.running, self.firm, {})  # it has its login refused, which is remembered


class TestCustomerRegistry(OnTryton, CustomerRegistryContract): ...


class TestProjectSetup(OnTryton, ProjectSetupContract): ...


class TestBillingSetup(OnTryton, BillingSetupContract): ...


class TestTimePosting(OnTryton, TimePostingContract): ...


class TestInvoicePosting(OnTryton, InvoicePostingContract): ...


class TestPeriodCalendar(OnTryton, PeriodCalendarContract): ...


class TestPaymentFeed(OnTryton, PaymentFeedContract):
    def bench(self) -> PaymentBench:
        return PaymentBench(self.running, self.firm, self.sessions)
