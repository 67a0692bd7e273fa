"""One NetSuite account as an ERP: the parts of this package put together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from accordant.connectors.netsuite.auth import auth_for
from accordant.connectors.netsuite.changes import NetSuiteChanges
from accordant.connectors.netsuite.client import NetSuiteClient
from accordant.connectors.netsuite.diagnostics import Probe, probe
from accordant.connectors.netsuite.directory import Directory
from accordant.connectors.netsuite.errors import classify
from accordant.connectors.netsuite.posting import NetSuitePosting
from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.platform.http import HttpFactory, Limits

MANIFEST: dict[str, Any] = tomllib.loads((files(__package__) / "manifest.toml").read_text(encoding="utf-8"))


class NetSuiteConnector(NetSuitePosting, NetSuiteChanges):
    """One account, with every capability its manifest names.

    Args:
        system: instance id of the estate.
        settings: the connection.
        http: makes the client, with the system's lane and breaker.
    """

    def __init__(self, system: str, settings: NetSuiteSettings, http: HttpFactory) -> None:
        self.system = system
        self.settings = settings
        self.settle_s = float(MANIFEST["settle_s"]) if settings.settle_s is None else settings.settle_s
        self.client = NetSuiteClient(
            http(
                system=system,
                base_url=settings.url,
                auth=auth_for(settings, system=system),
                classify=classify,
                limits=Limits(**MANIFEST["limits"]),
            )
        )
        self.directory = Directory(self.client, settings, system=system)

    async def probe(self) -> Probe:
        """Log in, read the subsidiaries, and say what the account lets us do."""
        return await probe(self.client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()
