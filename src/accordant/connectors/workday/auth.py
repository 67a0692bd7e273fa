"""Login: a refresh token that neither expires nor rotates gives access tokens of an hour.

Source: fact sheet on Workday, section 1.3, checked 2026-11-20.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2

from accordant.connectors.workday.settings import WorkdaySettings
from accordant.kernel import Clock, ContractDrift, Rejected, SystemClock, Unavailable
from accordant.platform.http import BearerAuth, Token, login_answer


def bearer_auth(settings: WorkdaySettings, *, system: str, clock: Clock | None = None) -> BearerAuth:
    """Return the login of one connection."""
    clock = clock or SystemClock()
    form = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token.get_secret_value()}
    client_auth = httpx2.BasicAuth(settings.client_id, settings.client_secret.get_secret_value())

    async def fetch(client: httpx2.AsyncClient) -> Token:
        asked_at = clock.now()
        answer = await client.post(f"/ccx/oauth2/{settings.tenant}/token", data=form, auth=client_auth)
        value, life_s = _token(answer, system)
        return Token(value, asked_at + timedelta(seconds=life_s))

    return BearerAuth(fetch, clock=clock)


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
            "The tenant's login answered in an unknown shape.", code="workday.login_shape", **facts
        ) from error
    raise Rejected(
        "The tenant refused our login.",
        code="workday.login_refused",
        remedy="Check the API client, its secret, and the refresh token of the integration system user.",
        detail={"error": body.get("error")},
        **facts,
    )
