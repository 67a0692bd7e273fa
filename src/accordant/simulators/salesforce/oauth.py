"""Tokens: client credentials and JWT bearer, without refresh token and without a stated lifetime."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from accordant.simulators.salesforce.metadata import OBJECTS
from accordant.simulators.salesforce.shapes import Reply
from accordant.simulators.salesforce.state import Org

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_ASSERTION_S = 300
_LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")


class _Denied(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


class Tokens:
    """The connected app and the sessions given out to it.

    Args:
        org: where the users are.
        now: the vendor's clock.
        client_id: the connected app's consumer key.
        client_secret: its secret.
        session_s: how long a session lives.
    """

    def __init__(
        self, org: Org, now: Callable[[], datetime], *, client_id: str, client_secret: str, session_s: float
    ) -> None:
        self.session_s = session_s
        self._org = org
        self._now = now
        self._client_id = client_id
        self._client_secret = client_secret
        self._certificate: RSAKey | None = None
        self._expiry: dict[str, datetime] = {}

    def trust(self, public_key_pem: str) -> None:
        """Register the certificate with which the connected app signs its assertions."""
        self._certificate = RSAKey.import_key(public_key_pem)

    def is_valid(self, authorization: str) -> bool:
        """Tell whether the `Authorization` header carries a live session."""
        scheme, _, token = authorization.partition(" ")
        expires_at = self._expiry.get(token)
        return scheme.lower() in ("bearer", "oauth") and expires_at is not None and self._now() < expires_at

    def issue(self, form: Mapping[str, str], authorization: str, origin: str) -> Reply:
        """Answer the token endpoint."""
        try:
            user_id = self._authenticate(form, authorization, origin)
        except _Denied as denied:
            return Reply(400, denied.body)
        token = f"{self._org.organization_id}!{secrets.token_urlsafe(48)}"
        self._expiry[token] = self._now() + timedelta(seconds=self.session_s)
        identity = f"{origin}/id/{self._org.organization_id}/{user_id}"
        body = {
            "access_token": token,
            "signature": secrets.token_urlsafe(32),
            "scope": "api",
            "instance_url": origin,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": str(int(self._now().timestamp() * 1000)),
        }
        return Reply(200, body)

    def revoke(self, form: Mapping[str, str]) -> Reply:
        """End a session."""
        known = self._expiry.pop(form.get("token", ""), None)
        if known is None:
            return Reply(400, _Denied("unsupported_token_type", "this token type is not supported").body)
        return Reply(200)

    def _authenticate(self, form: Mapping[str, str], authorization: str, origin: str) -> str:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return self._by_secret(form, authorization, origin)
        if grant == _JWT_BEARER:
            return self._by_assertion(form.get("assertion", ""), origin)
        raise _Denied("unsupported_grant_type", "grant type not supported")

    def _by_secret(self, form: Mapping[str, str], authorization: str, origin: str) -> str:
        if origin in _LOGIN_HOSTS:
            raise _Denied("invalid_grant", "request not supported on this domain")
        client_id, client_secret = _credentials(form, authorization)
        if client_id != self._client_id:
            raise _Denied("invalid_client_id", "client identifier invalid")
        if not secrets.compare_digest(client_secret, self._client_secret):
            raise _Denied("invalid_client", "invalid client credentials")
        return self._org.running_user_id

    def _by_assertion(self, assertion: str, origin: str) -> str:
        if self._certificate is None:
            raise _Denied("invalid_client", "no certificate is registered for this app")
        try:
            claims = jwt.decode(assertion, self._certificate, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise _Denied("invalid_grant", "invalid assertion") from error
        if claims.get("iss") != self._client_id:
            raise _Denied("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*_LOGIN_HOSTS, origin):
            raise _Denied("invalid_grant", "audience is invalid")
        self._require_fresh(claims.get("exp"))
        return self._approved_user(claims.get("sub"))

    def _require_fresh(self, expires: Any) -> None:
        left_s = float(expires or 0) - self._now().timestamp()
        if not 0 < left_s <= _LONGEST_ASSERTION_S:
            raise _Denied("invalid_grant", "expired authorization code")

    def _approved_user(self, username: Any) -> str:
        for user in self._org.living(OBJECTS["User"]):
            if user.data["Username"] == username and user.data["IsActive"]:
                return user.id
        raise _Denied("invalid_grant", "user hasn't approved this consumer")


def _credentials(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret
