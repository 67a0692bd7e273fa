"""Who is who: people that other systems list are matched to the workers of the HRIS, by their work mail address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from accordant import masterdata
from accordant.kernel import ExternalId
from accordant.platform.storage import rows
from accordant.ports import DirectoryEntry


def match_people(connection: Connection, entries: Sequence[DirectoryEntry]) -> int:
    """Tie each listed person to the worker with the same mail address; returns how many were tied now.

    A person whose record was seen before the worker was known keeps the id it got then, as an alias of the worker.
    """
    workers = _workers(connection, [entry.email.lower() for entry in entries])
    wanted = {str(entry.ref): workers[entry.email.lower()] for entry in entries if entry.email.lower() in workers}
    known = masterdata.find(connection, [ExternalId.parse(ref) for ref in wanted])
    tied = 0
    for ref, worker_id in wanted.items():
        current = known.get(ref)
        if current == worker_id:
            continue
        if current is None:
            masterdata.link(connection, ExternalId.parse(ref), worker_id, kind="worker")
        else:
            masterdata.alias(
                connection, current, worker_id, at=datetime.now(UTC), by="accordant", reason="same work mail address"
            )
        tied += 1
    return tied


def _workers(connection: Connection, emails: list[str]) -> dict[str, str]:
    found = rows(
        connection,
        """select id, lower(body ->> 'email') as email from record
           where kind = 'worker' and not deleted and lower(body ->> 'email') = any(:emails)""",
        emails=emails,
    )
    return {row.email: row.id for row in found}
