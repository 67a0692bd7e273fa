"""From approved hours to cash: rejected drafts, closed periods, late lines, corrections, payments in parts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from firm import CRM, ERP, PSA

from accordant import cases, ledger
from accordant.kernel import Period


@pytest.fixture
def worked(house):
    """An engagement with eight approved hours in the ERP."""
    house.win()
    house.run_ends("activate-project")
    house.approve(house.book(house.firm.deals[0], 8))
    house.run_ends("time-to-bill")
    return house


def invoices(house):
    return [(d.state, d.amount) for d in house.systems.books(ERP, "invoice")]


def open_quantity(house):
    (row,) = house.rows(
        "select sum(approved_q - drafted_q - billed_q) as open, sum(drafted_q) as drafted from ledger_line"
    )
    return row.open, row.drafted


class TestReview:
    def test_a_rejected_invoice_leaves_no_draft_and_its_hours_are_billed_the_next_time(self, worked):
        """R-WF-13, R-ORC-02."""
        worked.bill()
        worked.decide(worked.approval(), cases.Decision.REJECT, reason="The client wants one line per week.")

        # then: nothing is left of the draft, and the hours are open
        worked.run_ends("invoice-cycle", state="compensated")
        worked.comes_to_rest()
        assert [state for state, _ in invoices(worked) if state == "draft"] == []
        assert open_quantity(worked) == (8, 0)

        # when: the same period is billed again
        assert worked.bill() == 1
        worked.approval()
        worked.desk.approve_all()

        # then
        worked.run_ends("invoice-cycle")
        worked.agrees()
        assert worked.totals(ERP, "invoice")["posted"] == 1
        assert worked.open_cases() == {}

    def test_a_large_invoice_needs_two_different_people(self, open_firm):
        """R-SEC-07, R-ORC-03."""
        house = open_firm(deals=(3,))
        crm = house.systems[CRM]
        for record in crm.org.tables["Milestone__c"]:
            crm.update("Milestone__c", record.id, Evidence_Required__c=False, Amount__c=Decimal(50_000))
        house.win()
        house.run_ends("activate-project")

        house.bill(house.firm.today)
        first = house.approval()
        assert (first.role, first.amount_minor) == ("finance_operations", 15_000_000)
        house.decide(first, cases.Decision.APPROVE)
        second = house.approval()

        assert second.id != first.id
        assert second.requester != first.requester
        assert invoices(house)[0][0] == "draft"
        house.desk.approve_all()
        house.run_ends("invoice-cycle")
        decided = house.rows("select decided_by from approval where state = 'approved' and kind like 'post_invoice%'")
        assert len({row.decided_by for row in decided}) == 2
        house.agrees()


class TestPeriods:
    def test_a_closed_period_holds_the_posting_until_finance_opens_it(self, worked):
        """R-FIN-11."""
        erp = worked.systems[ERP]
        month = f"{worked.firm.today:%b %Y}"
        (period,) = (p.id for p in erp.state.types["accountingPeriod"] if p.data["periodName"] == month)
        worked.bill()
        asked = worked.approval()

        # given: the period closes while the draft waits for its approval
        erp.set_period(period, closed=True)
        worked.decide(asked, cases.Decision.APPROVE)

        # then: a case with the money; nothing is posted
        case = worked.case("erp.invoice.period_closed")
        assert case.exposure_minor > 0
        assert worked.totals(ERP, "invoice")["posted"] == 0

        # when
        erp.set_period(period, closed=False)
        worked.retry("erp.invoice.period_closed")

        # then
        worked.run_ends("invoice-cycle")
        worked.agrees()
        assert worked.totals(ERP, "invoice")["posted"] == 1
        assert worked.open_cases() == {}

    def test_a_line_in_a_period_that_is_signed_off_is_a_case_with_its_money(self, house):
        house.win()
        house.run_ends("activate-project")
        month = Period.month_of(house.weekday(40))
        with house.database.begin() as connection:
            ledger.sign_off(connection, "uk01", month, signed_off_by="90001")

        # when: hours of the closed month come late, together with others
        sheet = house.book(house.firm.deals[0], 8, days_ago=40)
        house.book(house.firm.deals[0], 6)
        house.approve(sheet)
        house.comes_to_rest()

        # then: what may be billed is; what may not is a case with its money, or is billed in an open month
        house.agrees()
        assert house.totals(ERP, "time_bill").total() == 2


class TestLateAndCorrected:
    def test_lines_that_come_after_a_bill_are_on_the_next_one(self, worked):
        """R-FIN-06."""
        worked.bill(worked.firm.today - timedelta(days=1))
        worked.approval()
        worked.desk.approve_all()
        worked.run_ends("invoice-cycle")

        worked.approve(worked.book(worked.firm.deals[0], 6))
        worked.run_ends("time-to-bill", 2)
        worked.bill()
        worked.approval()
        worked.desk.approve_all()
        worked.run_ends("invoice-cycle", 2)

        worked.agrees()
        assert worked.totals(ERP, "invoice")["posted"] == 2

    def test_a_posted_invoice_only_goes_forward_when_the_crm_fails_after_it(self, worked):
        worked.systems.down(CRM)
        worked.bill()
        worked.approval()
        worked.desk.approve_all()
        worked.until(lambda: worked.totals(ERP, "invoice")["posted"] == 1, "posted")
        worked.until(lambda: "parked" in worked.runs("invoice-cycle").values(), "the news wait")

        worked.systems.up(CRM)
        worked.run_ends("invoice-cycle")
        worked.agrees()
        assert worked.totals(ERP, "invoice") == {"posted": 1}

    def test_an_approval_taken_back_after_billing_is_a_case_with_the_credit_due(self, worked):
        """R-CAN-08."""
        worked.bill()
        worked.approval()
        worked.desk.approve_all()
        worked.run_ends("invoice-cycle")
        sheet = worked.book(worked.firm.deals[0])

        worked.loop.do(worked.approver.withdraw(sheet, sheet.lines[0]))

        case = worked.case("ledger.over_billed")
        assert case.exposure_minor == worked.rows("select sum(billed_m) as m from ledger_line")[0].m
        with worked.database.begin() as connection:
            assert ledger.invariants(connection) == []


class TestPayments:
    def test_a_part_and_then_the_rest_show_in_crm_and_psa(self, worked):
        """R-WF-15, R-FMC-19."""
        worked.bill()
        worked.approval()
        worked.desk.approve_all()
        worked.run_ends("invoice-cycle")
        erp = worked.systems[ERP]
        (invoice,) = worked.systems.books(ERP, "invoice")

        erp.receive_payment(invoice.id, invoice.amount / 2, reference="first")
        (told,) = worked.run_ends("payment-status")
        assert told.outcome["status"] == "part_paid"
        assert shown(worked) == "Partly paid"

        erp.receive_payment(invoice.id, reference="second")
        told = worked.run_ends("payment-status", 2)[-1]
        worked.until(lambda: shown(worked) == "Paid", "the deal shows that it is paid")
        worked.agrees()

    def test_a_payment_of_an_invoice_that_nobody_knows_is_a_case_with_its_amount(self, worked):
        erp = worked.systems[ERP]
        (job,) = erp.state.types["job"]
        line = {"item": {"externalId": "SERVICES"}, "quantity": 1, "amount": 500}
        body = {"entity": {"id": job.data["parent"]}, "approvalStatus": {"id": "2"}, "item": {"items": [line]}}
        foreign = erp.load("invoice", body | {"tranDate": worked.firm.today.isoformat()})

        erp.receive_payment(foreign, reference="stray")

        case = worked.case("payment.unknown_invoice")
        assert case.exposure_minor > 0
        assert case.role == "finance_operations"


def shown(house):
    (row,) = [r for r in house.systems[CRM].org.tables["Opportunity"] if r.data["StageName"] == "Closed Won"]
    return row.data.get("Payment_Status__c")


class TestDealsAgain:
    def test_a_deal_won_again_after_its_activation_was_given_up_is_activated(self, house):
        # given: the ERP refuses, and finance gives the activation up
        erp = house.systems[ERP]
        (tax,) = (r for r in erp.state.types["salesTaxItem"] if r.data["itemId"] == "GB-STD-20")
        erp.state.touch("salesTaxItem", tax.id, itemId="GB-OLD", externalId="GB-OLD")
        house.win()
        case = house.until(lambda: house.rows("select * from exception_case where state = 'open'"), "a case")[0]
        answer = cases.Compensate(reason="The tax code is under review.", root_cause=cases.RootCause.RULE_WRONG)
        house.answer(case.id, answer, role=case.role, entity=case.entity)

        # then: what was made is taken back, and the engagement is active no more
        house.run_ends("activate-project", state="compensated")
        assert (
            house.count("select count(*) as n from engagement_state where state = 'activated' and status = 'reached'")
            == 0
        )

        # when: the tax code is back, and the deal is closed once more
        erp.state.touch("salesTaxItem", tax.id, itemId="GB-STD-20", externalId="GB-STD-20")
        (row,) = (r for r in house.systems[CRM].org.tables["Opportunity"] if r.data["StageName"] == "Closed Won")
        house.systems[CRM].update("Opportunity", row.id, StageName="Negotiation/Review")
        house.until(
            lambda: house.rows("select 1 from record where body ->> 'stage' = 'open'"), "the deal is open again"
        )
        house.win()

        # then: one living project everywhere
        house.run_ends("activate-project")
        house.agrees()
        for system in (PSA, ERP):
            live = [d for d in house.systems.books(system, "project") if d.state not in ("archived", "inactive")]
            assert len(live) == 1
