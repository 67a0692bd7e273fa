"""How a person reaches a system: logs in, reads again when it stumbles, and never sends twice without looking.

Every call is one to the vendor's own HTTP API; nothing here knows what the firm does with it.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from time import time
from typing import Any, Self

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

_TIMEOUT_S = 15.0
_READS_TRIED, _BUSY_TRIED = 4, 20
_PAUSE_S = 0.05
_JSON = "application/json"


class TryAgain(Exception):
    """The system did not answer, or not clearly; look what it kept, then go on."""


class Refused(Exception):
    """The system said no.

    Args:
        status: of the answer.
        text: its body.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class Desk(ABC):
    """One login on one system.

    Args:
        http: a client with the system's base URL.
        login: what `SimulatedEstate.logins` says for it.
    """

    SCHEME = "Bearer"

    def __init__(self, http: httpx2.AsyncClient, login: Mapping[str, str]) -> None:
        self.http = http
        self.login = login
        self._token = ""

    @classmethod
    def at(cls, address: str, login: Mapping[str, str]) -> Self:
        """Return a desk for a system at an address."""
        return cls(httpx2.AsyncClient(base_url=address, timeout=_TIMEOUT_S), login)

    @abstractmethod
    async def _log_in(self) -> str:
        """Return a fresh token."""

    async def get(self, path: str, **params: str | int) -> Any:
        """Read; once more when the answer is broken. Raises TryAgain when it stays so, and Refused."""
        for attempt in range(1, _READS_TRIED + 1):
            try:
                return await self._call("GET", path, params=params)
            except TryAgain:
                if attempt == _READS_TRIED:
                    raise
                await asyncio.sleep(_PAUSE_S * attempt)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Write, once. Raises TryAgain when nobody knows whether it was kept, and Refused when it was not."""
        return await self._call(method, path, body=body, headers=headers)

    async def close(self) -> None:
        """Leave."""
        await self.http.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        content = None if body is None else _dumps(body)
        for attempt in range(1, _BUSY_TRIED + 1):
            token = self._token or await self._fresh_token()
            sent = {"Authorization": f"{self.SCHEME} {token}", "Content-Type": _JSON, **(headers or {})}
            try:
                answer = await self.http.request(method, path, params=params, content=content, headers=sent)
            except httpx2.TransportError as error:
                raise TryAgain(f"{method} {path}") from error
            if answer.status_code == 401:
                self._token = ""
            elif answer.status_code != 429:
                return _read(answer)
            await asyncio.sleep(_PAUSE_S * attempt)
        raise TryAgain(f"{method} {path}: busy")

    async def _fresh_token(self) -> str:
        try:
            self._token = await self._log_in()
        except httpx2.TransportError as error:
            raise TryAgain("log in") from error
        return self._token

    async def _ask_token(self, path: str, form: Mapping[str, str]) -> str:
        answer = await self.http.post(path, data=dict(form))
        return str(_read(answer)["access_token"])


class SalesforceDesk(Desk):
    """The CRM, as the account team uses it."""

    ROOT = "/services/data/v59.0"

    async def _log_in(self) -> str:
        form = {"grant_type": "client_credentials", **self.login}
        return await self._ask_token("/services/oauth2/token", form)

    async def query(self, soql: str) -> list[dict[str, Any]]:
        """Return every record of a query."""
        page = await self.get(f"{self.ROOT}/query", q=soql)
        rows = list(page["records"])
        while not page["done"]:
            page = await self.get(page["nextRecordsUrl"])
            rows += page["records"]
        return rows

    async def change(self, sobject: str, id: str, **fields: Any) -> None:
        """Change fields of a record."""
        await self.send("PATCH", f"{self.ROOT}/sobjects/{sobject}/{id}", fields)


class KantataDesk(Desk):
    """The PSA, as the time sheet office uses it."""

    ROOT = "/api/v1"

    async def _log_in(self) -> str:
        return self.login["token"]

    async def all(self, collection: str, **params: str | int) -> list[dict[str, Any]]:
        """Return every record of a collection, over all pages."""
        rows: list[dict[str, Any]] = []
        page = 1
        while True:
            body = await self.get(f"{self.ROOT}/{collection}.json", per_page=200, page=page, **params)
            rows += records(body)
            if page >= body["meta"]["page_count"]:
                return rows
            page += 1

    async def create(self, collection: str, body: Any) -> list[dict[str, Any]]:
        """Create records; returns them in the order in which they were sent."""
        return records(await self.send("POST", f"{self.ROOT}/{collection}.json", body))

    async def act(self, path: str, body: Any = None) -> None:
        """Change a record or its state."""
        await self.send("PUT", f"{self.ROOT}/{path}.json", body or {})


class NetSuiteDesk(Desk):
    """The ERP, as the desk that books what the bank reports."""

    RECORDS = "/services/rest/record/v1"

    async def _log_in(self) -> str:
        path = "/services/rest/auth/oauth2/v1/token"
        now = int(time())
        header = {"typ": "JWT", "alg": "ES256", "kid": self.login["certificate_id"]}
        claims = {
            "iss": self.login["client_id"],
            "scope": ["rest_webservices"],
            "aud": str(self.http.base_url).rstrip("/") + path,
            "iat": now,
            "exp": now + 300,
        }
        key = ECKey.import_key(self.login["private_key"])
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode(header, claims, key, algorithms=["ES256"]),
        }
        return await self._ask_token(path, form)

    async def query(self, text: str, *params: Any) -> list[dict[str, Any]]:
        """Return the first thousand rows of a query."""
        path = "/services/rest/query/v1/suiteql?limit=1000"
        for attempt in range(1, _READS_TRIED + 1):
            try:
                page = await self.send("POST", path, {"q": text, "params": params}, Prefer="transient")
            except TryAgain:
                if attempt == _READS_TRIED:
                    raise
            else:
                return list(page["items"])
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def create(self, type_: str, body: Any) -> None:
        """Create a record."""
        await self.send("POST", f"{self.RECORDS}/{type_}", body)


def records(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records of a Kantata answer, in the order of its results."""
    return [body[result["key"]][result["id"]] for result in body["results"]]


def _dumps(body: Any) -> str:
    """Write JSON with exact amounts as plain numbers: Decimal("10.50") → 10.50."""
    marks: dict[str, str] = {}

    def mark(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"{value!r} is not for JSON")
        name = f"@decimal-{len(marks)}@"
        marks[name] = format(value, "f")
        return name

    text = json.dumps(body, default=mark)
    for name, number in marks.items():
        text = text.replace(f'"{name}"', number)
    return text


def _read(answer: httpx2.Response) -> Any:
    if answer.status_code >= 500:
        raise TryAgain(f"{answer.status_code}")
    if answer.status_code >= 400:
        raise Refused(answer.status_code, answer.text)
    if not answer.content:
        return None
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError as error:
        raise TryAgain("the answer is not JSON") from error
