from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from ledger_builders import BY, END_OF_MAY, EVERYTHING, MAY, a_line, approved, bill, gbp, line, take_back

from accordant.kernel import KeyConflict, Money, Period, Rejected
from accordant.ledger import (
    LineKind,
    Part,
    Price,
    approve,
    draft,
    invoices_of,
    is_signed_off,
    over_billed,
    post,
    price,
    relieve,
    sign_off,
    undraft,
    write_down,
    write_off,
)


class TestDraft:
    def test_takes_what_is_open_until_the_cut_off(self, connection):
        approved(connection, a_line("tim_1"), a_line("tim_2", worked_on=date(2026, 6, 1)))

        drafted = draft(connection, "inv_1", EVERYTHING, BY)

        assert [(s.line_id, s.quantity, s.amount) for s in drafted.lines] == [("tim_1", Decimal(8), gbp("1200.00"))]
        assert drafted.amount == gbp("1200.00")
        assert line(connection, "tim_2").state == "ready"

    def test_a_part_takes_its_share_of_the_money_and_leaves_the_rest_open(self, connection):
        """R-FIN-06."""
        approved(connection, a_line(hours="8", rate="150"))

        drafted = draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)

        assert drafted.amount == gbp("450.00")
        assert line(connection).quantity.open == 5
        assert line(connection).amount.open == gbp("750.00")

    def test_an_amount_takes_its_share_of_the_quantity(self, connection):
        approved(connection, a_line("mil_1", hours="1", rate="10000", kind=LineKind.MILESTONE))

        drafted = draft(connection, "inv_1", [Part("mil_1", amount=gbp("2500"))], BY)

        assert drafted.quantity == Decimal("0.25")

    def test_the_last_of_three_thirds_takes_the_remainder(self, connection):
        approved(connection, a_line("mil_1", hours="1", rate="100", kind=LineKind.MILESTONE))
        for number in (1, 2):
            bill(connection, f"inv_{number}", [Part("mil_1", amount=gbp("33.33"))])

        assert draft(connection, "inv_3", [Part("mil_1")], BY).amount == gbp("33.34")

    def test_more_than_is_open_is_refused_with_the_numbers(self, connection):
        approved(connection, a_line(hours="8", rate="150"))

        with pytest.raises(Rejected, match=r"9 .*1,350.00.* tim_1 of contract con_1 .* 8 .*1,200.00") as refusal:
            draft(connection, "inv_1", [Part("tim_1", Decimal(9))], BY)
        assert refusal.value.code == "ledger.over_billed"

    def test_a_line_on_another_draft_is_refused(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)

        with pytest.raises(Rejected, match="inv_1") as refusal:
            draft(connection, "inv_2", [Part("tim_1", Decimal(2))], BY)
        assert refusal.value.code == "ledger.line_on_other_invoice"

    def test_an_unpriced_line_waits(self, connection):
        approved(connection, a_line(rate=None))

        with pytest.raises(Rejected, match="1 without a price") as refusal:
            draft(connection, "inv_1", EVERYTHING, BY)
        assert refusal.value.code == "ledger.nothing_open"

    def test_asked_again_answers_with_what_stands_and_leaves_late_lines(self, connection):
        approved(connection, a_line("tim_1"))
        first = draft(connection, "inv_1", EVERYTHING, BY)
        approved(connection, a_line("tim_2"))

        assert draft(connection, "inv_1", EVERYTHING, BY) == first
        assert line(connection, "tim_2").state == "ready"

    def test_named_parts_asked_again_are_the_same_draft(self, connection):
        approved(connection, a_line())
        first = draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)

        assert draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY) == first

    def test_other_parts_need_an_undraft_first(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)

        with pytest.raises(Rejected) as refusal:
            draft(connection, "inv_1", [Part("tim_1", Decimal(4))], BY)
        assert refusal.value.code == "ledger.invoice_drafted"

    def test_one_invoice_is_of_one_currency(self, connection):
        approved(connection, a_line("tim_1"), a_line("tim_2", currency="USD"))

        with pytest.raises(Rejected, match="uk01 GBP, uk01 USD"):
            draft(connection, "inv_1", EVERYTHING, BY)

    def test_corrections_lower_the_invoice(self, connection):
        approved(connection, a_line("tim_1", hours="8"), a_line("tim_2", hours="-2"))

        assert draft(connection, "inv_1", EVERYTHING, BY).amount == gbp("900.00")


