"""The contract of every feed: nothing lost, whatever changes while it is read and whichever call fails."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from accordant.kernel import AccordantError, InvalidInput
from accordant.ports import Observation
from accordant.testing.bench import FeedBench
from accordant.testing.builders import HOSTILE_NAMES
from accordant.testing.suite import ContractSuite, check

_PAGES = 200
_LATER = timedelta(minutes=1)


class FeedContract(ContractSuite):
    """What every feed promises.

    Attributes:
        in_order: observations come oldest change first, over all pages of a round.
    """

    in_order: ClassVar[bool] = True

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[FeedBench]:
        """Return the bench."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run checks of faults for each of them."""
        if "strike" in metafunc.fixturenames:
            metafunc.parametrize("strike", self.strikes)

    @check()
    async def test_everything_is_read_page_by_page_the_oldest_change_first(self, bench: FeedBench) -> None:
        """Three full pages and one more record; evidence is kept of every page."""
        added = []
        for number in range(3 * bench.page_size + 1):
            added.append(await bench.add(f"Record {number}"))
            await bench.pass_time(_LATER)

        seen, _ = await drain(bench)

        assert set(ids(seen)) >= set(added)
        assert not self.in_order or ids(seen, of=added) == added
        assert not self.in_order or [o.changed_at for o in seen] == sorted(o.changed_at for o in seen)
        assert all(o.changed_at.tzinfo is not None for o in seen)

    @check()
    async def test_records_of_one_instant_are_not_lost_at_the_edge_of_a_page(self, bench: FeedBench) -> None:
        """Ties: more records share a stamp than a page holds."""
        added = [await bench.add(f"Record {number}") for number in range(3 * bench.page_size + 1)]

        seen, _ = await drain(bench)

        assert set(ids(seen)) >= set(added)

    @check()
    async def test_what_changes_while_pages_are_read_comes_again_and_pushes_nothing_out(self, bench: FeedBench) -> None:
        """The first record changes, and a new one comes, after the first page."""
        added = []
        for number in range(2 * bench.page_size + 1):
            added.append(await bench.add(f"Record {number}"))
            await bench.pass_time(_LATER)
        first = await bench.page(bench.start)
        await bench.touch(added[0])
        await bench.pass_time(_LATER)
        added.append(await bench.add("Late comer"))

        rest, mark = await drain(bench, first.watermark)
        more, _ = await drain(bench, mark)

        assert set(ids(first.observations)) | set(ids(rest)) | set(ids(more)) >= set(added)
        assert added[0] in [*ids(rest), *ids(more)]

    @check("clock")
    async def test_a_round_goes_on_where_the_last_one_ended_and_overlaps_it(self, bench: FeedBench) -> None:
        """What is older than the overlap does not come again, what is new comes."""
        old = await bench.add("Old")
        await bench.pass_time(2 * bench.overlap + _LATER)
        await bench.add("Between")
        await bench.pass_time(bench.overlap + _LATER)
        _, mark = await drain(bench)
        new = await bench.add("New")
        await bench.pass_time(_LATER)

        seen, _ = await drain(bench, mark)

        assert new in ids(seen)
        assert old not in ids(seen)

    @check()
    async def test_a_quiet_feed_misses_nothing_afterwards(self, bench: FeedBench) -> None:
        """Round after round without a change ends, also when there was never anything."""
        _, mark = await drain(bench)
        for _ in range(3):
            _, mark = await drain(bench, mark)
        new = await bench.add("New")
        await bench.pass_time(bench.overlap + _LATER)

        seen, _ = await drain(bench, mark)

        assert new in ids(seen)

    @check("deletions")
    async def test_a_deleted_record_comes_as_a_tombstone(self, bench: FeedBench) -> None:
        """Its body is None, under the same ref; the others stay."""
        gone, stays = await bench.add("Gone"), await bench.add("Stays")
        _, mark = await drain(bench)
        await bench.pass_time(_LATER)
        await bench.remove(gone)
        await bench.pass_time(_LATER)

        seen, _ = await drain(bench, mark)

        last = {o.ref.value: o.body for o in seen}
        assert last[gone] is None
        assert last.get(stays, "not again") is not None

    @check("names")
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    async def test_a_hostile_name_is_read_as_it_was_written(self, bench: FeedBench, name: str) -> None:
        """Letter by letter, and it breaks neither the page nor the watermark."""
        id = await bench.add(HOSTILE_NAMES[name])

        seen, _ = await drain(bench)

        shown = [bench.name_of(o.body) for o in seen if o.ref.value == id]
        assert shown == [HOSTILE_NAMES[name]] * len(shown)
        assert shown

    @check("drift")
    async def test_a_field_that_nobody_declared_is_reported_and_hides_no_record(self, bench: FeedBench) -> None:
        """The vendor's next release adds fields."""
        id = await bench.add("Record")
        bench.fault("drift", times=None)

        seen, _ = await drain(bench)

        (record, *_) = [o for o in seen if o.ref.value == id]
        assert "newInThisRelease" in {field.rpartition(".")[2] for field in record.unknown}

    @check("faults")
    async def test_whichever_call_fails_going_on_from_the_last_watermark_loses_nothing(
        self, bench: FeedBench, strike: str
    ) -> None:
        """A page that failed is asked for again with the same watermark; errors say what to do and hide no secret."""
        bench.require(strike)
        added = [await bench.add(f"Record {number}") for number in range(2 * bench.page_size + 1)]
        call, struck = 0, True
        while struck:
            armed = bench.fault(**self.strikes[strike], after=call)
            seen = await _stubborn(bench)
            bench.calm()
            struck, call = armed.struck > 0, call + 1
            assert set(ids(seen)) >= set(added), f"{strike} at call {call}"

        assert call > 1

    @check()
    @pytest.mark.parametrize("watermark", ["yesterday", "[]", '{"no": "such"}', "null x"])
    async def test_an_unreadable_watermark_says_what_to_do(self, bench: FeedBench, watermark: str) -> None:
        """It is refused before anything is read; guessing would lose records."""
        with pytest.raises(InvalidInput) as refused:
            await bench.page(watermark)

        assert "beginning" in refused.value.remedy


async def drain(bench: FeedBench, watermark: str | None = None) -> tuple[list[Observation[Any]], str | None]:
    """Read until no page is left; returns what was seen and where to go on."""
    seen: list[Observation[Any]] = []
    watermark = watermark or bench.start
    for _ in range(_PAGES):
        page = await bench.page(watermark)
        assert page.raw or not page.observations, "a page keeps its bytes for evidence"
        seen += page.observations
        watermark = page.watermark
        if not page.more:
            return seen, watermark
    raise AssertionError(f"the feed was not at its end after {_PAGES} pages")


def ids(observations: Any, *, of: list[str] | None = None) -> list[str]:
    """Return the records in the order they came; only those of a list, each once, when one is given."""
    found = [o.ref.value for o in observations]
    return found if of is None else list(dict.fromkeys(id for id in found if id in of))


async def _stubborn(bench: FeedBench) -> list[Observation[Any]]:
    """Read to the end; after an error, calm the system and ask again with the same watermark."""
    seen: list[Observation[Any]] = []
    watermark = bench.start
    for _ in range(_PAGES):
        try:
            page = await bench.page(watermark)
        except AccordantError as error:
            assert not any(secret in str(error.as_dict()) for secret in bench.secrets)
            bench.calm()
            continue
        seen += page.observations
        watermark = page.watermark
        if not page.more:
            return seen
    raise AssertionError(f"the feed was not at its end after {_PAGES} pages")
