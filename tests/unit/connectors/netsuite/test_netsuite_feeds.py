"""Periods, payments, and the builder of queries."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from netsuite_erp import Erp, connect, open_erp

from accordant.connectors.netsuite.suiteql import Select, any_of, column, equals, one_of
from accordant.kernel import Bug, InvalidInput, Money, Unavailable


def posted(erp: Erp, count: int = 1) -> list[str]:
    """Post that many invoices of 120.00; returns their ids."""
    customer, project = erp.engagement()
    ids = []
    for number in range(count):
        ref = erp.draft(customer, project, "100.00", key=f"inv_{number}#1").ref
        erp.run(erp.connector.post_invoice(ref, key=f"inv_{number}:post#1"))
        ids.append(ref.value)
    return ids


def read_all(erp: Erp, watermark: str | None = None) -> tuple[list[str], str]:
    """Read the feed to its end; returns the refs and the last watermark."""
    refs: list[str] = []
    while True:
        page = erp.run(erp.connector.payments_since(watermark))
        refs += [o.ref.value for o in page.observations]
        watermark = page.watermark
        if not page.more:
            return refs, watermark


class TestPeriods:
    def test_are_months_in_order_from_the_one_of_the_day(self, erp: Erp) -> None:
        erp.sim.set_period(erp.periods[1], closed=True)
        erp.sim.set_period(erp.periods[2], locked=True)

        periods = erp.run(erp.connector.periods("uk01", since=date(2027, 2, 28)))

        assert [(p.name, p.is_open) for p in periods] == [("Feb 2027", False), ("Mar 2027", False), ("Apr 2027", True)]
        assert (periods[0].entity, str(periods[0].period)) == ("uk01", "2027-02-01..2027-02-28")

    def test_leave_out_quarters_and_years(self, erp: Erp) -> None:
        year = {"periodName": "FY 2027", "startDate": "2027-01-01", "endDate": "2027-12-31", "isYear": True}
        erp.sim.load("accountingPeriod", year)

        names = [p.name for p in erp.run(erp.connector.periods("uk01", since=date(2027, 4, 1)))]

        assert names == ["Apr 2027"]


class TestPayments:
    def test_come_per_invoice_with_amount_and_instant(self, erp: Erp) -> None:
        (invoice,) = posted(erp)
        payment = erp.sim.receive_payment(invoice, Decimal("50.55"), reference="O'Brien A|B 🚀")

        page = erp.run(erp.connector.payments_since(None))

        (seen,) = page.observations
        assert seen.ref.value == f"{payment}:{invoice}"
        assert seen.body is not None
        assert seen.body.invoice_id == f"netsuite-uk/invoice/{invoice}"
        assert (seen.body.amount, seen.body.paid_on) == (Money.of("50.55", "GBP"), date(2027, 2, 15))
        assert seen.body.reference == "O'Brien A|B 🚀"
        assert seen.changed_at == datetime(2027, 2, 15, 12, 0, tzinfo=UTC).replace(
            minute=seen.changed_at.minute, second=seen.changed_at.second
        )
        assert seen.unknown == frozenset()
        assert json.loads(page.raw)["items"][0]["invoice"] == invoice

    def test_one_payment_of_two_invoices_comes_twice(self, erp: Erp) -> None:
        first, second = posted(erp, 2)
        customer = erp.sim.state.require("invoice", first).data["entity"]
        rows = [{"doc": {"id": i}, "apply": True, "amount": Decimal(60)} for i in (first, second)]
        erp.sim.load(
            "customerPayment", {"customer": {"id": customer}, "apply": {"items": rows}, "payment": Decimal(120)}
        )

        page = erp.run(erp.connector.payments_since(None))

        assert [o.body.amount.amount for o in page.observations if o.body] == [60, 60]

    def test_pages_of_one_instant_lose_nothing(self) -> None:
        erp = open_erp(page_size=3)
        invoices = posted(erp, 8)
        payments = [erp.sim.receive_payment(i) for i in invoices]

        refs, _ = read_all(erp)

        assert refs == [f"{p}:{i}" for p, i in zip(payments, invoices, strict=True)]

    def test_changed_while_paging_come_again_and_push_nothing_out(self) -> None:
        erp = open_erp(page_size=3)
        invoices = posted(erp, 7)
        payments = []
        for invoice in invoices:
            erp.sim.clock.offset += timedelta(seconds=10)
            payments.append(erp.sim.receive_payment(invoice))
        first = erp.run(erp.connector.payments_since(None))
        erp.sim.clock.offset += timedelta(seconds=10)
        erp.sim.state.touch("customerPayment", payments[0], memo="changed")

        rest, _ = read_all(erp, first.watermark)

        seen = [o.ref.value.partition(":")[0] for o in first.observations] + [r.partition(":")[0] for r in rest]
        assert set(seen) == set(payments)
        assert seen[-1] == payments[0]

    def test_of_the_last_minutes_come_again_older_ones_do_not(self, erp: Erp) -> None:
        old, recent, new = posted(erp, 3)
        erp.sim.receive_payment(old)
        erp.sim.clock.offset += timedelta(hours=1)
        again = erp.sim.receive_payment(recent)
        _, watermark = read_all(erp)
        later = erp.sim.receive_payment(new)

        refs, _ = read_all(erp, watermark)

        assert [r.partition(":")[0] for r in refs] == [again, later]

    def test_quiet_feed_keeps_its_watermark(self, erp: Erp) -> None:
        (invoice,) = posted(erp)
        empty = erp.run(erp.connector.payments_since(None))
        erp.sim.receive_payment(invoice)
        _, watermark = read_all(erp)
        erp.sim.state.remove("customerPayment", next(iter(erp.sim.state.types["customerPayment"])).id)

        quiet = erp.run(erp.connector.payments_since(watermark))

        assert (empty.watermark, empty.observations) == ("", ())
        assert (quiet.watermark, quiet.more) == (watermark, False)

    def test_instants_are_read_in_the_zone_of_the_integrations_user(self, erp: Erp) -> None:
        (invoice,) = posted(erp)
        erp.sim.receive_payment(invoice)
        eastern = connect(erp.sim, time_zone="America/New_York")

        (here,) = erp.run(erp.connector.payments_since(None)).observations
        (there,) = erp.run(eastern.payments_since(None)).observations

        assert there.changed_at - here.changed_at == timedelta(hours=5)

    def test_unreadable_watermark_says_what_to_do(self, erp: Erp) -> None:
        with pytest.raises(InvalidInput) as refused:
            erp.run(erp.connector.payments_since("yesterday"))

        assert "beginning" in refused.value.remedy

    def test_an_account_that_is_down_is_unavailable_and_back_again(self, erp: Erp) -> None:
        (invoice,) = posted(erp)
        erp.sim.receive_payment(invoice)
        erp.arm("500", on="POST */suiteql", times=3)

        with pytest.raises(Unavailable):
            erp.run(erp.connector.payments_since(None))

        assert len(erp.run(erp.connector.payments_since(None)).observations) == 1


class TestQueries:
    def test_bind_every_value(self) -> None:
        hostile = "x' OR '1'='1"
        select = Select(
            "customer", (column("id"),), where=(equals("companyname", hostile), one_of("id", ["1", hostile]))
        )

        assert hostile not in select.text
        assert select.text == "SELECT id FROM customer WHERE companyname = ? AND id IN (?, ?)"
        assert select.params == (hostile, "1", hostile)

    def test_keep_parameters_in_the_order_of_their_marks(self) -> None:
        select = Select("t", (column("a"),), where=(any_of(equals("a", "1"), equals("b", "2")), equals("c", "3")))

        assert select.text.endswith("WHERE (a = ? OR b = ?) AND c = ?")
        assert select.params == ("1", "2", "3")

    @pytest.mark.parametrize("name", ["id; DROP TABLE x", "id = 1", "", "a.b.c", "Id'"])
    def test_let_no_text_pass_as_a_name(self, name: str) -> None:
        with pytest.raises(Bug):
            column(name)

    def test_refuse_lists_that_the_database_refuses(self) -> None:
        for values in ([], ["x"] * 501):
            with pytest.raises(Bug):
                one_of("id", values)

    def test_of_twelve_hundred_keys_are_asked_in_parts(self, erp: Erp) -> None:
        _, project = erp.engagement()
        from netsuite_erp import a_line

        erp.run(erp.connector.post_time({"k_700": a_line(project)}))
        erp.sim.calls.clear()

        answers = erp.run(erp.connector.find_time(tuple(f"k_{n}" for n in range(1200))))

        assert len(answers) == 1200
        assert len([c for c in erp.sim.calls if "suiteql" in c[0]]) == 3
