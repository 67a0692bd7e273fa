from __future__ import annotations

import asyncio
import itertools

import pytest
from small_vendor import Vendor
from sqlalchemy import create_engine
from starlette.responses import JSONResponse, Response

from accordant.kernel import AccordantError, RateLimited, Rejected, Unavailable, UnknownOutcome
from accordant.platform.http import BREAKER_OPEN, LANE_FULL, BreakerChange, LocalBreaker, SharedBreaker, list_breakers


class Clock:
    """Seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def breaker(clock, changes):
    return LocalBreaker("vendor-main", threshold=3, cool_down_s=30, on_change=changes.append, clock=clock)


def ends(breaker, error=None, operation="post_invoice"):
    """Make one call that ends with the error; return what the caller sees."""

    async def story():
        async with breaker.call(operation):
            if error:
                raise error

    try:
        asyncio.run(story())
    except AccordantError as seen:
        return seen
    return None


def is_refused(breaker, operation="post_invoice"):
    seen = ends(breaker, operation=operation)
    return isinstance(seen, Unavailable) and seen.code == BREAKER_OPEN


def trip(breaker, operation="post_invoice"):
    for _ in range(3):
        ends(breaker, Unavailable("down"), operation)


class TestClosed:
    @pytest.mark.parametrize("error", [Unavailable("down"), UnknownOutcome("no answer")])
    def test_opens_after_failures_in_a_row(self, breaker, changes, error):
        """R-RES-14."""
        assert [ends(breaker, error) for _ in range(3)] == [error] * 3

        assert is_refused(breaker)
        assert changes == [BreakerChange("vendor-main", "post_invoice", "open")]

    def test_an_answer_in_between_starts_the_count_again(self, breaker):
        for error in (Unavailable("x"), Unavailable("x"), None, Unavailable("x"), Unavailable("x")):
            ends(breaker, error)

        assert breaker.state("post_invoice") == "closed"

    @pytest.mark.parametrize("error", [Rejected("no"), RateLimited("slow")])
    def test_a_system_that_says_no_is_alive(self, breaker, error):
        for seen in (Unavailable("x"), Unavailable("x"), error, Unavailable("x"), error, error, error):
            ends(breaker, seen)

        assert breaker.state("post_invoice") == "closed"

    def test_a_full_lane_says_nothing_about_the_system(self, breaker):
        for _ in range(2):
            ends(breaker, Unavailable("down"))
            ends(breaker, RateLimited("full", code=LANE_FULL))
        ends(breaker, Unavailable("down"))

        assert breaker.state("post_invoice") == "open"

    def test_each_operation_has_its_own(self, breaker):
        trip(breaker)

        assert is_refused(breaker)
        assert ends(breaker, operation="list_projects") is None


class TestOpen:
    def test_refuses_without_a_call_and_says_for_how_long(self, breaker, clock):
        trip(breaker)
        clock.seconds += 10

        seen = ends(breaker)

        assert seen.detail == {"retry_after_s": 20.0}
        assert (seen.system, seen.operation) == ("vendor-main", "post_invoice")

    def test_after_the_cool_down_a_good_probe_closes_it(self, breaker, clock, changes):
        """R-RES-14."""
        trip(breaker)
        clock.seconds += 30

        assert ends(breaker) is None
        assert [change.state for change in changes] == ["open", "half_open", "closed"]
        ends(breaker, Unavailable("x"))
        assert breaker.state("post_invoice") == "closed"

    def test_a_bad_probe_opens_it_again(self, breaker, clock, changes):
        trip(breaker)
        clock.seconds += 30

        ends(breaker, Unavailable("still down"))

        assert is_refused(breaker)
        assert [change.state for change in changes] == ["open", "half_open", "open"]
        clock.seconds += 30
        assert ends(breaker) is None

    def test_only_one_call_probes(self, breaker, clock):
        trip(breaker)
        clock.seconds += 30

        async def story():
            async with breaker.call("post_invoice"):
                with pytest.raises(Unavailable, match="left alone"):
                    async with breaker.call("post_invoice"):
                        pass

        asyncio.run(story())

    @pytest.mark.parametrize("error", [asyncio.CancelledError(), RateLimited("full", code=LANE_FULL)])
    def test_a_probe_that_never_asked_leaves_the_next_call_to_probe(self, breaker, clock, error):
        trip(breaker)
        clock.seconds += 30

        async def story():
            with pytest.raises(type(error)):
                async with breaker.call("post_invoice"):
                    raise error

        asyncio.run(story())
        assert ends(breaker) is None
        assert breaker.state("post_invoice") == "closed"


class TestInTheClient:
    def test_it_opens_on_failed_calls_and_then_none_is_made(self, breaker):
        vendor = Vendor(Response(status_code=500))
        client = vendor.client(breaker=breaker)

        async def story():
            with pytest.raises(Unavailable):
                await client.read("GET", "/", operation="list_projects")
            with pytest.raises(Unavailable) as caught:
                await client.write("POST", "/", operation="list_projects")
            return caught.value

        assert asyncio.run(story()).code == BREAKER_OPEN
        assert vendor.calls == 3

    def test_it_closes_when_the_system_answers_again(self, breaker, clock):
        client = Vendor(*[Response(status_code=503)] * 3, JSONResponse([])).client(breaker=breaker)

        with pytest.raises(Unavailable):
            asyncio.run(client.read("GET", "/", operation="list_projects"))
        clock.seconds += 30

        assert asyncio.run(client.read("GET", "/", operation="list_projects")).json() == []
        assert breaker.state("list_projects") == "closed"


class TestShared:
    @pytest.fixture
    def workers(self, database, clock, changes):
        """Two workers whose own clocks are moved by hand; the table's instants are the database's."""
        return [
            SharedBreaker(
                database.engine,
                "vendor-main",
                refresh_s=1.0,
                threshold=3,
                cool_down_s=0.05,
                on_change=changes.append,
                clock=clock,
            )
            for _ in range(2)
        ]

    def test_what_one_opens_is_open_for_the_other_within_seconds(self, workers, clock):
        one, other = workers
        assert ends(other) is None
        one.cool_down_s = 30
        trip(one)

        assert not is_refused(other)
        clock.seconds += 1
        assert is_refused(other)

    def test_only_one_worker_probes_and_its_success_closes_it_for_both(self, workers, clock, changes):
        one, other = workers
        trip(one)
        assert is_refused(other)
        time_passes(clock, 0.06)
        one.cool_down_s = 30

        async def story():
            async with one.call("post_invoice"):
                with pytest.raises(Unavailable, match="left alone"):
                    async with other.call("post_invoice"):
                        pass

        asyncio.run(story())
        assert one.state("post_invoice") == "closed"
        clock.seconds += 1
        assert ends(other) is None
        assert [change.state for change in changes] == ["open", "half_open", "closed"]

    def test_the_probe_of_a_dead_worker_is_taken_over(self, workers, clock):
        one, other = workers
        trip(one)
        time_passes(clock, 0.06)

        asyncio.run(one._claim_probe("post_invoice", one._circuit("post_invoice")))  # and then it dies

        assert is_refused(other)
        time_passes(clock, 0.06)

        assert ends(other) is None
        assert other.state("post_invoice") == "closed"

    def test_the_console_sees_the_last_change(self, workers, database):
        """R-RES-14."""
        trip(workers[0])

        [seen] = list_breakers(database.engine)
        assert (seen.system, seen.operation, seen.state) == ("vendor-main", "post_invoice", "open")
        assert 0 <= seen.left_s <= 0.05

    def test_a_lost_database_does_not_hide_how_a_call_ended(self, clock):
        engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
        breaker = SharedBreaker(engine, "vendor-main", threshold=3, clock=clock)

        assert ends(breaker) is None
        for _ in range(3):
            unknown = UnknownOutcome("no answer")
            assert ends(breaker, unknown) is unknown
        assert is_refused(breaker)
        clock.seconds += 30
        assert ends(breaker) is None
        assert breaker.state("post_invoice") == "closed"

    def test_it_is_written_only_on_change(self, workers, database):
        one, _ = workers
        statements = itertools.count()
        written = one._execute

        def counted(statement, operation, **values):
            next(statements)
            return written(statement, operation, **values)

        one._execute = counted
        for _ in range(20):
            ends(one)
        assert next(statements) == 1  # the one look


def time_passes(clock, seconds):
    """Move the workers' clock and let the database's go as far."""
    import time

    time.sleep(seconds)
    clock.seconds += seconds
