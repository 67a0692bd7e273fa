"""The connector: its ports over one account."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from importlib.resources import files

from accordant.connectors.kantata.auth import token_auth
from accordant.connectors.kantata.changes import KantataChanges
from accordant.connectors.kantata.client import KantataClient
from accordant.connectors.kantata.diagnostics import Probe, probe
from accordant.connectors.kantata.errors import classify_with
from accordant.connectors.kantata.reader import Names
from accordant.connectors.kantata.settings import KantataSettings
from accordant.connectors.kantata.writer import KantataWriter
from accordant.kernel import Clock, SystemClock
from accordant.platform.http import HttpFactory, Limits

MANIFEST = tomllib.loads((files(__package__) / "manifest.toml").read_text(encoding="utf-8"))


class KantataConnector(KantataWriter, KantataChanges):
    """One connected Kantata account.

    Args:
        system: instance id of the estate.
        settings: of this account.
        http: makes the client.
        clock: ours; only spans are measured with it.
    """

    def __init__(
        self, system: str, settings: KantataSettings, http: HttpFactory, *, clock: Clock | None = None
    ) -> None:
        self.system = system
        self.settle_s = settings.settle_s or float(MANIFEST["settle_s"])
        shortest, longest = settings.throttle_wait_s or MANIFEST["throttled"]["wait_s"]
        self.settings = settings
        self._clock = clock or SystemClock()
        self._overlap = timedelta(seconds=MANIFEST["feed"]["overlap_s"])
        self.client = KantataClient(
            http(
                system=system,
                base_url=settings.url,
                auth=token_auth(settings.access_token),
                classify=classify_with((shortest, longest)),
                limits=Limits(**MANIFEST["limits"]),
            )
        )
        self._names = Names(self.client)

    async def probe(self) -> Probe:
        """Log in, read one record of each kind that the feeds need, and say what the account lets us do."""
        return await probe(self.client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()
