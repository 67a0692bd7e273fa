"""One Microsoft 365 tenant as the place for workspaces: the parts of this package put together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from accordant.connectors._shared.graph import GraphClient, classify
from accordant.connectors.teams.auth import bot_auth, graph_auth
from accordant.connectors.teams.client import TeamsClient
from accordant.connectors.teams.diagnostics import Probe, probe
from accordant.connectors.teams.settings import TeamsSettings
from accordant.connectors.teams.writer import WorkspaceWriter
from accordant.platform.http import HttpFactory, Limits

MANIFEST: dict[str, Any] = tomllib.loads((files(__package__) / "manifest.toml").read_text())


class TeamsConnector(WorkspaceWriter):
    """Workspaces and cards in Microsoft Teams.

    Args:
        system: instance id of the estate.
        settings: the connection.
        http: makes the clients, with the system's lane and breaker.
    """

    def __init__(self, system: str, settings: TeamsSettings, http: HttpFactory) -> None:
        self.system = system
        self.settle_s = settings.settle_s or MANIFEST["settle_s"]
        self._settings = settings
        limits = Limits(**MANIFEST["limits"])
        graph = http(
            system=system,
            base_url=settings.graph_url,
            auth=graph_auth(settings, system=system),
            classify=classify,
            limits=limits,
        )
        bot = http(
            system=system,
            base_url=settings.bot_url,
            auth=bot_auth(settings, system=system),
            classify=classify,
            limits=limits,
        )
        self._client = TeamsClient(GraphClient(graph), bot)

    async def probe(self) -> Probe:
        """Log in and read one group."""
        return await probe(self._client, self._settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
