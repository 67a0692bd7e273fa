"""One request of one caller: who, which entities, when; the only way in which an operation reaches the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.responses import Response

from accordant.api.deps import ApiDeps
from accordant.api.operation import ANY_SCOPE, Deprecation
from accordant.governance import Actor
from accordant.kernel import AuthExpired, KeyConflict, NotFound, Rejected, canonical_json
from accordant.platform.storage import ALL_ENTITIES, execute, maybe, one

log = structlog.get_logger(__name__)

FIRM_WIDE = ""
_KEEP_DAYS = 7


@dataclass(frozen=True)
class Caller:
    """What an operation is given: who calls, what may be read, the present."""

    request: Request
    deps: ApiDeps
    actor: Actor
    now: datetime

    @property
    def sees_all(self) -> bool:
        """Tell whether every entity may be seen."""
        return self.actor.entities == (ALL_ENTITIES,)

    @property
    def scope(self) -> tuple[str, ...]:
        """The entities whose rows may be seen: the caller's, and what is firm-wide."""
        return (ALL_ENTITIES,) if self.sees_all else (*self.actor.entities, FIRM_WIDE)

    @property
    def name(self) -> str:
        """Who acts, as the audit trail names it: the worker number of a person, the id of a client."""
        return self.actor.worker_number or f"client:{self.actor.id}"

    def may(self, scope: str) -> bool:
        """Tell whether the caller has a scope."""
        return scope in self.actor.scopes

    def require_entity(self, entity: str) -> None:
        """Refuse an entity that the caller does not see, known or not."""
        if not self.actor.sees(entity):
            raise Rejected(
                f"You have no access to {entity}.",
                code="access.entity",
                remedy="A platform owner can give access in the estate.",
            )
        if entity:
            self.deps.estate.entity(entity)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction that sees only rows of the caller's entities and what is firm-wide."""
        with self.deps.door.scoped(self.scope, actor=self.name) as connection:
            yield connection

    def answer(self, body: BaseModel | Mapping[str, Any]) -> Response:
        """Answer with one resource: with its ETag, or 304 when the caller has it already."""
        text = to_json(body)
        tag = etag(text)
        known = self.request.headers.get("if-none-match", "")
        if tag in [part.strip().removeprefix("W/") for part in known.split(",")]:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(
            text, media_type="application/json", headers={"ETag": tag, "Cache-Control": "private, no-cache"}
        )

    def require_match(self, body: BaseModel | Mapping[str, Any]) -> None:
        """Refuse an update of something that is no longer what the caller saw (If-Match)."""
        given = self.request.headers.get("if-match")
        if given is None:
            raise Rejected(
                "This update needs If-Match with the ETag you saw.",
                code="api.precondition_missing",
                remedy="Read it, then send its ETag with the change.",
            )
        if given not in ("*", etag(to_json(body))):
            raise Rejected(
                "It changed since you read it.", code="api.precondition_failed", remedy="Read it again and decide anew."
            )


@dataclass(frozen=True)
class Writer(Caller):
    """A caller with a piece of work to be done once, however often it is sent."""

    key: str
    fingerprint: str

    def once(
        self, work: Callable[[Connection], BaseModel | Mapping[str, Any] | None], *, status: int = 200
    ) -> Response:
        """Do the work and keep its answer, in one transaction; the same key answers the same ever after.

        An error keeps nothing: the same key may then be sent again.

        Raises:
            KeyConflict: `api.key_reused` with another request; `api.in_flight` while the first is still at work.
        """
        with self.deps.worker.begin() as connection:
            earlier = self._earlier(connection)
            if earlier is not None:
                return earlier
            result = work(connection)
            text = "" if result is None else to_json(result)
            self._keep(connection, status, text)
        return _answer(status, text)

    def answered(self) -> Response | None:
        """Return the answer this piece of work got before, for work that must read outside before it begins."""
        with self.deps.worker.begin() as connection:
            return self._earlier(connection)

    def _earlier(self, connection: Connection) -> Response | None:
        lock = f"{self.actor.id}/{self.key}"
        held = one(connection, "select pg_try_advisory_xact_lock(hashtextextended(:lock, 11)) as mine", lock=lock)
        if not held.mine:
            raise KeyConflict(
                "The same request is being worked on.", code="api.in_flight", remedy="Repeat it in a moment."
            )
        row = maybe(
            connection,
            "select fingerprint, status, body from api_answer where client = :client and key = :key",
            client=self.actor.id,
            key=self.key,
        )
        if row is None:
            return None
        if row.fingerprint != self.fingerprint:
            raise KeyConflict(
                "This Idempotency-Key was used for another request.",
                code="api.key_reused",
                remedy="Use a fresh key for each piece of work.",
            )
        return _answer(row.status, row.body, replayed=True)

    def _keep(self, connection: Connection, status: int, text: str) -> None:
        """Keep the answer, and drop a few old ones: nobody else has to clean up."""
        execute(
            connection,
            """insert into api_answer (client, key, fingerprint, status, body)
               values (:client, :key, :fingerprint, :status, :body)""",
            client=self.actor.id,
            key=self.key,
            fingerprint=self.fingerprint,
            status=status,
            body=text,
        )
        execute(
            connection,
            """delete from api_answer where (client, key) in (
                 select client, key from api_answer where at < clock_timestamp() - make_interval(days => :days)
                 order by at limit 10 for update skip locked)""",
            days=_KEEP_DAYS,
        )


