"""What other systems got wrong with credits and partial invoices, as their users told it; our answer in numbers.

Each class names the public threads whose story it follows.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ledger_builders import BY, a_line, approved, bill, gbp, line, take_back

from accordant.ledger import (
    AllOpen,
    LineKind,
    Part,
    approve,
    balance_by,
    draft,
    history,
    invoices_of,
    line_states,
    undraft,
)


def hours_on(moved) -> dict[str, Decimal]:
    return {share.line_id: share.quantity for share in moved.lines}


class TestPartlyCreditedHoursAreBilledOnce:
    """odoo#280536, odoo#280601: 4.5 h + 3.5 h billed, 3.5 h credited, 1 h more: the June hours came twice."""

    def test_only_the_credited_and_the_new_hours_are_billed(self, connection):
        approved(
            connection,
            a_line("june", "4.5", worked_on=date(2026, 6, 15)),
            a_line("july", "3.5", worked_on=date(2026, 7, 23)),
        )
        bill(connection, "inv_1", AllOpen("con_1", date(2026, 8, 4)))
        take_back(connection, [Part("july")])
        approved(connection, a_line("late", "1", worked_on=date(2026, 7, 31)))

        again = bill(connection, "inv_2", AllOpen("con_1", date(2026, 7, 31), from_on=date(2026, 6, 1)))

        assert hours_on(again) == {"july": Decimal("3.5"), "late": Decimal(1)}
        assert invoices_of(connection, "june") == ("inv_1",)


class TestACreditOfOnePeriodLeavesAnotherAlone:
    """odoo#277727: after a credit of 4 of 10 h, an invoice of 15 later hours came out as 9 h."""

    def test_the_period_bills_its_own_hours(self, connection):
        """R-TST-03."""
        approved(connection, a_line("first", "10", worked_on=date(2026, 7, 1)))
        bill(connection, "inv_1", AllOpen("con_1", date(2026, 7, 1)))
        take_back(connection, [Part("first", Decimal(4))])
        approved(connection, a_line("second", "15", worked_on=date(2026, 7, 8)))

        later = bill(connection, "inv_2", AllOpen("con_1", date(2026, 7, 8), from_on=date(2026, 7, 8)))

        assert hours_on(later) == {"second": Decimal(15)}
        assert line(connection, "first").quantity.open == 4


class TestACreditOfOneLineDoesNotReopenTheOther:
    """odoo#265840: line 1 credited, and line 2 was on the next invoice again."""

    def test_the_next_invoice_has_the_credited_line_only(self, connection):
        approved(connection, a_line("one", "5"), a_line("two", "1"))
        bill(connection, "inv_1")
        take_back(connection, [Part("one")])

        assert hours_on(bill(connection, "inv_2")) == {"one": Decimal(5)}


class TestACreditOfGoodsDoesNotReopenService:
    """odoo#254332: a credit of a product made billed hours billable; a part credited opened more than its part."""

    def test_a_credited_expense_leaves_the_hours_billed(self, connection):
        """R-TST-03."""
        approved(connection, a_line("jan", "1"), a_line("exp_1", "1", "80", kind=LineKind.EXPENSE, role=None))
        bill(connection, "inv_1")
        take_back(connection, [Part("exp_1")])
        approved(connection, a_line("feb", "2"))

        assert hours_on(bill(connection, "inv_2")) == {"exp_1": Decimal(1), "feb": Decimal(2)}

    def test_one_hour_of_five_opens_one(self, connection):
        approved(connection, a_line("tim_1", "5"))
        bill(connection, "inv_1")
        take_back(connection, [Part("tim_1", Decimal(1))])

        assert hours_on(bill(connection, "inv_2")) == {"tim_1": Decimal(1)}


class TestAPeriodInvoicedTwiceBillsNothingTheSecondTime:
    """odoo#250946: the same month invoiced again and again, with the same hours."""

    def test_the_second_invoice_of_the_month_finds_only_what_is_new(self, connection):
        month = AllOpen("con_1", date(2026, 5, 31), from_on=date(2026, 5, 1))
        approved(connection, a_line("tim_1", "2"))
        bill(connection, "inv_1", month)
        approved(connection, a_line("tim_2", "1", worked_on=date(2026, 6, 3)), a_line("late", "0.5"))

        assert hours_on(bill(connection, "inv_2", month)) == {"late": Decimal("0.5")}


class TestAnAdvanceIsSettledAgainstTheHours:
    """odoo#223796: with a down payment, the regular invoice was a credit and its hours stayed unlinked."""

    def test_the_hours_are_billed_although_the_invoice_is_negative(self, connection):
        approved(connection, a_line("lin_1", "1", "500", kind=LineKind.RETAINER, role=None))
        bill(connection, "inv_1")
        approved(
            connection,
            a_line("tim_1", "4", "100"),
            a_line("lin_2", "-1", "500", kind=LineKind.RETAINER, role=None),
        )

        settled = bill(connection, "inv_2")

        assert settled.amount == gbp("-100.00")
        assert invoices_of(connection, "tim_1") == ("inv_2",)
        assert line(connection, "tim_1").state == "billed"


