"""What calls the API in these tests, and the CRM that it is connected to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI

from accordant.connectors.salesforce import SalesforceConnector
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.governance import Estate
from accordant.platform.http import in_process
from accordant.runtime.connections import Connections
from accordant.simulators.salesforce import SalesforceSimulator

CRM = "salesforce-main"


class CrmConnections(Connections):
    """The estate's connections, its CRM a simulated org in process; a client for each loop that asks."""

    def __init__(self, estate: Estate) -> None:
        self.sim = SalesforceSimulator()
        http = in_process(self.sim.app)
        super().__init__(estate, Path(), http)
        settings = SalesforceSettings(
            url="http://crm.example",
            organization_id=self.sim.org.organization_id,
            client_id="simulated-client",
            client_secret="simulated-secret",
        )
        self._built[CRM] = SalesforceConnector(CRM, settings, http)


class Caller:
    """Calls the API in process."""

    def __init__(self, app: FastAPI, headers: dict[str, str] | None = None) -> None:
        self.app = app
        self.headers = headers or {}

    def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        return self.send("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx2.Response:
        return self.send("POST", path, **kwargs)

    def write(
        self, path: str, body: Any = None, *, key: str = "", method: str = "POST", **headers: str
    ) -> httpx2.Response:
        """Send a write with its Idempotency-Key, a fresh one by default."""
        named = {"Idempotency-Key": key or f"key-{uuid4().hex}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        return self.send(method, path, headers=named, json=body)

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> httpx2.Response:
        return asyncio.run(self.send_async(method, path, headers=headers, **kwargs))

    async def send_async(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as http:
            return await http.request(method, path, headers={**self.headers, **(headers or {})}, **kwargs)


class Office:
    """Gives out callers with the token of a person or client."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def __call__(self, subject: str, *scopes: str) -> Caller:
        token = self.app.state.issuer.issue(subject, scopes=frozenset(scopes) if scopes else None)
        return Caller(self.app, {"Authorization": f"Bearer {token}"})
