"""Events: the log by position as CloudEvents, and the subscriptions to it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response

from accordant.api.caller import Call, Caller, Write, unseen
from accordant.api.operation import describe
from accordant.api.paging import Limit
from accordant.governance import is_reference
from accordant.kernel import InvalidInput, new_id
from accordant.platform import audit, events
from accordant.platform.events.message import message
from accordant.platform.storage import execute, maybe, rows

router = APIRouter(prefix="/v1", tags=["events"])

OWNER = "integration"
SOURCE = "/accordant"
LARGEST = 2**63 - 1
Position = Annotated[int, Field(ge=0, le=LARGEST)]
TypePattern = Annotated[str, Field(pattern=r"^[a-z_*]+(\.[a-z_*]+)*$", max_length=100)]


class CloudEvent(BaseModel):
    """An event as CloudEvents 1.0 tells it; order is kept per `partitionkey`."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: datetime
    partitionkey: str
    sequence: str = Field(description="The position in the log, twenty digits.")
    subject: str | None = Field(default=None, description="The engagement it belongs to.")
    entity: str | None = None
    datacontenttype: str = "application/json"
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events after a position; ask again after `after`."""

    items: list[CloudEvent]
    after: int


class SubscriptionRequest(BaseModel):
    """Who gets which events, and where."""

    model_config = ConfigDict(extra="forbid")

    types: list[TypePattern] = Field(min_length=1, max_length=50, description="Patterns: `invoice.*`.")
    target: str = Field(max_length=500, description="https address on a host that is allowed.")
    secret_ref: str = Field(max_length=200, description="Where the signing secret lies: `env:NAME`.")
    after: int | None = Field(
        default=None,
        ge=0,
        le=LARGEST,
        description="Begin after this position of the log; with the next event if absent.",
    )


class SubscriptionChange(BaseModel):
    """What changes; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    types: list[TypePattern] | None = Field(default=None, min_length=1, max_length=50)
    paused: bool | None = None


class ReplayRequest(BaseModel):
    """Which past events to send again; at least one of these narrows the choice (R-EVT-07)."""

    model_config = ConfigDict(extra="forbid")

    positions: tuple[Position, Position] | None = Field(default=None, description="First and last, inclusive.")
    window: tuple[AwareDatetime, AwareDatetime] | None = Field(default=None, description="From, and until (exclusive).")
    key: str | None = Field(default=None, max_length=200)
    subject: str | None = Field(default=None, max_length=200, description="The engagement.")
    dead_only: bool = False


class Replayed(BaseModel):
    """How many events will be sent again; they keep their ids."""

    count: int


class Subscription(BaseModel):
    """A consumer of events: everything up to `position` is delivered or dead."""

    id: str
    href: str
    owner: str
    entities: list[str]
    types: list[str]
    target: str
    position: int
    paused: bool
    created_at: datetime


class SubscriptionList(BaseModel):
    """Every subscription that the caller may see."""

    items: list[Subscription]


_COLUMNS = "id, owner, entities, types, target, position, paused, created_at"


@router.get(
    "/events",
    operation_id="read-events",
    **describe(owner=OWNER, latency_ms=200, scopes=("events:read",), mode="event", answer=EventPage),
)
def read_events(
    call: Call,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="Position; 0 is the beginning.")] = 0,
    types: Annotated[list[TypePattern] | None, Query(max_length=50)] = None,
    subject: Annotated[str | None, Query(max_length=200, description="The engagement.")] = None,
    key: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Return events after a position, oldest first; order is kept per key."""
    with call.read() as connection:
        found = events.read(connection, after=after, types=types or (), subject=subject, key=key, limit=limit)
    items = [json.loads(message(row, SOURCE)) for row in found]
    return {"items": items, "after": found[-1].position if found else after}


@router.get(
    "/subscriptions",
    operation_id="list-subscriptions",
    **describe(owner=OWNER, latency_ms=200, scopes=("events:read",), answer=SubscriptionList),
)
def list_subscriptions(call: Call) -> Response:
    """Return the subscriptions whose events the caller may all see."""
    with call.read() as connection:
        found = rows(connection, f"select {_COLUMNS} from subscription order by created_at, id")
    return call.answer(SubscriptionList(items=[_view(row) for row in found if _may_see(call, row)]))


@router.get(
    "/subscriptions/{id}",
    operation_id="read-subscription",
    **describe(owner=OWNER, latency_ms=100, scopes=("events:read",), answer=Subscription),
)
def read_subscription(call: Call, id: str) -> Response:
    """Return a subscription."""
    with call.read() as connection:
        return call.answer(_one(connection, call, id))


@router.post(
    "/subscriptions",
    operation_id="create-subscription",
    **describe(owner=OWNER, latency_ms=200, scopes=("events:act",), answer=Subscription, status=201),
)
def create_subscription(call: Write, request: SubscriptionRequest) -> Response:
    """Subscribe to events of the caller's entities."""
    _require_target(call, request.target)
    if not is_reference(request.secret_ref):
        raise InvalidInput(
            "A signing secret is given by reference.",
            code="subscription.secret",
            remedy="Write `env:NAME` or `file:path`.",
        )
    wanted = events.Subscription(
        id=new_id("sub"),
        owner=call.name,
        types=tuple(request.types),
        target=request.target,
        secret_ref=request.secret_ref,
        entities=call.scope,
    )

    def work(connection: Connection) -> Subscription:
        events.subscribe(connection, wanted, allowed_hosts=call.deps.event_hosts, after=request.after)
        audit.record(connection, actor=call.name, action="subscription.created", subject=wanted.id)
        return _one(connection, call, wanted.id)

    return call.once(work, status=201)


