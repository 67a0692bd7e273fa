"""Can we log in and read, and what may we see? And what support may know of a connection."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from accordant.connectors.netsuite.client import NetSuiteClient
from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.connectors.netsuite.suiteql import Select, column
from accordant.kernel import NotFound, Rejected


@dataclass(frozen=True, slots=True)
class Probe:
    """What the account lets us do.

    Args:
        subsidiaries: how many we see; none means that the role is limited to another one.
        concurrency_limit: calls at a time of all integrations together; None unless the role is an administrator's.
    """

    subsidiaries: int
    concurrency_limit: int | None


async def probe(client: NetSuiteClient) -> Probe:
    """Log in, run one query and, where the role may, read the limit; raises our errors."""
    select = Select("subsidiary", (column("id"), column("name")), order=("id",))
    rows = await client.query(select, operation="probe")
    try:
        limit = (await client.governance()).get("accountConcurrencyLimit")
    except (Rejected, NotFound):
        limit = None
    return Probe(len(rows), limit)


def snapshot(system: str, settings: NetSuiteSettings, found: Probe) -> dict[str, Any]:
    """Return what support needs, without a secret or a personal field; secrets are dumped as stars."""
    return {"system": system, "settings": settings.model_dump(mode="json"), "probe": asdict(found)}
