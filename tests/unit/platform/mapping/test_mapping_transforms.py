"""Transforms: each named pair, by hand-written examples and by undoing itself."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.kernel import Money
from accordant.platform.mapping.transforms import BUILT_IN, Ref


def make(name, *arguments, **options):
    return BUILT_IN[name](*arguments, **options)


def money(amount, currency):
    return {"amount": Decimal(amount), "currency": currency}


class TestGet:
    @pytest.mark.parametrize(
        ("transform", "theirs", "ours"),
        [
            (make("text"), 7, "7"),
            (make("text"), Decimal("1.50"), "1.50"),
            (make("text"), "", None),
            (make("int"), "12", 12),
            (make("int"), Decimal("3.0"), 3),
            (make("int"), "", None),
            (make("decimal"), "12.50", Decimal("12.50")),
            (make("decimal"), 3, Decimal(3)),
            (make("decimal"), "", None),
            (make("bool"), False, False),
            (make("bool", {True: "T", False: "F"}), "F", False),
            (make("choice", {"A": "a"}, otherwise="b"), "Z", "b"),
            (make("date"), "2026-02-28", date(2026, 2, 28)),
            (make("date"), "2026-02-28T00:00:00", date(2026, 2, 28)),
            (make("date"), "2026-02-28T00:00:00-05:00", date(2026, 2, 28)),
            (make("date"), "", None),
            (make("date", "%m/%d/%Y"), "02/28/2026", date(2026, 2, 28)),
            (make("date", "%m/%d/%Y"), "", None),
            (make("instant"), "", None),
            (make("instant"), "2026-07-01T12:00:00.5+02:00", datetime(2026, 7, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
            (make("instant", "Europe/Berlin"), "2026-01-01T12:00:00", datetime(2026, 1, 1, 11, tzinfo=UTC)),
            (make("instant", "Europe/Berlin"), "2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
            (make("instant", "Europe/Berlin"), "2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
            (make("instant", epoch="s"), 86_400, datetime(1970, 1, 2, tzinfo=UTC)),
            (make("instant", epoch="ms"), "1500", datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
            (make("minutes"), 95, Decimal("1.583333")),
            (make("minutes"), 120, Decimal(2)),
            (make("minutes"), "", None),
            (make("hours_minutes"), "7:05", Decimal("7.083333")),
            (make("hours_minutes"), "-0:30", Decimal("-0.5")),
            (make("hours_minutes"), "", None),
            (make("percent"), "15.5", Decimal("0.155")),
            (make("percent"), "", None),
            (make("money", "GBP"), Decimal("12.5"), money("12.5", "GBP")),
            (make("money", "GBP"), "", None),
            (make("money_minor", "JPY"), 1250, money(1250, "JPY")),
            (make("money_minor", "JPY"), "", None),
        ],
    )
    def test_gives_our_value(self, transform, theirs, ours):
        assert transform.get(theirs) == ours

    @pytest.mark.parametrize(
        ("currency", "amount"), [("GBP", "12.50"), ("JPY", "1250"), ("KWD", "1.250"), ("CLF", "0.1250")]
    )
    def test_honors_the_currencys_minor_unit(self, currency, amount):
        assert make("money_minor").get(1250, currency) == money(amount, currency)

    @pytest.mark.parametrize(("base_unit", "amount"), [(100, "12.50"), (1, "1250"), ("1000", "1.250")])
    def test_believes_the_vendors_base_unit(self, base_unit, amount):
        assert make("money_minor").get(1250, "XXX", base_unit) == money(amount, "XXX")

    def test_gives_a_reference_the_text_of_an_external_id(self):
        assert Ref("users").getter("k")(7) == "k/users/7"
        assert Ref("users").getter("k")("") is None

    @pytest.mark.parametrize(
        ("transform", "theirs"),
        [
            (make("text"), True),
            (make("text"), ["x"]),
            (make("int"), "1.5"),
            (make("decimal"), 1.5),
            (make("decimal"), True),
            (make("decimal"), {}),
            (make("percent"), None),
            (make("choice", {"A": "a"}), "Z"),
            (make("date"), "2026-02-28T12:00:00"),
            (make("instant"), "2026-02-28T12:00:00"),
            (make("hours_minutes"), "1:75"),
            (make("hours_minutes"), "90"),
            (make("money", "GBP"), 12.5),
        ],
    )
    def test_refuses_what_has_no_meaning(self, transform, theirs):
        with pytest.raises(ValueError):
            transform.get(theirs)


class TestPut:
    @pytest.mark.parametrize(
        ("transform", "ours", "theirs"),
        [
            (make("text"), "7", "7"),
            (make("decimal"), Decimal("1.50"), Decimal("1.50")),
            (make("decimal", "text"), Decimal("1.50"), "1.50"),
            (make("int"), 12, 12),
            (make("instant"), datetime(2026, 7, 1, 10, tzinfo=UTC), "2026-07-01T10:00:00Z"),
            (make("instant", "Europe/Berlin"), datetime(2026, 7, 1, 10, tzinfo=UTC), "2026-07-01T12:00:00"),
            (make("date", "%m/%d/%Y"), date(2026, 2, 28), "02/28/2026"),
            (make("hours_minutes"), Decimal("-1.75"), "-1:45"),
            (make("money"), Money.of("12.5", "GBP"), (Decimal("12.5"), "GBP")),
            (make("money", "GBP"), Money.of("12.5", "GBP"), Decimal("12.5")),
            (make("money_minor", "GBP"), Money.of("12.5", "GBP"), 1250),
            (make("money_minor"), Money.of("1.25", "KWD"), (1250, "KWD", None)),
            (make("choice", {"A": "x", "B": "x"}), "x", "A"),
        ],
    )
    def test_gives_the_vendors_value(self, transform, ours, theirs):
        assert transform.put(ours) == theirs

    @pytest.mark.parametrize("name", ["money", "money_minor"])
    def test_refuses_money_of_another_currency(self, name):
        with pytest.raises(ValueError, match="in GBP, not in EUR"):
            make(name, "GBP").put(Money.of(1, "EUR"))

    def test_writes_hours_that_are_whole_minutes_to_six_decimals(self):
        assert [make("minutes").put(Decimal(hours)) for hours in ("1.3", "0.016667", "-0.333333")] == [78, 1, -20]

    def test_refuses_parts_of_a_minute(self):
        with pytest.raises(ValueError, match="whole number of minutes"):
            make("minutes").put(Decimal("0.01"))


class TestPairs:
    @given(minutes=st.integers(-(10**6), 10**6))
    def test_minutes_survive_both_forms(self, minutes):
        hours = make("minutes").get(minutes)

        assert make("minutes").put(hours) == minutes
        assert make("hours_minutes").get(make("hours_minutes").put(hours)) == hours

    @given(units=st.integers(-(10**12), 10**12), currency=st.sampled_from(["GBP", "JPY", "KWD", "CLF"]))
    def test_minor_units_survive(self, units, currency):
        read = make("money_minor").get(units, currency)

        assert make("money_minor").put(Money(**read))[:2] == (units, currency)

    @given(day=st.dates(min_value=date(1000, 1, 1)), form=st.sampled_from([None, "%d.%m.%Y", "%Y%m%d"]))
    def test_dates_survive(self, day, form):
        assert make("date", form).get(make("date", form).put(day)) == day

    @given(
        moment=st.datetimes(timezones=st.just(UTC)),
        unit=st.sampled_from([("s", 1_000_000), ("ms", 1000)]),
    )
    def test_instants_survive_to_the_declared_unit(self, moment, unit):
        name, microseconds = unit
        epoch = make("instant", epoch=name)

        assert make("instant").get(make("instant").put(moment)) == moment
        assert timedelta() <= moment - epoch.get(epoch.put(moment)) < timedelta(microseconds=microseconds)

    @given(rate=st.decimals(-10, 10, places=6))
    def test_percents_survive(self, rate):
        assert make("percent").get(make("percent").put(rate)) == rate
