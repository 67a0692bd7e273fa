"""One Workday tenant as an HRIS: the parts of this package put together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from accordant.connectors.workday.auth import bearer_auth
from accordant.connectors.workday.changes import WorkerChanges
from accordant.connectors.workday.client import WorkdayClient
from accordant.connectors.workday.diagnostics import Probe, probe
from accordant.connectors.workday.errors import classify
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.platform.http import HttpFactory, Limits

MANIFEST: dict[str, Any] = tomllib.loads((files(__package__) / "manifest.toml").read_text())


class WorkdayConnector(WorkerChanges):
    """Workers, with the day from which facts hold and the moment they were entered.

    Args:
        system: instance id of the estate.
        settings: the connection.
        http: makes the client, with the system's lane and breaker.
    """

    settle_s: float = MANIFEST["settle_s"]

    def __init__(self, system: str, settings: WorkdaySettings, http: HttpFactory) -> None:
        self.system = system
        self._settings = settings
        client = http(
            system=system,
            base_url=settings.url,
            auth=bearer_auth(settings, system=system),
            classify=classify,
            limits=Limits(**MANIFEST["limits"]),
        )
        self._client = WorkdayClient(client, settings)

    async def probe(self) -> Probe:
        """Log in, read one worker, see which parts are shown."""
        return await probe(self._client, self._settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
