"""The account's reference records by the codes people use: currencies, subsidiaries, items, tax codes; read once.

A payload that points to one of them says `{"refName": "GBP"}`; `fill` replaces that by the internal id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from accordant.connectors.netsuite.client import NetSuiteClient
from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.connectors.netsuite.suiteql import Select, as_date, column, equals
from accordant.kernel import Period, Rejected

_ACTIVE = equals("isinactive", "F")
# Per property of a payload: the table, the columns whose values name a record, whether inactive ones are left out.
_TABLES: Mapping[str, tuple[str, tuple[str, ...], bool]] = {
    "currency": ("currency", ("symbol",), False),
    "subsidiary": ("subsidiary", ("externalid", "name"), True),
    "item": ("item", ("externalid", "itemid"), True),
    "taxCode": ("salestaxitem", ("externalid", "itemid"), True),
}
_CODES = {
    "currency": "erp.currency.unknown",
    "subsidiary": "erp.entity.unknown",
    "item": "erp.item.unknown",
    "taxCode": "erp.tax_code.unknown",
}


class Directory:
    """Codes to ids and back, of one account. A code that is not found is looked for once more before it is refused."""

    def __init__(self, client: NetSuiteClient, settings: NetSuiteSettings, *, system: str) -> None:
        self._client = client
        self._subsidiaries = settings.subsidiaries
        self._system = system
        self._ids: dict[str, dict[str, str]] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._spans: dict[str, Period] = {}
        self._loading = asyncio.Lock()

    async def id_of(self, kind: str, code: str, *, operation: str) -> str:
        """Return the id of a code; Rejected when the account does not have it."""
        wanted = self._subsidiaries.get(code, code) if kind == "subsidiary" else code
        if wanted not in self._ids.get(kind, {}):
            await self._load(kind, operation)
        id = self._ids[kind].get(wanted)
        if id is None:
            raise Rejected(
                f"The ERP has no active {kind} {wanted!r}.",
                code=_CODES[kind],
                remedy=f"Create the {kind} in the ERP, or correct the code in the contract or the estate.",
                system=self._system,
                operation=operation,
            )
        return id

    async def name_of(self, kind: str, id: str, *, operation: str) -> str:
        """Return the first code of a record by its id; the id itself when the account does not show it."""
        if id not in self._names.get(kind, {}):
            await self._load(kind, operation)
        return self._names[kind].get(id, id)

    async def fill(self, payload: dict[str, Any], *, operation: str) -> dict[str, Any]:
        """Replace every `{"refName": code}` of the payload by the id, in place, and return it."""
        for name, value in payload.items():
            if name in _TABLES and isinstance(value, dict) and "refName" in value:
                payload[name] = {"id": await self.id_of(name, value["refName"], operation=operation)}
            elif isinstance(value, dict):
                for row in value.get("items", ()):
                    await self.fill(row, operation=operation)
        return payload

    async def show(self, record: dict[str, Any], *kinds: str, operation: str) -> dict[str, Any]:
        """Put our code into the `refName` of the named properties, in place, and return the record."""
        for kind in kinds:
            if kind in record:
                record[kind]["refName"] = await self.name_of(kind, str(record[kind]["id"]), operation=operation)
        return record

    async def span_of(self, period: str, *, operation: str) -> Period:
        """Return the days of an accounting period by its id."""
        if period not in self._spans:
            columns = (as_date("startdate", "starts"), as_date("enddate", "ends"))
            select = Select("accountingperiod", columns, where=(equals("id", period),))
            (row,) = await self._client.query(select, operation=operation)
            self._spans[period] = Period.model_validate({"start_on": row["starts"], "end_on": row["ends"]})
        return self._spans[period]

    async def _load(self, kind: str, operation: str) -> None:
        table, names, has_inactive = _TABLES[kind]
        select = Select(table, (column("id"), *map(column, names)), where=(_ACTIVE,) if has_inactive else ())
        async with self._loading:
            rows = await self._client.query(select, operation=operation)
        # Names first, so that an external id wins over another record's name.
        by_code = {row[name]: row["id"] for name in reversed(names) for row in rows if row.get(name)}
        self._ids[kind] = by_code
        self._names[kind] = {row["id"]: next(row[n] for n in names if row.get(n)) for row in rows if _named(row, names)}


def _named(row: Mapping[str, str], names: tuple[str, ...]) -> bool:
    return any(row.get(name) for name in names)
