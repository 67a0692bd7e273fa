"""Login: client credentials, or an assertion signed by our key. Neither gives a refresh token or a lifetime.

Source: "OAuth 2.0 Client Credentials Flow" and "OAuth 2.0 JWT Bearer Flow" in the vendor's help, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from accordant.kernel import Clock, ContractDrift, Rejected, SystemClock, Unavailable
from accordant.platform.http import BearerAuth, Token, login_answer

_TOKEN_PATH = "services/oauth2/token"  # noqa: S105 - a path
_ASSERTION_S = 180  # the vendor allows five minutes; three leave room for clocks that differ


class Grant(Protocol):
    """What proves who we are at the token endpoint."""

    def form(self) -> Mapping[str, str]:
        """Return the fields to send."""
        ...


@dataclass(frozen=True)
class ClientSecret:
    """The connected app's own credentials; it runs as the user that the app names."""

    client_id: str
    client_secret: str = field(repr=False)

    def form(self) -> Mapping[str, str]:
        """Return the fields to send."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


@dataclass(frozen=True)
class SignedAssertion:
    """An assertion signed by the key whose certificate the connected app holds, for a pre-approved user."""

    client_id: str
    username: str
    audience: str
    private_key: str = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)

    def form(self) -> Mapping[str, str]:
        """Return the fields to send, with a fresh assertion."""
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int(self.clock.now().timestamp()) + _ASSERTION_S,
        }
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(self.private_key)),
        }


def bearer_auth(grant: Grant, *, system: str) -> BearerAuth:
    """Return the login of one connection; its token lives until the org refuses it."""

    async def fetch(client: httpx2.AsyncClient) -> Token:
        answer = await client.post(_TOKEN_PATH, data=dict(grant.form()))
        return _token(answer, client.base_url, system)

    return BearerAuth(fetch)


def _token(answer: httpx2.Response, base_url: httpx2.URL, system: str) -> Token:
    facts: dict[str, Any] = {"system": system, "operation": "login"}
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable("The org's login does not answer.", detail={"status": answer.status_code}, **facts)
    try:
        body = login_answer(answer.content)
    except ValueError as error:
        raise Unavailable("The org's login answered with something that is no JSON object.", **facts) from error
    if answer.status_code >= 300:
        raise Rejected(
            "The org refused our login.",
            code="salesforce.login_refused",
            remedy="Check the connected app: its key, its secret or certificate, and the user it runs as.",
            detail={"error": body.get("error"), "description": body.get("error_description")},
            **facts,
        )
    if httpx2.URL(body.get("instance_url", "")).netloc != base_url.netloc:
        raise ContractDrift(
            "The org lives at another address than the estate says.",
            code="salesforce.instance_moved",
            remedy="Put the org's own address (My Domain) into the estate.",
            **facts,
        )
    return Token(body["access_token"])
