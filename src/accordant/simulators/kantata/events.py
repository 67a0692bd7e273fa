"""Subscribed events: pulled, generated with a delay, sometimes twice or out of order, kept for nine days."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from math import inf
from random import Random
from typing import Any

from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import FaultPlan
from accordant.simulators.kantata.errors import system
from accordant.simulators.kantata.kinds import Kind
from accordant.simulators.kantata.paging import moment, parse
from accordant.simulators.kantata.shapes import meta, stamp

RETENTION = timedelta(days=9)
_HELD_BACK_S = 10.0  # how much later an out-of-order event is generated, unless the fault says otherwise


class EventLog:
    """The account's trackable changes, by the instant they were generated.

    Args:
        now: the vendor's clock.
        faults: `lost_event`, `duplicate` and `out_of_order` strike on the event type, `time_entry:updated`.
        seed: of the delays.
        delay_s: longest usual lag between a change and its event.
        duplicate_rate: share of events that are generated twice, as the vendor warns.
    """

    def __init__(
        self, now: Callable[[], datetime], faults: FaultPlan, *, seed: int, delay_s: float, duplicate_rate: float
    ) -> None:
        self._now = now
        self._faults = faults
        self._random = Random(seed)  # noqa: S311 - delays must repeat themselves
        self._delay_s = delay_s
        self._duplicate_rate = duplicate_rate
        self._rows: list[tuple[datetime, float, dict[str, Any]]] = []
        self._ids = count(1)

    def record(
        self,
        type_: str,
        subject: tuple[str, str, str],
        user_id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        """Note a change; `subject` is type, collection and id."""
        take = self._faults.take
        if take(type_, "lost_event"):
            return
        delay = self._random.random() * self._delay_s
        if held := take(type_, "out_of_order"):
            delay += float(held.options.get("delay_s", _HELD_BACK_S))
        self._generate(delay, type_, subject, user_id, before, after)
        if take(type_, "duplicate") or self._random.random() < self._duplicate_rate:
            self._generate(delay, type_, subject, user_id, before, after)

    def visible(self, after: datetime | None = None) -> list[dict[str, Any]]:
        """Return the events generated so far and not yet expired, oldest first; only those after an instant."""
        now = self._now()
        del self._rows[: bisect_left(self._rows, (now - RETENTION,))]
        first = bisect_right(self._rows, (after, inf)) if after else 0
        return [row for _, _, row in self._rows[first : bisect_right(self._rows, (now, inf))]]

    def answer(self, params: Mapping[str, str], subject: Callable[[str, str], dict[str, Any] | None]) -> Response:
        """Return a page of the visible events, newest first unless ordered otherwise.

        `subject` finds the subject by collection and id, None when it is gone. Raises 400 for filters that do not fit.
        """
        if "most_recent" in params and "most_recent_by_event_type" in params:
            raise system(400, "most_recent and most_recent_by_event_type cannot be combined")
        if "subject_id" in params and "subject_type" not in params:
            raise system(400, "subject_type is required with subject_id")
        after = moment("created_after", params["created_after"]) if "created_after" in params else None
        rows = [row for row in self.visible(after) if _matches(row, params)]
        rows = _most_recent(rows, params)
        if params.get("order", "created_at:desc") != "created_at:asc":
            rows.reverse()
        query = parse(_EVENTS, {k: v for k, v in params.items() if k in {"page", "per_page", "limit", "offset"}})
        shown = rows[query.offset : query.offset + query.limit]
        hidden = _OPTIONAL - set(params.get("optional_fields", "").split(","))
        body: dict[str, Any] = {
            "count": len(rows),
            "results": [{"key": "subscribed_events", "id": row["id"]} for row in shown],
            "subscribed_events": {row["id"]: _present(row, hidden) for row in shown},
        }
        if "subject" in params.get("include", "").split(","):
            for row in shown:
                collection, id = row["_ref"]["key"], row["_ref"]["id"]
                found = subject(collection, id)
                body["subscribed_events"][row["id"]]["subject_ref"] = row["_ref"] if found else None
                if found:
                    body.setdefault(collection, {})[id] = found
        return JSONResponse(body | {"meta": meta(len(rows), query)})

    def _generate(
        self,
        delay_s: float,
        type_: str,
        subject: tuple[str, str, str],
        user_id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        changed_at = self._now()
        created_at = (changed_at + timedelta(seconds=delay_s)).replace(microsecond=0)
        number = next(self._ids)
        old, new = before or {}, after or {}
        row = {
            "id": str(number),
            "event_type": type_,
            "account_id": "1",
            "user_id": user_id,
            "subject_type": subject[0],
            "subject_id": subject[2],
            "subject_changed_at": stamp(changed_at),
            "created_at": stamp(created_at),
            "updated_at": stamp(created_at),
            "previous_payload": dict(old),
            "current_payload": dict(new),
            "payload_changes": {
                key: {"from": old.get(key), "to": new.get(key)}
                for key in old.keys() | new.keys()
                if old.get(key) != new.get(key)
            },
            "_ref": {"id": subject[2], "key": subject[1]},
            "_at": created_at,
        }
        insort(self._rows, (created_at, number, row))


_FILTERS = {
    "event_types": "event_type",
    "user_ids": "user_id",
    "subject_id": "subject_id",
    "subject_type": "subject_type",
    "only": "id",
}
_OPTIONAL = {"previous_payload", "current_payload", "payload_changes"}
_EVENTS = Kind("subscribed_events", "subscribed_event", "SubscribedEvent", {}, frozenset(), frozenset())


def _matches(row: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    """Say whether an event passes the filters the vendor documents."""
    if "created_before" in params and row["_at"] >= moment("created_before", params["created_before"]):
        return False
    return all(row[field] in params[name].split(",") for name, field in _FILTERS.items() if name in params)


def _most_recent(rows: list[dict[str, Any]], params: Mapping[str, str]) -> list[dict[str, Any]]:
    if params.get("most_recent") == "true":
        fields: tuple[str, ...] = ("subject_type", "subject_id")
    elif params.get("most_recent_by_event_type") == "true":
        fields = ("subject_type", "subject_id", "event_type")
    else:
        return rows
    latest = {tuple(row[field] for field in fields): row["id"] for row in rows}
    kept = set(latest.values())
    return [row for row in rows if row["id"] in kept]


def _present(row: Mapping[str, Any], hidden: set[str]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if not k.startswith("_") and k not in hidden}
