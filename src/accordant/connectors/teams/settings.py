"""What the estate says about one Microsoft 365 tenant."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_HOST = r"^https?://[^/]+$"


class TeamsSettings(BaseModel):
    """One connection: an app registration that is also a bot, and the Teams app that carries the bot.

    Args:
        graph_url: of the tenant's cloud, `https://graph.microsoft.com`.
        login_url: of the same cloud, `https://login.microsoftonline.com`.
        bot_url: the bot service of the tenant's region, `https://smba.trafficmanager.net/emea`.
        tenant_id: the tenant.
        client_id: the app registration.
        client_secret: its secret.
        teams_app_id: id of the Teams app in the tenant's catalog; it is installed where cards are posted.
        visibility: who sees a new workspace.
        settle_s: instead of the manifest's.
        card_pages: how many pages of 50 messages a look-up of cards reads before it says unsure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    graph_url: str = Field(pattern=_HOST)
    login_url: str = Field(pattern=_HOST)
    bot_url: str = Field(pattern=r"^https?://[^/]+(/\w+)?$")
    tenant_id: str
    client_id: str
    client_secret: SecretStr
    teams_app_id: str
    visibility: Literal["Private", "Public"] = "Private"
    settle_s: float | None = Field(default=None, gt=0)
    card_pages: int = Field(default=20, ge=1, le=200)
