"""Login: OAuth 2.0 client credentials with a signed assertion (M2M). There is no refresh token; the flow is repeated.

Source: "OAuth 2.0 Client Credentials Flow", vendor's help section_162755359851, read 2026-11.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from accordant.connectors.netsuite.settings import NetSuiteSettings
from accordant.kernel import Clock, InvalidInput, Rejected, SystemClock, Unavailable
from accordant.platform.http import BearerAuth, Token, login_answer

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_S = 300  # the vendor allows just under an hour
_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class Signer:
    """Signs assertions with the certificate's private key; RS256 is not among the vendor's algorithms."""

    def __init__(self, settings: NetSuiteSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._key, self._algorithm = _load_key(settings.private_key.get_secret_value())

    def assertion(self) -> str:
        """Return a fresh assertion, valid for five minutes."""
        now = int(self._clock.now().timestamp())
        header = {"typ": "JWT", "alg": self._algorithm, "kid": self._settings.certificate_id}
        claims = {
            "iss": self._settings.client_id.get_secret_value(),
            "scope": ["rest_webservices"],
            "aud": f"{self._settings.url}{TOKEN_PATH}",
            "iat": now,
            "exp": now + _ASSERTION_S,
            "jti": str(uuid4()),
        }
        return jwt.encode(header, claims, self._key, algorithms=[self._algorithm])


def auth_for(settings: NetSuiteSettings, *, system: str, clock: Clock | None = None) -> BearerAuth:
    """Return the login of one account."""
    clock = clock or SystemClock()
    signer = Signer(settings, clock=clock)

    async def fetch(client: httpx2.AsyncClient) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": signer.assertion(),
        }
        asked_at = clock.now()
        body = _granted(await client.post(TOKEN_PATH, data=form), system)
        return Token(str(body["access_token"]), asked_at + timedelta(seconds=int(body["expires_in"])))

    return BearerAuth(fetch, clock=clock)


def _granted(answer: httpx2.Response, system: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"system": system, "operation": "login"}
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable("The account's login does not answer.", detail={"status": answer.status_code}, **facts)
    try:
        body = login_answer(answer.content)
    except ValueError as error:
        raise Unavailable("The account's login answered with something that is no JSON object.", **facts) from error
    if answer.status_code >= 300 or "access_token" not in body:
        raise Rejected(
            "The account refused our login.",
            code="netsuite.login_refused",
            remedy="Check the integration's client id, and that its certificate is mapped and has not expired.",
            detail={"error": body.get("error"), "status": answer.status_code},
            **facts,
        )
    return body


def _load_key(pem: str) -> tuple[RSAKey | ECKey, str]:
    try:
        return RSAKey.import_key(pem), "PS256"
    except (ValueError, JoseError):
        pass
    try:
        key = ECKey.import_key(pem)
        return key, _EC_ALGORITHMS[key.curve_name]
    except (ValueError, KeyError, JoseError) as error:
        raise InvalidInput(
            "The private key is neither an RSA key nor an EC key on P-256, P-384 or P-521.",
            code="netsuite.private_key",
            remedy="Give the PEM of the key whose certificate is mapped in the account.",
        ) from error
