"""Time and invoices: what is posted, what is refused and why, what happens when answers are lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from netsuite_erp import HOSTILE, RECORDS, Erp, a_customer, a_line, an_invoice, open_erp

from accordant.canonical import InvoiceState
from accordant.kernel import Bug, KeyConflict, Money, NotFound, RateLimited, Rejected, UnknownOutcome
from accordant.ports import Absent, EffectKind, Failed, Found, Written, effect_of


class TestTime:
    def test_is_posted_approved_with_its_source_under_its_key(self, erp: Erp) -> None:
        _, project = erp.engagement()

        outcomes = erp.run(erp.connector.post_time({"lin_1#1": a_line(project, task="PLAN")}))

        (entry,) = erp.books("time_bill")
        assert outcomes == {"lin_1#1": Written(ref=erp.connector.ref("timeBill", entry.id))}
        assert (entry.key, entry.source, entry.state) == ("lin_1-231", "kantata-main/9001", "approved")
        assert (entry.quantity, entry.amount, entry.currency) == (Decimal("1.5"), Decimal("180.00"), "GBP")
        assert erp.sim.state.types["timeBill"].get(entry.id).data["caseTaskEvent"]  # type: ignore[union-attr]

    def test_goes_to_the_item_of_the_role(self, erp: Erp) -> None:
        _, project = erp.engagement()

        erp.run(erp.connector.post_time({"a#1": a_line(project, role="ADV"), "b#1": a_line(project, role="OTHER")}))

        items = [r.data["item"] for r in erp.sim.state.types["timeBill"]]
        assert [erp.sim.state.name_of(("serviceSaleItem",), i) for i in items] == ["ADVISORY", "CONSULTING"]

    def test_of_a_task_the_erp_does_not_have_goes_to_the_project(self, erp: Erp) -> None:
        _, project = erp.engagement()

        outcomes = erp.run(erp.connector.post_time({"lin_1#1": a_line(project, task="UNHEARD")}))

        assert isinstance(outcomes["lin_1#1"], Written)
        assert erp.books("time_bill")[0].parent == project.value

    def test_one_bad_line_fails_alone_and_says_why(self, erp: Erp) -> None:
        _, project = erp.engagement()
        lines = {f"lin_{n}#1": a_line(project) for n in range(250)}
        lines["lin_7#1"] = a_line(project, worker_number="E999")
        lines["lin_8#1"] = a_line(project, worker_number=None)
        lines["lin_9#1"] = a_line(project, hours=Decimal("0.33"))

        outcomes = erp.run(erp.connector.post_time(lines))

        failed = {key: o.error["code"] for key, o in outcomes.items() if isinstance(o, Failed)}
        assert failed == {
            "lin_7#1": "erp.reference.unknown",
            "lin_8#1": "erp.time.worker_missing",
            "lin_9#1": "mapping.unwritable",
        }
        assert outcomes["lin_7#1"].error["detail"]["field"] == "employee"  # type: ignore[union-attr]
        assert len(erp.books("time_bill")) == 247
        assert set(outcomes) == set(lines)

    def test_posted_twice_is_kept_once(self, erp: Erp) -> None:
        _, project = erp.engagement()
        lines = {f"lin_{n}#1": a_line(project) for n in range(150)}

        first, second = erp.run(erp.connector.post_time(lines)), erp.run(erp.connector.post_time(lines))

        assert first == second
        assert len(erp.books("time_bill")) == 150

    def test_partial_batch_gives_an_outcome_per_line(self, erp: Erp) -> None:
        _, project = erp.engagement()
        erp.arm("partial_batch", on=f"PUT {RECORDS}/timeBill", options={"every": 3})

        outcomes = erp.run(erp.connector.post_time({f"lin_{n}#1": a_line(project) for n in range(1, 8)}))

        assert [isinstance(o, Failed) for o in outcomes.values()].count(True) == 2
        assert {key for key, o in outcomes.items() if isinstance(o, Failed)} == {"lin_3#1", "lin_6#1"}
        assert outcomes["lin_3#1"].error["code"] == "erp.record.failed"  # type: ignore[union-attr]
        assert len(erp.books("time_bill")) == 5

    def test_of_a_lost_answer_is_found_line_by_line(self, erp: Erp) -> None:
        _, project = erp.engagement()
        keys = tuple(f"lin_{n}#1" for n in range(200))
        erp.arm("timeout_after_commit", on=f"PUT {RECORDS}/timeBill")
        erp.arm("timeout_before_commit", on=f"PUT {RECORDS}/timeBill")

        with pytest.raises(UnknownOutcome):
            erp.run(erp.connector.post_time({key: a_line(project) for key in keys}))

        answers = erp.run(erp.connector.find_time(keys))
        assert [isinstance(a, Found) for a in answers.values()].count(True) == 100
        erp.run(erp.connector.post_time({k: a_line(project) for k, a in answers.items() if a == Absent()}))
        assert len(erp.books("time_bill")) == 200

    def test_in_a_job_that_still_runs_is_unknown(self, erp: Erp) -> None:
        _, project = erp.engagement()
        erp.sim.async_delay_s = 30

        with pytest.raises(UnknownOutcome) as unknown:
            erp.run(erp.connector.post_time({"lin_1#1": a_line(project)}))

        assert unknown.value.detail["reason"] == "erp.job.running"
        assert erp.run(erp.connector.find_time(("lin_1#1",)))["lin_1#1"] == Absent()

    def test_that_the_search_does_not_show_yet_is_unknown_and_found_later(self, erp: Erp) -> None:
        _, project = erp.engagement()
        fault = erp.arm("search_lag", options={"lag_s": 60})

        with pytest.raises(UnknownOutcome) as unknown:
            erp.run(erp.connector.post_time({"lin_1#1": a_line(project)}))
        fault.options["lag_s"] = 0
        erp.sim.clock.offset *= 2

        assert unknown.value.lookup_key == "lin_1#1"
        assert isinstance(erp.run(erp.connector.find_time(("lin_1#1",)))["lin_1#1"], Found)

    def test_whose_half_was_throttled_is_unknown_as_a_whole(self, erp: Erp) -> None:
        _, project = erp.engagement()
        erp.arm("429", on=f"PUT {RECORDS}/timeBill", after=1)

        with pytest.raises(UnknownOutcome):
            erp.run(erp.connector.post_time({f"lin_{n}#1": a_line(project) for n in range(200)}))

        assert len(erp.books("time_bill")) == 100

    def test_that_was_throttled_altogether_was_surely_not_posted(self, erp: Erp) -> None:
        _, project = erp.engagement()
        erp.arm("429", on=f"PUT {RECORDS}/timeBill")

        with pytest.raises(RateLimited):
            erp.run(erp.connector.post_time({"lin_1#1": a_line(project)}))

        assert erp.books("time_bill") == []

    def test_more_than_five_hundred_lines_are_a_bug(self, erp: Erp) -> None:
        _, project = erp.engagement()

        with pytest.raises(Bug):
            erp.run(erp.connector.post_time({f"l{n}": a_line(project) for n in range(501)}))

    @pytest.mark.parametrize("memo", HOSTILE)
    def test_hostile_memos_arrive_as_they_are(self, erp: Erp, memo: str) -> None:
        _, project = erp.engagement()

        erp.run(erp.connector.post_time({"lin_1#1": a_line(project, memo=memo)}))

        assert next(iter(erp.sim.state.types["timeBill"])).data["memo"] == memo


class TestInvoice:
    def test_is_drafted_with_the_erps_totals(self, erp: Erp) -> None:
        customer, project = erp.engagement()

        draft = erp.draft(customer, project, "100.00", "33.33")

        assert draft.facts["state"] == "draft"
        assert (draft.facts["net"], draft.facts["tax"], draft.facts["total"]) == ("133.33", "26.67", "160.00")
        (document,) = erp.books("invoice")
        assert (document.key, document.amount, document.state, document.entity) == (
            "inv_1-231",
            Decimal("133.33"),
            "draft",
            "uk01",
        )
        assert (document.facts["view"], document.facts["contract"]) == ("ab12", "con_1")
        assert [line.source for line in erp.books("invoice_line")] == ["kantata-main/9001", "kantata-main/9002"]

    def test_lines_without_source_references_carry_the_ledgers_ids(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        line = an_invoice("5").lines[0].model_copy(update={"sources": ("lin_1", "lin_2"), "source_refs": ()})

        erp.draft(customer, project, lines=(line,))

        assert erp.books("invoice_line")[0].source == "lin_1 lin_2"

    def test_drafted_again_replaces_its_lines(self, erp: Erp) -> None:
        customer, project = erp.engagement()

        first, second = erp.draft(customer, project, "100"), erp.draft(customer, project, "80", "10")

        assert first.ref == second.ref
        assert [line.amount for line in erp.books("invoice_line")] == [Decimal(80), Decimal(10)]

    def test_is_posted_with_number_period_and_totals(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project, "100.00")

        posted = erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))

        assert posted.facts == {
            "state": "posted",
            "number": "INV-1001",
            "period": "Feb 2027",
            "currency": "GBP",
            "net": "100.00",
            "tax": "20.00",
            "total": "120.00",
            "due": "120.00",
            "accounting_on": "2027-02-10",
        }
        assert set(erp.sim.trial_balance().values()) == {Decimal(0)}

    def test_booked_into_another_period_counts_from_its_first_day(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project)
        erp.sim.state.touch("invoice", draft.ref.value, postingPeriod=erp.periods[2])

        posted = erp.run(erp.connector.post_invoice(draft.ref, key="inv_1/post#1"))

        assert (posted.facts["period"], posted.facts["accounting_on"]) == ("Mar 2027", "2027-03-01")

    def test_lines_without_a_tax_code_take_the_agreed_one(self, erp: Erp) -> None:
        from netsuite_erp import some_rules

        customer, project = erp.engagement()
        line = an_invoice("100.00").lines[0].model_copy(update={"tax_code": None})
        untaxed = erp.draft(customer, project, lines=(line,))
        erp.run(erp.connector.put_billing_rules(project, some_rules(), key="rules#1"))

        taxed = erp.draft(customer, project, lines=(line,))

        assert (untaxed.facts["tax"], taxed.facts["tax"]) == ("0.00", "20.00")

    def test_posted_again_answers_as_posted(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project)

        answers = [erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1")) for _ in range(2)]

        assert answers[0] == answers[1]
        assert len([c for c in erp.sim.calls if c[0].startswith("PATCH") and "/invoice/" in c[0]]) == 1

    def test_posting_is_marked_as_the_act_that_moves_money(self, erp: Erp) -> None:
        spec = effect_of(erp.connector.post_invoice)

        assert (spec.kind, spec.moves_money, spec.look_up) == (EffectKind.ACT, True, "find_invoices")

    @pytest.mark.parametrize("change", ["closed", "locked"])
    def test_refuses_closed_period_with_a_remedy(self, erp: Erp, change: str) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project)
        erp.sim.set_period(erp.periods[1], **{change: True})

        with pytest.raises(Rejected) as refused:
            erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))

        assert refused.value.code == "erp.invoice.period_closed"
        assert "next open period" in refused.value.remedy
        assert erp.run(erp.connector.fetch_invoice(draft.ref)).state is InvoiceState.DRAFT
        erp.sim.set_period(erp.periods[1], closed=False, locked=False)
        erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))
        assert erp.books("invoice")[0].state == "posted"

    def test_refuses_a_currency_the_customer_lacks(self, erp: Erp) -> None:
        customer, project = erp.engagement()

        with pytest.raises(Rejected) as refused:
            erp.draft(customer, project, currency="USD")

        assert refused.value.code == "erp.customer.currency_missing"
        assert refused.value.remedy

    def test_refuses_a_project_of_another_customer(self, erp: Erp) -> None:
        _, project = erp.engagement()
        other = erp.customer("Elm", key="cus_2#1")

        with pytest.raises(Rejected) as refused:
            erp.draft(other, project)

        assert refused.value.code == "erp.project.wrong_customer"

    def test_refuses_a_day_without_a_period(self, erp: Erp) -> None:
        from datetime import date

        customer, project = erp.engagement()

        with pytest.raises(Rejected) as refused:
            erp.draft(customer, project, invoice_on=date(2029, 1, 1))

        assert refused.value.code == "erp.invoice.period_missing"

    @pytest.mark.parametrize(("currency", "amount", "total"), [("JPY", "1000", "1200"), ("KWD", "10.125", "12.150")])
    def test_keeps_currencies_of_no_and_three_decimals(self, erp: Erp, currency: str, amount: str, total: str) -> None:
        customer = erp.customer(currency=currency)
        project = erp.project(customer, currency=currency)

        draft = erp.draft(customer, project, amount, currency=currency)

        assert draft.facts["total"] == total

    def test_posted_cannot_be_drafted_anew_or_deleted(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project, "100")
        erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))

        for attempt in (
            lambda: erp.draft(customer, project, "90"),
            lambda: erp.run(erp.connector.delete_draft(draft.ref, key="inv_1:delete#1")),
        ):
            with pytest.raises(Rejected) as refused:
                attempt()
            assert refused.value.code == "erp.document.posted"

        assert erp.books("invoice")[0].amount == Decimal(100)

    def test_draft_is_deleted_and_a_second_delete_answers_so(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project)

        answers = [erp.run(erp.connector.delete_draft(draft.ref, key="inv_1:delete#1")) for _ in range(2)]

        assert [a.facts["state"] for a in answers] == ["deleted", "deleted"]
        assert erp.books("invoice") == []
        assert erp.run(erp.connector.find_invoices(("inv_1#1",)))["inv_1#1"] == Absent()

    def test_void_cannot_be_posted(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project)
        erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))
        erp.sim.void_invoice(draft.ref.value)

        with pytest.raises(Rejected) as refused:
            erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#2"))

        assert refused.value.code == "erp.invoice.void"

    def test_reads_back_what_was_paid(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project, "100.00")
        erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))
        states = []
        for amount in (Decimal(50), None):
            erp.sim.receive_payment(draft.ref.value, amount)
            status = erp.run(erp.connector.fetch_invoice(draft.ref))
            states.append((status.state, status.due))

        assert states == [(InvoiceState.POSTED, Money.of("70.00", "GBP")), (InvoiceState.PAID, Money.of("0.00", "GBP"))]

    def test_that_is_gone_is_not_found(self, erp: Erp) -> None:
        with pytest.raises(NotFound):
            erp.run(erp.connector.fetch_invoice(erp.connector.ref("invoice", "1")))


class TestLostAnswers:
    def test_of_a_draft_is_found_with_its_facts(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        erp.arm("timeout_after_commit", on=f"PUT {RECORDS}/invoice/*")

        with pytest.raises(UnknownOutcome) as unknown:
            erp.draft(customer, project, "100.00")

        found = erp.run(erp.connector.find_invoices((unknown.value.lookup_key,)))["inv_1#1"]
        assert isinstance(found, Found)
        assert (found.written.facts["state"], found.written.facts["total"]) == ("draft", "120.00")
        assert len(erp.books("invoice")) == 1

    def test_of_a_posting_is_seen_in_the_look_up_and_posted_once(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        draft = erp.draft(customer, project, "100.00")
        erp.arm("timeout_after_commit", on=f"PATCH {RECORDS}/invoice/*")

        with pytest.raises(UnknownOutcome):
            erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1"))

        found = erp.run(erp.connector.find_invoices(("inv_1#1",)))["inv_1#1"]
        assert isinstance(found, Found)
        assert found.written.facts["state"] == "posted"
        assert erp.run(erp.connector.post_invoice(draft.ref, key="inv_1:post#1")).facts == found.written.facts

    def test_of_the_reading_after_a_write_is_unknown_not_repeatable(self, erp: Erp) -> None:
        customer, project = erp.engagement()
        erp.arm("500", on=f"GET {RECORDS}/invoice/*", times=3)

        with pytest.raises(UnknownOutcome) as unknown:
            erp.draft(customer, project)

        assert unknown.value.lookup_key == "inv_1#1"

    def test_a_key_of_another_document_is_never_overwritten(self, erp: Erp) -> None:
        """External ids are one space for all transactions: a credit memo may hold ours."""
        customer, project = erp.engagement()
        erp.sim.load(
            "creditMemo",
            {
                "entity": {"id": customer.value},
                "externalId": "inv_1-231",
                "tranDate": "2027-02-10",
                "item": {"items": [{"item": {"externalId": "CONSULTING"}, "amount": Decimal(5)}]},
            },
        )

        with pytest.raises(KeyConflict):
            erp.draft(customer, project)

        assert erp.run(erp.connector.find_invoices(("inv_1#1",)))["inv_1#1"] == Absent()


class TestLimits:
    def test_fifty_at_once_against_five_slots_lose_and_double_nothing(self) -> None:
        import asyncio

        from netsuite_erp import connect

        from accordant.kernel import Retryable
        from accordant.platform.http import Limits, LocalLane, in_process

        erp = open_erp()
        erp.sim.latency_s = 0.002
        settings = connect(erp.sim).settings
        lane = LocalLane(Limits(concurrency=5), system="netsuite-uk")
        connector = type(erp.connector)("netsuite-uk", settings, in_process(erp.sim.app, lane=lane, timeout_s=5))

        async def burst() -> list[object]:
            works = (
                connector.create_customer(
                    a_customer(f"Client {n}", id=f"cus_{n}"), entity="uk01", currency="GBP", key=f"cus_{n}#1"
                )
                for n in range(50)
            )
            return await asyncio.gather(*works, return_exceptions=True)

        answers = erp.run(burst())

        assert not [a for a in answers if isinstance(a, Retryable)]
        assert len({a.ref for a in answers}) == 50  # type: ignore[attr-defined]
        assert len(erp.books("customer")) == 50
        assert not [c for c in erp.sim.calls if c[3] == 429]

    def test_throttled_reads_wait_and_go_on(self, erp: Erp) -> None:
        erp.customer()
        erp.arm("429", on="POST */suiteql")

        assert isinstance(erp.run(erp.connector.find_customers(("cus_1#1",)))["cus_1#1"], Found)

    def test_throttled_writes_surely_did_nothing(self, erp: Erp) -> None:
        erp.arm("429", on=f"PUT {RECORDS}/customer/*")

        with pytest.raises(RateLimited) as limited:
            erp.customer()

        assert limited.value.retry_after_s == 1.0
        assert erp.books("customer") == []