class TestBilledNeverExceedsDeliveredAfterACredit:
    """odoo#100074 (35 h delivered, 3 credited, 15 more) and its later kin, where 28 h ended as a negative invoice."""

    def test_the_next_invoice_is_the_credited_and_the_new(self, connection):
        approved(connection, a_line("a", "30"), a_line("b", "5"))
        bill(connection, "inv_1")
        take_back(connection, [Part("b", Decimal(3))])
        approved(connection, a_line("c", "15"))

        assert bill(connection, "inv_2").quantity == 18
        [all_of_it] = balance_by(connection)
        assert all_of_it.quantity.billed - all_of_it.quantity.credited == all_of_it.quantity.approved == 50

    def test_three_rounds_of_work_after_one_credit(self, connection):
        approved(connection, a_line("a", "20"))
        bill(connection, "inv_1")
        take_back(connection, [Part("a", Decimal(11))])
        approved(connection, a_line("b", "5"))
        assert bill(connection, "inv_2").quantity == 16
        approved(connection, a_line("c", "3"))

        assert bill(connection, "inv_3").quantity == 3


class TestAFullyCreditedInvoiceCanBeBilledAgain:
    """odoo#75431: after a full credit the same period had nothing to invoice."""

    def test_every_hour_is_billed_again_once(self, connection):
        approved(connection, a_line("tim_1", "8"), a_line("tim_2", "4"))
        bill(connection, "inv_1")
        take_back(connection)

        again = bill(connection, "inv_2")

        assert hours_on(again) == {"tim_1": Decimal(8), "tim_2": Decimal(4)}
        assert [entry.kind for entry in history(connection, "tim_1")] == [
            "approve", "draft", "post", "credit", "draft", "post",
        ]  # fmt: skip

    def test_repeated_credit_and_rebill_ends_where_it_began(self, connection):
        """R-TST-03."""
        approved(connection, a_line("tim_1", "8", "150"))
        for number in range(1, 6):
            bill(connection, f"inv_{number}")
            take_back(connection, invoice_id=f"inv_{number}", note=f"crn_{number}")

        assert line(connection).amount.open == gbp("1200.00")
        assert line(connection).amount.billed == line(connection).amount.credited == gbp("6000.00")


class TestAnotherProjectIsNeverTouched:
    """erpnext#31752, #44167, #42880: one sheet, two projects; invoicing one consumed the other."""

    def test_the_lines_of_the_other_project_stay_open(self, connection):
        approved(
            connection,
            a_line("tim_1", "10", project_id="prj_1"),
            a_line("tim_2", "10", project_id="prj_2"),
            a_line("tim_3", "10", project_id="prj_3", contract_id="con_2"),
        )

        first = bill(connection, "inv_1", AllOpen("con_1", date(2026, 5, 31), project_id="prj_1"))

        assert hours_on(first) == {"tim_1": Decimal(10)}
        assert [found.state for found in line_states(connection, ["tim_2", "tim_3"])] == ["ready", "ready"]
        assert hours_on(bill(connection, "inv_2")) == {"tim_2": Decimal(10)}


class TestPartialInvoicingLeavesTheRestOpen:
    """erpnext#39227, #40192: parts marked billed or not at random, returns without their hours."""

    def test_each_part_is_billed_and_returned_by_itself(self, connection):
        """R-FIN-06, R-TST-04."""
        approved(connection, a_line("tim_1", "8", "150"))
        bill(connection, "inv_1", [Part("tim_1", Decimal(3))])
        bill(connection, "inv_2", [Part("tim_1", Decimal(2))])

        take_back(connection, invoice_id="inv_1")

        assert line(connection).quantity.open == 6
        assert line(connection).quantity.billed - line(connection).quantity.credited == 2

    def test_work_at_no_charge_is_billed_by_its_hours(self, connection):
        """erpnext PR 33984: a line at rate 0 was never marked billed."""
        approved(connection, a_line("tim_1", "8", "0"))

        bill(connection, "inv_1")

        assert line(connection).state == "billed"

    def test_a_discarded_draft_leaves_nothing_behind(self, connection):
        approved(connection, a_line("tim_1", "8"))
        draft(connection, "inv_1", [Part("tim_1", Decimal(4))], BY)

        undraft(connection, "inv_1", BY)

        assert line(connection).state == "ready"
        assert bill(connection, "inv_2").quantity == 8


class TestALateLineWaitsForTheNextInvoice:
    def test_a_line_approved_after_the_batch_is_on_the_next_one(self, connection):
        approved(connection, a_line("tim_1"))
        bill(connection, "inv_1")
        approve(connection, [a_line("tim_2")], BY)

        assert hours_on(bill(connection, "inv_2")) == {"tim_2": Decimal(8)}
