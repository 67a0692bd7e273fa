"""The feed of workers: who has a transaction entered since the watermark, and what was true from which day on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from accordant.canonical import Worker
from accordant.connectors.workday.client import AsOf, Effective, Entered, WorkdayClient
from accordant.connectors.workday.payloads import Change
from accordant.connectors.workday.reader import SegmentReader
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.kernel import InvalidInput
from accordant.ports import FeedPage, WorkerFeed

# An entry is stamped when it is submitted and seen when it commits: each run looks back this far.
_OVERLAP = timedelta(minutes=5)
_ONE_DAY = timedelta(days=1)

Sweep = Literal["all", "entered", "approaching"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the feed has come.

    Args:
        since: entries from this moment on are new; empty before the first run has ended.
        horizon: the last day that the previous run looked ahead to.
        known_at: the moment of the run under way; empty between runs.
        sweep: what the run under way asks for.
        page: the page it asks for next.
    """

    since: str = ""
    horizon: str = ""
    known_at: str = ""
    sweep: Sweep = "all"
    page: int = 1

    @classmethod
    def parse(cls, watermark: str | None) -> Cursor:
        """Read a watermark; raises InvalidInput."""
        try:
            return cls(**json.loads(watermark)) if watermark else cls()
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                "The watermark is none of this feed.",
                code="feed.watermark",
                remedy="Start the feed from the beginning.",
            ) from error

    @property
    def text(self) -> str:
        """The cursor as a watermark."""
        return json.dumps(asdict(self))


class WorkerChanges(WorkerFeed):
    """Worker segments, by three sweeps: everybody, once; what was entered; what has come within the horizon."""

    system: str
    _client: WorkdayClient
    _settings: WorkdaySettings

    async def workers_since(self, watermark: str | None) -> FeedPage[Worker]:
        """Read one page of workers and, of each, every segment that may have changed.

        A change entered today is read from its own day on, also when that is past or future; later segments are read
        again, because a retroactive change alters them, too. Calls: 2 per page, and 1 per different day on it.
        """
        cursor = Cursor.parse(watermark)
        if not cursor.known_at:
            known_at = await self._client.now(operation="workers_since")
            cursor = replace(cursor, known_at=known_at.isoformat(), sweep="entered" if cursor.since else "all", page=1)
        as_of = self._horizon(cursor)
        window = _window(cursor, as_of)
        page, raw = await self._client.workers(as_of, cursor.page, operation="workers_since", matching=window)
        reader = SegmentReader(self.system, self._client, first_day=self._settings.history_from)
        observations = await reader.read(page.workers, as_of, lambda log: _earliest(log, window))
        is_last_page = cursor.page >= page.total_pages
        following = _after_sweep(cursor, as_of) if is_last_page else replace(cursor, page=cursor.page + 1)
        return FeedPage(tuple(observations), following.text, bool(following.known_at), b"\n".join([raw, *reader.raw]))

    def _horizon(self, cursor: Cursor) -> AsOf:
        known_at = datetime.fromisoformat(cursor.known_at)
        return AsOf(known_at.date() + timedelta(days=self._settings.horizon_days), known_at)


def _window(cursor: Cursor, as_of: AsOf) -> Entered | Effective | None:
    match cursor.sweep:
        case "all":
            return None
        case "entered":
            return Entered(datetime.fromisoformat(cursor.since), as_of.known_at)
        case "approaching":
            # Overlapping by a day: the tenant's days are not ours, and a horizon that shrank must not leave a gap.
            return Effective(min(date.fromisoformat(cursor.horizon), as_of.day) - _ONE_DAY, as_of.day)


def _earliest(log: Iterable[Change], window: Entered | Effective | None) -> date | None:
    """Return the first day that a worker's new entries touch; None when none is new."""
    match window:
        case None:
            days = [change.on for change in log]
        case Entered():
            days = [change.on for change in log if window.start <= change.entered_at <= window.end]
        case Effective():
            days = [change.on for change in log if window.start <= change.on <= window.end]
    return min(days, default=None)


def _after_sweep(cursor: Cursor, as_of: AsOf) -> Cursor:
    """Return where a run goes on after the last page of a sweep: to the next sweep, or to its end."""
    if cursor.sweep == "entered":
        return replace(cursor, sweep="approaching", page=1)
    return Cursor(since=(as_of.known_at - _OVERLAP).isoformat(), horizon=as_of.day.isoformat())
