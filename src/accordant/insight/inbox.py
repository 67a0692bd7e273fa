"""The approvals inbox: what a person may decide, what was decided, what an earlier view said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.cases import Actor, Approval, get_approval
from accordant.platform.storage import maybe, rows

_FIRST = ("client", "project", "contract", "contract_version", "why", "net", "tax", "total", "amount")
"""What a person looks for first; the rest follows in the order of its name."""


@dataclass(frozen=True)
class Earlier:
    """The view that was asked about before, and what became of it."""

    id: str
    view: Mapping[str, Any]
    state: str
    asked_at: datetime


def ordered(view: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the facts of an approval view in the order in which every door shows them: console, chat, mail.

    >>> ordered({"net": "GBP 10.00", "client": "Northmere", "hours": "2"})
    (('client', 'Northmere'), ('net', 'GBP 10.00'), ('hours', '2'))
    """
    rank = {name: at for at, name in enumerate(_FIRST)}
    return tuple(sorted(view.items(), key=lambda pair: (rank.get(pair[0], len(rank)), pair[0])))


def earlier_view(connection: Connection, approval: Approval) -> Earlier | None:
    """Return the last question about the same object with another view; None when this is the first."""
    row = maybe(
        connection,
        """select id, view, state, asked_at from approval
           where kind = :kind and subject = :subject and id <> :id and view_hash <> :hash and asked_at <= :at
           order by asked_at desc, id desc limit 1""",
        kind=approval.kind,
        subject=approval.subject,
        id=approval.id,
        hash=approval.view_hash,
        at=approval.asked_at,
    )
    return None if row is None else Earlier(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def history(connection: Connection, actor: Actor, *, limit: int = 100, offset: int = 0) -> tuple[Approval, ...]:
    """Return what is no longer open and concerns a person: by role, delegation, own question or own decision."""
    return _those(
        connection,
        """state <> 'open' and (role = any(:roles) or :me = any(delegates) or :me in (requester, decided_by))
           order by decided_at desc, id limit :limit offset :offset""",
        actor,
        limit=limit,
        offset=offset,
    )


def own_requests(connection: Connection, actor: Actor, *, limit: int = 100) -> tuple[Approval, ...]:
    """Return the open questions of a person: to be looked at, never to be decided."""
    return _those(
        connection, "state = 'open' and requester = :me order by asked_at, id limit :limit", actor, limit=limit
    )


def _those(connection: Connection, where: str, actor: Actor, **values: int) -> tuple[Approval, ...]:
    found = rows(
        connection,
        f"select id from approval where {where}",
        {"me": actor.worker_number, "roles": list(actor.roles), **values},
    )
    return tuple(get_approval(connection, row.id) for row in found)
