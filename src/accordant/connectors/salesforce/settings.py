"""What the estate says about one Salesforce org."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class SalesforceSettings(BaseModel):
    """One connection; either a client secret, or a private key with user and audience.

    Args:
        url: the org's own address (My Domain), `https://meridian.my.salesforce.com`.
        organization_id: the org's id, 15 or 18 characters; outbound messages of another org are refused.
        client_id: consumer key of the connected app.
        client_secret: its secret, for client credentials.
        private_key: PEM, for signed assertions.
        username: the pre-approved user of signed assertions.
        audience: of signed assertions; production, sandbox or My Domain.
        api_version: pinned; raise it together with a run of the contract suite.
        page_size: records per page of the change feed, 1–2000.
        settle_s: overrides the manifest's, for an org whose transactions are known to be short.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^/]+$")
    organization_id: str = Field(pattern=r"^00D\w{12}(\w{3})?$")
    client_id: SecretStr
    client_secret: SecretStr | None = None
    private_key: SecretStr | None = None
    username: str | None = None
    audience: str | None = None
    api_version: str = Field(default="59.0", pattern=r"^\d\d\.0$")
    page_size: int = Field(default=200, ge=1, le=2000)
    settle_s: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_grant(self) -> Self:
        if (self.client_secret is None) == (self.private_key is None):
            raise ValueError("give either client_secret or private_key")
        if self.private_key is not None and not (self.username and self.audience):
            raise ValueError("private_key needs username and audience")
        return self
