from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.kernel import FixedClock, RateLimited
from accordant.platform.http import LANE_FULL, LaneStats, Limits, LocalLane, Priority, call_priority
from accordant.platform.http.lane import MAX_WAIT_S
from accordant.platform.http.token_bucket import TokenBucket

NOW = datetime(2026, 11, 20, 23, 59, 30, tzinfo=UTC)


class TestConcurrency:
    def test_is_never_exceeded_and_everybody_gets_a_turn(self):
        lane, together, seen = LocalLane(Limits(concurrency=3)), 0, []

        async def call():
            nonlocal together
            async with lane.slot("x"):
                together += 1
                seen.append(together)
                await asyncio.sleep(0.001)
                together -= 1

        async def story():
            await asyncio.gather(*(call() for _ in range(50)))

        asyncio.run(story())
        assert max(seen) == 3
        assert len(seen) == 50

    def test_the_line_is_served_by_tier_deadline_and_exposure(self):
        lane, served = LocalLane(Limits(concurrency=1)), []
        soon, later = NOW, NOW + timedelta(days=1)
        places = {
            "bulk": Priority(3),
            "big": Priority(1, later, Decimal(900)),
            "small": Priority(1, later, Decimal(1)),
            "urgent": Priority(1, soon),
            "close": Priority(0),
        }

        async def call(name):
            call_priority.set(places[name])
            async with lane.slot("x"):
                served.append(name)

        async def story():
            async with lane.slot("x"):
                tasks = [asyncio.create_task(call(name)) for name in places]
                await asyncio.sleep(0.01)
            await asyncio.gather(*tasks)

        asyncio.run(story())
        assert served == ["close", "urgent", "big", "small", "bulk"]

    def test_the_last_tier_does_not_starve(self):
        """R-RES-08."""
        lane, served = LocalLane(Limits(concurrency=1)), []

        async def call(tier):
            async with lane.slot("x", Priority(tier)):
                served.append(tier)

        async def story():
            async with lane.slot("x"):
                tasks = [asyncio.create_task(call(tier)) for tier in [3] * 5 + [0] * 200]
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)

        asyncio.run(story())
        assert served.index(3) <= 25
        assert served[:110].count(3) == 5

    def test_a_turn_that_comes_too_late_is_refused(self):
        lane = LocalLane(Limits(concurrency=1), system="vendor-main", max_wait_s=0.02)

        async def story():
            async with lane.slot("x"):
                with pytest.raises(RateLimited) as caught:
                    async with lane.slot("create_project"):
                        pass
                return caught.value, await lane.stats()

        error, stats = asyncio.run(story())
        assert (error.code, error.system, error.operation) == (LANE_FULL, "vendor-main", "create_project")
        assert (stats.in_flight, stats.waiting) == (1, 0)

    def test_who_gives_up_loses_neither_slot_nor_place_of_others(self):
        lane = LocalLane(Limits(concurrency=1))

        async def call():
            async with lane.slot("x"):
                await asyncio.sleep(0)

        async def story():
            async with lane.slot("x"):
                tasks = [asyncio.create_task(call()) for _ in range(3)]
                await asyncio.sleep(0)
                tasks[1].cancel()
            tasks[0].cancel()  # its turn has come in this very moment
            done = await asyncio.gather(*tasks, return_exceptions=True)
            return done, await lane.stats()

        done, stats = asyncio.run(story())
        assert [type(outcome) for outcome in done] == [asyncio.CancelledError, asyncio.CancelledError, type(None)]
        assert stats.in_flight == 0

    def test_who_gave_up_in_this_very_moment_gets_no_turn(self):
        lane = LocalLane(Limits(concurrency=1))

        async def call():
            async with lane.slot("x"):
                return "served"

        async def story():
            async with lane.slot("x"):
                tasks = [asyncio.create_task(call()) for _ in range(2)]
                await asyncio.sleep(0)
                tasks[0].cancel()  # it is first in line and has not left it yet
            done = await asyncio.gather(*tasks, return_exceptions=True)
            return done, await lane.stats()

        done, stats = asyncio.run(story())
        assert [type(done[0]), done[1]] == [asyncio.CancelledError, "served"]
        assert (stats.in_flight, stats.waiting) == (0, 0)

    def test_a_call_that_fails_gives_its_slot_back(self):
        lane = LocalLane(Limits(concurrency=1))

        async def story():
            for _ in range(3):
                with pytest.raises(ValueError, match="oops"):
                    async with lane.slot("x"):
                        raise ValueError("oops")
            return await lane.stats()

        assert asyncio.run(story()).in_flight == 0

    def test_nobody_waits_longer_than_ten_seconds(self):
        assert LocalLane(max_wait_s=60).max_wait_s == MAX_WAIT_S


