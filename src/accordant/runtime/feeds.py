"""Reading what changed outside: feeds polled by one worker at a time, doorbells answered by reading the record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from accordant.kernel import AccordantError, ExternalId, NotFound, Retryable
from accordant.platform.storage import Database, execute, maybe, rows
from accordant.ports import (
    DealBundle,
    DealDoorbell,
    DealFeed,
    DirectoryEntry,
    FeedPage,
    PaymentFeed,
    PeopleDirectory,
    TimeFeed,
    WorkerFeed,
)
from accordant.process import Intake, Outcome, Page, match_people
from accordant.runtime.connections import Connections

log = structlog.get_logger(__name__)

_MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class Pace:
    """How often feeds are read, in seconds."""

    deals_s: float = 20.0
    time_s: float = 10.0
    payments_s: float = 20.0
    workers_s: float = 60.0
    people_s: float = 10.0
    doorbell_s: float = 0.05

    def hastened(self, factor: float) -> Pace:
        """Return a pace that reads feeds more often by a factor; doorbells are always answered at once."""
        return Pace(
            self.deals_s / factor,
            self.time_s / factor,
            self.payments_s / factor,
            self.workers_s / factor,
            self.people_s / factor,
        )


class Feeds:
    """The readers of one worker; each feed is read by whichever worker holds its lock."""

    def __init__(self, database: Database, connections: Connections, intake: Intake, pace: Pace) -> None:
        self._database = database
        self._connections = connections
        self._intake = intake
        self._pace = pace

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return one endless loop per feed of the estate."""
        serving = self._connections.serving
        found = [self._doorbells()]
        found += [self._polled("deals", c.system, self._pace.deals_s, self._deals(c)) for c in serving(DealFeed)]
        found += [self._polled("time", c.system, self._pace.time_s, self._time(c)) for c in serving(TimeFeed)]
        found += [
            self._polled("payments", c.system, self._pace.payments_s, self._payments(c)) for c in serving(PaymentFeed)
        ]
        found += [
            self._polled("workers", c.system, self._pace.workers_s, self._workers(c)) for c in serving(WorkerFeed)
        ]
        found += [
            self._polled("people", c.system, self._pace.people_s, self._people(c)) for c in serving(PeopleDirectory)
        ]
        return found

    # ---------------------------------------------------------------- what each feed does with a page

    def _deals(self, feed: DealFeed) -> Callable[[str | None], Awaitable[tuple[str, bool]]]:
        async def read(watermark: str | None) -> tuple[str, bool]:
            page = await feed.deals_since(watermark)
            for deal_id in dict.fromkeys(o.ref.value for o in page.observations):
                await self.fetch_deal(feed, deal_id)
            return page.watermark, page.more

        return read

    def _time(self, feed: TimeFeed) -> Callable[[str | None], Awaitable[tuple[str, bool]]]:
        async def read(watermark: str | None) -> tuple[str, bool]:
            page = await feed.time_since(watermark)
            await self._accept([self._page(feed.system, "time_entry", page)], ("time", feed.system, page.watermark))
            return page.watermark, page.more

        return read

    def _payments(self, feed: PaymentFeed) -> Callable[[str | None], Awaitable[tuple[str, bool]]]:
        async def read(watermark: str | None) -> tuple[str, bool]:
            page = await feed.payments_since(watermark)
            await self._accept([self._page(feed.system, "payment", page)], ("payments", feed.system, page.watermark))
            return page.watermark, page.more

        return read

    def _workers(self, feed: WorkerFeed) -> Callable[[str | None], Awaitable[tuple[str, bool]]]:
        async def read(watermark: str | None) -> tuple[str, bool]:
            page = await feed.workers_since(watermark)
            await self._accept([self._page(feed.system, "worker", page)], ("workers", feed.system, page.watermark))
            return page.watermark, page.more

        return read

    def _people(self, directory: PeopleDirectory) -> Callable[[str | None], Awaitable[tuple[str, bool]]]:
        async def read(_: str | None) -> tuple[str, bool]:
            entries = await directory.people()
            matched = await asyncio.to_thread(self._match, entries)
            if matched:
                log.info("people.matched", system=directory.system, count=matched)
            return "", False

        return read

    def _match(self, entries: Sequence[DirectoryEntry]) -> int:
        with self._database.begin() as connection:
            return match_people(connection, entries)

    async def fetch_deal(self, feed: DealFeed, deal_id: str) -> Outcome:
        """Read a deal with all that hangs on it and accept it in one transaction; what is referred to comes first."""
        bundle = await feed.fetch_deal(deal_id)
        return await self._accept(self._bundle(feed.system, bundle))

    def _bundle(self, system: str, bundle: DealBundle) -> list[Page]:
        role = self._connections.role_of(system)
        parts = (("customer", bundle.customer), ("contract", bundle.contract), ("deal", bundle.deal))
        return [Page(system, role, kind, [part]) for kind, part in parts if part is not None]

    def _page(self, system: str, kind: str, page: FeedPage[Any]) -> Page:
        return Page(system, self._connections.role_of(system), kind, page.observations, raw=page.raw)

    async def _accept(self, pages: list[Page], mark: tuple[str, str, str] | None = None) -> Outcome:
        """Accept pages and move the watermark in the same transaction."""

        def accept() -> Outcome:
            with self._database.begin() as connection:
                outcome = self._intake.accept(connection, pages)
                if mark is not None:
                    _move(connection, *mark)
                return outcome

        return await asyncio.to_thread(accept)

    # ---------------------------------------------------------------- loops

    async def _polled(
        self, name: str, system: str, pause_s: float, read: Callable[[str | None], Awaitable[tuple[str, bool]]]
    ) -> None:
        """Read a feed for ever while this worker holds its lock; log once when it fails, once when it works again."""
        failing = False
        while True:
            more = False
            try:
                with self._database.engine.connect() as holder:
                    if _lock(holder, f"feed:{name}:{system}"):
                        watermark = await asyncio.to_thread(self._watermark, name, system)
                        moved, more = await read(watermark)
                        if moved != watermark:
                            await asyncio.to_thread(self._keep, name, system, moved)
                if failing:
                    log.info("feed.works_again", feed=name, system=system)
                failing = False
            except (AccordantError, SQLAlchemyError) as error:
                if not failing:
                    log.warning("feed.failed", feed=name, system=system, error=str(error)[:300])
                failing = True
            except Exception:  # the worker loop's edge: one feed that meets a bug must not stop all others
                if not failing:
                    log.exception("feed.failed", feed=name, system=system)
                failing = True
            await asyncio.sleep(0 if more else pause_s)

    async def _doorbells(self) -> None:
        """Answer rung doorbells, oldest first; several workers share them row by row."""
        idle = 0
        while True:
            try:
                answered = await self.answer_doorbells()
            except SQLAlchemyError as error:
                log.warning("doorbells.failed", error=type(error).__name__)
                answered = 0
            idle = 0 if answered else min(idle + 1, 20)
            await asyncio.sleep(self._pace.doorbell_s * (1 + idle))

    async def answer_doorbells(self, limit: int = 20) -> int:
        """Read the records behind open envelopes; returns how many were answered."""
        envelopes = await asyncio.to_thread(self._take_envelopes, limit)
        for envelope in envelopes:
            await self._answer(envelope)
        return len(envelopes)

    async def _answer(self, envelope: Any) -> None:
        connector = self._connections.system(envelope.system)
        outcome = "dead"
        try:
            if isinstance(connector, DealDoorbell) and isinstance(connector, DealFeed):
                outcome = "duplicate"
                for deal_id in await connector.deals_behind(ExternalId.parse(envelope.subject)):
                    accepted = await self.fetch_deal(connector, deal_id)
                    outcome = "applied" if accepted.counts["applied"] else outcome
        except NotFound as error:
            await asyncio.to_thread(self._end, envelope.id, "superseded", error.message)
        except Retryable as error:
            await asyncio.to_thread(self._again, envelope.id, envelope.attempts, error.message)
        except AccordantError as error:
            await asyncio.to_thread(self._again, envelope.id, max(envelope.attempts, 3), error.message)
        except Exception as error:  # the worker loop's edge: one envelope that meets a bug must not stop the rest
            log.exception("doorbell.failed", system=envelope.system)
            await asyncio.to_thread(self._again, envelope.id, max(envelope.attempts, 3), type(error).__name__)
        else:
            await asyncio.to_thread(self._end, envelope.id, outcome, "")

    # ---------------------------------------------------------------- rows

    def _take_envelopes(self, limit: int) -> list[Any]:
        """Take open envelopes for half a minute: another worker has them again if this one dies."""
        with self._database.begin() as connection:
            return rows(
                connection,
                """update envelope set attempts = attempts + 1, next_at = clock_timestamp() + interval '30 seconds'
                   where id in (select id from envelope where state = 'open' and next_at <= clock_timestamp()
                                order by id limit :limit for update skip locked)
                   returning id, system, subject, attempts""",
                limit=limit,
            )

    def _end(self, id: int, state: str, error: str) -> None:
        with self._database.begin() as connection:
            execute(
                connection,
                "update envelope set state = :state, error = :error, ended_at = clock_timestamp() where id = :id",
                id=id,
                state=state,
                error=error,
            )

    def _again(self, id: int, attempts: int, error: str) -> None:
        """Try an envelope later; after many attempts it is dead and stays on the list of what was not taken in."""
        if attempts >= _MAX_ATTEMPTS:
            self._end(id, "dead", error)
            return
        with self._database.begin() as connection:
            execute(
                connection,
                "update envelope set next_at = :at, error = :error where id = :id",
                id=id,
                at=datetime.now(UTC) + timedelta(seconds=min(2.0**attempts, 600)),
                error=error,
            )

    def _watermark(self, feed: str, system: str) -> str | None:
        with self._database.begin() as connection:
            row = maybe(
                connection,
                "select value from watermark where system = :system and feed = :feed",
                system=system,
                feed=feed,
            )
        return None if row is None else str(row.value)

    def _keep(self, feed: str, system: str, value: str) -> None:
        with self._database.begin() as connection:
            _move(connection, feed, system, value)


def _move(connection: Connection, feed: str, system: str, value: str) -> None:
    execute(
        connection,
        """insert into watermark (system, feed, value) values (:system, :feed, :value)
           on conflict (system, feed) do update set value = excluded.value, updated_at = clock_timestamp()""",
        system=system,
        feed=feed,
        value=value,
    )


def _lock(connection: Connection, name: str) -> bool:
    """Hold a lock as long as this transaction is open: it ends with the process, however that ends."""
    row = maybe(connection, "select pg_try_advisory_xact_lock(hashtextextended(:name, 3)) as held", name=name)
    return bool(row and row.held)
