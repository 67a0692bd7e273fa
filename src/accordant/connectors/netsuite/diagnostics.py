"""Can we log in and read one record? And what support may see of a connection."""

from __future__ import annotations

from typing import Any

from accordant.connectors.netsuite.reader import NetSuiteReader
from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.connectors.netsuite.suiteql import Select, column
from accordant.kernel import AccordantError


async def probe(reader: NetSuiteReader) -> dict[str, Any]:
    """Log in, read the subsidiaries and, where the role may, the concurrency limit; raises our errors."""
    select = Select("subsidiary", (column("id"), column("name")), order=("id",))
    rows = await reader.client.query(select, operation="probe")
    try:
        limit = (await reader.client.governance()).get("accountConcurrencyLimit")
    except AccordantError:
        limit = None  # only administrators may read it
    return {"system": reader.system, "subsidiaries": len(rows), "concurrency_limit": limit}


def snapshot(settings: NetSuiteSettings) -> dict[str, Any]:
    """Return the settings without anything secret."""
    shown = settings.model_dump(mode="json")
    return {name: "***" if name in {"client_id", "private_key"} else value for name, value in shown.items()}
