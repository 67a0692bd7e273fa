"""Login of an app registration by client credentials; the same app proves itself to Graph and to the bot service.

Source: "OAuth 2.0 client credentials flow on the Microsoft identity platform", read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2

from accordant.kernel import Clock, ContractDrift, Rejected, SystemClock, Unavailable
from accordant.platform.http import BearerAuth, Token, login_answer

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
BOT_SCOPE = "https://api.botframework.com/.default"

_EARLY = timedelta(minutes=5)


@dataclass(frozen=True)
class AppCredentials:
    """An app registration in one tenant.

    Args:
        login_url: of the cloud the tenant lives in, `https://login.microsoftonline.com`.
        tenant_id: the tenant.
        client_id: the app.
        client_secret: its secret.
    """

    login_url: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


def bearer_auth(app: AppCredentials, scope: str, *, system: str, clock: Clock | None = None) -> BearerAuth:
    """Return the login of an app for one audience; there is no refresh token, a new token is asked for."""
    clock = clock or SystemClock()
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "scope": scope,
    }

    async def fetch(client: httpx2.AsyncClient) -> Token:
        asked_at = clock.now()
        answer = await client.post(f"{app.login_url}/{app.tenant_id}/oauth2/v2.0/token", data=form)
        value, life_s = _token(answer, system)
        return Token(value, asked_at + timedelta(seconds=life_s))

    return BearerAuth(fetch, clock=clock, early=_EARLY)


def _token(answer: httpx2.Response, system: str) -> tuple[str, int]:
    facts: dict[str, Any] = {"system": system, "operation": "login"}
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unavailable("The tenant's login does not answer.", detail={"status": answer.status_code}, **facts)
    try:
        body = login_answer(answer.content)
        if answer.status_code < 300:
            return str(body["access_token"]), int(body["expires_in"])
    except (ValueError, KeyError, TypeError) as error:
        raise ContractDrift(
            "The tenant's login answered in an unknown shape.", code="graph.login_shape", **facts
        ) from error
    raise Rejected(
        "The tenant refused the login of our app.",
        code="graph.login_refused",
        remedy="Check tenant, app and secret of the app registration, and whether the secret has expired.",
        detail={"error": body.get("error"), "numbers": body.get("error_codes")},
        **facts,
    )