@router.patch(
    "/subscriptions/{id}",
    operation_id="change-subscription",
    **describe(owner=OWNER, latency_ms=200, scopes=("events:act",), answer=Subscription),
)
def change_subscription(call: Write, id: str, change: SubscriptionChange) -> Response:
    """Change a subscription that is still what the caller saw (If-Match)."""

    def work(connection: Connection) -> Subscription:
        call.require_match(_one(connection, call, id, lock=True))
        execute(
            connection,
            """update subscription set types = coalesce(:types, types), paused = coalesce(:paused, paused)
               where id = :id""",
            id=id,
            types=change.types,
            paused=change.paused,
        )
        detail = change.model_dump(mode="json", exclude_none=True)
        audit.record(connection, actor=call.name, action="subscription.changed", subject=id, detail=detail)
        return _one(connection, call, id)

    return call.once(work)


@router.post(
    "/subscriptions/{id}/replay",
    operation_id="replay-events",
    **describe(owner=OWNER, latency_ms=1000, scopes=("events:act",), mode="batch", answer=Replayed, status=202),
)
def replay_events(call: Write, id: str, request: ReplayRequest) -> Response:
    """Send past events of a subscription again, in order per key."""

    def work(connection: Connection) -> Replayed:
        _one(connection, call, id, lock=True)
        count = events.replay(connection, id, events.Past(**dict(request)))
        detail = request.model_dump(mode="json", exclude_none=True) | {"count": count}
        audit.record(connection, actor=call.name, action="subscription.replayed", subject=id, detail=detail)
        return Replayed(count=count)

    return call.once(work, status=202)


@router.delete(
    "/subscriptions/{id}",
    operation_id="delete-subscription",
    **describe(owner=OWNER, latency_ms=200, scopes=("events:act",), status=204),
)
def delete_subscription(call: Write, id: str) -> Response:
    """End a subscription; what it has not delivered is forgotten with it."""

    def work(connection: Connection) -> None:
        _one(connection, call, id, lock=True)
        execute(connection, "delete from delivery where subscription = :id", id=id)
        execute(connection, "delete from subscription where id = :id", id=id)
        audit.record(connection, actor=call.name, action="subscription.deleted", subject=id)

    return call.once(work, status=204)


def _require_target(call: Caller, target: str) -> None:
    """Keep callers of a real installation from reaching what listens on this machine only."""
    try:
        host = urlsplit(target).hostname or ""
    except ValueError:
        host = ""
    if not host or (host not in call.deps.event_hosts and not call.deps.is_simulated):
        raise InvalidInput(
            "Events are not sent there.",
            code="subscription.target",
            remedy="Let the host be added to ACCORDANT_EVENT_HOSTS, then write the address as https://host/path.",
        )


def _one(connection: Connection, call: Caller, id: str, *, lock: bool = False) -> Subscription:
    tail = " for update" if lock else ""
    row = maybe(connection, f"select {_COLUMNS} from subscription where id = :id{tail}", id=id)
    if row is None or not _may_see(call, row):
        raise unseen("subscription", id)
    return _view(row)


def _may_see(call: Caller, row: Any) -> bool:
    """Tell whether every entity of the subscription is the caller's: it is shown and changed as a whole."""
    return call.sees_all or set(row.entities) <= set(call.scope)


def _view(row: Any) -> Subscription:
    return Subscription(href=f"/v1/subscriptions/{row.id}", **row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
