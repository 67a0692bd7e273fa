"""OAuth 2.0 client credentials with a certificate (M2M): the signed assertion in, a bearer token of an hour out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators.netsuite.errors import login_failed, malformed

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path, not a secret
TOKEN_LIFE_S = 3600

_ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]  # RS256 is not among the vendor's
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPES = {"restlets", "rest_webservices", "suite_analytics"}


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What a customer's administrator hands to an integration; the private key never reaches the system."""

    client_id: str
    certificate_id: str
    private_key_pem: str


class Door:
    """Registered certificates and the tokens that are out; `now` is the clock that callers share."""

    def __init__(self, account: str, now: Callable[[], datetime]) -> None:
        self.account = account
        self._now = now
        self._certificates: dict[str, tuple[str, RSAKey | ECKey]] = {}
        self._tokens: dict[str, datetime] = {}

    def register(self, client_id: str, certificate_id: str, public_key_pem: str) -> None:
        """Map an integration's certificate, as the administrator does on the M2M page."""
        key: RSAKey | ECKey
        try:
            key = RSAKey.import_key(public_key_pem)
        except (ValueError, JoseError):
            key = ECKey.import_key(public_key_pem)
        self._certificates[certificate_id] = (client_id, key)

    def enroll(self, client_id: str) -> Enrollment:
        """Make a key pair and register its public half."""
        key = ECKey.generate_key("P-256")
        certificate_id = f"cert-{client_id}"
        self.register(client_id, certificate_id, key.as_pem(private=False).decode())
        return Enrollment(client_id, certificate_id, key.as_pem(private=True).decode())

    async def issue(self, request: Request) -> Response:
        """Answer the token endpoint."""
        form = await request.form()
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != _ASSERTION_TYPE:
            return _refused("invalid_request")
        try:
            self._verify(str(form.get("client_assertion", "")), str(request.url.replace(query="")))
        except (JoseError, ValueError, KeyError, TypeError):
            return _refused("invalid_grant")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self._now() + timedelta(seconds=TOKEN_LIFE_S)
        return JSONResponse({"access_token": token, "expires_in": str(TOKEN_LIFE_S), "token_type": "Bearer"})

    def check(self, request: Request) -> None:
        """Refuse a request without a living token."""
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if not header or scheme.lower() != "bearer":
            refusal = malformed("A bearer token is required.")
            refusal.headers["WWW-Authenticate"] = f'Bearer realm="{self.account}", error="invalid_request"'
            raise refusal
        expires_at = self._tokens.get(token)
        if expires_at is None or expires_at <= self._now():
            raise login_failed(self.account)

    def forget_tokens(self) -> None:
        """Revoke every token (the `expired_token` fault, an administrator's revocation)."""
        self._tokens.clear()

    def _verify(self, assertion: str, token_url: str) -> None:
        header, claims = self._decode(assertion)
        client_id, _ = self._certificates[header["kid"]]
        now = self._now().timestamp()
        scope = claims["scope"]
        scopes = set(scope if isinstance(scope, list) else str(scope).replace(",", " ").split())
        account = self.account.lower().replace("_", "-")
        audiences = {token_url, f"https://{account}.suitetalk.api.netsuite.com{TOKEN_PATH}"}
        valid = (
            claims["iss"] == client_id
            and claims["aud"] in audiences
            and scopes
            and scopes <= _SCOPES
            and 0 < claims["exp"] - claims["iat"] < TOKEN_LIFE_S
            and claims["iat"] <= now + 60
            and claims["exp"] > now
        )
        if not valid:
            raise ValueError("the assertion's claims do not hold")

    def _decode(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        def key_of(token: Any) -> RSAKey | ECKey | KeySet:
            return self._certificates[token.headers()["kid"]][1]

        token = jwt.decode(assertion, key_of, algorithms=_ALGORITHMS)
        if token.header.get("typ") != "JWT":
            raise ValueError("the assertion is not a JWT")
        return dict(token.header), dict(token.claims)


def _refused(error: str) -> Response:
    return JSONResponse({"error": error}, 400)
