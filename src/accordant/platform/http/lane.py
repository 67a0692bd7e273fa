"""Lanes: the budget of calls to one connected system, and the line of those who wait for it.

A lane limits concurrent calls, calls per window and calls per day. `LocalLane` serves one process;
`accordant.platform.http.shared_lane` shares one budget between all workers.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from accordant.kernel import Clock, RateLimited, SystemClock
from accordant.platform.http.priority import FairShare, Priority, call_priority
from accordant.platform.http.token_bucket import TokenBucket, seconds_to_midnight

LANE_FULL = "call.lane_full"
"""Code of the refusal of a lane: the run parks and comes back."""

LANE_LOST = "call.lane_lost"
"""Code of the failure to reach the shared budget."""

MAX_WAIT_S = 10.0
"""Nothing waits longer than this inside a process; longer waits park."""


class Limits(BaseModel):
    """What a connected system allows, as its manifest and the estate state it.

    Args:
        concurrency: calls at the same moment.
        requests: calls in any window of `window_s` seconds; None when there is no such limit.
        window_s: length of the window in seconds.
        per_day: calls per day in UTC; None when there is no such limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int = Field(default=8, ge=1)
    requests: int | None = Field(default=None, ge=1)
    window_s: float = Field(default=1.0, gt=0)
    per_day: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class LaneStats:
    """The state of a lane, for the console.

    Args:
        in_flight: calls under way; in a shared lane, calls that workers may make at this moment.
        waiting: calls that wait for their turn.
        used_today: calls granted since midnight UTC.
        left_today: calls left of the daily quota; None without a quota.
        paused_s: seconds until the system wants to hear from us again; 0 when it is not paused.
    """

    in_flight: int
    waiting: int
    used_today: int
    left_today: int | None
    paused_s: float = 0.0


class Lane(Protocol):
    """One system's budget of calls."""

    @property
    def waiting(self) -> int:
        """Return how many calls of this process wait for their turn."""
        ...

    def slot(self, operation: str, priority: Priority | None = None) -> AbstractAsyncContextManager[None]:
        """Hold one call of the budget; wait for it in order of `priority` (default: `call_priority`).

        Raises:
            RateLimited: the turn does not come within the lane's patience; code `call.lane_full`.
        """
        ...

    async def pause(self, seconds: float) -> None:
        """Let nobody call for so long: the system asked for it."""
        ...

    async def stats(self) -> LaneStats:
        """Return the state of the lane."""
        ...

    async def aclose(self) -> None:
        """Give back what is held."""
        ...


