"""The deliverer: sends events to subscribers, in order per key, again until they are taken or given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import httpx2
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from accordant.kernel import AccordantError
from accordant.platform.events.message import headers, message
from accordant.platform.events.subscriptions import MATCHES, matching
from accordant.platform.events.target import require_target
from accordant.platform.storage import Database, execute, maybe, one, rows
from accordant.platform.telemetry import span

T = TypeVar("T")
log = structlog.get_logger(__name__)
_LOCK = 7_301_003
_GONE = 410

# Take up the next events of the log. Behind a failed event of its key, an event waits as failed itself.
_TAKE = f"""
with seen as (select position, key, type, entity from event_log where position > :after order by position limit :batch),
taken as (
  insert into delivery (subscription, position, key, state, error)
  select :id, position, key, case when h.held then 'failed' else 'in_flight' end,
         case when h.held then 'waits behind an earlier event of its key' else '' end
  from seen s cross join lateral (select exists (
    select from delivery d where d.subscription = :id and d.key = s.key and d.state = 'failed') as held) h
  where {MATCHES} on conflict do nothing)
update subscription set position = (select max(position) from seen)
where id = :id and exists (select from seen)
"""

# What may be sent now: no earlier event of its key has to wait.
_DUE = """
select d.position, d.key, d.attempts, l.id, l.type, l.subject, l.entity, l.at, l.data
from delivery d join event_log l on l.position = d.position
where d.subscription = :id and d.state <> 'dead' and not exists (
  select from delivery e where e.subscription = :id and e.key = d.key and e.state <> 'dead'
    and e.position <= d.position and e.next_at > clock_timestamp())
order by d.position limit :batch
"""

_FAIL = """
update delivery d set attempts = attempts + 1, error = t.error,
       state = case when attempts + 1 >= :max_attempts then 'dead' else 'failed' end,
       next_at = clock_timestamp() + make_interval(secs => t.pause)
from unnest(cast(:positions as bigint[]), cast(:errors as text[]), cast(:pauses as double precision[]))
     as t(position, error, pause)
where d.subscription = :id and d.position = t.position
"""

# A dead event no longer holds its key back; a failed one does.
_HOLD = """
update delivery d set state = 'failed', error = 'waits behind an earlier event of its key'
where d.subscription = :id and d.state = 'in_flight' and exists (
  select from delivery e where e.subscription = :id and e.key = d.key and e.state = 'failed' and e.attempts > 0
    and e.position < d.position)
