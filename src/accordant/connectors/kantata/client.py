"""URLs, paging and wrappers of the API; returns payloads and raises our errors. No business word belongs here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from accordant.connectors.kantata.payloads import WRAPPER, CustomFieldValue, Envelope, ExternalReference, Record
from accordant.platform.http import HttpClient

PAGE = 200
"""Records per page: the vendor's maximum."""


class KantataClient:
    """The calls of one connected account."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def page(
        self, collection: str, *, operation: str, page: int = 1, size: int = PAGE, **filters: Any
    ) -> Envelope:
        """Read one page of a collection."""
        params = {name: value for name, value in filters.items() if value is not None}
        response = await self._http.read(
            "GET", f"{collection}.json", operation=operation, params=params | {"page": page, "per_page": size}
        )
        return Envelope.of(response, collection)

    async def pages(self, collection: str, *, operation: str, **filters: Any) -> AsyncIterator[Envelope]:
        """Read all pages of a collection; only for sets that do not change while they are read."""
        number, last = 1, 1
        while number <= last:
            envelope = await self.page(collection, operation=operation, page=number, **filters)
            yield envelope
            number, last = number + 1, envelope.page_count

    async def show(self, collection: str, id: str, *, operation: str, **params: Any) -> Envelope:
        """Read one record; raises NotFound, also for one that default filters hide."""
        return Envelope.of(
            await self._http.read("GET", f"{collection}/{id}.json", operation=operation, params=params), collection
        )

    async def create(self, collection: str, fields: Mapping[str, Any], *, operation: str, key: str) -> Record:
        """Create one record; the same call twice makes two."""
        body = {WRAPPER[collection]: fields}
        response = await self._http.write("POST", f"{collection}.json", operation=operation, key=key, json=body)
        return Envelope.of(response, collection).one

    async def change(self, collection: str, id: str, fields: Mapping[str, Any], *, operation: str, key: str) -> None:
        """Change fields of a record."""
        body = {WRAPPER[collection]: fields}
        await self._http.write("PUT", f"{collection}/{id}.json", operation=operation, key=key, json=body)

    async def act(self, collection: str, id: str, verb: str, *, operation: str, key: str) -> None:
        """Apply a verb to a record: approve, cancel."""
        await self._http.write("PUT", f"{collection}/{id}/{verb}.json", operation=operation, key=key)

    async def remove(self, collection: str, id: str, *, operation: str, key: str) -> None:
        """Delete a record."""
        await self._http.write("DELETE", f"{collection}/{id}.json", operation=operation, key=key)

    async def put_reference(self, reference: ExternalReference, *, operation: str, key: str) -> None:
        """Create or update the reference that our service has on a subject."""
        path = "external_references/create_or_update.json"
        await self._http.write("POST", path, operation=operation, key=key, json={"external_reference": reference})

    async def put_values(self, values: list[CustomFieldValue], *, operation: str, key: str) -> None:
        """Set custom fields, up to 100; an existing value is overwritten."""
        body = {"custom_field_values": values}
        await self._http.write("POST", "custom_field_values.json", operation=operation, key=key, json=body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
