"""Can we log in and read, and what may we see? And what a supporter may know of the connection."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from accordant.connectors.kantata.client import KantataClient
from accordant.connectors.kantata.settings import KantataSettings
from accordant.kernel import Rejected


@dataclass(frozen=True, slots=True)
class Probe:
    """What the account lets us do.

    Args:
        users: how many users we see; at least the integration's own.
        sees_money: time entries show their rate; None without any entry.
        shows_ids: time entries show their project without being asked, else set `asks_for_ids`; None without any.
        reads_events: subscribed events are readable: the add-on is there, and the user is account administrator.
    """

    users: int
    sees_money: bool | None
    shows_ids: bool | None
    reads_events: bool


async def probe(client: KantataClient) -> Probe:
    """Log in and read one record of each kind that the feeds need; raises our errors."""
    users = await client.page("users", operation="probe", size=1)
    entries = await client.page("time_entries", operation="probe", size=1)
    entry = entries.records[0] if entries.records else None
    try:
        await client.page("subscribed_events", operation="probe", size=1)
        reads_events = True
    except Rejected:
        reads_events = False
    return Probe(
        users=users.total,
        sees_money=None if entry is None else "rate_in_cents" in entry,
        shows_ids=None if entry is None else "workspace_id" in entry,
        reads_events=reads_events,
    )


def snapshot(system: str, settings: KantataSettings, found: Probe) -> dict[str, Any]:
    """Return what support needs, without a secret or a personal field."""
    # Secrets are dumped as stars.
    return {"system": system, "settings": settings.model_dump(mode="json"), "probe": asdict(found)}
