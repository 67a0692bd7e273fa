"""What the estate says about one Workday tenant."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class WorkdaySettings(BaseModel):
    """One connection: an API client for integrations, tied to an integration system user.

    Args:
        url: the tenant's data center, `https://wd3-services1.workday.com`.
        tenant: the tenant.
        client_id: the API client.
        client_secret: its secret.
        refresh_token: of the integration system user, set to never expire.
        history_from: the first day whose facts are wanted; earlier ones are read as of this day.
        horizon_days: how far ahead scheduled changes are read.
        page_size: workers per page, 1–999.
        api_version: pinned; raise it together with a run of the contract suite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^/]+$")
    tenant: str = Field(pattern=r"^\w+$")
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    history_from: date
    horizon_days: int = Field(default=365, ge=1, le=3660)
    page_size: int = Field(default=100, ge=1, le=999)
    api_version: str = Field(default="v44.2", pattern=r"^v\d\d\.\d$")
