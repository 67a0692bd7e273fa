"""The simulated Kantata OX account: its tokens, its records, its events and its books, behind the vendor's paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from accordant.simulators._shared import Record, Simulator
from accordant.simulators.kantata.books import open_books
from accordant.simulators.kantata.errors import system, throttled, unauthorized
from accordant.simulators.kantata.events import EventLog
from accordant.simulators.kantata.routes import Routes
from accordant.simulators.kantata.seed import populate
from accordant.simulators.kantata.state import Account, Caller, currency_fields

TOKEN = "kantata-token"  # noqa: S105 - the simulated account's own, worth nothing
TOKEN_WITHOUT_MONEY = "kantata-token-without-money"  # noqa: S105


class KantataSimulator(Simulator):
    """One Kantata OX account.

    Args:
        seed: of delays, duplicates and throttling.
        latency_s: of every call.
        event_delay_s: longest usual lag between a change and its subscribed event.
        event_duplicate_rate: share of events generated twice.
        throttle_rate: share of the calls that the vendor throttles specially (projects, custom field values) that
            get a 429; the vendor publishes no numbers.
    """

    name = "kantata"

    def __init__(
        self,
        *,
        seed: int = 1,
        latency_s: float = 0.0,
        event_delay_s: float = 2.0,
        event_duplicate_rate: float = 0.02,
        throttle_rate: float = 0.0,
    ) -> None:
        super().__init__(seed=seed, latency_s=latency_s)
        self.throttle_rate = throttle_rate
        self.tokens = {TOKEN: Caller("1"), TOKEN_WITHOUT_MONEY: Caller("2", financial=False, admin=False)}
        self.codes = {"code-1": Caller("1")}
        self.events = EventLog(
            self.now, self.faults, seed=seed, delay_s=event_delay_s, duplicate_rate=event_duplicate_rate
        )
        self.account = Account(self.now, lambda: self.faults.option("search_lag", "lag_s"), self.events)
        self._request_ids = count(1)
        populate(self.account)
        open_books(self.account, self.books)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""
        return Routes(self).routes()

    def refuse(self, fault: str, request: Request) -> Response:  # noqa: ARG002 - the body is the same for every call
        """Return the vendor's body for `429`, `500` and `expired_token`."""
        refusals = {
            "429": throttled(),
            "500": system(500, "Something went wrong"),
            "expired_token": unauthorized(),
        }
        return refusals[fault].response()

    @property
    def app(self) -> ASGIApp:
        """The application; every answer carries `x-request-id`, also a gateway's."""
        inner = super().app

        async def numbered(scope: Scope, receive: Receive, send: Send) -> None:
            async def stamped(message: Message) -> None:
                if message["type"] == "http.response.start":
                    id = f"sim-{next(self._request_ids):08d}".encode()
                    message = {**message, "headers": [*message["headers"], (b"x-request-id", id)]}
                await send(message)

            await inner(scope, receive, stamped)

        return numbered

    def grant(self, form: Mapping[str, Any]) -> str | None:
        """Exchange an authorization code, once, for a token that lives until it is revoked."""
        caller = self.codes.pop(str(form.get("code", "")), None)
        if caller is None or not form.get("client_id") or not form.get("client_secret"):
            return None
        token = f"granted-{len(self.tokens)}"
        self.tokens[token] = caller
        return token

    def load_time_entries(self, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Store many time entries at once, without events or validation.

        Args:
            rows: fields under the vendor's names, ids as text; `created_at` and `updated_at` may be aware instants.
                The currency is the project's. Users, projects and roles must exist already.
        """
        currencies = {r.id: currency_fields(r.data["currency"]) for r in self.account["workspaces"]}
        return self.account.load("time_entries", ({**currencies[row["workspace_id"]], **row} for row in rows))

    def load(self, collection: str, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Store records of any collection, without events or validation; for the seed of a simulated firm.

        Args:
            collection: `users`, `workspaces` …
            rows: fields under the vendor's names; `external_reference` and a mapping `custom_fields` of name to
                value are attached; a `currency` brings its symbol and base unit.
        """
        plain, extras = [], []
        for row in rows:
            fields = dict(row)
            extras.append((fields.pop("external_reference", None), fields.pop("custom_fields", {})))
            plain.append(currency_fields(fields["currency"]) | fields if "currency" in fields else fields)
        records = self.account.load(collection, plain)
        fields_by_name = {r.data["name"]: r.id for r in self.account["custom_fields"]}
        for record, (reference, values) in zip(records, extras, strict=True):
            subject = self.account[collection].kind.subject
            if reference:
                self.account.put_reference(subject, record.id, "1", reference)
            for name, value in values.items():
                self.account.put_value(subject, record.id, fields_by_name[name], "1", value)
        return records
