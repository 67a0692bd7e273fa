"""One Salesforce org as a CRM: the parts of this package put together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from accordant.connectors._shared.salesforce import PlatformClient, classify
from accordant.connectors.salesforce.auth import auth_for
from accordant.connectors.salesforce.changes import DealChanges
from accordant.connectors.salesforce.diagnostics import Probe, probe
from accordant.connectors.salesforce.reader import DealReader
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.connectors.salesforce.writer import CustomerWriter, StatusWriter
from accordant.platform.http import HttpFactory, Limits

MANIFEST: dict[str, Any] = tomllib.loads((files(__package__) / "manifest.toml").read_text(encoding="utf-8"))


class SalesforceConnector(DealReader, DealChanges, CustomerWriter, StatusWriter):
    """Deals in, customers under our key, engagement state back.

    Args:
        system: instance id of the estate.
        settings: the connection.
        http: makes the client, with the system's lane and breaker.
    """

    def __init__(self, system: str, settings: SalesforceSettings, http: HttpFactory) -> None:
        self.system = system
        self.settle_s = settings.settle_s or float(MANIFEST["settle_s"])
        self._settings = settings
        client = http(
            system=system,
            base_url=settings.url,
            auth=auth_for(settings, system=system),
            classify=classify,
            limits=Limits(**MANIFEST["limits"]),
        )
        self._client = PlatformClient(client, api_version=settings.api_version)

    async def probe(self) -> Probe:
        """Log in, read one record, compare our mappings with the org."""
        return await probe(self._client, self._settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
