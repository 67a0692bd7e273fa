from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accordant.kernel import Money, exponent_of, total

AMOUNTS = st.decimals(-(10**9), 10**9, places=2)


class TestMoney:
    def test_minor_units_follow_the_currency(self):
        assert Money.of("12.50", "GBP").minor == 1250
        assert Money.of("1250", "JPY").minor == 1250
        assert Money.of("1.250", "KWD").minor == 1250

    @pytest.mark.parametrize(("code", "decimals"), [("GBP", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2)])
    def test_exponents_are_those_of_iso_4217(self, code, decimals):
        assert exponent_of(code) == decimals

    def test_what_is_finer_than_the_minor_unit_has_no_minor_amount(self):
        with pytest.raises(ValueError, match="finer than the minor unit"):
            _ = Money.of("0.125", "GBP").minor

    def test_rounds_half_away_from_zero(self):
        assert Money.of("0.125", "GBP").rounded() == Money.of("0.13", "GBP")
        assert Money.of("-0.125", "GBP").rounded() == Money.of("-0.13", "GBP")
        assert Money.of("2.5", "JPY").rounded() == Money.of("3", "JPY")

    def test_a_float_is_refused(self):
        with pytest.raises(ValidationError, match="parse_float=Decimal"):
            Money.model_validate({"amount": 1.1, "currency": "GBP"})

    @pytest.mark.parametrize("amount", ["NaN", "Infinity"])
    def test_an_amount_is_finite(self, amount):
        with pytest.raises(ValidationError):
            Money.of(amount, "GBP")

    def test_currencies_do_not_mix(self):
        with pytest.raises(ValueError, match="GBP and EUR"):
            _ = Money.of(1, "GBP") + Money.of(1, "EUR")
        with pytest.raises(ValueError, match="GBP and EUR"):
            _ = Money.of(1, "GBP") < Money.of(1, "EUR")

    def test_nothing_is_false(self):
        assert not Money.zero("GBP")
        assert Money.of("0.01", "GBP")

    @given(AMOUNTS, AMOUNTS)
    def test_what_is_added_can_be_taken_away(self, a, b):
        x, y = Money.of(a, "EUR"), Money.of(b, "EUR")
        assert x + y - y == x

    @given(st.integers(-(10**12), 10**12), st.sampled_from(["GBP", "JPY", "KWD", "CLF"]))
    def test_minor_units_round_trip(self, units, currency):
        assert Money.from_minor(units, currency).minor == units

    @given(st.lists(AMOUNTS, max_size=20))
    def test_a_total_is_the_sum(self, amounts):
        assert total((Money.of(a, "USD") for a in amounts), "USD").amount == sum(amounts, Decimal(0))
