"""One Tryton database as an ERP: the parts of this package put together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from accordant.connectors.tryton.auth import auth_for
from accordant.connectors.tryton.changes import TrytonChanges
from accordant.connectors.tryton.client import TrytonClient
from accordant.connectors.tryton.diagnostics import Probe, probe
from accordant.connectors.tryton.directory import Directory
from accordant.connectors.tryton.errors import classify
from accordant.connectors.tryton.posting import TrytonPosting
from accordant.connectors.tryton.settings import TrytonSettings
from accordant.platform.http import HttpFactory, Limits

MANIFEST: dict[str, Any] = tomllib.loads((files(__package__) / "manifest.toml").read_text(encoding="utf-8"))


def client_for(system: str, settings: TrytonSettings, http: HttpFactory) -> TrytonClient:
    """Return the wire of one database."""
    connection = http(
        system=system,
        base_url=settings.url,
        auth=auth_for(settings, system=system),
        classify=classify,
        limits=Limits(**MANIFEST["limits"]),
    )
    return TrytonClient(connection, settings.database)


class TrytonConnector(TrytonPosting, TrytonChanges):
    """One database, with every capability its manifest names.

    Args:
        system: instance id of the estate.
        settings: the connection.
        http: makes the client, with the system's lane and breaker.
    """

    def __init__(self, system: str, settings: TrytonSettings, http: HttpFactory) -> None:
        self.system = system
        self.settings = settings
        self.settle_s = float(MANIFEST["settle_s"]) if settings.settle_s is None else settings.settle_s
        self.client = client_for(system, settings, http)
        self.directory = Directory(self.client, settings, system=system)

    async def probe(self) -> Probe:
        """Log in, read the companies and the modules, and say what is missing."""
        return await probe(self.client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()
