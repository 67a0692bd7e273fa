"""Can we log in and read, and what is set up? And what support may know of a connection."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from accordant.connectors.tryton.client import TrytonClient
from accordant.connectors.tryton.settings import TrytonSettings

_MODELS = ("account.invoice", "project.work", "timesheet.line")


@dataclass(frozen=True, slots=True)
class Probe:
    """What the database lets us do.

    Args:
        companies: how many it has that we see; none means that our user belongs to no company.
        missing: models we need and do not see: their module is not activated.
    """

    companies: int
    missing: tuple[str, ...]


async def probe(client: TrytonClient) -> Probe:
    """Log in and look; raises our errors."""
    companies = await client.search("company.company", [], ["id"], operation="probe")
    wanted = [["name", "in", list(_MODELS)]]
    models = {row["name"] for row in await client.search("ir.model", wanted, ["name"], operation="probe")}
    return Probe(len(companies), tuple(model for model in _MODELS if model not in models))


def snapshot(system: str, settings: TrytonSettings, found: Probe) -> dict[str, Any]:
    """Return what support needs, without a secret; secrets are dumped as stars."""
    return {"system": system, "settings": settings.model_dump(mode="json"), "probe": asdict(found)}