class TestWindow:
    @given(st.integers(1, 500), st.floats(0.1, 100), st.lists(st.floats(0, 5), min_size=1, max_size=60))
    def test_never_sees_more_calls_than_its_limit(self, requests, window_s, gaps):
        bucket, now, made = TokenBucket(requests, window_s), 0.0, []
        for gap in gaps:
            now += gap
            bucket.refill(now)
            for _ in range(bucket.free()):
                bucket.take()
                made.append(now)

        for end in made:
            assert sum(end - window_s < at <= end for at in made) <= requests

    def test_refills_at_the_rate_of_the_worked_example(self):
        bucket = TokenBucket(100, 60)
        bucket.refill(0)

        assert (bucket.free(), round(bucket.rate, 3)) == (10, 1.515)
        bucket.take(10)
        assert bucket.ready_in_s() == pytest.approx(0.66, abs=0.001)

    def test_paces_the_calls_of_a_lane(self):
        lane = LocalLane(Limits(requests=10, window_s=0.1))

        async def story():
            loop, made = asyncio.get_running_loop(), []
            for _ in range(15):
                async with lane.slot("x"):
                    made.append(loop.time())
            await lane.aclose()
            return made

        made = asyncio.run(story())
        assert all(sum(end - 0.1 < at <= end for at in made) <= 10 for end in made)
        assert made[-1] - made[0] >= 0.1


class TestQuota:
    def test_when_it_is_used_up_calls_are_refused_until_midnight(self):
        clock = FixedClock(NOW - timedelta(hours=1))
        lane = LocalLane(Limits(per_day=2), clock=clock)

        async def call():
            async with lane.slot("x"):
                pass

        async def story():
            await call()
            await call()
            used_up = await lane.stats()
            with pytest.raises(RateLimited) as caught:
                await call()
            clock.advance(timedelta(hours=2))
            await call()
            return used_up, caught.value.retry_after_s, await lane.stats()

        used_up, wait_s, next_day = asyncio.run(story())
        assert used_up == LaneStats(in_flight=0, waiting=0, used_today=2, left_today=0)
        assert wait_s == 3630
        assert (next_day.used_today, next_day.left_today) == (1, 1)


class TestPause:
    def test_holds_everybody_and_then_goes_on(self):
        lane = LocalLane()

        async def story():
            loop = asyncio.get_running_loop()
            await lane.pause(0.05)
            await lane.pause(0.01)
            started = loop.time()
            async with lane.slot("x"):
                return loop.time() - started

        assert asyncio.run(story()) >= 0.049

    def test_a_long_one_sends_those_away_who_wait(self):
        lane = LocalLane(Limits(concurrency=1))

        async def call():
            async with lane.slot("x"):
                pass

        async def story():
            async with lane.slot("x"):
                waiting = asyncio.create_task(call())
                await asyncio.sleep(0)
                await lane.pause(60)
            with pytest.raises(RateLimited) as caught:
                await waiting
            return caught.value.retry_after_s, (await lane.stats()).paused_s

        wait_s, paused_s = asyncio.run(story())
        assert wait_s == pytest.approx(60, abs=1)
        assert paused_s == pytest.approx(60, abs=1)
