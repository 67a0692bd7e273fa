"""Numbers, money and time as the visual language writes them; geometry of charts."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accordant.console import charts, export, words
from accordant.kernel import Money

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize("module", [charts, export, words], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module) -> None:
    found = doctest.testmod(module)

    assert (found.failed, found.attempted > 0) == (0, True)


class TestMoney:
    @pytest.mark.parametrize(
        ("money", "expected"),
        [
            (Money.of("999999999.99", "GBP"), "999,999,999.99"),
            (Money.of("-1", "GBP"), "−1.00"),
            (Money.of("1250", "JPY"), "1,250"),
            (Money.of("1.2345", "KWD"), "1.235"),
        ],
    )
    def test_is_written_at_its_minor_unit_with_a_true_minus(self, money, expected):
        assert words.amount(money) == expected

    def test_of_no_known_sign_is_written_by_code_in_a_sentence(self):
        assert words.say_money(Money.of("-12.5", "CHF")) == "−CHF 12.50"


class TestTime:
    def test_a_deadline_says_day_time_and_what_is_left(self):
        friday = datetime(2026, 11, 27, 17, tzinfo=LONDON)

        assert words.due(friday, NOW, LONDON) == "Fri 17:00 · 31 h"
        assert words.due(friday, NOW, BERLIN) == "Fri 18:00 · 31 h"
        assert words.due(NOW + timedelta(days=9), NOW, LONDON) == "5 Dec · 9 d"
        assert words.due(NOW - timedelta(hours=3), NOW, LONDON) == "26 Nov 06:42 · 3 h late"

    def test_an_instant_is_written_in_the_zone_it_is_read_in(self):
        assert words.moment(datetime(2026, 6, 12, 15, 20, tzinfo=UTC), LONDON) == "12 Jun 2026 16:20"


class TestBars:
    def days(self):
        return [(date(2026, 11, n), (Decimal(n * 10), Decimal(5))) for n in (1, 2, 3)]

    def chart(self, days):
        return charts.stacked_bars("x", "Title", "Finding", days, heads=("due", "later"), colors=("r1", "r2"))

    def test_stand_on_zero_and_the_highest_reaches_the_top(self):
        bars = self.chart(self.days()).bars

        lowest = [bar.parts[0].y + bar.parts[0].height for bar in bars]
        assert lowest == pytest.approx([243, 243, 243], abs=0.2)
        assert bars[-1].parts[-1].y == pytest.approx(36, abs=0.1)

    def test_the_table_has_the_same_numbers_the_newest_first(self):
        shown = self.chart(self.days())

        assert shown.heads == ("In all", "due")
        assert shown.rows[0] == ("3 Nov", "35", "30")

    def test_days_without_money_are_no_error(self):
        shown = self.chart([(date(2026, 11, 1), (Decimal(0), Decimal(0)))])

        assert shown.bars[0].parts[0].height == 0
