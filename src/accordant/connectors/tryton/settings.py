"""What the estate says about one Tryton database."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TrytonSettings(BaseModel):
    """One connection.

    Args:
        url: the server, `https://erp.firm.example`.
        database: its database; a server may serve several.
        user: login of the integration's own user.
        password: of that user.
        companies: legal entity → code or name of the company's party, where it is not the entity's own code.
        unassigned: code of the employee who takes hours of workers that Tryton does not know; None refuses them.
        page_size: invoices per page of the payment feed.
        settle_s: overrides the manifest's, for a server on the same machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^/]+$")
    database: str = Field(pattern=r"^\w[\w.-]*$")
    user: str
    password: SecretStr
    companies: dict[str, str] = Field(default_factory=dict)
    unassigned: str | None = None
    page_size: int = Field(default=200, ge=1, le=1000)
    settle_s: float | None = Field(default=None, ge=0)
