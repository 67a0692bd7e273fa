"""Who may come in: the integration user with tenant and password, the API client with its tokens."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_urlsafe

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Simulator
from accordant.simulators.workday.errors import RestError

TOKEN_LIFE_S = 3600
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Login:
    """The integration system user and the API client of one tenant; the refresh token never expires nor rotates."""

    simulator: Simulator
    tenant: str = "meridian"
    user: str = "ISU_Accordant@meridian"
    password: str = "simulated-password"  # noqa: S105 - of a simulated system
    client_id: str = "simulated-client"
    client_secret: str = "simulated-secret"  # noqa: S105 - of a simulated system
    refresh_token: str = "simulated-refresh"  # noqa: S105 - of a simulated system
    public_key: RSAKey | None = None
    scopes: set[str] = field(default_factory=lambda: {"Staffing", "System"})
    _tokens: dict[str, datetime] = field(default_factory=dict)

    async def token(self, request: Request) -> Response:
        """Answer `POST /ccx/oauth2/{tenant}/token`."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            self._check(request, form)
        except RestError as refusal:
            return refusal.response()
        token = token_urlsafe(32)
        self._tokens[token] = self.simulator.now() + timedelta(seconds=TOKEN_LIFE_S)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S})

    def is_live(self, token: str) -> bool:
        """Say whether an access token is known and not past its hour."""
        ends = self._tokens.get(token)
        return ends is not None and ends > self.simulator.now()

    def require(self, request: Request, scope: str, *, basic: bool = False) -> None:
        """Let a REST or report call in; raises 401, or 403 without the functional area."""
        kind, _, credential = request.headers.get("authorization", "").partition(" ")
        if basic and kind == "Basic" and _decode(credential) == f"{self.user}:{self.password}":
            return
        if kind != "Bearer" or not self.is_live(credential):
            raise RestError(401, "invalid_token", description="The access token is invalid or has expired.")
        if scope not in self.scopes:
            raise RestError(403, "permission denied", "A403")

    def _check(self, request: Request, form: Mapping[str, str]) -> None:
        if request.path_params["tenant"] != self.tenant:
            raise RestError(400, "invalid_request", description="unknown tenant")
        grant = form.get("grant_type")
        if grant == _JWT_GRANT:
            self._check_assertion(form.get("assertion", ""))
            return
        kind, _, credential = request.headers.get("authorization", "").partition(" ")
        sent = _decode(credential) if kind == "Basic" else f"{form.get('client_id')}:{form.get('client_secret')}"
        if sent != f"{self.client_id}:{self.client_secret}":
            raise RestError(401, "invalid_client")
        if grant != "refresh_token":
            raise RestError(400, "unsupported_grant_type")
        if form.get("refresh_token") != self.refresh_token:
            raise RestError(400, "invalid_grant", description="Invalid refresh token")

    def _check_assertion(self, assertion: str) -> None:
        if self.public_key is None:
            raise RestError(401, "invalid_client")
        try:
            claims = jwt.decode(assertion, self.public_key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            raise RestError(400, "invalid_grant", description="Invalid assertion") from None
        now = self.simulator.now().timestamp()
        expected = {"iss": self.client_id, "sub": self.user.partition("@")[0], "aud": "wd"}
        if (
            any(claims.get(name) != value for name, value in expected.items())
            or not now < claims.get("exp", 0) < now + 600
        ):
            raise RestError(400, "invalid_grant", description="Invalid assertion")


def _decode(credential: str) -> str:
    try:
        return b64decode(credential).decode()
    except (Base64Error, UnicodeDecodeError):
        return ""
