from __future__ import annotations

from decimal import Decimal

import pytest
from ledger_builders import BY, MAY, a_line, approved, bill, gbp, line

from accordant.kernel import InvalidInput, Money, Rejected
from accordant.ledger import (
    AllOpen,
    LineKind,
    Part,
    Price,
    approve,
    draft,
    history,
    hold,
    price,
    release,
    withdraw,
)


class TestApprove:
    def test_a_new_line_is_open_in_hours_and_money(self, connection):
        done = approve(connection, [a_line(hours="7.5", rate="150")], BY)

        assert done.new == ("tim_1",)
        assert line(connection).state == "ready"
        assert line(connection).quantity.open == Decimal("7.5")
        assert line(connection).amount.open == gbp("1125.00")

    def test_a_second_delivery_changes_nothing(self, connection):
        """R-RES-04, R-FMC-25."""
        approved(connection, a_line())

        again = approve(connection, [a_line()], BY)

        assert again.same == ("tim_1",)
        assert len(history(connection, "tim_1")) == 1

    def test_a_second_delivery_without_a_price_keeps_the_price(self, connection):
        approved(connection, a_line(rate="150"))

        again = approve(connection, [a_line(rate=None)], BY)

        assert again.same == ("tim_1",)
        assert line(connection).amount.open == gbp("1200.00")

    def test_corrected_hours_are_an_adjustment_at_the_same_price(self, connection):
        approved(connection, a_line(hours="8", rate="150"))

        again = approve(connection, [a_line(hours="6", rate=None)], BY)

        assert again.changed == ("tim_1",)
        assert [(entry.kind, entry.quantity, entry.amount) for entry in history(connection, "tim_1")] == [
            ("approve", Decimal(8), gbp("1200.00")),
            ("adjust", Decimal(-2), gbp("-300.00")),
        ]

    def test_the_last_word_on_a_line_in_a_batch_counts(self, connection):
        done = approve(connection, [a_line(hours="8"), a_line(hours="5")], BY)

        assert done.new == ("tim_1",)
        assert line(connection).quantity.approved == 5

    def test_one_bad_line_is_refused_alone(self, connection):
        approved(connection, a_line("tim_1"))

        done = approve(connection, [a_line("tim_2", source_ref="psa/tim_1"), a_line("tim_3")], BY)

        assert done.new == ("tim_3",)
        assert [(r.line_id, r.code) for r in done.refused] == [("tim_2", "ledger.source_taken")]

    def test_lines_of_several_entities_go_in_one_call(self, connection):
        done = approve(connection, [a_line("tim_1"), a_line("tim_2", entity="us01", currency="USD")], BY)

        assert done.new == ("tim_1", "tim_2")

    def test_a_correction_to_another_role_asks_for_the_price_anew(self, connection):
        approved(connection, a_line(role="CONS"))

        done = approve(connection, [a_line(role="CONS-SR", rate=None)], BY)

        assert done.changed == ("tim_1",)
        assert line(connection).state == "unpriced"

    def test_a_billed_line_does_not_move_to_another_project(self, connection):
        approved(connection, a_line())
        bill(connection)

        done = approve(connection, [a_line(project_id="prj_2")], BY)

        assert [r.code for r in done.refused] == ["ledger.line_moved"]
        assert line(connection).project_id == "prj_1"

    def test_an_entity_never_changes(self, connection):
        approved(connection, a_line())

        done = approve(connection, [a_line(entity="us01")], BY)

        assert [r.code for r in done.refused] == ["ledger.line_identity"]

    def test_a_price_in_another_currency_is_invalid(self, connection):
        with pytest.raises(InvalidInput):
            approve(connection, [a_line(currency="GBP", unit_price=Money.of(1, "USD"))], BY)


class TestTheWorldReducesWhatWasApproved:
    def test_hours_corrected_below_the_billed_leave_the_credit_that_is_due(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)

        done = approve(connection, [a_line(hours="6", rate=None)], BY)

        assert [(o.line_id, o.quantity, o.amount) for o in done.over_billed] == [("tim_1", Decimal(2), gbp("300.00"))]
        assert line(connection).state == "over_billed"

    def test_withdrawn_after_billing_everything_is_due_back(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)

        done = withdraw(connection, ["tim_1"], BY)

        assert done.over_billed[0].amount == gbp("1200.00")

    def test_withdrawn_before_billing_nothing_is_left(self, connection):
        approved(connection, a_line())

        withdraw(connection, ["tim_1"], BY)

        assert line(connection).state == "withdrawn"

    def test_a_billed_expense_corrected_from_100_to_80_is_over_billed_by_20(self, connection):
        approved(connection, an_expense("100"))
        bill(connection)

        done = approve(connection, [an_expense("80")], BY)

        assert [(o.quantity, o.amount) for o in done.over_billed] == [(Decimal(0), gbp("20.00"))]

    def test_a_negative_correction_line_is_over_billed_when_it_is_taken_back(self, connection):
        approved(connection, a_line(hours="-3", rate="100"))
        bill(connection)

        done = withdraw(connection, ["tim_1"], BY)

        assert [(o.quantity, o.amount) for o in done.over_billed] == [(Decimal(-3), gbp("-300.00"))]


