"""The feed of time entries: a watermark on the vendor's stamps, with overlap and ties; deletions from events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from accordant.canonical import TimeEntry
from accordant.connectors.kantata.client import PAGE, KantataClient
from accordant.connectors.kantata.mapping import TIME_ENTRY
from accordant.connectors.kantata.payloads import Envelope, Record
from accordant.connectors.kantata.reader import Names
from accordant.connectors.kantata.settings import KantataSettings
from accordant.kernel import Clock, ContractDrift, ExternalId, InvalidInput
from accordant.ports import FeedPage, Observation, TimeFeed

_SECOND = timedelta(seconds=1)
_RETENTION = timedelta(days=9)
_EVERYTHING: dict[str, Any] = {
    "from_archived_workspaces": "true",
    "on_my_account": "false",
}  # the defaults would hide time
_ASSOCIATIONS = "workspace,user,story,role"
_MAX_IDS = 200
_FAR = 5000  # entries: a deep offset is slow for the vendor


class Watermark(BaseModel):
    """Where the feed stands.

    The vendor's stamps have whole seconds and its filter excludes the instant itself, so a read begins one second
    earlier; what comes twice is a duplicate to intake. A change moves an entry to the end and the ones behind it
    forward, past a reader who counts pages. So each page begins with the last entry of the page before: when that one
    has moved, something was passed over, and the read goes back to the second it had reached.

    Args:
        since: the second from which on entries are read; None for the beginning.
        offset: how many entries since then were read.
        anchor: id of the last of them, which the next page must begin with.
        newest: the newest stamp read.
        newest_at: our instant when it was first read; the overlap is read again until it is old enough.
        deleted_since: the generation instant of the last deletion event read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: datetime | None = None
    offset: int = 0
    anchor: str = ""
    newest: datetime | None = None
    newest_at: datetime | None = None
    deleted_since: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> Watermark:
        """Read what `FeedPage.watermark` said; raises InvalidInput for anything else."""
        try:
            return cls.model_validate_json(text) if text else cls()
        except ValueError as error:
            raise InvalidInput(
                "This is no watermark of the Kantata time feed.",
                code="kantata.watermark",
                remedy="Start the feed from the beginning; what is known already is recognized.",
            ) from error

    def filters(self) -> dict[str, Any]:
        """Return what bounds the next page."""
        bounds: dict[str, Any] = {"limit": PAGE, "offset": max(self.offset - 1, 0)}
        return bounds | {"updated_after": (self.since - _SECOND).isoformat()} if self.since else bounds

    def unread(self, records: tuple[Record, ...]) -> tuple[Record, ...] | None:
        """Return what a page has beyond the anchor; None when the anchor has moved."""
        if not self.offset:
            return records
        return records[1:] if records and records[0]["id"] == self.anchor else None

    def back(self) -> Watermark:
        """Begin again at the second that was reached."""
        return self.model_copy(update={"since": self.newest, "offset": 0, "anchor": ""})

    def after(self, unread: tuple[Record, ...], now: datetime) -> Watermark:
        """Go on behind these entries; far into a long read, from their second instead of by counting."""
        if not unread:
            return self
        last = _instant(unread[-1]["updated_at"])
        first_read_at = self.newest_at if last == self.newest else now
        mark = self.model_copy(
            update={
                "offset": self.offset + len(unread),
                "anchor": unread[-1]["id"],
                "newest": last,
                "newest_at": first_read_at,
            }
        )
        return mark.back() if mark.offset >= _FAR and last != self.since else mark

    def caught_up(self, overlap: timedelta, now: datetime) -> Watermark:
        """Go on from the newest stamp, or a little before it while late changes may still show up there.

        The age is measured on our clock, from when the stamp was first read, so the vendor's clock may be off.
        """
        if self.newest is None or self.newest_at is None:
            return self
        is_settled = now - self.newest_at > overlap
        since = self.newest + _SECOND if is_settled else self.newest - overlap
        return self.model_copy(update={"since": since, "offset": 0, "anchor": ""})


