"""What the estate must say to connect one Kantata account."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class KantataSettings(BaseModel):
    """Settings of one connected account.

    Args:
        url: where the API is, `https://api.mavenlink.com/api/v1`.
        access_token: of the integration's user; the vendor's tokens live until they are revoked.
        approver_ids: users whom staffing requests are sent to; at least one where staffing is used.
        reads_deletions: read subscribed events for deleted time; needs the add-on and an account administrator.
        asks_for_ids: include the associations of time entries, for accounts that show their ids only then.
        settle_s: instead of the manifest's.
        throttle_wait_s: least and longest wait after a 429, instead of the manifest's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    access_token: SecretStr
    approver_ids: tuple[str, ...] = ()
    reads_deletions: bool = True
    asks_for_ids: bool = False
    settle_s: float | None = Field(default=None, gt=0)
    throttle_wait_s: tuple[float, float] | None = None
