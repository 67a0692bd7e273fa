from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.platform.http.allotment import Demand, allot
from accordant.platform.http.priority import RESERVED_SHARES, FairShare, Priority

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def demand(holder: str, wanted: int = 1, *, since: int = 0, **place) -> Demand:
    return Demand(holder, Priority(**place), wanted, NOW + timedelta(seconds=since))


def part_of(me: str, *demands: Demand, slots: int = 8, calls: int = 1_000, batch: int = 8, fair=None):
    return allot(me, demands, free_slots=slots, free_calls=calls, batch=batch, fair=fair or FairShare())


class TestPriority:
    def test_orders_by_tier_then_deadline_then_exposure(self):
        """R-ORC-12, R-RES-08."""
        soon, later = NOW, NOW + timedelta(days=1)
        places = [
            Priority(0),
            Priority(1, soon, Decimal(5)),
            Priority(1, later, Decimal(900)),
            Priority(1, later, Decimal(100)),
            Priority(1, None, Decimal(9999)),
            Priority(2, soon, Decimal(9999)),
        ]

        shuffled = places[3:] + places[:3]
        assert sorted(shuffled, key=lambda p: p.rank) == places

    @pytest.mark.parametrize("tier", [-1, 4])
    def test_knows_four_tiers(self, tier):
        with pytest.raises(ValueError, match="tier must be 0 to 3"):
            Priority(tier)


class TestFairShare:
    def test_gives_each_waiting_tier_its_reserved_share_and_the_rest_to_the_first(self):
        fair, served = FairShare(), Counter()
        for _ in range(1_000):
            tier = fair.choose(range(4))
            fair.charge(range(4), tier)
            served[tier] += 1

        assert [served[tier] for tier in (1, 2, 3)] == pytest.approx([1_000 * s for s in RESERVED_SHARES[1:]], abs=2)
        assert served[0] == 1_000 - served[1] - served[2] - served[3]

    def test_a_tier_that_does_not_wait_saves_nothing(self):
        fair = FairShare()
        for _ in range(500):
            fair.charge([0], 0)

        assert fair.choose([0, 3]) == 0


class TestAllot:
    def test_alone_it_gets_what_it_wants_and_half_of_the_rest(self):
        grant = part_of("a", demand("a"), slots=5)

        assert (grant.slots, grant.calls, grant.others_wait) == (3, 8, False)

    def test_the_first_in_order_leaves_the_later_nothing(self):
        first, later = demand("a", 2, tier=0), demand("b", 2, tier=1)

        assert part_of("a", first, later, slots=2).slots == 2
        assert part_of("b", first, later, slots=2).slots == 0

    def test_while_another_waits_nobody_gets_more_than_its_turns(self):
        grant = part_of("a", demand("a"), demand("b"), slots=8)

        assert (grant.slots, grant.calls, grant.others_wait) == (1, 1, True)

    def test_among_equals_the_longest_waiting_goes_first_and_then_they_take_turns(self):
        old, new = demand("b", 5), demand("a", 5, since=1)

        assert part_of("b", old, new, slots=1).slots == 1
        assert part_of("a", old, new, slots=1).slots == 0
        assert part_of("a", old, new, slots=4).slots == 2

    def test_calls_of_the_window_limit_it_as_slots_do(self):
        assert part_of("a", demand("a", 5), slots=5, calls=2).slots == 2
        assert part_of("a", demand("a", 5), slots=5, calls=0).calls == 0

    def test_is_charged_only_for_its_own_part(self):
        fair = FairShare()

        part_of("b", demand("a", tier=0), demand("b", tier=3), slots=1, fair=fair)
        assert fair.saved == {}

        part_of("a", demand("a", tier=0), demand("b", tier=3), slots=1, fair=fair)
        assert fair.saved == {0: 0.0, 3: RESERVED_SHARES[3]}

    @given(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(1, 9)),
            unique_by=lambda d: d[:2],
            max_size=12,
        ),
        st.integers(0, 10),
        st.integers(0, 10),
    )
    def test_the_parts_of_all_never_exceed_what_is_free(self, wants, slots, calls):
        demands = [demand(holder, wanted, tier=tier) for holder, tier, wanted in wants]
        parts = [part_of(holder, *demands, slots=slots, calls=calls) for holder in {d.holder for d in demands}]

        assert sum(part.slots for part in parts) <= slots
        assert sum(part.calls for part in parts) <= calls
