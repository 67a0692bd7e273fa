"""Who calls: bearer tokens judged, and issued where the firm has no issuer of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from accordant.kernel import AuthExpired, Clock, Unavailable

ISSUER = "accordant"
LASTS = timedelta(minutes=15)
_LEEWAY_S = 30
_LOCAL = ["HS256"]
_ASYMMETRIC = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]


@dataclass(frozen=True)
class Claims:
    """What a valid token says: who, and the scopes it is narrowed to; None is not narrowed."""

    subject: str
    scopes: frozenset[str] | None


class Verifier:
    """Judges tokens of one issuer.

    Args:
        issuer: of the tokens.
        audience: that they must be meant for.
        keys: returns the keys; called with the token's key id, so that a fresh key may be fetched.
        algorithms: the only ones taken: a token never chooses.
        clock: the present.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: Callable[[], KeySet],
        *,
        algorithms: list[str],
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    def verify(self, token: str) -> Claims:
        """Return the claims of a token; AuthExpired `auth.token` when it is forged, over or meant for others."""
        try:
            claims = jwt.decode(token, self._keys(), algorithms=self._algorithms).claims
            self._registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise AuthExpired(
                "The token is not valid here.", code="auth.token", remedy="Fetch a new token and repeat the call."
            ) from error
        scope = claims.get("scope")
        return Claims(str(claims["sub"]), frozenset(scope.split()) if isinstance(scope, str) else None)


class Issuer:
    """Issues short tokens for this installation: for its service clients and, in a simulated estate, its people.

    Args:
        key: at least 32 random bytes, the same for every process behind one address.
        audience: of the tokens.
        clock: the present.
    """

    def __init__(self, key: bytes, *, audience: str, clock: Clock) -> None:
        self._key = OctKey.import_key(key)
        self._audience = audience
        self._clock = clock

    def issue(self, subject: str, *, scopes: frozenset[str] | None = None, now: datetime | None = None) -> str:
        """Return a token for a subject, narrowed to scopes."""
        at = now or self._clock.now()
        claims = {
            "iss": ISSUER,
            "aud": self._audience,
            "sub": subject,
            "iat": int(at.timestamp()),
            "exp": int((at + LASTS).timestamp()),
            "jti": uuid4().hex,
        }
        if scopes is not None:
            claims["scope"] = " ".join(sorted(scopes))
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    @property
    def verifier(self) -> Verifier:
        """What judges the tokens issued here."""
        keys = KeySet([self._key])
        return Verifier(ISSUER, self._audience, lambda: keys, algorithms=_LOCAL, clock=self._clock)


class PublishedKeys:
    """The keys that an issuer publishes, read again every ten minutes; old ones serve while it does not answer."""

    _FRESH_S = 600.0

    def __init__(self, url: str, *, clock: Clock, transport: httpx2.BaseTransport | None = None) -> None:
        self._url = url
        self._clock = clock
        self._transport = transport
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._read_at = 0.0

    def __call__(self) -> KeySet:
        """Return the keys; Unavailable when there are none yet and the issuer does not answer."""
        with self._lock:
            now = self._clock.now().timestamp()
            if self._keys is None or now - self._read_at > self._FRESH_S:
                self._renew(now)
            if self._keys is None:
                raise Unavailable("The firm's identity provider does not answer.", code="auth.no_keys")
            return self._keys

    def _renew(self, now: float) -> None:
        try:
            with httpx2.Client(transport=self._transport, timeout=5.0, follow_redirects=False) as http:
                answer = http.get(self._url)
                answer.raise_for_status()
                self._keys, self._read_at = KeySet.import_key_set(json.loads(answer.content)), now
        except (httpx2.HTTPError, ValueError, JoseError):
            self._read_at = now - self._FRESH_S + 30  # half a minute later again


def outside(issuer: str, audience: str, keys: PublishedKeys, *, clock: Clock) -> Verifier:
    """Return what judges the tokens of the firm's own identity provider."""
    return Verifier(issuer, audience, keys, algorithms=_ASYMMETRIC, clock=clock)
