"""A lane whose budget all workers share, in PostgreSQL.

A process holds a *lease*: so many calls at a time and so many in all, until an instant of the database's clock. While
the lease lasts, a call costs no round trip; what is not used goes back within a fraction of a second. A process that
dies keeps nothing: its lease ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from accordant.kernel import Retryable
from accordant.platform.http.lane import LANE_LOST, MAX_WAIT_S, LaneStats, Limits, QueueingLane, Waiter
from accordant.platform.http.lane_store import Ask, LaneStore
from accordant.platform.http.priority import Priority


@dataclass(frozen=True)
class LaneTiming:
    """How a shared lane spends time; the defaults fit workers, tests shorten them.

    Args:
        lease_s: a lease not renewed for so long ends; a dead process holds its part no longer.
        renew_s: a lease in use is renewed after so long.
        linger_s: what nobody used for so long goes back.
        poll_s: how often a process whose calls wait looks again.
    """

    lease_s: float = 10.0
    renew_s: float = 0.5
    linger_s: float = 0.2
    poll_s: float = 0.05


@dataclass
class _Lease:
    """What this process may do without asking; instants are seconds of `time.monotonic`."""

    slots: int = 0
    calls: int = 0
    others_wait: bool = False
    asked_at: float = 0.0
    until: float = 0.0
    blocked_until: float = 0.0


class SharedLane(QueueingLane):
    """One process's place at the budget of a system that all workers share.

    Args:
        engine: opens connections to the database, in the schema of the lane tables; used from threads.
        system: instance id.
        limits: what the system allows.
        batch: calls that may be held without asking again.
        max_wait_s: patience; a call that waits longer is refused with RateLimited.
        timing: leases and polls.
    """

    def __init__(
        self,
        engine: Engine,
        system: str,
        limits: Limits,
        *,
        batch: int = 8,
        max_wait_s: float = MAX_WAIT_S,
        timing: LaneTiming | None = None,
    ) -> None:
        super().__init__(system, max_wait_s=max_wait_s)
        self.limits = limits
        self.batch = batch
        self.store = LaneStore(engine, system, limits)
        self._timing = timing or LaneTiming()
        self._lease = _Lease()
        self._asking = False
        self._closing = False
        self._used_at = 0.0
        self._paused_until = 0.0
        self._nudge = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None

    async def pause(self, seconds: float) -> None:
        """Let nobody call for so long; other workers learn it at their next renewal."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
        with contextlib.suppress(SQLAlchemyError):  # the verdict on the call that was throttled must come through
            await asyncio.to_thread(self.store.pause, seconds)

    async def stats(self) -> LaneStats:
        """Return the state of the lane, over all workers."""
        return await asyncio.to_thread(self.store.stats)

    async def aclose(self) -> None:
        """Give back the lease."""
        self._closing = True
        self._nudge.set()
        if self._tending:
            await self._tending

    def _take(self) -> bool:
        lease, now = self._lease, time.monotonic()
        free = lease.calls > 0 and self.in_flight < lease.slots
        if self._asking or not free or now >= lease.until or now < self._paused_until:
            return False
        lease.calls -= 1
        self.in_flight += 1
        return True

    def _blocked_for_s(self) -> float:
        until = self._lease.blocked_until if self._lease.calls == 0 else 0.0
        return max(0.0, max(until, self._paused_until) - time.monotonic())

    def _short(self, *, freed: bool) -> None:
        if freed:
            self._used_at = time.monotonic()
        if self._tending is None:
            self._tending = asyncio.get_running_loop().create_task(self._tend())
        elif (freed and self._is_wanted()) or (not freed and len(self._line) == 1):
            self._nudge.set()

    def _is_wanted(self) -> bool:
        """Say whether somebody waits for the call that just ended."""
        return self._lease.others_wait or (bool(self._line) and self._blocked_for_s() == 0)

    async def _tend(self) -> None:
        """Keep the lease while it is used, ask for more while calls wait, give it back when idle."""
        try:
            while True:
                parting = self._is_idle()
                satisfied = False
                if parting or self._line or self._is_stale():
                    satisfied = await self._ask()
                    self._serve()
                if parting and self._is_idle():
                    return
                if not (satisfied and self._line):
                    await self._tick()
        except SQLAlchemyError as error:
            reason = type(error).__name__
            self._send_away(lambda operation: self._lost(operation, reason))
        finally:
            self._tending = None

    def _is_idle(self) -> bool:
        rested = self._closing or time.monotonic() - self._used_at >= self._timing.linger_s
        return rested and not self._line and self.in_flight == 0

    def _is_stale(self) -> bool:
        return self._lease.others_wait or time.monotonic() - self._lease.asked_at >= self._timing.renew_s

    async def _tick(self) -> None:
        """Wait for the next moment to look, or for a nudge."""
        timing = self._timing
        seconds = timing.linger_s
        if self._line:
            poll_s = timing.poll_s * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the polls of many processes
            seconds = max(poll_s, min(self._blocked_for_s(), timing.renew_s))
        try:
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
        except TimeoutError:
            return
        self._nudge.clear()

    def _lost(self, operation: str, reason: str) -> Retryable:
        return Retryable(
            "The shared budget of calls cannot be reached.",
            code=LANE_LOST,
            remedy="See whether the database is up; nothing was sent.",
            system=self.system,
            operation=operation,
            detail={"reason": reason},
        )

    async def _ask(self) -> bool:
        """Renew the lease in one round trip; True when every call that waited got its turn."""
        timing, asked_at = self._timing, time.monotonic()
        demands = tuple(self._demands(asked_at))
        ask = Ask(self.in_flight, self._lease.calls, demands, timing.lease_s, 2 * timing.renew_s, self.batch)
        self._asking = True
        try:
            grant, blocked_s = await asyncio.to_thread(self.store.renew, ask)
        finally:
            self._asking = False
        self._lease = _Lease(
            slots=ask.in_use + grant.slots,
            calls=grant.calls,
            others_wait=grant.others_wait,
            asked_at=asked_at,
            until=asked_at + timing.lease_s,
            blocked_until=time.monotonic() + blocked_s,
        )
        return sum(grant.turns.values()) == sum(wanted for _, wanted, _ in demands)

    def _demands(self, now: float) -> list[tuple[Priority, int, float]]:
        by_tier: dict[int, list[Waiter]] = defaultdict(list)
        for waiter in self._line:
            by_tier[waiter.priority.tier].append(waiter)
        return [(min(line).priority, len(line), now - min(w.since for w in line)) for line in by_tier.values()]