class TestUndraft:
    def test_opens_the_lines_for_another_invoice(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", EVERYTHING, BY)

        [released] = undraft(connection, "inv_1", BY)

        assert released.amount == gbp("1200.00")
        assert draft(connection, "inv_2", EVERYTHING, BY).amount == gbp("1200.00")

    def test_of_nothing_is_nothing(self, connection):
        assert undraft(connection, "inv_1", BY) == ()

    def test_a_posted_invoice_stays(self, connection):
        approved(connection, a_line())
        bill(connection)

        with pytest.raises(Rejected) as refusal:
            undraft(connection, "inv_1", BY)
        assert refusal.value.code == "ledger.invoice_posted"


class TestPost:
    def test_bills_what_stands_on_the_draft(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)

        posted = post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-7", by=BY)

        assert posted.amount == gbp("450.00")
        assert line(connection).state == "partly_billed"
        assert line(connection).quantity.billed == 3
        assert invoices_of(connection, "tim_1") == ("inv_1",)

    def test_posted_again_answers_as_the_first_time(self, connection):
        approved(connection, a_line())

        assert bill(connection) == post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-inv_1", by=BY)

    def test_another_number_for_a_posted_invoice_is_a_conflict(self, connection):
        approved(connection, a_line())
        bill(connection)

        with pytest.raises(KeyConflict):
            post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-other", by=BY)

    def test_needs_a_draft(self, connection):
        with pytest.raises(Rejected) as refusal:
            post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-7", by=BY)
        assert refusal.value.code == "ledger.nothing_drafted"

    def test_refuses_a_line_whose_approval_fell_after_it_was_drafted(self, connection):
        approved(connection, a_line(hours="8"))
        draft(connection, "inv_1", EVERYTHING, BY)
        approve(connection, [a_line(hours="6")], BY)

        with pytest.raises(Rejected, match="tim_1") as refusal, connection.begin_nested():
            post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-7", by=BY)
        assert refusal.value.code == "ledger.over_billed"

        undraft(connection, "inv_1", BY)
        assert draft(connection, "inv_1", EVERYTHING, BY).quantity == 6

    def test_refuses_a_signed_off_period(self, connection):
        """R-FIN-11."""
        approved(connection, a_line())
        draft(connection, "inv_1", EVERYTHING, BY)
        assert sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")

        with pytest.raises(Rejected, match="2026-05-31") as refusal, connection.begin_nested():
            post(connection, "inv_1", accounting_on=END_OF_MAY, document_ref="N-7", by=BY)
        assert refusal.value.code == "ledger.period_signed_off"

        assert post(connection, "inv_1", accounting_on=date(2026, 6, 1), document_ref="N-7", by=BY).lines


class TestCredit:
    def test_opens_exactly_what_the_invoice_billed(self, connection):
        approved(connection, a_line("tim_1"), a_line("tim_2"))
        bill(connection)

        credited = take_back(connection)

        assert [share.line_id for share in credited.lines] == ["tim_1", "tim_2"]
        assert credited.amount == gbp("2400.00")
        assert line(connection).state == "credited"
        assert line(connection).quantity.open == 8

    def test_names_the_lines_it_takes_back(self, connection):
        approved(connection, a_line("tim_1"), a_line("tim_2"))
        bill(connection)

        take_back(connection, [Part("tim_2", Decimal(3))])

        assert line(connection, "tim_1").state == "billed"
        assert line(connection, "tim_2").quantity.open == 3
        assert line(connection, "tim_2").amount.open == gbp("450.00")

    def test_thirds_add_up_and_the_last_takes_the_remainder(self, connection):
        """R-TST-03."""
        approved(connection, a_line(hours="10", rate="99.99"))
        bill(connection)

        thirds = [take_back(connection, Fraction(1, 3), note=f"crn_{n}") for n in (1, 2, 3)]

        assert [t.quantity for t in thirds] == [Decimal("3.333333"), Decimal("3.333333"), Decimal("3.333334")]
        assert [t.amount for t in thirds] == [gbp("333.30"), gbp("333.30"), gbp("333.30")]
        assert line(connection).amount.open == gbp("999.90")

    def test_a_price_concession_credits_money_without_hours(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)

        take_back(connection, [Part("tim_1", Decimal(0), gbp("120"))])

        assert line(connection).quantity.open == 0
        assert line(connection).amount.open == gbp("120.00")

    def test_more_than_was_billed_is_refused(self, connection):
        approved(connection, a_line(hours="8"))
        bill(connection)
        take_back(connection, [Part("tim_1", Decimal(5))])

        with pytest.raises(Rejected, match=r"4 .* tim_1 .* 3 ") as refusal:
            take_back(connection, [Part("tim_1", Decimal(4))], note="crn_2")
        assert refusal.value.code == "ledger.over_credited"

    def test_one_invoice_cannot_take_back_what_another_billed(self, connection):
        approved(connection, a_line(hours="8"))
        bill(connection, "inv_1", [Part("tim_1", Decimal(3))])
        bill(connection, "inv_2", [Part("tim_1", Decimal(5))])

        with pytest.raises(Rejected):
            take_back(connection, [Part("tim_1", Decimal(4))], invoice_id="inv_1")

    def test_the_same_note_again_answers_as_the_first_time(self, connection):
        approved(connection, a_line())
        bill(connection)

        assert take_back(connection, Fraction(1, 2)) == take_back(connection, Fraction(1, 2))
        assert line(connection).quantity.credited == 4

    def test_a_note_belongs_to_one_invoice(self, connection):
        approved(connection, a_line())
        bill(connection, "inv_1", [Part("tim_1", Decimal(3))])
        bill(connection, "inv_2", [Part("tim_1", Decimal(5))])
        take_back(connection, invoice_id="inv_1")

        with pytest.raises(KeyConflict):
            take_back(connection, invoice_id="inv_2")

    def test_a_wrong_rate_is_credited_repriced_and_billed_again(self, connection):
        """R-TST-03, R-CAN-08."""
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)

        take_back(connection)
        price(connection, [Price("tim_1", gbp("140"))], BY)
        again = bill(connection, "inv_2")

        assert again.amount == gbp("1120.00")
        assert line(connection).amount.billed == gbp("2320.00")
        assert line(connection).amount.credited == gbp("1200.00")
        assert line(connection).quantity.open == 0

    def test_the_credit_that_is_due_heals_an_over_billed_line(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)
        approve(connection, [a_line(hours="6")], BY)
        [due] = over_billed(connection, "uk01")

        take_back(connection, [Part(due.line_id, due.quantity, due.amount)])

        assert over_billed(connection) == ()
        assert line(connection).state == "billed"

    @pytest.mark.parametrize(
        ("currency", "rate", "halves"), [("JPY", "333", (166, 167)), ("KWD", "0.333", ("0.167", "0.166"))]
    )
    def test_halves_add_up_without_decimals_and_with_three(self, connection, currency, rate, halves):
        """R-TST-06."""
        approved(connection, a_line(hours="1", rate=rate, currency=currency))
        bill(connection)

        amounts = [take_back(connection, Fraction(1, 2), note=f"crn_{n}").amount for n in (1, 2)]

        assert sorted(amounts) == sorted(Money.of(half, currency) for half in halves)

    def test_an_invoice_that_is_not_posted_has_nothing_to_credit(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", EVERYTHING, BY)

        with pytest.raises(Rejected) as refusal:
            take_back(connection)
        assert refusal.value.code == "ledger.nothing_drafted"


class TestRelief:
    def test_work_under_a_fixed_fee_is_relieved_by_the_fee_without_a_price(self, connection):
        approved(connection, a_line(rate=None), a_line("lin_1", hours="1", rate="5000", kind=LineKind.FEE))

        relieve(connection, [Part("tim_1")], accounting_on=END_OF_MAY, against="lin_1", by=BY)

        assert line(connection).state == "relieved"
        assert draft(connection, "inv_1", EVERYTHING, BY).amount == gbp("5000.00")

    def test_a_write_down_lowers_the_money_and_keeps_the_hours(self, connection):
        approved(connection, a_line(hours="8", rate="150"))

        write_down(connection, [Part("tim_1", Decimal(0), gbp("200"))], accounting_on=END_OF_MAY, by=BY)
        drafted = draft(connection, "inv_1", EVERYTHING, BY)

        assert (drafted.quantity, drafted.amount) == (8, gbp("1000.00"))

    def test_a_write_off_gives_up_what_is_open_and_no_more(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection, "inv_1", [Part("tim_1", Decimal(3))])

        given_up = write_off(connection, [Part("tim_1")], accounting_on=END_OF_MAY, by=BY)

        assert given_up.amount == gbp("750.00")
        assert line(connection).quantity.open == 0

    def test_nothing_left_is_refused(self, connection):
        approved(connection, a_line())
        bill(connection)

        with pytest.raises(Rejected) as refusal:
            write_off(connection, [Part("tim_1")], accounting_on=END_OF_MAY, by=BY)
        assert refusal.value.code == "ledger.nothing_open"

    def test_an_over_billed_line_needs_its_credit_first(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)
        approve(connection, [a_line(hours="6")], BY)

        with pytest.raises(Rejected, match="is over-billed: a credit"):
            write_off(connection, [Part("tim_1")], accounting_on=END_OF_MAY, by=BY)

    def test_a_discount_is_a_line_of_its_own(self, connection):
        approved(connection, a_line(), a_line("lin_1", hours="1", rate="-120", kind=LineKind.DISCOUNT))

        assert draft(connection, "inv_1", EVERYTHING, BY).amount == gbp("1080.00")

    def test_a_rounding_line_is_limited(self, connection):
        with pytest.raises(Rejected) as refusal:
            approve(connection, [a_line("lin_1", hours="1", rate="1.01", kind=LineKind.ROUNDING)], BY)
        assert refusal.value.code == "ledger.rounding_limit"


class TestSignOff:
    def test_is_done_once(self, connection):
        assert sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")
        assert not sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")
        assert is_signed_off(connection, "uk01", MAY)
        assert not is_signed_off(connection, "us01", MAY)

    def test_a_credit_in_it_is_refused(self, connection):
        approved(connection, a_line())
        bill(connection)
        sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")

        with pytest.raises(Rejected) as refusal, connection.begin_nested():
            take_back(connection)
        assert refusal.value.code == "ledger.period_signed_off"
