"""The simulated account: its state, its door, its concurrency gate, and what people do in it by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from time import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from accordant.simulators._shared import Simulator
from accordant.simulators.netsuite import rules, transactions
from accordant.simulators.netsuite.auth import TOKEN_PATH, Door, Enrollment
from accordant.simulators.netsuite.books import open_books
from accordant.simulators.netsuite.errors import Refusal, login_failed, throttled, unexpected
from accordant.simulators.netsuite.fields import take
from accordant.simulators.netsuite.jobs import Jobs
from accordant.simulators.netsuite.ledger import trial_balance
from accordant.simulators.netsuite.routes import routes_of
from accordant.simulators.netsuite.seed import found_account, month
from accordant.simulators.netsuite.shapes import SCHEMAS
from accordant.simulators.netsuite.state import State
from accordant.simulators.netsuite.suiteql import SuiteQL
from accordant.simulators.netsuite.tables import build_tables


class NetSuiteSimulator(Simulator):
    """One NetSuite account over SuiteTalk REST.

    Args:
        account: the account id, as in the vendor's host names.
        concurrency: how many requests may be in flight at once.
        async_delay_s: how long an asynchronous job waits before it runs.
        seed: seed of the fault plan.
        latency_s: how long each call takes.
    """

    name = "netsuite"

    def __init__(
        self,
        *,
        account: str = "1234567",
        concurrency: int = 5,
        async_delay_s: float = 0.0,
        seed: int = 1,
        latency_s: float = 0.0,
    ) -> None:
        super().__init__(seed=seed, latency_s=latency_s)
        self.concurrency = concurrency
        self.async_delay_s = async_delay_s
        origin = f"https://{account.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
        self.state = State(self.records, self.now, origin)
        self.door = Door(account, self._wall_clock)
        self.jobs = Jobs(lambda: self.now().strftime("%Y-%m-%dT%H:%M:%SZ"), origin)
        self.suiteql = SuiteQL(build_tables(self.state))
        open_books(self.state, self.books)
        found_account(self.state)

    def _wall_clock(self) -> datetime:
        """Tell the time for logins: a drill moves the books' clock to month-end, not the callers' clocks."""
        return datetime.now(UTC) + timedelta(seconds=self.faults.option("clock_skew", "skew_s"))

    # -- the served side

    @property
    def app(self) -> ASGIApp:
        """The ASGI application behind the account's concurrency gate."""
        return _Gate(self, super().app)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""
        return routes_of(self)

    def refuse(self, fault: str, _: Request) -> Response:
        """Return the vendor's answer to being throttled, broken, or shown an expired token."""
        refusals: dict[str, Callable[[], Refusal]] = {
            "429": throttled,
            "500": unexpected,
            "expired_token": lambda: login_failed(self.door.account),
        }
        if fault == "expired_token":
            self.door.forget_tokens()
        return refusals[fault]().response()

    def _control(self) -> list[Route]:
        return [
            *super()._control(),
            Route("/_periods", self._periods, methods=["GET", "POST"]),
            Route("/_payments", self._payments, methods=["POST"]),
            Route("/_voids", self._voids, methods=["POST"]),
        ]

    # -- what an administrator sets up

    def enroll(self, client_id: str) -> Enrollment:
        """Register an integration with a fresh certificate; returns what it logs in with."""
        return self.door.enroll(client_id)

    def load(self, type: str, body: Mapping[str, Any]) -> str:
        """Create a record past the integration's permissions, from a body as the wire takes it; returns its id."""
        return rules.write(self.state, type, None, take(SCHEMAS[type].fields, body, "", self.state)).id

    def load_subsidiary(self, name: str, *, currency: str, country: str, external_id: str) -> str:
        """Create a subsidiary; returns its id."""
        body = {"name": name, "legalName": name, "country": {"id": country}, "externalId": external_id}
        return self.load("subsidiary", {**body, "currency": {"externalId": currency}, "isInactive": False})

    def load_months(self, first: date, count: int) -> list[str]:
        """Create that many monthly accounting periods, all open; returns their ids."""
        ids = []
        for _ in range(count):
            first = first.replace(day=1)
            ids.append(self.load("accountingPeriod", month(first)))
            first += timedelta(days=32)
        return ids

    def load_tax_item(self, code: str, rate: int | str, *, country: str) -> str:
        """Create a tax code with its rate in percent; returns its id."""
        body = {"itemId": code, "displayName": code, "nexusCountry": {"id": country}, "externalId": code}
        return self.load("salesTaxItem", {**body, "rate": Decimal(rate)})

    def load_item(self, code: str, *, income_account: str = "4000") -> str:
        """Create a service item; returns its id."""
        account = {"externalId": income_account}
        return self.load("serviceSaleItem", {"itemId": code, "externalId": code, "incomeAccount": account})

    def load_employee(self, number: str, first_name: str, last_name: str, *, subsidiary: str) -> str:
        """Create an employee under the worker number; returns its id."""
        body = {"externalId": number, "entityId": number, "firstName": first_name, "lastName": last_name}
        return self.load("employee", {**body, "subsidiary": {"id": subsidiary}, "isJobResource": True})

    # -- what people do by hand

    def set_period(self, id: str, *, closed: bool | None = None, locked: bool | None = None) -> None:
        """Close, reopen, lock or unlock an accounting period."""
        changes = {"closed": closed, "arLocked": locked}
        self.state.touch("accountingPeriod", id, **{k: v for k, v in changes.items() if v is not None})

    def receive_payment(self, invoice: str, amount: Decimal | None = None, *, reference: str = "") -> str:
        """Enter a customer's payment of an invoice, in full when no amount is given; returns its id."""
        row = self.state.require("invoice", invoice).data
        paid = row["amountRemaining"] if amount is None else amount
        values = {"customer": row["entity"], "currency": row["currency"], "payment": paid, "memo": reference}
        values["apply"] = [{"doc": invoice, "apply": True, "amount": paid}]
        return rules.write(self.state, "customerPayment", None, values).id

    def void_invoice(self, invoice: str) -> None:
        """Void a posted invoice on the page."""
        transactions.void_invoice(self.state, invoice)

    def trial_balance(self) -> dict[tuple[str, str], Decimal]:
        """Return debits minus credits by subsidiary and currency."""
        return trial_balance(self.state.ledger())

    # -- the same over HTTP, for a drill in another process

    async def _periods(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = await request.json()
            for period in self.state.types["accountingPeriod"]:
                if wanted["period"] in (period.id, period.data["periodName"]):
                    self.set_period(period.id, closed=wanted.get("closed"), locked=wanted.get("locked"))
        return JSONResponse([{"id": p.id, **p.data} for p in self.state.types["accountingPeriod"]])

    async def _payments(self, request: Request) -> Response:
        wanted = await request.json()
        return self._by_hand(lambda: self.receive_payment(wanted["invoice"], _exact(wanted.get("amount"))))

    async def _voids(self, request: Request) -> Response:
        wanted = await request.json()
        return self._by_hand(lambda: self.void_invoice(wanted["invoice"]))

    def _by_hand(self, work: Callable[[], str | None]) -> Response:
        try:
            return JSONResponse({"id": work()})
        except Refusal as refusal:
            return refusal.response()


def _exact(amount: str | int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


class _Gate:
    """The account's concurrency limit: one request too many is refused at once, the others are not disturbed."""

    def __init__(self, simulator: NetSuiteSimulator, app: ASGIApp) -> None:
        self.simulator = simulator
        self.app = app
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_") or path == TOKEN_PATH:
            await self.app(scope, receive, send)
            return
        if self.in_flight >= self.simulator.concurrency:
            now = time()
            self.simulator.calls.append((f"{scope['method']} {path}", now, now, 429))
            await throttled().response()(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1
