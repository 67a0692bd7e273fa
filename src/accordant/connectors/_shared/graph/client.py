"""Calls to Graph: single records, lists with all their pages, writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accordant.connectors._shared.graph.filters import Filter
from accordant.kernel import ContractDrift
from accordant.platform.http import HttpClient, Response

Row = dict[str, Any]


class GraphClient:
    """One tenant's Graph, version pinned."""

    def __init__(self, http: HttpClient, *, version: str = "v1.0") -> None:
        self._http = http
        self._root = f"/{version}"

    async def get(self, path: str, *, operation: str, select: str = "") -> Row:
        """Read one record; NotFound when it is not there, or not yet."""
        params = {"$select": select} if select else None
        return _mapping(await self._http.read("GET", self._root + path, operation=operation, params=params))

    async def page(
        self, path: str, *, operation: str, select: str = "", where: Filter | None = None, top: int | None = None
    ) -> tuple[list[Row], str | None]:
        """Read one page of a list; returns its rows and the link to the next page, which is followed as it is."""
        params: dict[str, str] = {}
        if select:
            params["$select"] = select
        if where is not None:
            params["$filter"] = where.text
        if top is not None:
            params["$top"] = str(top)
        is_link = path.startswith("http")
        url = path if is_link else self._root + path
        answer = await self._http.read("GET", url, operation=operation, params=None if is_link else params)
        body = _mapping(answer)
        rows = body.get("value")
        if not isinstance(rows, list):
            raise _drift(answer, "a list without `value`")
        return rows, body.get("@odata.nextLink")

    async def list(
        self, path: str, *, operation: str, select: str = "", where: Filter | None = None, top: int | None = None
    ) -> list[Row]:
        """Read a list with all its pages."""
        rows, following = await self.page(path, operation=operation, select=select, where=where, top=top)
        while following is not None:
            more, following = await self.page(following, operation=operation)
            rows += more
        return rows

    async def ask(self, path: str, body: Mapping[str, Any], *, operation: str) -> Response:
        """Send a question that travels as POST and changes nothing."""
        return await self._http.read("POST", self._root + path, operation=operation, json=body)

    async def send(self, method: str, path: str, body: Mapping[str, Any], *, operation: str, key: str) -> Response:
        """Write; UnknownOutcome carries the key."""
        return await self._http.write(method, self._root + path, operation=operation, key=key, json=body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _mapping(answer: Response) -> Row:
    body = answer.json()
    if not isinstance(body, dict):
        raise _drift(answer, f"a {type(body).__name__} where a record was expected")
    return body


def _drift(answer: Response, what: str) -> ContractDrift:
    return ContractDrift(
        f"The tenant answered with {what}.",
        code="graph.shape",
        remedy="Compare the API version with the one the connector names.",
        system=answer.system,
        operation=answer.operation,
    )
