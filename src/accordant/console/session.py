"""The session: a signed cookie that says who is here and which entity was chosen; nothing is kept on the server."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from starlette.responses import Response

COOKIE = "accordant_session"
LASTS = timedelta(hours=12)


@dataclass(frozen=True)
class Session:
    """Who is here.

    Args:
        id: random; the CSRF token is bound to it.
        begun_at: a session ends twelve hours after it began.
        person: account in the estate's access files; '' before sign-in.
        entity: the one legal entity that pages are narrowed to; '' is everything the person may see.
    """

    id: str
    begun_at: datetime
    person: str = ""
    entity: str = ""

    @classmethod
    def begin(cls, now: datetime, person: str = "") -> Self:
        """Begin a session; a new id at every sign-in, so that none can be fixed beforehand."""
        return cls(id=secrets.token_urlsafe(18), begun_at=now, person=person)

    def narrowed(self, entity: str) -> Session:
        """Return the session with another chosen entity."""
        return replace(self, entity=entity)


class Sessions:
    """Signs, reads and writes session cookies with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def read(self, cookie: str | None, now: datetime) -> Session | None:
        """Return the session of a cookie, or None when it is absent, forged or over."""
        if not cookie or cookie.count(".") != 1:
            return None
        body, signature = cookie.split(".")
        if not hmac.compare_digest(signature, self._sign("session", body)):
            return None
        fields = json.loads(base64.urlsafe_b64decode(body))
        session = Session(fields["id"], datetime.fromtimestamp(fields["at"], UTC), fields["person"], fields["entity"])
        return session if now - session.begun_at < LASTS else None

    def write(self, response: Response, session: Session, *, is_secure: bool) -> None:
        """Put the session on a response."""
        fields = {
            "id": session.id,
            "at": session.begun_at.timestamp(),
            "person": session.person,
            "entity": session.entity,
        }
        body = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
        response.set_cookie(
            COOKIE,
            f"{body}.{self._sign('session', body)}",
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            secure=is_secure,
            samesite="lax",
        )

    def token(self, session: Session) -> str:
        """Return the CSRF token of a session."""
        return self._sign("csrf", session.id)

    def is_token(self, session: Session, token: str) -> bool:
        """Tell whether a token belongs to a session."""
        return hmac.compare_digest(token.encode(), self.token(session).encode())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), "sha256").hexdigest()
