"""Segments of workers: from their transaction logs, the days on which something begins, and what is true on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from accordant.canonical import Worker
from accordant.connectors.workday.client import AsOf, WorkdayClient
from accordant.connectors.workday.mapping import WORKER
from accordant.connectors.workday.payloads import Change, Record, changes_in, civil_date, status_of, worker_key
from accordant.kernel import ContractDrift
from accordant.ports import Observation

_OPERATION = "workers_since"
_NO_LOG = (
    "The transaction log of a worker is missing or unreadable.",
    "Grant the integration system user the domain of worker transactions.",
)


class SegmentReader:
    """Read the segments of one page of workers.

    `raw` holds the answers as they came.

    Args:
        system: instance id of the estate.
        client: the tenant.
        first_day: segments that begin earlier are read as of this day.
    """

    def __init__(self, system: str, client: WorkdayClient, *, first_day: date) -> None:
        self.raw: list[bytes] = []
        self._system = system
        self._client = client
        self._first_day = first_day

    async def read(
        self, workers: Sequence[Record], as_of: AsOf, earliest: Callable[[tuple[Change, ...]], date | None]
    ) -> list[Observation[Worker]]:
        """Return the segments from each worker's earliest changed day on, ordered by entry, then by day."""
        logs = await self._logs([worker_key(worker) for worker in workers], as_of)
        days = {key: self._days(log, start) for key, log in logs.items() if (start := earliest(log)) is not None}
        states = await self._states(days, as_of.known_at)
        endings = _day_after_leaving(states, as_of.day)
        states |= await self._states(endings, as_of.known_at)
        segments = []
        for key, log in logs.items():
            own = {day: states.get((key, day)) for day in {*days.get(key, ()), *endings.get(key, ())}}
            segments += [self._segment(state, day, _entered_at(log, day)) for day, state in _without_gaps(own)]
        return sorted(segments, key=lambda seen: (seen.changed_at, seen.body.valid_from if seen.body else date.min))

    async def _logs(self, keys: list[str], as_of: AsOf) -> dict[str, tuple[Change, ...]]:
        if not keys:
            return {}
        page, raw = await self._client.logs(keys, as_of, operation=_OPERATION)
        self.raw.append(raw)
        try:
            logs = {worker_key(record): changes_in(record) for record in page.workers}
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._no_log() from error
        if not all(logs.get(key) for key in keys):
            raise self._no_log()
        return logs

    def _days(self, log: tuple[Change, ...], start: date) -> set[date]:
        """Return the days from `start` on at which something begins, none before the first day that is wanted."""
        return {max(change.on, self._first_day) for change in log if change.on >= start}

    async def _states(self, days: dict[str, set[date]], known_at: datetime) -> dict[tuple[str, date], Record]:
        by_day: dict[date, list[str]] = {}
        for key, own in days.items():
            for day in own:
                by_day.setdefault(day, []).append(key)
        states: dict[tuple[str, date], Record] = {}
        for day, keys in sorted(by_day.items()):
            page, raw = await self._client.states(keys, AsOf(day, known_at), operation=_OPERATION)
            self.raw.append(raw)
            states |= {(worker_key(record), day): record for record in page.workers}
        return states

    def _segment(self, state: Record, day: date, entered_at: datetime) -> Observation[Worker]:
        stamped = state | {"Effective_Date": day.isoformat(), "Entry_Moment": entered_at.isoformat()}
        result = WORKER.read(stamped, system=self._system)
        return Observation(result.ref, result.body, entered_at, result.unknown)

    def _no_log(self) -> ContractDrift:
        message, remedy = _NO_LOG
        return ContractDrift(message, code="workday.no_log", remedy=remedy, system=self._system, operation=_OPERATION)


def _entered_at(log: Iterable[Change], day: date) -> datetime:
    """Return when the state of a day became what it is: the last entry about that day or an earlier one."""
    return max(change.entered_at for change in log if change.on <= day)


def _day_after_leaving(states: dict[tuple[str, date], Record], horizon: date) -> dict[str, set[date]]:
    """Return, per worker, the days on which they no longer work here: the termination date is the last day of work."""
    endings: dict[str, set[date]] = {}
    for (key, day), state in states.items():
        left = status_of(state).get("Termination_Date")
        after = civil_date(left) + timedelta(days=1) if left else None
        if after is not None and day < after <= horizon and (key, after) not in states:
            endings.setdefault(key, set()).add(after)
    return endings


def _without_gaps(own: dict[date, Record | None]) -> list[tuple[date, Record]]:
    """Return the states by day; where a worker is not there, a correction moved the hire: then they do not work yet."""
    found: list[tuple[date, Record]] = []
    later: Record | None = None
    for day in sorted(own, reverse=True):
        state = own[day]
        if state is not None:
            later = state
            found.append((day, state))
        elif later is not None:
            found.append((day, _not_here(later)))
    return found[::-1]


def _not_here(state: Record) -> Record:
    data: dict[str, Any] = state["Worker_Data"]
    employment = data.get("Employment_Data") or {}
    status = {**status_of(state), "Active": "0"}
    return {**state, "Worker_Data": {**data, "Employment_Data": {**employment, "Worker_Status_Data": status}}}
