"""A small simulated account as tests drive it: requests with a token, and shortcuts for what they need."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from accordant.simulators.netsuite import NetSuiteSimulator

TOKEN_URL = "http://sim/services/rest/auth/oauth2/v1/token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Account:
    """The simulator with the ids of what it was seeded with."""

    sim: NetSuiteSimulator
    uk: str
    de: str
    item: str
    vat: str
    employee: str
    periods: list[str]
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send one request with a valid token."""
        if not self.token:
            self.token = self.login().json()["access_token"]
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return send(self.sim, method, f"/services/rest{path}", headers=headers, **options)

    def login(self, **changes: Any) -> httpx2.Response:
        """Ask for a token; `changes` bend the assertion."""
        enrolled = self.sim.enroll("client-1")
        now = int(time.time())
        header = {"typ": "JWT", "alg": changes.pop("alg", "ES256"), "kid": changes.pop("kid", enrolled.certificate_id)}
        claims = {"iss": "client-1", "scope": ["rest_webservices"], "aud": TOKEN_URL, "iat": now, "exp": now + 300}
        key = changes.pop("key", None) or ECKey.import_key(enrolled.private_key_pem)
        assertion = jwt.encode(header, claims | changes, key, algorithms=[header["alg"]])
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
        return send(self.sim, "POST", TOKEN_URL.removeprefix("http://sim"), data=form)

    def create(self, type: str, body: dict[str, Any]) -> str:
        """Create a record; returns its id, taken from the Location header."""
        reply = self.call("POST", f"/record/v1/{type}", json=body)
        assert reply.status_code == 204, reply.text
        return reply.headers["Location"].rsplit("/", 1)[-1]

    def read(self, type: str, id: str, query: str = "expandSubResources=true") -> dict[str, Any]:
        """Read a record."""
        reply = self.call("GET", f"/record/v1/{type}/{id}?{query}")
        assert reply.status_code == 200, reply.text
        return reply.json()

    def query(self, q: str, *params: Any, page: str = "") -> list[dict[str, str]]:
        """Run SuiteQL; returns the rows without their empty links."""
        reply = self.call(
            "POST", f"/query/v1/suiteql{page}", json={"q": q, "params": params}, headers={"Prefer": "transient"}
        )
        assert reply.status_code == 200, reply.text
        return [{k: v for k, v in row.items() if k != "links"} for row in reply.json()["items"]]

    def customer(self, name: str = "Larch Foods", **fields: Any) -> str:
        """Create a customer of the UK subsidiary."""
        return self.create("customer", {"companyName": name, "subsidiary": {"id": self.uk}, **fields})

    def project(self, customer: str, name: str = "Warehouse move", **fields: Any) -> str:
        """Create a project."""
        return self.create("job", {"companyName": name, "parent": {"id": customer}, **fields})

    def invoice(self, customer: str, *amounts: float, approve: bool = False, **fields: Any) -> str:
        """Create an invoice over lines of these amounts at 20 % tax."""
        lines = [{"item": {"id": self.item}, "quantity": 1, "amount": a, "taxCode": {"id": self.vat}} for a in amounts]
        body = {"entity": {"id": customer}, "tranDate": "2027-02-10", "item": {"items": lines}, **fields}
        return self.create("invoice", body | ({"approvalStatus": {"id": "2"}} if approve else {}))

    def pay(self, customer: str, amount: float, applied: dict[str, float], **fields: Any) -> httpx2.Response:
        """Enter a payment applied to invoices."""
        rows = [{"doc": {"id": doc}, "apply": True, "amount": a} for doc, a in applied.items()]
        body = {"customer": {"id": customer}, "payment": amount, "tranDate": "2027-02-20", "apply": {"items": rows}}
        return self.call("POST", "/record/v1/customerPayment", json=body | fields)

    def time_bill(self, project: str, **fields: Any) -> dict[str, Any]:
        """Return the body of a time entry."""
        return {
            "employee": {"id": self.employee},
            "customer": {"id": project},
            "item": {"id": self.item},
            "tranDate": "2027-02-03",
            "hours": "1:30",
            "rate": 120,
            "isBillable": True,
            **fields,
        }


def send(sim: NetSuiteSimulator, method: str, path: str, **options: Any) -> httpx2.Response:
    """Send one request to the simulator in process."""

    async def go() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=sim.app), base_url="http://sim") as client:
            return await client.request(method, path, **options)

    return asyncio.run(go())


def error_of(reply: httpx2.Response) -> tuple[int, str, str]:
    """Return status, error code and sentence of a refusal."""
    detail = reply.json()["o:errorDetails"][0]
    return reply.status_code, detail["o:errorCode"], detail["detail"]


def open_account() -> Account:
    """Return an account in February 2027: two subsidiaries, four open months, a tax code, an item, an employee."""
    sim = NetSuiteSimulator()
    sim.clock.offset = datetime(2027, 2, 15, 12, tzinfo=UTC) - datetime.now(UTC)
    uk = sim.load_subsidiary("Meridian UK", currency="GBP", country="GB", external_id="uk01")
    de = sim.load_subsidiary("Meridian DE", currency="EUR", country="DE", external_id="de01")
    periods = sim.load_months(date(2027, 1, 1), 4)
    vat = sim.load_tax_item("GB-S", 20, country="GB")
    item = sim.load_item("CONSULTING")
    return Account(sim, uk, de, item, vat, sim.load_employee("E100", "Ada", "Worker", subsidiary=uk), periods)
