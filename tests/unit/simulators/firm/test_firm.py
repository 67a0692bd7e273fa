"""The firm of a seed: its size, its variety, and that it repeats itself."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import product

import pytest
from stdnum import get_cc_module, lei

from accordant.simulators.firm import Firm
from accordant.simulators.firm.model import Approval, Habit, Method, Mistake

TODAY = date(2026, 11, 20)


class TestFirm:
    def test_repeats_itself_for_the_same_seed(self, firm):
        assert Firm.generate(7, engagements=6, lines=60, today=TODAY) == firm

    def test_differs_for_another_seed(self, firm):
        other = Firm.generate(8, engagements=6, lines=60, today=TODAY)

        assert other.workers != firm.workers
        assert other.lines != firm.lines

    def test_is_large_enough_for_the_demo_by_default(self, demo_firm):
        assert len(demo_firm.deals) >= 20
        assert len(demo_firm.lines) >= 5000
        assert demo_firm.cycles >= 40
        assert len(demo_firm.workers) == 45

    def test_is_as_small_as_asked(self):
        tiny = Firm.generate(1, engagements=2, lines=40, today=TODAY)

        assert len(tiny.deals) == 2
        assert 40 <= len(tiny.lines) <= 45

    @pytest.mark.parametrize("seed", range(5))
    def test_can_be_made_from_any_seed(self, seed):
        assert Firm.generate(seed, engagements=3, lines=30, today=TODAY + timedelta(days=seed)).lines


class TestClients:
    def test_have_tax_numbers_whose_checksum_holds(self, demo_firm):
        numbers = {c.vat_number: c.country for c in demo_firm.clients if c.vat_number}

        assert {"GB", "DE", "FR", "NL", "IE", "AT", "CH"} == set(numbers.values())
        assert [n for n, country in numbers.items() if not get_cc_module(country, "vat").is_valid(n)] == []

    def test_have_legal_entity_identifiers_whose_checksum_holds(self, demo_firm):
        identifiers = [c.lei for c in demo_firm.clients if c.lei]

        assert len(identifiers) >= 3
        assert all(lei.is_valid(identifier) for identifier in identifiers)

    def test_were_entered_twice_under_nearly_the_same_name(self, demo_firm):
        counted = Counter(c.vat_number for c in demo_firm.clients if c.vat_number)

        assert [count for count in counted.values() if count > 1] == [2]
        assert {"Copperline Logistics, Inc.", "Copperline Logistics"} <= {c.name for c in demo_firm.clients}

    def test_have_parents_that_are_clients(self, demo_firm):
        parents = {c.parent for c in demo_firm.clients if c.parent}

        assert parents
        assert parents <= {c.code for c in demo_firm.clients}

    def test_pay_in_every_way(self, demo_firm):
        assert {c.habit for c in demo_firm.clients} == set(Habit)

    def test_buy_from_one_entity_in_its_currency(self, demo_firm):
        homes = {c.code: (c.entity, c.currency) for c in demo_firm.clients}

        assert all(homes[d.client] == (d.entity, d.currency) for d in demo_firm.deals)


class TestWorkers:
    def test_have_mail_addresses_of_plain_letters_and_nobody_shares_one(self, demo_firm):
        people = (*demo_firm.workers, *demo_firm.office)
        addresses = [w.email for w in people]

        assert len(set(addresses)) == len(addresses)
        assert all(a.isascii() and a.endswith("@meridian.example") for a in addresses)

    def test_report_to_somebody_of_their_own_entity(self, demo_firm):
        by_number = {w.number: w for w in demo_firm.workers}

        reports = [w for w in demo_firm.workers if w.manager]
        assert len(reports) > 30
        assert all(by_number[w.manager].entity == w.entity for w in reports)


class TestDeals:
    def test_sell_every_method_in_every_entity(self, demo_firm):
        """R-FIN-07."""
        sold = {(d.method, d.entity) for d in demo_firm.deals}

        assert sold == set(product(Method, ("uk01", "us01", "de01")))

    def test_have_a_price_for_every_role_that_books_on_them(self, demo_firm):
        rates = {d.code: d.rates for d in demo_firm.deals}

        assert all(line.role in rates[line.deal] for line in demo_firm.lines)

    def test_carry_what_their_method_is_billed_by(self, demo_firm):
        for deal in demo_firm.deals:
            assert bool(deal.milestones) == (deal.method is Method.MILESTONE)
            assert (deal.fee is None) == (deal.method in (Method.TIME_AND_MATERIALS, Method.MILESTONE))

    def test_have_names_of_their_own(self, demo_firm):
        assert len({d.name for d in demo_firm.deals}) == len(demo_firm.deals)

    def test_are_sometimes_won_incomplete(self, demo_firm):
        lacking = [d.lacks for d in demo_firm.deals if d.lacks]

        assert 2 <= len(lacking) <= 4
        assert {field for fields in lacking for field in fields} == {"practice", "lead", "method"}

    def test_end_on_the_last_day_of_their_term(self, firm):
        deal = firm.deals[0]

        assert (deal.start_on, deal.term_months) == (date(2026, 8, 1), 6)
        assert deal.end_on == date(2027, 1, 31)


class TestTimeLines:
    def test_lie_in_the_last_twelve_weeks_on_working_days(self, demo_firm):
        days = {line.worked_on for line in demo_firm.lines}

        assert min(days) >= TODAY - timedelta(days=84)
        assert max(days) < TODAY
        assert all(day.weekday() < 5 for day in days)

    def test_show_every_mistake_in_small_numbers(self, demo_firm):
        counted = Counter(line.mistake for line in demo_firm.lines)

        assert set(counted) == set(Mistake)
        assert counted[Mistake.NONE] > 0.9 * len(demo_firm.lines)

    def test_are_mostly_approved_on_time(self, demo_firm):
        counted = Counter(line.approval for line in demo_firm.lines)

        assert counted[Approval.ON_TIME] > counted[Approval.LATE] > counted[Approval.NEVER] > 0

    def test_make_25_hours_on_a_long_day(self, demo_firm):
        day = next(line for line in demo_firm.lines if line.mistake is Mistake.LONG_DAY)
        halves = [
            line.minutes
            for line in demo_firm.lines
            if (line.worker, line.worked_on, line.mistake) == (day.worker, day.worked_on, Mistake.LONG_DAY)
        ]

        assert sum(halves) == 25 * 60

    def test_on_a_wrong_project_name_one_without_the_worker(self, demo_firm):
        teams = {d.code: d.team for d in demo_firm.deals}
        wrong = [line for line in demo_firm.lines if line.mistake is Mistake.WRONG_PROJECT]

        assert all(line.worker not in teams[line.deal] for line in wrong)

    def test_after_the_end_are_marked(self, demo_firm):
        ends = {d.code: d.end_on for d in demo_firm.deals}
        late = [line for line in demo_firm.lines if line.mistake is Mistake.AFTER_END]

        assert all(line.worked_on > ends[line.deal] for line in late)
