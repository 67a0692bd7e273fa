"""Subscriptions: who gets which events, and sending past ones again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import InvalidInput
from accordant.platform.events.log import like_any
from accordant.platform.events.target import require_target
from accordant.platform.storage import execute, one

MATCHES = "type like any(cast(:types as text[])) and (entity = any(:entities) or '*' = any(:entities))"
"""Whether a row of the log is for a subscription; parameters from `matching`."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets what, where, and signed with which secret.

    Args:
        owner: the client or team that answers for it.
        types: patterns: `invoice.*`.
        target: https address on an allowed host, or any http address on this machine.
        secret_ref: where the signing secret lies, `env:NAME`; several secrets by space are all used.
        entities: whose events it may see; `*` is all, none is nothing.
    """

    id: str
    owner: str
    types: tuple[str, ...]
    target: str
    secret_ref: str
    entities: tuple[str, ...] = field(default=())


def subscribe(
    connection: Connection, wanted: Subscription, *, allowed_hosts: Collection[str], after: int | None = None
) -> None:
    """Begin a subscription, with the next event or after a position of the log; the same id again changes it.

    Raises:
        InvalidInput: the target is not allowed.
    """
    require_target(wanted.target, allowed_hosts)
    execute(
        connection,
        """insert into subscription (id, owner, types, target, secret_ref, entities, position)
           values (:id, :owner, :types, :target, :secret, :entities,
                   coalesce(:after, (select max(position) from event_log), 0))
           on conflict (id) do update set owner = excluded.owner, types = excluded.types, target = excluded.target,
             secret_ref = excluded.secret_ref, entities = excluded.entities""",
        id=wanted.id,
        owner=wanted.owner,
        types=list(wanted.types),
        target=wanted.target,
        secret=wanted.secret_ref,
        entities=list(wanted.entities),
        after=after,
    )


def set_paused(connection: Connection, subscription: str, *, paused: bool) -> None:
    """Stop or go on delivering; nothing is lost while a subscription is paused."""
    execute(connection, "update subscription set paused = :paused where id = :id", id=subscription, paused=paused)


@dataclass(frozen=True, slots=True)
class Past:
    """Which past events to send again; whatever is set narrows the choice, and something must be.

    Args:
        positions: first and last position of the log, inclusive.
        key: of the order.
        window: from and until (exclusive) the instant of the event.
        subject: correlation: the engagement.
        dead_only: only those that were given up.
    """

    positions: tuple[int, int] | None = None
    key: str | None = None
    window: tuple[datetime, datetime] | None = None
    subject: str | None = None
    dead_only: bool = False


def replay(connection: Connection, subscription: str, past: Past) -> int:
    """Send past events of a subscription again, in order per key; returns how many.

    They keep their message ids, so that a receiver that has done one already can tell.

    Raises:
        InvalidInput: nothing narrows the choice.
        NotFound: no such subscription.
    """
    if past == Past():
        raise InvalidInput("Say which events to send again.", code="events.replay")
    wanted = one(connection, "select id, types, entities, position from subscription where id = :id", id=subscription)
    first, last = past.positions or (None, None)
    since, until = past.window or (None, None)
    return execute(
        connection,
        f"""insert into delivery (subscription, position, key, state, error)
            select :id, position, key, 'failed', 'to be sent again' from event_log l
            where position <= :taken and {MATCHES}
              and (cast(:first as bigint) is null or position between :first and :last)
              and (cast(:key as text) is null or key = :key)
              and (cast(:since as timestamptz) is null or (at >= :since and at < :until))
              and (cast(:subject as text) is null or subject = :subject)
              and (not :dead_only or exists (select from delivery d where d.subscription = :id
                                             and d.position = l.position and d.state = 'dead'))
            on conflict (subscription, position) do update
            set state = 'failed', attempts = 0, next_at = clock_timestamp(), error = 'to be sent again'
            where delivery.state = 'dead'""",
        **matching(wanted),
        taken=wanted.position,
        first=first,
        last=last,
        key=past.key,
        since=since,
        until=until,
        subject=past.subject,
        dead_only=past.dead_only,
    )


def matching(subscription: Any) -> dict[str, Any]:
    """Return the parameters of `MATCHES`, and `id`."""
    return {"id": subscription.id, "types": like_any(subscription.types), "entities": subscription.entities}