class TestPrice:
    def test_gives_a_line_its_amount_from_the_rate(self, connection):
        approved(connection, a_line(hours="7.25", rate=None))

        done = price(connection, [Price("tim_1", gbp("133.33"), contract_version=2)], BY)

        assert done.changed == ("tim_1",)
        assert line(connection).amount.open == gbp("966.64")  # 7.25 × 133.33 = 966.6425
        assert line(connection).contract_version == 2

    def test_the_same_price_again_changes_nothing(self, connection):
        approved(connection, a_line(rate="150"))

        assert price(connection, [Price("tim_1", gbp("150"))], BY).same == ("tim_1",)

    def test_a_rate_finer_than_a_penny_is_kept(self, connection):
        approved(connection, a_line(hours="1000", rate="0.125"))

        assert line(connection).amount.open == gbp("125.00")

    def test_a_drafted_line_keeps_its_price(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", AllOpen("con_1", MAY), BY)

        done = price(connection, [Price("tim_1", gbp("160"))], BY)

        assert [r.code for r in done.refused] == ["ledger.line_repriced"]

    def test_a_line_that_is_not_there_is_rejected(self, connection):
        with pytest.raises(Rejected, match="tim_9"):
            price(connection, [Price("tim_9", gbp("160"))], BY)

    @pytest.mark.parametrize(
        ("currency", "hours", "rate", "amount"),
        [("JPY", "7.5", "12345", "92588"), ("KWD", "7.5", "41.237", "309.278"), ("JPY", "-7.5", "12345", "-92588")],
    )
    def test_rounds_to_the_minor_unit_half_away_from_zero(self, connection, currency, hours, rate, amount):
        approved(connection, a_line(hours=hours, rate=rate, currency=currency))

        assert line(connection).amount.open == Money.of(amount, currency)


class TestHold:
    def test_what_is_held_is_open_and_not_billed(self, connection):
        """R-WF-14."""
        approved(connection, a_line("tim_1"), a_line("tim_2"))
        hold(connection, ["tim_1"], "the client disputes it", BY)

        drafted = draft(connection, "inv_1", AllOpen("con_1", MAY), BY)

        assert [share.line_id for share in drafted.lines] == ["tim_2"]
        assert line(connection).state == "held"
        assert line(connection).amount.held == line(connection).amount.open == gbp("1200.00")

    def test_a_released_line_is_billed_again(self, connection):
        """R-WF-14."""
        approved(connection, a_line())
        hold(connection, ["tim_1"], "dispute", BY)

        assert release(connection, ["tim_1"], "settled", BY) == ("tim_1",)
        assert draft(connection, "inv_1", AllOpen("con_1", MAY), BY).amount == gbp("1200.00")

    def test_held_twice_for_the_same_reason_is_held_once(self, connection):
        approved(connection, a_line())
        hold(connection, ["tim_1"], "dispute", BY)

        assert hold(connection, ["tim_1"], "dispute", BY) == ()

    def test_a_drafted_line_cannot_be_held(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", AllOpen("con_1", MAY), BY)

        with pytest.raises(Rejected, match="inv_1") as refusal:
            hold(connection, ["tim_1"], "dispute", BY)
        assert refusal.value.code == "ledger.line_held"

    def test_a_named_held_line_is_refused_with_its_reason(self, connection):
        approved(connection, a_line())
        hold(connection, ["tim_1"], "dispute", BY)

        with pytest.raises(Rejected, match="dispute"):
            draft(connection, "inv_1", [Part("tim_1")], BY)

    def test_needs_a_reason(self, connection):
        with pytest.raises(InvalidInput):
            hold(connection, ["tim_1"], "", BY)


def an_expense(amount: str):
    return a_line(hours="1", rate=amount, kind=LineKind.EXPENSE, role=None)
