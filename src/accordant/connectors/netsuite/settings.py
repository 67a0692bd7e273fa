"""What the estate says about one NetSuite account."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class NetSuiteSettings(BaseModel):
    """One connection.

    Args:
        url: the account's own host, `https://1234567.suitetalk.api.netsuite.com`.
        client_id: of the integration record.
        certificate_id: of the mapping on the OAuth 2.0 Client Credentials (M2M) page.
        private_key: PEM of the certificate's key: RSA (signs PS256) or EC (signs ES256, ES384, ES512).
        subsidiaries: legal entity → external id or name of its subsidiary, where it is not the entity's own code.
        service_item: item code that time and invoice lines are booked on.
        role_items: role code → item code, for roles that have an item of their own.
        time_zone: zone of the integration's user: SuiteQL shows date-times in it. Set that user to GMT.
        page_size: rows per page of the payment feed, 1–1000.
        settle_s: overrides the manifest's, for a sandbox or a simulator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^/]+$")
    client_id: SecretStr
    certificate_id: str
    private_key: SecretStr
    subsidiaries: dict[str, str] = Field(default_factory=dict)
    service_item: str
    role_items: dict[str, str] = Field(default_factory=dict)
    time_zone: str = "UTC"
    page_size: int = Field(default=1000, ge=1, le=1000)
    settle_s: float | None = Field(default=None, ge=0)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        ZoneInfo(name)
        return name
