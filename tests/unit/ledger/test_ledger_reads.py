from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from ledger_builders import BY, END_OF_MAY, EVERYTHING, MAY, a_line, approved, bill, gbp, line, take_back

from accordant.kernel import Money, NotFound
from accordant.ledger import (
    LineKind,
    Part,
    approve,
    balance_by,
    billing_readiness,
    draft,
    history,
    hold,
    line_states,
    open_lines,
    over_billed,
    write_off,
)


@pytest.fixture
def busy(connection):
    """Seven lines in seven states, one of them in dollars."""
    approved(
        connection,
        *(a_line(f"tim_{n}", "8", "100") for n in range(1, 6)),
        a_line("tim_6", "8", None),
        a_line("tim_7", "2", "70", currency="USD"),
    )
    bill(connection, "inv_1", [Part("tim_1"), Part("tim_2", Decimal(2)), Part("tim_3")])
    take_back(connection, [Part("tim_3")])
    draft(connection, "inv_2", [Part("tim_4")], BY)
    hold(connection, ["tim_5"], "dispute", BY)
    return connection


class TestLineStates:
    def test_say_in_one_word_where_a_line_stands(self, busy):
        """R-CAN-08."""
        assert [found.state for found in line_states(busy, [f"tim_{n}" for n in range(1, 8)])] == [
            "billed", "partly_billed", "credited", "drafted", "held", "unpriced", "ready",
        ]  # fmt: skip

    def test_a_line_given_up_is_written_off(self, connection):
        approved(connection, a_line())
        write_off(connection, [Part("tim_1")], accounting_on=END_OF_MAY, by=BY)

        assert line(connection).state == "written_off"

    def test_the_equation_holds_in_hours_and_money(self, busy):
        for found in line_states(busy, [f"tim_{n}" for n in range(1, 8)]):
            for b in (found.quantity, found.amount):
                used = b.open + b.drafted + b.billed - b.credited + b.relieved + b.written_down + b.written_off
                assert b.approved == used

    def test_unknown_lines_are_left_out(self, connection):
        assert line_states(connection, ["tim_9"]) == ()


class TestOpenLines:
    def test_are_what_can_still_be_billed_in_order_of_the_day(self, connection):
        approved(
            connection,
            a_line("tim_1", worked_on=date(2026, 5, 20)),
            a_line("tim_2", worked_on=date(2026, 5, 3)),
            a_line("tim_3", worked_on=date(2026, 6, 1)),
            a_line("tim_4"),
        )
        bill(connection, "inv_1", [Part("tim_4")])

        assert [found.id for found in open_lines(connection, "con_1", END_OF_MAY)] == ["tim_2", "tim_1"]


class TestBalanceBy:
    def test_adds_up_each_currency_for_itself(self, busy):
        pounds, dollars = balance_by(busy, "entity")

        assert pounds.key == {"entity": "uk01", "currency": "GBP"}
        assert pounds.line_count == 6
        assert pounds.quantity.approved == 48
        assert pounds.amount.approved == gbp("4000.00")
        assert pounds.amount.billed == gbp("1800.00")
        assert pounds.amount.credited == gbp("800.00")
        assert pounds.amount.drafted == gbp("800.00")
        assert pounds.amount.held == gbp("800.00")
        assert pounds.amount.open == gbp("2200.00")
        assert dollars.amount.open == Money.of("140.00", "USD")

    def test_keeps_one_value_of_a_dimension(self, busy):
        assert [found.key["currency"] for found in balance_by(busy, currency="USD")] == ["USD"]

    def test_refuses_a_dimension_it_does_not_have(self, connection):
        with pytest.raises(ValueError, match="color"):
            balance_by(connection, "color")


class TestHistory:
    def test_tells_each_act_with_cause_and_document(self, connection):
        approved(connection, a_line("tim_1", "8", "100"))
        bill(connection)
        take_back(connection, [Part("tim_1", Decimal(1))])

        told = [(e.kind, e.quantity, e.amount, e.invoice_id, e.document_ref) for e in history(connection, "tim_1")]

        assert told == [
            ("approve", 8, gbp("800"), None, ""),
            ("draft", 8, gbp("800"), "inv_1", ""),
            ("post", 8, gbp("800"), "inv_1", "N-inv_1"),
            ("credit", 1, gbp("100"), "inv_1", "crn_1"),
        ]
        assert {entry.cause for entry in history(connection, "tim_1")} == {"evt_1"}

    def test_of_an_unknown_line_is_not_found(self, connection):
        with pytest.raises(NotFound):
            history(connection, "tim_9")


class TestBillingReadiness:
    def test_splits_the_money_by_what_keeps_it(self, busy):
        """R-KPI-18."""
        pounds, dollars = billing_readiness(busy, "uk01", MAY)

        assert pounds.ready == gbp("1400.00")  # 6 h of tim_2, 8 h of tim_3
        assert pounds.held == gbp("800.00")
        assert pounds.drafted == gbp("800.00")
        assert pounds.billed == gbp("1000.00")
        assert pounds.unpriced_quantity == 8
        assert (pounds.ready_count, pounds.held_count, pounds.unpriced_count, pounds.drafted_count) == (2, 1, 1, 1)
        assert dollars.ready == Money.of("140.00", "USD")

    def test_over_billed_money_is_not_ready(self, connection):
        approved(connection, a_line("tim_1", "8", "100"), a_line("tim_2", "1", "100"))
        bill(connection, "inv_1", [Part("tim_1")])
        approve(connection, [a_line("tim_1", "5", "100")], BY)

        [found] = billing_readiness(connection, "uk01", MAY)

        assert (found.ready, found.over_billed, found.over_billed_count) == (gbp("100.00"), gbp("300.00"), 1)

    def test_stops_at_the_cut_off(self, busy):
        assert billing_readiness(busy, "uk01", date(2026, 5, 11)) == ()


class TestOverBilled:
    def test_names_line_and_credit_that_is_due(self, connection):
        approved(connection, a_line("exp_1", "1", "90", kind=LineKind.EXPENSE))
        draft(connection, "inv_1", EVERYTHING, BY)
        approve(connection, [a_line("exp_1", "1", "70", kind=LineKind.EXPENSE)], BY)

        [found] = over_billed(connection, "uk01")

        assert (found.line_id, found.quantity, found.amount) == ("exp_1", 0, gbp("20.00"))
        assert over_billed(connection, "us01") == ()