class KantataChanges(TimeFeed):
    """The reading of time."""

    client: KantataClient
    settings: KantataSettings
    _names: Names
    _clock: Clock
    _overlap: timedelta

    async def time_since(self, watermark: str | None) -> FeedPage[TimeEntry]:
        """Read the next page, at most 200 entries; deletions come with the last page. See `TimeFeed`."""
        mark = Watermark.read(watermark)
        envelope = await self._entries("time_since", order="updated_at:asc", **mark.filters())
        unread = mark.unread(envelope.records)
        if unread is None:
            return FeedPage((), mark.back().model_dump_json(), more=True, raw=envelope.raw)
        observations = [await self._observe(record, "time_since") for record in unread]
        mark, more = mark.after(unread, self._clock.now()), len(envelope.records) == PAGE
        if not more:
            mark = mark.caught_up(self._overlap, self._clock.now())
        if not more and self.settings.reads_deletions:
            mark, deletions = await self._deletions(mark)
            observations += deletions
        return FeedPage(tuple(observations), mark.model_dump_json(), more, envelope.raw)

    async def fetch_time(self, entry_ids: tuple[str, ...]) -> tuple[Observation[TimeEntry], ...]:
        """Read entries by id, 200 per call; see `TimeFeed`."""
        return await self._fetch(entry_ids, {}, "fetch_time")

    async def _fetch(
        self, entry_ids: tuple[str, ...], deleted_at: Mapping[str, datetime], operation: str
    ) -> tuple[Observation[TimeEntry], ...]:
        found: dict[str, Observation[TimeEntry]] = {}
        for start in range(0, len(entry_ids), _MAX_IDS):
            only = ",".join(entry_ids[start : start + _MAX_IDS])
            for record in (await self._entries(operation, only=only)).records:
                found[record["id"]] = await self._observe(record, operation)
        now = self._clock.now()
        return tuple(found.get(id) or self._tombstone(id, deleted_at.get(id, now)) for id in entry_ids)

    async def _entries(self, operation: str, **filters: Any) -> Envelope:
        include = _ASSOCIATIONS if self.settings.asks_for_ids else None
        return await self.client.page("time_entries", operation=operation, include=include, **filters, **_EVERYTHING)

    async def _observe(self, record: Record, operation: str) -> Observation[TimeEntry]:
        role = await self._names.role_name(record.get("role_id"), operation=operation)
        result = TIME_ENTRY.read(record | {"role_name": role}, system=self.system)
        if result.changed_at is None:
            raise ContractDrift("Kantata showed a time entry without its instant of change.", system=self.system)
        return Observation(result.ref, result.body, result.changed_at, result.unknown)

    async def _deletions(self, mark: Watermark) -> tuple[Watermark, list[Observation[TimeEntry]]]:
        """Read deletion events; each is only a doorbell: the entry is a tombstone when it is really gone."""
        since = mark.deleted_since or self._clock.now() - _RETENTION
        deleted_at: dict[str, datetime] = {}
        newest = since
        async for envelope in self.client.pages(
            "subscribed_events",
            operation="time_since",
            event_types="time_entry:deleted",
            order="created_at:asc",
            created_after=(since - _SECOND).isoformat(),
        ):
            for event in envelope.records:
                deleted_at[event["subject_id"]] = _instant(event["subject_changed_at"])
                newest = max(newest, _instant(event["created_at"]))
        observations = await self._fetch(tuple(deleted_at), deleted_at, "time_since")
        return mark.model_copy(update={"deleted_since": newest}), list(observations)

    def _tombstone(self, id: str, at: datetime) -> Observation[TimeEntry]:
        return Observation(ExternalId(system=self.system, type=TIME_ENTRY.vendor, value=id), None, at)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
