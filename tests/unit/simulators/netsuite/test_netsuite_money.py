"""Invoices, credits, payments, journals: what is accepted, what is refused, and a ledger that always balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from netsuite_account import Account, error_of, send

APPROVE = {"approvalStatus": {"id": "2"}}


def lines_of(account: Account, *amounts: float) -> dict[str, Any]:
    return {"items": [{"item": {"id": account.item}, "amount": a} for a in amounts]}


def require_balance(account: Account) -> None:
    assert account.sim.trial_balance(), "nothing was posted"
    assert set(account.sim.trial_balance().values()) == {Decimal(0)}


class TestInvoice:
    def test_draft_computes_tax_per_line_and_posts_nothing(self, account: Account) -> None:
        invoice = account.read("invoice", account.invoice(account.customer(), 100, 33.33))

        assert (invoice["subtotal"], invoice["taxTotal"], invoice["total"]) == (133.33, 26.67, 160)
        assert invoice["status"]["id"] == "D"
        assert account.sim.trial_balance() == {}

    def test_approval_posts_and_balances(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100)

        reply = account.call("PATCH", f"/record/v1/invoice/{invoice}", json=APPROVE)

        assert reply.status_code == 204
        assert account.read("invoice", invoice)["status"]["refName"] == "Open"
        require_balance(account)

    def test_amount_comes_from_quantity_and_rate(self, account: Account) -> None:
        line = {"item": {"id": account.item}, "quantity": 1.5, "rate": 33.33}
        invoice = account.create(
            "invoice", {"entity": {"id": account.customer()}, "tranDate": "2027-02-10", "item": {"items": [line]}}
        )

        assert account.read("invoice", invoice)["total"] == 50

    @pytest.mark.parametrize("flag", ["closed", "locked"])
    def test_refuses_closed_period(self, account: Account, flag: str) -> None:
        customer = account.customer()
        draft = account.invoice(customer, 100)
        account.sim.set_period(account.periods[1], **{flag: True})

        posting = account.call("PATCH", f"/record/v1/invoice/{draft}", json=APPROVE)
        drafting = account.call(
            "POST",
            "/record/v1/invoice",
            json={"entity": {"id": customer}, "tranDate": "2027-02-28", "item": lines_of(account, 10)},
        )

        for reply in (posting, drafting):
            assert error_of(reply)[:2] == (400, "USER_ERROR")
            assert "Feb 2027" in error_of(reply)[2]
        assert account.sim.trial_balance() == {}

    def test_moves_to_the_next_period_when_told(self, account: Account) -> None:
        draft = account.invoice(account.customer(), 100)
        account.sim.set_period(account.periods[1], closed=True)

        reply = account.call(
            "PATCH", f"/record/v1/invoice/{draft}", json={**APPROVE, "postingPeriod": {"id": account.periods[2]}}
        )

        assert reply.status_code == 204
        assert account.read("invoice", draft)["postingPeriod"]["refName"] == "Mar 2027"

    def test_refuses_currency_not_listed(self, account: Account) -> None:
        customer = account.customer()

        reply = account.call(
            "POST",
            "/record/v1/invoice",
            json={"entity": {"id": customer}, "currency": {"externalId": "USD"}, "item": lines_of(account, 10)},
        )

        assert error_of(reply)[1] == "USER_ERROR"
        assert "Invalid currency reference key" in error_of(reply)[2]

    def test_accepts_a_listed_second_currency(self, account: Account) -> None:
        customer = account.customer(currencyList={"items": [{"currency": {"externalId": "JPY"}}]})

        invoice = account.invoice(customer, 1000, currency={"externalId": "JPY"}, approve=True)

        assert account.read("invoice", invoice)["currency"]["refName"] == "JPY"
        require_balance(account)

    def test_refuses_amounts_finer_than_the_currency(self, account: Account) -> None:
        customer = account.customer(currencyList={"items": [{"currency": {"externalId": "JPY"}}]})

        reply = account.call(
            "POST",
            "/record/v1/invoice",
            json={"entity": {"id": customer}, "currency": {"externalId": "JPY"}, "item": lines_of(account, 10.5)},
        )

        assert error_of(reply)[0] == 400

    def test_refuses_another_subsidiary_than_the_customers(self, account: Account) -> None:
        reply = account.call(
            "POST",
            "/record/v1/invoice",
            json={
                "entity": {"id": account.customer()},
                "subsidiary": {"id": account.de},
                "item": lines_of(account, 10),
            },
        )

        assert "Invalid subsidiary reference key" in error_of(reply)[2]

    def test_refuses_a_project_of_another_customer(self, account: Account) -> None:
        project = account.project(account.customer("Elm"))

        reply = account.call(
            "POST",
            "/record/v1/invoice",
            json={"entity": {"id": account.customer()}, "job": {"id": project}, "item": lines_of(account, 10)},
        )

        assert "Invalid job reference key" in error_of(reply)[2]

    def test_refuses_an_empty_invoice(self, account: Account) -> None:
        reply = account.call("POST", "/record/v1/invoice", json={"entity": {"id": account.customer()}})

        assert "at least one line" in error_of(reply)[2]

    def test_posted_can_only_change_its_memo(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100, approve=True)

        memo = account.call("PATCH", f"/record/v1/invoice/{invoice}", json={"memo": "thank you"})
        line = account.call("PATCH", f"/record/v1/invoice/{invoice}?replace=item", json={"item": lines_of(account, 90)})
        state = account.call("PATCH", f"/record/v1/invoice/{invoice}", json={"approvalStatus": {"id": "1"}})

        assert memo.status_code == 204
        assert [error_of(r)[1] for r in (line, state)] == ["USER_ERROR"] * 2
        assert account.read("invoice", invoice)["total"] == 120

    def test_posted_cannot_be_deleted_but_a_draft_can(self, account: Account) -> None:
        customer = account.customer()
        draft, posted = account.invoice(customer, 1), account.invoice(customer, 2, approve=True)

        assert account.call("DELETE", f"/record/v1/invoice/{draft}").status_code == 204
        assert error_of(account.call("DELETE", f"/record/v1/invoice/{posted}"))[1] == "USER_ERROR"

    def test_lines_without_a_key_are_added_unless_replaced(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100)
        url = f"/record/v1/invoice/{invoice}"

        account.call("PATCH", url, json={"item": lines_of(account, 10)})
        assert account.read("invoice", invoice)["subtotal"] == 110
        account.call("PATCH", url, json={"item": {"items": [{"line": 2, "amount": 15}]}})
        assert account.read("invoice", invoice)["subtotal"] == 115
        account.call("PATCH", f"{url}?replace=item", json={"item": lines_of(account, 10)})
        assert account.read("invoice", invoice)["subtotal"] == 10

    def test_bills_approved_time_once(self, account: Account) -> None:
        customer = account.customer()
        time = account.create("timeBill", account.time_bill(account.project(customer), approvalStatus={"id": "3"}))
        body = {
            "entity": {"id": customer},
            "tranDate": "2027-02-10",
            "time": {"items": [{"doc": {"id": time}, "apply": True}]},
        }

        first = account.create("invoice", body)
        second = account.call("POST", "/record/v1/invoice", json=body)

        assert account.read("invoice", first)["subtotal"] == 180
        assert "already been billed" in error_of(second)[2]
        account.call("DELETE", f"/record/v1/invoice/{first}")
        account.create("invoice", body)

    def test_void_takes_its_amounts_from_the_ledger(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100, approve=True)

        account.sim.void_invoice(invoice)

        assert account.sim.trial_balance() == {}
        assert [d.state for d in account.sim.books.documents() if d.kind == "invoice"] == ["void"]


class TestPayment:
    def test_settles_the_invoice(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)

        account.pay(customer, 50, {invoice: 50})
        part = account.read("invoice", invoice)
        account.pay(customer, 70, {invoice: 70})
        paid = account.read("invoice", invoice)

        assert (part["amountRemaining"], part["status"]["id"]) == (70, "A")
        assert (paid["amountRemaining"], paid["amountPaid"], paid["status"]["id"]) == (0, 120, "B")
        assert account.read("customer", customer)["balance"] == 0
        require_balance(account)

    def test_refuses_over_application(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)

        more_than_due = account.pay(customer, 500, {invoice: 121})
        more_than_paid = account.pay(customer, 10, {invoice: 20})

        assert "120" in error_of(more_than_due)[2]
        assert error_of(more_than_paid)[1] == "USER_ERROR"
        assert account.read("invoice", invoice)["amountRemaining"] == 120

    def test_is_applied_later_and_unapplied_again(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)
        payment = account.pay(customer, 120, {}).headers["Location"].rsplit("/", 1)[-1]
        url = f"/record/v1/customerPayment/{payment}"

        account.call("PATCH", url, json={"apply": {"items": [{"doc": {"id": invoice}, "apply": True, "amount": 100}]}})
        assert account.read("invoice", invoice)["amountRemaining"] == 20
        assert account.read("customerPayment", payment)["unapplied"] == 20
        account.call("PATCH", url, json={"apply": {"items": [{"doc": {"id": invoice}, "apply": False}]}})
        assert account.read("invoice", invoice)["amountRemaining"] == 120

    def test_applies_itself_to_the_oldest(self, account: Account) -> None:
        customer = account.customer()
        young = account.invoice(customer, 100, approve=True, dueDate="2027-04-01")
        old = account.invoice(customer, 100, approve=True, dueDate="2027-03-01")

        account.pay(customer, 150, {}, autoApply=True, apply=None)

        assert [account.read("invoice", i)["amountRemaining"] for i in (old, young)] == [0, 90]

    def test_refuses_a_draft_and_a_foreign_invoice(self, account: Account) -> None:
        customer, other = account.customer(), account.customer("Elm")
        draft, foreign = account.invoice(customer, 1), account.invoice(other, 1, approve=True)

        assert account.pay(customer, 1, {draft: 1}).status_code == 400
        assert account.pay(customer, 1, {foreign: 1}).status_code == 400

    def test_deleted_opens_the_invoice_again(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)
        payment = account.pay(customer, 120, {invoice: 120}).headers["Location"].rsplit("/", 1)[-1]

        account.call("DELETE", f"/record/v1/customerPayment/{payment}")

        assert account.read("invoice", invoice)["status"]["id"] == "A"
        require_balance(account)


class TestCredit:
    def test_made_from_an_invoice_settles_it(self, account: Account) -> None:
        customer = account.customer()
        invoice = account.invoice(customer, 100, approve=True)

        reply = account.call(
            "POST", f"/record/v1/invoice/{invoice}/!transform/creditMemo", json={"externalId": "crd_1"}
        )

        assert reply.status_code == 204
        credit = account.read("creditMemo", "eid:crd_1")
        assert (credit["total"], credit["status"]["id"], credit["createdFrom"]["id"]) == (120, "B", invoice)
        assert account.read("invoice", invoice)["amountRemaining"] == 0
        require_balance(account)

    def test_takes_part_of_the_lines(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100, approve=True)
        part = {"item": {"items": [{"item": {"id": account.item}, "amount": 40, "taxCode": {"id": account.vat}}]}}

        account.call("POST", f"/record/v1/invoice/{invoice}/!transform/creditMemo", json=part)

        assert account.read("invoice", invoice)["amountRemaining"] == 72

    def test_is_refused_for_a_draft(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100)

        reply = account.call("POST", f"/record/v1/invoice/{invoice}/!transform/creditMemo", json={})

        assert error_of(reply)[1] == "USER_ERROR"

    def test_entered_directly_stays_unapplied(self, account: Account) -> None:
        body = {"entity": {"id": account.customer()}, "tranDate": "2027-02-11", "item": lines_of(account, 50)}

        credit = account.read("creditMemo", account.create("creditMemo", body))

        assert (credit["unapplied"], credit["status"]["id"]) == (50, "A")
        require_balance(account)

    def test_posted_cannot_change_its_lines(self, account: Account) -> None:
        body = {"entity": {"id": account.customer()}, "tranDate": "2027-02-11", "item": lines_of(account, 50)}
        credit = account.create("creditMemo", body)

        reply = account.call(
            "PATCH", f"/record/v1/creditMemo/{credit}?replace=item", json={"item": lines_of(account, 1)}
        )

        assert error_of(reply)[1] == "USER_ERROR"


class TestJournal:
    @staticmethod
    def body(account: Account, debit: float, credit: float, **fields: Any) -> dict[str, Any]:
        lines = [
            {"account": {"externalId": "6000"}, "debit": debit},
            {"account": {"externalId": "1200"}, "credit": credit},
        ]
        return {"subsidiary": {"id": account.uk}, "tranDate": "2027-02-15", "line": {"items": lines}, **fields}

    def test_posts_when_it_balances(self, account: Account) -> None:
        account.create("journalEntry", self.body(account, 10, 10))

        require_balance(account)

    def test_is_refused_when_it_does_not(self, account: Account) -> None:
        reply = account.call("POST", "/record/v1/journalEntry", json=self.body(account, 10, 9))

        assert "do not balance" in error_of(reply)[2]

    def test_is_refused_in_a_closed_period(self, account: Account) -> None:
        account.sim.set_period(account.periods[1], closed=True)

        reply = account.call("POST", "/record/v1/journalEntry", json=self.body(account, 10, 10))

        assert "is closed" in error_of(reply)[2]

    def test_unapproved_waits(self, account: Account) -> None:
        journal = account.create("journalEntry", self.body(account, 10, 10, approved=False))
        assert account.sim.trial_balance() == {}

        account.call("PATCH", f"/record/v1/journalEntry/{journal}", json={"approved": True})

        require_balance(account)


class TestBooks:
    def test_tell_invoice_and_lines_with_source_and_state(self, account: Account) -> None:
        customer = account.customer(externalId="cus_1")
        line = {"item": {"id": account.item}, "quantity": 2, "amount": 100, "taxCode": {"id": account.vat}}
        line["custcol_source_line"] = "kantata-main/9001"
        body = {"entity": {"id": customer}, "tranDate": "2027-02-10", "externalId": "inv_1", "item": {"items": [line]}}
        invoice = account.create("invoice", {**body, **APPROVE, "custbody_accordant_view": "ab12"})
        account.sim.receive_payment(invoice)

        books = {d.kind: d for d in account.sim.books.documents()}

        header, row = books["invoice"], books["invoice_line"]
        assert (header.key, header.amount, header.state, header.entity, header.currency) == (
            "inv_1",
            100,
            "paid",
            "uk01",
            "GBP",
        )
        assert (header.facts["tax"], header.facts["total"], header.facts["view"]) == ("20.00", "120.00", "ab12")
        assert (row.source, row.amount, row.quantity, row.parent, row.state) == (
            "kantata-main/9001",
            100,
            2,
            invoice,
            "paid",
        )
        assert books["payment"].amount == 120
        assert books["journal"].facts["balance"] in ("0", "0.00")

    def test_are_served_as_text_amounts(self, account: Account) -> None:
        account.invoice(account.customer(), 0.1, 0.2, approve=True)

        served = send(account.sim, "GET", "/_books").json()["documents"]

        assert next(d for d in served if d["kind"] == "invoice")["amount"] == "0.3"
