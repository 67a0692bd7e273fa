from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from accordant.kernel import RateLimited, Retryable
from accordant.platform.http import LANE_FULL, LaneTiming, Limits, Priority, SharedLane, list_lanes
from accordant.platform.http.lane import LANE_LOST

CALLER = Path(__file__).parent / "lane_caller.py"
QUICK = LaneTiming(lease_s=1.0, renew_s=0.1, linger_s=0.05, poll_s=0.01)


@asynccontextmanager
async def lanes(database, count, *, timing=QUICK, max_wait_s=5.0, batch=8, **limits):
    """Open the lane of one system as `count` workers see it."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            lane = SharedLane(
                database.engine,
                "vendor-main",
                Limits(**limits),
                timing=timing,
                max_wait_s=max_wait_s,
                batch=batch,
            )
            stack.push_async_callback(lane.aclose)
            opened.append(lane)
        yield opened


async def call(lane, seconds=0.0, **options):
    async with lane.slot("x", **options):
        await asyncio.sleep(seconds)


def leases(database):
    with database.begin() as connection:
        return connection.execute(text("select holder, slots, calls, in_use from lane_lease")).all()


def caller(database, *arguments):
    command = [sys.executable, str(CALLER), database.url_text, *(str(a) for a in arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start(*callers):
    """Let them begin together, once all have come up."""
    for process in callers:
        assert process.stdout.readline() == "ready\n"
    for process in callers:
        process.stdin.write("go\n")
        process.stdin.flush()


class TestProcesses:
    def test_three_never_make_more_calls_together_than_the_lane_allows(self, database):
        """R-API-14."""
        workers = [caller(database, "calls", 3, 25, 0.01) for _ in range(3)]
        start(*workers)
        lines = [line for worker in workers for line in worker.communicate(timeout=30)[0].splitlines()]

        spans = [tuple(map(float, line.split())) for line in lines]
        moments = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
        together, most = 0, 0
        for _, change in moments:
            together += change
            most = max(most, together)
        assert len(spans) == 75
        assert most == 3
        assert leases(database) == []

    def test_what_a_killed_one_held_comes_free_when_its_lease_ends(self, database):
        holder = caller(database, "hold", 1, 1, 0)
        start(holder)
        assert holder.stdout.readline() == "held\n"

        async def story():
            async with lanes(database, 1, max_wait_s=0.3, concurrency=1) as [impatient]:
                with pytest.raises(RateLimited):
                    await call(impatient)
            holder.kill()
            killed_at = time.monotonic()
            async with lanes(database, 1, concurrency=1) as [lane]:
                await call(lane)
                return time.monotonic() - killed_at

        try:
            assert asyncio.run(story()) < 2
        finally:
            holder.kill()
            holder.communicate()


class TestLease:
    def test_saves_the_round_trips_of_the_usual_case(self, database):
        async def story():
            async with lanes(database, 1, concurrency=5, timing=LaneTiming()) as [lane]:
                started = time.perf_counter()
                for _ in range(400):
                    await call(lane)
                return lane.store.round_trips, (time.perf_counter() - started) / 400

        round_trips, cost_s = asyncio.run(story())
        sys.stdout.write(f"\n{1000 * cost_s:.2f} ms per slot, {400 / round_trips:.1f} calls per round trip\n")
        assert round_trips <= 400 / 8 + 5

    def test_is_renewed_as_long_as_a_call_takes(self, database):
        short = LaneTiming(lease_s=0.2, renew_s=0.05, linger_s=0.05, poll_s=0.01)

        async def story():
            async with lanes(database, 2, concurrency=1, timing=short, max_wait_s=0.3) as [one, other]:
                async with one.slot("x"):
                    with pytest.raises(RateLimited) as caught:
                        await call(other)
                await call(other)
                return caught.value

        assert asyncio.run(story()).code == LANE_FULL

    def test_goes_back_when_nobody_calls(self, database):
        async def story():
            async with lanes(database, 1, concurrency=5) as [lane]:
                await call(lane)
                held = leases(database)
                await asyncio.sleep(0.2)
                return held, leases(database), lane._tending

        held, later, tending = asyncio.run(story())
        assert len(held) == 1
        assert (later, tending) == ([], None)

    def test_idle_slots_of_one_worker_serve_the_others(self, database):
        async def story():
            async with lanes(database, 2, concurrency=4) as [busy, other]:
                long = asyncio.create_task(call(busy, 0.4))
                await asyncio.sleep(0.05)
                started = time.monotonic()
                await asyncio.gather(*(call(other, 0.01) for _ in range(3)))
                took = time.monotonic() - started
                await long
                return took

        assert asyncio.run(story()) < 0.35


class TestOrder:
    def test_the_more_urgent_call_goes_first_whoever_makes_it(self, database):
        """R-ORC-12, R-RES-09."""
        served = []

        async def named(lane, name, tier):
            async with lane.slot("x", Priority(tier)):
                served.append(name)

        async def story():
            async with lanes(database, 3, concurrency=1) as [first, second, third]:
                async with first.slot("x"):
                    bulk = asyncio.create_task(named(second, "bulk", 3))
                    await asyncio.sleep(0.05)
                    urgent = asyncio.create_task(named(third, "urgent", 0))
                    await asyncio.sleep(0.05)
                await asyncio.gather(bulk, urgent)

        asyncio.run(story())
        assert served == ["urgent", "bulk"]

    def test_the_last_tier_of_one_worker_does_not_starve_beside_the_first_of_another(self, database):
        made = {0: 0, 3: 0}

        async def keep_calling(lane, tier):
            while made[3] < 3:
                async with lane.slot("x", Priority(tier)):
                    await asyncio.sleep(0.001)
                    made[tier] += 1

        async def story():
            async with lanes(database, 2, concurrency=1) as [high, low]:
                busy = [asyncio.create_task(keep_calling(high, 0)) for _ in range(4)]
                await asyncio.sleep(0.05)
                made[0] = 0
                await asyncio.wait_for(asyncio.gather(*busy, keep_calling(low, 3)), 10)

        asyncio.run(story())
        assert made[3] == 3
        assert made[0] >= 20

    def test_equals_share_alike(self, database):
        made = {"a": 0, "b": 0}

        async def keep_calling(lane, name):
            while sum(made.values()) < 40:
                async with lane.slot("x"):
                    await asyncio.sleep(0.001)
                    made[name] += 1

        async def story():
            async with lanes(database, 2, concurrency=1) as [one, other]:
                await asyncio.gather(
                    *(keep_calling(one, "a") for _ in range(3)), *(keep_calling(other, "b") for _ in range(3))
                )

        asyncio.run(story())
        assert min(made.values()) >= 10


class TestBudget:
    def test_the_window_is_one_for_all_workers(self, database):
        made = []

        async def keep_calling(lane):
            while len(made) < 60:
                async with lane.slot("x"):
                    made.append(time.monotonic())

        async def story():
            async with lanes(database, 2, requests=40, window_s=0.4) as [one, other]:
                await asyncio.gather(keep_calling(one), keep_calling(other))

        asyncio.run(story())
        # What two leases may hold back, at most half a burst each, can fall into the next window.
        assert max(sum(end - 0.4 < at <= end for at in made) for end in made) <= 40 + 4
        assert made[-1] - made[0] > 0.3

    def test_the_daily_quota_is_one_for_all_workers(self, database):
        async def story():
            async with lanes(database, 2, per_day=10, batch=1) as [one, other]:
                for lane in [one, other] * 5:
                    await call(lane)
                with pytest.raises(RateLimited) as caught:
                    await call(one)
                return caught.value, await one.stats()

        error, stats = asyncio.run(story())
        assert error.retry_after_s > 10 or time.gmtime().tm_hour == 23  # until midnight
        assert (stats.used_today, stats.left_today) == (10, 0)

    def test_calls_that_were_not_made_are_not_counted(self, database):
        async def story():
            async with lanes(database, 1, requests=100, window_s=60, per_day=100) as [lane]:
                await call(lane)
            return list_lanes(database.engine)["vendor-main"]

        assert asyncio.run(story()).used_today == 1

    def test_a_pause_that_one_worker_was_told_holds_all(self, database):
        async def story():
            async with lanes(database, 2, max_wait_s=1) as [one, other]:
                await one.pause(60)
                with pytest.raises(RateLimited) as caught:
                    await call(other)
                with pytest.raises(RateLimited):
                    await call(one)
                return caught.value.retry_after_s, await other.stats()

        wait_s, stats = asyncio.run(story())
        assert 55 < wait_s <= 60
        assert 55 < stats.paused_s <= 60

    def test_after_a_short_pause_calls_go_on(self, database):
        async def story():
            async with lanes(database, 2) as [one, other]:
                await one.pause(0.15)
                started = time.monotonic()
                await asyncio.gather(call(one), call(other))
                return time.monotonic() - started

        assert 0.14 < asyncio.run(story()) < 1

    def test_new_limits_of_the_estate_replace_the_old(self, database):
        async def story():
            async with lanes(database, 1, concurrency=1, per_day=5) as [lane]:
                await call(lane)
            async with lanes(database, 1, concurrency=2, per_day=50) as [lane]:
                await call(lane)
                return await lane.stats()

        assert asyncio.run(story()).left_today in range(40, 49)


class TestStats:
    def test_show_all_workers(self, database):
        async def story():
            async with lanes(database, 2, concurrency=2) as [one, other]:
                async with one.slot("x"), other.slot("x"):
                    waiting = [asyncio.create_task(call(other)) for _ in range(3)]
                    await asyncio.sleep(0.1)
                    seen = await one.stats()
                await asyncio.gather(*waiting)
                return seen

        stats = asyncio.run(story())
        assert (stats.in_flight, stats.waiting, stats.left_today) == (2, 3, None)


class TestLostDatabase:
    def test_those_who_wait_are_told_that_nothing_was_sent(self):
        """R-RES-09."""
        engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
        lane = SharedLane(engine, "vendor-main", Limits())

        with pytest.raises(Retryable) as caught:
            asyncio.run(call(lane))

        assert caught.value.code == LANE_LOST
        assert caught.value.operation == "x"
