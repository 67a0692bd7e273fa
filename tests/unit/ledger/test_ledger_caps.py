from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from ledger_builders import BY, EVERYTHING, a_line, approved, bill, gbp, line, take_back

from accordant.kernel import Rejected
from accordant.ledger import Part, draft, room_under_cap, set_cap


@pytest.fixture
def capped(connection):
    """Three days of 800.00 under a cap of 2,000.00."""
    set_cap(connection, "con_1", "uk01", gbp("2000"))
    approved(connection, *(a_line(f"tim_{n}", "8", "100", worked_on=date(2026, 5, n)) for n in (1, 2, 3)))
    return connection


class TestCap:
    def test_everything_open_stops_at_the_cap_and_the_surplus_stays_open(self, capped):
        drafted = draft(capped, "inv_1", EVERYTHING, BY)

        assert [(s.line_id, s.amount) for s in drafted.lines] == [
            ("tim_1", gbp("800")), ("tim_2", gbp("800")), ("tim_3", gbp("400")),
        ]  # fmt: skip
        assert line(capped, "tim_3").amount.open == gbp("400.00")
        assert room_under_cap(capped, "con_1", "GBP") == gbp("0.00")

    def test_when_it_is_reached_nothing_is_left_to_bill(self, capped):
        bill(capped)

        with pytest.raises(Rejected, match="1 beyond the contract's cap") as refusal:
            draft(capped, "inv_2", EVERYTHING, BY)
        assert refusal.value.code == "ledger.nothing_open"

    def test_named_lines_beyond_it_are_refused_by_the_database(self, capped):
        with pytest.raises(Rejected, match="con_1") as refusal, capped.begin_nested():
            draft(capped, "inv_1", [Part("tim_1"), Part("tim_2"), Part("tim_3")], BY)
        assert refusal.value.code == "ledger.over_cap"

    def test_a_credit_makes_room_again(self, capped):
        bill(capped)
        take_back(capped, [Part("tim_1", Decimal(3))])

        assert room_under_cap(capped, "con_1", "GBP") == gbp("300.00")

    def test_a_correction_makes_room_and_is_billed_even_beyond_the_cap(self, capped):
        bill(capped)
        set_cap(capped, "con_1", "uk01", gbp("1000"))
        approved(capped, a_line("tim_4", "-2", "100"))

        assert draft(capped, "inv_2", [Part("tim_4")], BY).amount == gbp("-200.00")

    def test_another_contract_or_currency_is_free(self, capped):
        approved(capped, a_line("tim_5", "80", "100", contract_id="con_2"))

        assert room_under_cap(capped, "con_2", "GBP") is None
        assert draft(capped, "inv_1", [Part("tim_5")], BY).amount == gbp("8000.00")
