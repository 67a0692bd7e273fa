"""A run's history as a file: ids, codes, versions, money and times; nothing personal, no reason in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from accordant.console.visit import Visit
from accordant.insight import runs
from accordant.insight.runs import RunRow

_PERSONAL = re.compile(r"\s|^[^@/]+@[^@/]+\.[a-z]{2,}$")


def plain_of(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids, versions, codes and numbers of a detail; free text and addresses are left out."""
    return {key: kept for key, value in detail.items() if (kept := _plain(value)) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_of(value)
    if isinstance(value, list):
        return [kept for item in value if (kept := _plain(item)) is not None]
    return None if isinstance(value, str) and _PERSONAL.search(value) else value


def history(connection: Connection, visit: Visit, id: str) -> dict[str, Any]:
    """Return everything a run did as ids, codes, versions, money and times: nothing personal, no reason in words."""
    run, kept = runs.get_run(connection, id)
    moments = runs.moments_of(connection, run, limit=100_000)
    return {
        "run": {name: _json(getattr(run, name)) for name in RunRow.__dataclass_fields__},
        "snapshot": kept["snapshot"],
        "input": plain_of(kept["input"] or {}),
        "outcome": plain_of(kept["outcome"] or {}),
        "attempts": [r.id for r in runs.attempts_of(connection, run)],
        "moments": [
            {
                "at": _json(m.at),
                "until": _json(m.until),
                "kind": m.kind,
                "name": m.name,
                "detail": plain_of(m.detail),
            }
            for m in reversed(moments)
        ],
        "events": [
            {"position": e.position, "type": e.type, "at": _json(e.at)} for e in runs.announced(connection, run)
        ],
        "read_at": _json(visit.now),
    }


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, timedelta) else value
