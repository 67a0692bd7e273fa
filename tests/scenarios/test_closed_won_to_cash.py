"""From a deal won to cash received, nothing in the way."""

from __future__ import annotations


class TestClosedWonToCash:
    def test_a_won_deal_becomes_a_project_hours_an_invoice_and_money(self, house):
        """R-WF-01, R-WF-02, R-WF-06, R-WF-13, R-WF-15, R-DOM-01."""
        (deal,) = house.firm.deals

        # given: a deal is won
        house.win(deal)
        house.run_ends("activate-project")

        # when: the team works, the lead approves, finance bills, the client pays
        house.approve(house.book(deal, 8, 7.5, 4))
        house.run_ends("time-to-bill")
        house.bill()
        house.approval()
        house.desk.approve_all()
        house.run_ends("invoice-cycle")
        house.until(house.pay, "a payment")
        house.run_ends("payment-status")

        # then: every system agrees
        house.agrees()
