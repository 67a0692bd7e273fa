"""Login: a session from user and password, which ends after some minutes without a call.

The server locks a login that failed five times, even for the right password; so a password that was refused is not
offered again for a while. Source: trytond 8.0, `res.user` and `session.timeout`, read 2026-11.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta

import httpx2

from accordant.connectors.tryton.settings import TrytonSettings
from accordant.kernel import Clock, RateLimited, Rejected, SystemClock, Unavailable
from accordant.platform.http import BearerAuth, Token

_HOLD = timedelta(minutes=5)
_LOCKED_S = 60.0


class Login:
    """Asks for sessions, and stops asking once the password was refused."""

    def __init__(self, settings: TrytonSettings, *, system: str, clock: Clock) -> None:
        self._settings = settings
        self._system = system
        self._clock = clock
        self._refused_at: datetime | None = None

    async def session(self, client: httpx2.AsyncClient) -> Token:
        """Return a new session, encoded for the header.

        Raises:
            Rejected: `tryton.login_refused`: wrong user, password or database, now or a moment ago.
            RateLimited: the server has locked the login for a while.
            Unavailable: the server does not answer.
        """
        if self._refused_at and self._clock.now() < self._refused_at + _HOLD:
            raise self._refusal()
        user, password = self._settings.user, self._settings.password.get_secret_value()
        call = {"id": 0, "method": "common.db.login", "params": [user, {"password": password}, "en"]}
        answer = await client.post(f"/{self._settings.database}/rpc/", json=call)
        if answer.status_code in (401, 403, 404):
            self._refused_at = self._clock.now()
            raise self._refusal()
        id, secret = self._granted(answer)
        return Token(base64.b64encode(f"{user}:{id}:{secret}".encode()).decode())

    def _granted(self, answer: httpx2.Response) -> tuple[int, str]:
        if answer.status_code == 429:
            raise RateLimited(
                "The ERP has locked our login after failed attempts.",
                code="tryton.login_locked",
                retry_after_s=_LOCKED_S,
                remedy="Correct the password in the estate; the lock ends by itself after the session timeout.",
                system=self._system,
                operation="login",
            )
        try:
            id, secret, *_ = json.loads(answer.content)["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                "The ERP's login does not answer as it should.",
                system=self._system,
                operation="login",
                detail={"status": answer.status_code},
            ) from error
        return int(id), str(secret)

    def _refusal(self) -> Rejected:
        return Rejected(
            "The ERP refused our login.",
            code="tryton.login_refused",
            remedy="Check database, user and password; they are not tried again for five minutes.",
            system=self._system,
            operation="login",
        )


def auth_for(settings: TrytonSettings, *, system: str, clock: Clock | None = None) -> BearerAuth:
    """Return the login of one database."""
    login = Login(settings, system=system, clock=clock or SystemClock())
    return BearerAuth(login.session, clock=clock, scheme="Session")
