"""Calls to the platform's REST API: queries with their pages, single records, limits, describes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from accordant.connectors._shared.salesforce.soql import Select
from accordant.kernel import ContractDrift, NotFound, UnknownOutcome
from accordant.platform.http import HttpClient, Response

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of all the org's integrations in the last 24 hours, and how many it may make."""

    used: int
    maximum: int


class PlatformClient:
    """One org's REST API, version pinned.

    `usage` holds what the last answer said about the daily budget; None before the first answer.
    """

    def __init__(self, http: HttpClient, *, api_version: str) -> None:
        self._http = http
        self._root = f"/services/data/v{api_version}"
        self.usage: Usage | None = None

    async def page(self, select: Select, *, operation: str, with_deleted: bool = False) -> Response:
        """Run a query that limits itself to one page, and return the answer as it came."""
        path = f"{self._root}/queryAll" if with_deleted else f"{self._root}/query"
        return await self._read(path, operation, {"q": select.text})

    async def query(self, select: Select, *, operation: str) -> list[dict[str, Any]]:
        """Run a query and return the records of all its pages."""
        page = records_page(await self.page(select, operation=operation))
        records = list(page["records"])
        while not page.get("done", True):
            page = records_page(await self._read(page["nextRecordsUrl"], operation))
            records += page["records"]
        return records

    async def fetch(self, sobject: str, id: str, fields: Collection[str], *, operation: str) -> dict[str, Any]:
        """Read fields of one record; NotFound when there is none. Relationship paths need a query."""
        answer = await self._read(self._row(sobject, id), operation, {"fields": ",".join(fields)})
        return _mapping(answer)

    async def find_by_key(self, sobject: str, field: str, value: str, *, operation: str) -> str | None:
        """Return the id of the record with this unique external id, or None; unlike a query it tells case apart."""
        path = f"{self._root}/sobjects/{sobject}/{field}/{quote(value, safe='')}"
        try:
            return str(_mapping(await self._read(path, operation, {"fields": "Id"}))["Id"])
        except NotFound:
            return None

    async def create(self, sobject: str, fields: Mapping[str, Any], *, operation: str, key: str) -> str:
        """Create a record and return its id."""
        answer = await self._http.write(
            "POST", f"{self._root}/sobjects/{sobject}", json=fields, operation=operation, key=key
        )
        self._note_usage(answer)
        body = answer.json()
        if not isinstance(body, dict) or not isinstance(body.get("id"), str):
            raise _lost_answer(answer, key)
        return str(body["id"])

    async def update(
        self,
        sobject: str,
        id: str,
        fields: Mapping[str, Any],
        *,
        operation: str,
        key: str,
        unmodified_since: datetime,
    ) -> None:
        """Change fields of a record that nobody changed since; the vendor compares whole seconds."""
        condition = {"If-Unmodified-Since": format_datetime(unmodified_since, usegmt=True)}
        answer = await self._http.write(
            "PATCH", self._row(sobject, id), json=fields, operation=operation, key=key, headers=condition
        )
        self._note_usage(answer)

    async def describe(self, sobject: str, *, operation: str) -> dict[str, Any]:
        """Read the description of an object."""
        return _mapping(await self._read(f"{self._root}/sobjects/{sobject}/describe", operation))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _row(self, sobject: str, id: str) -> str:
        return f"{self._root}/sobjects/{sobject}/{quote(id, safe='')}"

    async def _read(self, path: str, operation: str, params: Mapping[str, str] | None = None) -> Response:
        answer = await self._http.read("GET", path, params=params, operation=operation)
        self._note_usage(answer)
        return answer

    def _note_usage(self, answer: Response) -> None:
        if match := _USAGE.search(answer.headers.get("Sforce-Limit-Info", "")):
            self.usage = Usage(int(match.group(1)), int(match.group(2)))


def records_page(answer: Response) -> dict[str, Any]:
    """Return a page of a query; ContractDrift when it has no list of records."""
    page = _mapping(answer)
    if not isinstance(page.get("records"), list):
        raise ContractDrift(
            "The org answered a query without records.",
            code="salesforce.query_shape",
            remedy="Compare the API version with the one the connector names.",
            system=answer.system,
            operation=answer.operation,
        )
    return page


def only_record(records: list[dict[str, Any]], *, what: str, system: str, operation: str) -> dict[str, Any]:
    """Return the one record of a query by id; NotFound when there is none."""
    if not records:
        raise NotFound(f"The org has no such {what}.", code="salesforce.not_found", system=system, operation=operation)
    return records[0]


def _mapping(answer: Response) -> dict[str, Any]:
    body = answer.json()
    if not isinstance(body, dict):
        raise ContractDrift(
            "The org answered with another shape than a record.",
            code="salesforce.shape",
            remedy="Compare the API version with the one the connector names.",
            system=answer.system,
            operation=answer.operation,
        )
    return body


def _lost_answer(answer: Response, key: str) -> UnknownOutcome:
    return UnknownOutcome(
        "The org took the record and did not say under which id.",
        code="salesforce.no_id",
        remedy="It is looked up by its key.",
        lookup_key=key,
        system=answer.system,
        operation=answer.operation,
    )