@dataclass(order=True)
class Waiter:
    """A call that waits; the smallest goes first."""

    rank: tuple[object, ...]
    number: int
    priority: Priority = field(compare=False)
    operation: str = field(compare=False)
    since: float = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class QueueingLane(ABC):
    """The line in front of a budget; a subclass owns the budget.

    One lane object belongs to one event loop.

    Args:
        system: instance id, for error messages.
        max_wait_s: patience; a call that waits longer is refused with RateLimited.
    """

    def __init__(self, system: str, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self.system = system
        self.max_wait_s = min(max_wait_s, MAX_WAIT_S)
        self.in_flight = 0
        self._line: list[Waiter] = []
        self._numbers = count()
        self._fair = FairShare()

    @property
    def waiting(self) -> int:
        """Return how many calls of this process wait for their turn."""
        return len(self._line)

    @asynccontextmanager
    async def slot(self, operation: str, priority: Priority | None = None) -> AsyncIterator[None]:
        """Hold one call of the budget; see `Lane.slot`."""
        if self._line or not self._take():
            await self._wait(operation, priority or call_priority.get())
        try:
            yield
        finally:
            self._release()

    @abstractmethod
    def _take(self) -> bool:
        """Take one call from the budget and count it in `in_flight`, if it is to be had now."""

    @abstractmethod
    def _blocked_for_s(self) -> float:
        """Return the seconds in which surely no call becomes free, as far as is known."""

    @abstractmethod
    def _short(self, *, freed: bool) -> None:
        """Arrange that `_serve` is called when more may be had; either a call of ours just ended, or one joined."""

    def _release(self) -> None:
        self.in_flight -= 1
        self._serve()
        self._short(freed=True)

    def _serve(self) -> None:
        """Give turns to those who wait, first in order first, as far as the budget goes."""
        self._line = [waiter for waiter in self._line if not waiter.turn.done()]  # some gave up and have yet to leave
        while self._line and self._take():
            self._next().turn.set_result(None)
        if self._blocked_for_s() > self.max_wait_s:
            self._send_away(self._full)

    def _send_away(self, reason: Callable[[str], Exception]) -> None:
        """Refuse all who wait; `reason` makes the error for an operation."""
        line, self._line = self._line, []
        for waiter in line:
            if not waiter.turn.done():
                waiter.turn.set_exception(reason(waiter.operation))

    def _next(self) -> Waiter:
        tiers = {waiter.priority.tier for waiter in self._line}
        tier = self._fair.choose(tiers)
        self._fair.charge(tiers, tier)
        waiter = min(waiter for waiter in self._line if waiter.priority.tier == tier)
        self._line.remove(waiter)
        return waiter

    async def _wait(self, operation: str, priority: Priority) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = Waiter(priority.rank, next(self._numbers), priority, operation, time.monotonic(), turn)
        self._line.append(waiter)
        self._serve()
        self._short(freed=False)
        try:
            async with asyncio.timeout(self.max_wait_s):
                await turn
        except BaseException as error:
            self._leave(waiter)
            if isinstance(error, TimeoutError):
                raise self._full(operation) from None
            raise

    def _leave(self, waiter: Waiter) -> None:
        if waiter in self._line:
            self._line.remove(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
            self._release()  # the turn came in the very moment of giving up

    def _full(self, operation: str) -> RateLimited:
        return RateLimited(
            "The budget of calls to this system is used up for the moment.",
            code=LANE_FULL,
            retry_after_s=max(self._blocked_for_s(), 1.0),
            remedy="The work is parked and continues by itself.",
            system=self.system,
            operation=operation,
        )


class LocalLane(QueueingLane):
    """The budget of a system that one process calls alone; for tests and single-process use."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        system: str = "",
        max_wait_s: float = MAX_WAIT_S,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(system, max_wait_s=max_wait_s)
        self.limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._bucket = TokenBucket(self.limits.requests, self.limits.window_s)
        self._paused_until = 0.0
        self._day: date | None = None
        self._used_today = 0
        self._alarm: asyncio.TimerHandle | None = None

    async def pause(self, seconds: float) -> None:
        """Let nobody call for so long."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    async def stats(self) -> LaneStats:
        """Return the state of the lane."""
        self._turn_day()
        quota = self.limits.per_day
        left = None if quota is None else quota - self._used_today
        return LaneStats(self.in_flight, len(self._line), self._used_today, left, self._pause_left_s())

    async def aclose(self) -> None:
        """Stop the timer; nothing is held outside this process."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def _take(self) -> bool:
        self._turn_day()
        self._bucket.refill(asyncio.get_running_loop().time())
        if self.in_flight >= self.limits.concurrency or self._blocked_for_s() > 0:
            return False
        self._bucket.take()
        self.in_flight += 1
        self._used_today += 1
        return True

    def _blocked_for_s(self) -> float:
        return max(self._pause_left_s(), self._bucket.ready_in_s(), self._quota_back_in_s())

    def _short(self, *, freed: bool) -> None:  # noqa: ARG002 - a local budget needs nobody told
        delay_s = self._blocked_for_s()
        if self._line and delay_s > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._serve()
        self._short(freed=False)

    def _pause_left_s(self) -> float:
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    def _turn_day(self) -> None:
        today = self._clock.now().date()
        if today != self._day:
            self._day, self._used_today = today, 0

    def _quota_back_in_s(self) -> float:
        if self.limits.per_day is None or self._used_today < self.limits.per_day:
            return 0.0
        return seconds_to_midnight(self._clock.now())
