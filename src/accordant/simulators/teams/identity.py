"""The token endpoint of the tenant: client credentials, and rotating refresh tokens of delegated accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Simulator
from accordant.simulators.teams.errors import bad_token, expired_token, token_error
from accordant.simulators.teams.state import Session

AUDIENCES = {
    "https://graph.microsoft.com/.default": "graph",
    "https://api.botframework.com/.default": "bot",
}
TOKEN_LIFE_S = 3599


@dataclass
class Identity:
    """The app registration and the tokens it was given."""

    simulator: Simulator
    tenant_id: str
    client_id: str
    client_secret: str
    roles: set[str]
    secret_expired: bool = False
    token_life_s: int = TOKEN_LIFE_S
    sessions: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, request: Request) -> Response:
        """Answer `POST /{tenant}/oauth2/v2.0/token`."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        return self._refusal(request.path_params["tenant"], form) or self._grant(form)

    def delegate(self, user_id: str) -> str:
        """Return a refresh token as if the person had consented in a browser."""
        token = token_urlsafe(32)
        self.refresh_tokens[token] = user_id
        return token

    def session(self, request: Request, audience: str) -> Session:
        """Return who calls; raises 401 on a token that is missing, unknown, expired or for another audience."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not token:
            raise bad_token("Access token is empty.")
        session = self.sessions.get(token)
        if session is None or session.audience != audience:
            raise bad_token("Access token validation failure. Invalid audience.")
        if session.expires_at <= self.simulator.now():
            raise expired_token()
        return session

    def _refusal(self, tenant: str, form: Mapping[str, str]) -> JSONResponse | None:
        now = self.simulator.now()
        if tenant != self.tenant_id:
            return token_error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.", now)
        if form.get("client_id") != self.client_id:
            text = f"Application with identifier '{form.get('client_id')}' was not found in the directory."
            return token_error(400, "unauthorized_client", 700016, text, now)
        if form.get("client_secret") != self.client_secret:
            return token_error(401, "invalid_client", 7000215, "Invalid client secret provided.", now)
        if self.secret_expired:
            return token_error(401, "invalid_client", 7000222, "The provided client secret keys are expired.", now)
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "refresh_token"):
            return token_error(400, "unsupported_grant_type", 70003, "The grant type is not supported.", now)
        if grant == "client_credentials" and form.get("scope") not in AUDIENCES:
            return token_error(
                400, "invalid_resource", 500011, "The resource principal was not found in the tenant.", now
            )
        if grant == "refresh_token" and form.get("refresh_token") not in self.refresh_tokens:
            return token_error(400, "invalid_grant", 70008, "The refresh token has expired or was revoked.", now)
        return None

    def _grant(self, form: Mapping[str, str]) -> JSONResponse:
        user_id, audience = None, AUDIENCES.get(form.get("scope", ""), "graph")
        extra: dict[str, Any] = {}
        if form["grant_type"] == "refresh_token":
            user_id = self.refresh_tokens.pop(form["refresh_token"])
            extra["refresh_token"] = self.delegate(user_id)
        token = token_urlsafe(48)
        ends = self.simulator.now() + timedelta(seconds=self.token_life_s)
        self.sessions[token] = Session(self.client_id, user_id, audience, ends)
        life = self.token_life_s
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token, **extra}
        )