"""


def backoff(attempt: int) -> float:
    """Return seconds until the next attempt: 5 s, doubled up to an hour, with a fifth of chance."""
    return min(5.0 * 2.0 ** (attempt - 1), 3600.0) * random.uniform(0.9, 1.1)  # noqa: S311 - no secret hangs on it


@dataclass(frozen=True, slots=True)
class Terms:
    """How deliveries are tried.

    Args:
        max_attempts: after so many an event is dead: kept, shown, and sent again when somebody says so.
        pause_of: seconds until the attempt after the nth.
        batch: events per round and subscription.
        concurrency: keys sent at the same time, per subscription.
    """

    max_attempts: int = 12
    pause_of: Callable[[int], float] = backoff
    batch: int = 200
    concurrency: int = 8


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of delivering came to."""

    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why one event was not taken, and for how long the receiver asked to be left alone."""

    error: str
    retry_after_s: float = 0.0
    is_gone: bool = False


class Deliverer:
    """Delivers to every subscription; runs in every worker, and each subscription is served by one of them.

    All its statements and the advisory locks share one connection: who lost the connection has lost the locks, and
    can record nothing. Delivery is at least once: after a crash what was under way is sent again under the same id.

    Args:
        database: opened as a worker.
        http: with its own timeouts; redirects off.
        secret_of: fetches the secret that a reference names.
        allowed_hosts: where events may go by https; this machine is always allowed.
        source: the CloudEvents source, a URI of this installation.
        terms: how deliveries are tried.
    """

    def __init__(
        self,
        database: Database,
        http: httpx2.AsyncClient,
        secret_of: Callable[[str], str],
        *,
        allowed_hosts: Collection[str] = (),
        source: str = "/accordant",
        terms: Terms | None = None,
    ) -> None:
        self._database = database
        self._http = http
        self._secret_of = secret_of
        self._allowed_hosts = allowed_hosts
        self._source = source
        self._terms = terms or Terms()
        self._connection: Connection | None = None
        self._locked: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def run(self, *, pause_s: float = 0.25) -> None:
        """Deliver until cancelled; a slow receiver holds up nobody else."""
        working: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                working = {id: task for id, task in working.items() if not task.done()}
                for id in await self._subscriptions():
                    working.setdefault(id, asyncio.create_task(self._drain(id)))
                await asyncio.sleep(pause_s)
        finally:
            for task in working.values():
                task.cancel()
            await asyncio.gather(*working.values(), return_exceptions=True)
            await self.aclose()

    async def aclose(self) -> None:
        """Give the subscriptions to other workers."""
        async with self._one_at_a_time:
            await asyncio.to_thread(self._drop)

    async def deliver(self, subscription: str) -> Round | None:
        """Do one round for a subscription; None when it is paused, unknown, or served by another process."""
        found = await self._db(partial(self._take_up, id=subscription))
        if found is None:
            return None
        row, due = found
        lanes = [list(events) for _, events in groupby(sorted(due, key=lambda e: (e.key, e.position)), lambda e: e.key)]
        limit = asyncio.Semaphore(self._terms.concurrency)
        ends = await asyncio.gather(*(self._send_in_order(row, lane, limit) for lane in lanes))
        done = [event for sent, _, _ in ends for event in sent]
        failed = [(event, failure) for _, event, failure in ends if failure]
        if due:
            await self._db(partial(self._record, id=subscription, done=done, failed=failed))
        return Round(len(done), len(failed))

    async def _drain(self, subscription: str) -> None:
        """Deliver while there is something to deliver."""
        try:
            while (turn := await self.deliver(subscription)) and turn.done + turn.failed:
                pass
        except SQLAlchemyError as error:
            log.warning("delivery.interrupted", subscription=subscription, error=type(error).__name__)

    async def _subscriptions(self) -> list[str]:
        def look(connection: Connection) -> list[str]:
            return [row.id for row in rows(connection, "select id from subscription where not paused order by id")]

        try:
            return await self._db(look)
        except SQLAlchemyError as error:
            log.warning("delivery.interrupted", error=type(error).__name__)
            return []

    def _take_up(self, connection: Connection, *, id: str) -> tuple[Any, list[Any]] | None:
        """Lock the subscription, take up new events, and return what may be sent now."""
        if not self._lock(connection, id):
            return None
        row = maybe(
            connection,
            "select id, types, entities, target, secret_ref, position from subscription where id = :id and not paused",
            id=id,
        )
        if row is None:
            return None
        waiting = one(
            connection,
            """select count(*) as events, count(*) filter (where attempts > 0) as keys from delivery
               where subscription = :id and state <> 'dead'""",
            id=id,
        )
        # A receiver that takes nothing is left alone: the log keeps its events better than rows of our own.
        if waiting.keys < self._terms.batch and waiting.events < 50 * self._terms.batch:
            execute(connection, _TAKE, **matching(row), after=row.position, batch=self._terms.batch)
        return row, rows(connection, _DUE, id=id, batch=self._terms.batch)

    def _lock(self, connection: Connection, id: str) -> bool:
        if id not in self._locked and maybe(
            connection, "select 1 where pg_try_advisory_lock(:lock, hashtext(:id))", lock=_LOCK, id=id
        ):
            self._locked.add(id)
        return id in self._locked

    async def _send_in_order(
        self, subscription: Any, events: list[Any], limit: asyncio.Semaphore
    ) -> tuple[list[Any], Any, _Failure | None]:
        """Send the events of one key, up to the first that is not taken."""
        done: list[Any] = []
        async with limit:
            for event in events:
                with span("event", type=event.type, key=event.key, subject=event.subject, subscription=subscription.id):
                    failure = await self._send(subscription, event)
                if failure:
                    return done, event, failure
                done.append(event)
        return done, None, None

    async def _send(self, subscription: Any, event: Any) -> _Failure | None:
        try:
            require_target(subscription.target, self._allowed_hosts)
            body = message(event, self._source)
            signed = headers(event, body, self._secret_of(subscription.secret_ref))
            async with self._http.stream(
                "POST", subscription.target, content=body, headers=signed, follow_redirects=False
            ) as response:
                if response.is_success:
                    return None
                wait = response.headers.get("retry-after", "")
                seconds = float(wait) if wait.isdecimal() else 0.0
                return _Failure(f"answered {response.status_code}", seconds, response.status_code == _GONE)
        except (httpx2.HTTPError, AccordantError) as error:
            return _Failure(error.message if isinstance(error, AccordantError) else type(error).__name__)

    def _record(self, connection: Connection, *, id: str, done: list[Any], failed: list[tuple[Any, _Failure]]) -> None:
        execute(
            connection,
            "delete from delivery where subscription = :id and position = any(:positions)",
            id=id,
            positions=[event.position for event in done],
        )
        execute(
            connection,
            _FAIL,
            id=id,
            max_attempts=self._terms.max_attempts,
            positions=[event.position for event, _ in failed],
            errors=[failure.error for _, failure in failed],
            pauses=[max(self._terms.pause_of(e.attempts + 1), failure.retry_after_s) for e, failure in failed],
        )
        execute(connection, _HOLD, id=id)
        if any(failure.is_gone for _, failure in failed):
            log.warning("delivery.receiver_gone", subscription=id)
            execute(connection, "update subscription set paused = true where id = :id", id=id)

    async def _db(self, work: Callable[[Connection], T]) -> T:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._in_transaction, work)

    def _in_transaction(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._database.engine.connect()
        try:
            with self._connection.begin():
                return work(self._connection)
        except SQLAlchemyError:
            self._drop()
            raise

    def _drop(self) -> None:
        """End the connection, and with it every lock."""
        self._locked.clear()
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