def calling(request: Request) -> Caller:
    """Return who calls, judged against what the operation declares.

    Raises:
        AuthExpired: no token, or one that is not valid here.
        Rejected: `access.scope` when none of the operation's scopes is the caller's.
        RateLimited: too many requests.
    """
    state = request.app.state
    deps: ApiDeps = state.deps
    actor = _actor(request)
    request.state.answer_headers = state.limits.take(actor.id)
    route = request.scope["route"]
    declared: dict[str, Any] = route.openapi_extra or {}
    wanted = declared["x-scopes"]
    if ANY_SCOPE not in wanted and not actor.scopes.intersection(wanted):
        raise Rejected(
            f"This operation needs the scope {' or '.join(wanted)}, which {actor.id} does not have.",
            code="access.scope",
            remedy="A platform owner can give it in the estate's access files.",
        )
    caller = Caller(request, deps, actor, deps.clock.now())
    if route.deprecated:
        _note_deprecated(caller, route)
    return caller


async def writing(
    request: Request,
    caller: Annotated[Caller, Depends(calling)],
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            min_length=8,
            max_length=128,
            pattern=r"^[\x21-\x7e]+$",
            description="Names this piece of work; repeat it with the same key.",
        ),
    ],
) -> Writer:
    """Return a caller with a key for one piece of work."""
    body = await request.body()
    path = f"{request.method} {request.url.path}?{request.url.query}\n"
    fingerprint = hashlib.sha256(path.encode() + body).hexdigest()
    return Writer(request, caller.deps, caller.actor, caller.now, idempotency_key, fingerprint)


Call = Annotated[Caller, Depends(calling)]
"""Who calls, as a parameter of an operation that reads."""
Write = Annotated[Writer, Depends(writing)]
"""Who calls with which key, as a parameter of an operation that writes."""


def to_json(body: BaseModel | Mapping[str, Any]) -> str:
    """Return the JSON of an answer; the same facts give the same text."""
    plain = body.model_dump(mode="json") if isinstance(body, BaseModel) else dict(body)
    return canonical_json(plain)


def etag(text: str) -> str:
    """Return the strong ETag of an answer's text."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def unseen(what: str, id: str) -> NotFound:
    """Return the error for what is not there or not the caller's to see: the two are not told apart."""
    return NotFound(f"There is no {what} {id} that you may see.", code=f"{what.replace(' ', '_')}.not_found")


def _answer(status: int, text: str, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    location = json.loads(text).get("href") if status in (201, 202) and text else None
    if location:
        headers["Location"] = location
    media_type = "application/json" if text else None
    return Response(text, status_code=status, media_type=media_type, headers=headers)


def _actor(request: Request) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthExpired(
            "Who calls is not known.",
            code="auth.missing",
            remedy="Send a bearer token; service clients get one from /oauth2/token.",
        )
    state = request.app.state
    claims = state.verifier.verify(token.strip())
    try:
        actor: Actor = state.callers.actor(claims.subject)
    except NotFound as stranger:
        raise Rejected(stranger.message, code="access.unknown", remedy=stranger.remedy) from stranger
    if claims.scopes is not None:
        actor = replace(actor, scopes=actor.scopes & claims.scopes)
    return actor


def _note_deprecated(caller: Caller, route: APIRoute) -> None:
    """Tell the client that the operation will end, and keep who still calls it (R-API-12)."""
    notice: Deprecation = Deprecation.of(route.openapi_extra or {})
    caller.request.state.answer_headers |= {
        "Deprecation": f"@{int(notice.since.timestamp())}",
        "Sunset": format_datetime(notice.sunset.astimezone(UTC), usegmt=True),
        "Link": f'<{notice.successor}>; rel="successor-version"',
    }
    operation = f"{caller.request.method} {route.path_format}"
    log.warning("api.deprecated_call", client=caller.actor.id, operation=operation)
    with caller.deps.worker.begin() as connection:
        execute(
            connection,
            """insert into api_deprecated_call (operation, client, day, count) values (:operation, :client, :day, 1)
               on conflict (operation, client, day) do update set count = api_deprecated_call.count + 1""",
            operation=operation,
            client=caller.actor.id,
            day=caller.now.date(),
        )
