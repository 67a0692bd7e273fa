"""Can we log in and read? And a snapshot for support, without secrets and without people."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.connectors.teams.client import TeamsClient
from accordant.connectors.teams.settings import TeamsSettings


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found.

    Args:
        host: where Graph is.
        bot_host: where the bot service is.
        tenant_id: the tenant; no secret.
    """

    host: str
    bot_host: str
    tenant_id: str


async def probe(client: TeamsClient, settings: TeamsSettings) -> Probe:
    """Log in and read one group; one call; raises what the calls raise."""
    await client.one_group(operation="probe")
    host, bot_host = (url.partition("://")[2] for url in (settings.graph_url, settings.bot_url))
    return Probe(host, bot_host, settings.tenant_id)
