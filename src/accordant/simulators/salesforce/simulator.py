"""The simulated Salesforce org: its API, its outbound messages and its books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from accordant.simulators._shared import Document, Simulator
from accordant.simulators.salesforce.errors import limit_exceeded, server_error, session_expired
from accordant.simulators.salesforce.events import OutboundMessages
from accordant.simulators.salesforce.metadata import OBJECTS
from accordant.simulators.salesforce.oauth import Tokens
from accordant.simulators.salesforce.routes import Api, DailyLimit
from accordant.simulators.salesforce.rules import DuplicateRule
from accordant.simulators.salesforce.shapes import dumps
from accordant.simulators.salesforce.state import Org, RowLocks

_SOLD = ("Name", "ContractId", "Practice__c", "Delivery_Lead_Email__c")
_WRITE_BACK = (
    "Engagement_State__c",
    "Project_Code__c",
    "Payment_Status__c",
    "Amount_Invoiced__c",
    "Amount_Paid__c",
    "Engagement_As_Of__c",
)


class SalesforceSimulator(Simulator):
    """One org, served under its own origin.

    Args:
        client_id: consumer key of the connected app.
        client_secret: its secret.
        session_s: how long a token lives.
        daily_requests: calls in 24 hours before the org refuses.
        listener_url: where outbound messages go; nothing is sent without it.
        seed: of the fault plan.
        latency_s: added to every call.
    """

    name = "salesforce"

    def __init__(
        self,
        *,
        client_id: str = "simulated-client",
        client_secret: str = "simulated-secret",  # noqa: S107 - a simulator's secret opens nothing
        session_s: float = 7200.0,
        daily_requests: int = 100_000,
        listener_url: str = "",
        seed: int = 1,
        latency_s: float = 0.0,
    ) -> None:
        super().__init__(seed=seed, latency_s=latency_s)
        self.org = Org(self.records)
        self.outbound = OutboundMessages(self.org, self.faults, url=listener_url)
        self.org.committed = self.outbound.committed
        self.tokens = Tokens(self.org, self.now, client_id=client_id, client_secret=client_secret, session_s=session_s)
        self.limit = DailyLimit(daily_requests, self.now)
        self._api = Api(self.org, self.tokens, self.limit, self.faults, self.now)
        for chapter in (self._accounts, self._opportunities, self._contracts):
            self.books.chapter(chapter)

    @property
    def duplicate_rule(self) -> DuplicateRule:
        """The duplicate rule for accounts, off at first."""
        return self.org.duplicate_rule

    @property
    def locks(self) -> RowLocks:
        """Row locks; set `hold_s` to let concurrent writes under one parent collide."""
        return self.org.locks

    def listen(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """Send outbound messages to this address, through the transport if one is given (tests in process)."""
        self.outbound.url, self.outbound.transport = url, transport

    def create(self, sobject: str, **fields: Any) -> str:
        """Keep a record as a user in the vendor's own pages would, and return its id; amounts as Decimal."""
        return self.org.create(OBJECTS[sobject], fields)

    def update(self, sobject: str, id: str, **fields: Any) -> None:
        """Change a record as a user in the vendor's own pages would."""
        self.org.update(OBJECTS[sobject], id, fields)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""
        return self._api.routes()

    def refuse(self, fault: str, request: Request) -> Response:  # noqa: ARG002 - the same answer on every path
        """Return the vendor's own answer to the faults `429`, `500` and `expired_token`."""
        refusal = {"429": limit_exceeded, "500": server_error, "expired_token": session_expired}[fault]()
        return Response(dumps(refusal.body()), refusal.status, media_type="application/json;charset=UTF-8")

    def _accounts(self) -> Iterator[Document]:
        for record in self.org.living(OBJECTS["Account"]):
            facts = {f: record.data.get(f) for f in ("Name", "VAT_Number__c", "LEI__c", "BillingCountryCode")}
            yield Document("account", record.id, record.data.get("Accordant_Id__c") or "", facts=facts)

    def _opportunities(self) -> Iterator[Document]:
        for record in self.org.living(OBJECTS["Opportunity"]):
            held = record.data
            facts = {f: format(v, "f") if isinstance(v := held.get(f), Decimal) else v for f in (*_SOLD, *_WRITE_BACK)}
            yield Document(
                "opportunity",
                record.id,
                held.get("Accordant_Id__c") or "",
                parent=held.get("AccountId") or "",
                entity=held.get("Entity__c") or "",
                currency=held.get("CurrencyIsoCode") or "",
                amount=held.get("Amount"),
                state=held["StageName"],
                facts=facts,
            )

    def _contracts(self) -> Iterator[Document]:
        for record in self.org.living(OBJECTS["Contract"]):
            held = record.data
            version = held.get("Version__c")
            facts = {
                "billing_method": held.get("Billing_Method__c"),
                "version": None if version is None else int(version),
                "number": held["ContractNumber"],
            }
            yield Document(
                "contract",
                record.id,
                held.get("Accordant_Id__c") or "",
                parent=held["AccountId"],
                entity=held.get("Entity__c") or "",
                currency=held.get("CurrencyIsoCode") or "",
                amount=held.get("Fixed_Fee__c") or held.get("Cap_Amount__c") or held.get("Retainer_Amount__c"),
                state=held["Status"],
                facts=facts,
            )
