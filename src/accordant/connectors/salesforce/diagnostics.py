"""Can we log in and read? And a snapshot for support, without secrets and without records."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.connectors._shared.salesforce import PlatformClient, Select, Usage
from accordant.connectors.salesforce.mapping import CUSTOMER, DEAL, STATUS
from accordant.connectors.salesforce.payloads import ACCOUNT, OPPORTUNITY, OUR_KEY
from accordant.connectors.salesforce.settings import SalesforceSettings


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found.

    Args:
        host: where the org lives.
        api_version: the pinned version.
        usage: the org's daily budget of calls.
        missing_fields: fields that our mappings name and the org does not show to us, as `Account.LEI__c`.
    """

    host: str
    api_version: str
    usage: Usage | None
    missing_fields: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every field is there."""
        return not self.missing_fields


async def probe(client: PlatformClient, settings: SalesforceSettings) -> Probe:
    """Log in, read one record and compare the mappings with the org; three calls; raises what the calls raise."""
    await client.query(Select(OPPORTUNITY, ("Id",), limit=1), operation="probe")
    wanted = {ACCOUNT: {*CUSTOMER.vendor_fields, OUR_KEY}, OPPORTUNITY: {*DEAL.vendor_fields, *STATUS.vendor_fields}}
    missing: list[str] = []
    for sobject, fields in wanted.items():
        described = await client.describe(sobject, operation="probe")
        shown = {field["name"] for field in described["fields"]}
        own = {field for field in fields if "." not in field}
        missing += [f"{sobject}.{field}" for field in sorted(own - shown)]
    host = settings.url.partition("://")[2]
    return Probe(host, settings.api_version, client.usage, tuple(missing))
