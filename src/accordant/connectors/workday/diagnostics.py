"""Can we log in and read? And a snapshot for support, without secrets and without people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accordant.connectors.workday.client import AsOf, WorkdayClient
from accordant.connectors.workday.payloads import worker_key
from accordant.connectors.workday.settings import WorkdaySettings

_NEEDED = ("Personal_Data", "Employment_Data", "Organization_Data")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found.

    Args:
        host: where the tenant is.
        tenant: the tenant.
        api_version: the pinned version.
        tenant_clock: the tenant's clock.
        missing_parts: parts of a worker that the tenant does not show us; it leaves them out without a word.
    """

    host: str
    tenant: str
    api_version: str
    tenant_clock: datetime
    missing_parts: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every part is there."""
        return not self.missing_parts


async def probe(client: WorkdayClient, settings: WorkdaySettings) -> Probe:
    """Log in, read the clock and one worker; three calls; raises what the calls raise."""
    clock = await client.now(operation="probe")
    as_of = AsOf(clock.date(), clock)
    page, _ = await client.workers(as_of, 1, operation="probe")
    missing: tuple[str, ...] = ()
    if page.workers:
        states, _ = await client.states([worker_key(page.workers[0])], as_of, operation="probe")
        shown = states.workers[0]["Worker_Data"]
        missing = tuple(part for part in _NEEDED if part not in shown)
    host = settings.url.partition("://")[2]
    return Probe(host, settings.tenant, settings.api_version, clock, missing)
