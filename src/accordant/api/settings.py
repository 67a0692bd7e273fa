"""How tokens are judged and how much one client may ask; from the environment, all with a default."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Settings of the API.

    Args:
        issuer: of the firm's identity provider; empty while this installation issues its own tokens.
        audience: what a token must be meant for.
        jwks_url: where the issuer publishes its keys; needed with `issuer`.
        requests_per_minute: per client, person or doorbell.
    """

    model_config = SettingsConfigDict(env_prefix="ACCORDANT_API_", extra="ignore")

    issuer: str = ""
    audience: str = "accordant"
    jwks_url: str = Field(default="", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)[:/].*)?$")
    requests_per_minute: int = Field(default=1200, ge=10)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.issuer) != bool(self.jwks_url):
            raise ValueError("an issuer needs its jwks_url, and the other way round")
        return self
