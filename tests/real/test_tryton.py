"""What the Tryton connector does with a real Tryton 8.0: masters, time, invoices to the cent, payments, proof."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from judge_tryton import Tryton, read_documents
from pydantic import SecretStr

from accordant.canonical import BillingMethod, Customer, Invoice, InvoiceLine, InvoiceState, Project, Task
from accordant.connectors.tryton import TrytonConnector, TrytonSettings
from accordant.connectors.tryton.provision import UNASSIGNED
from accordant.kernel import ExternalId, KeyConflict, Money, NotFound, Rejected
from accordant.ports import Absent, BillingRules, Failed, Found, TimeCorrection, TimeToPost, Unsure, Written
from accordant.runtime.tryton_firm import BANK_DESK, INTEGRATION, JUDGE, TrytonFirm, direct_http
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.tryton import TrytonClients, TrytonDesk

TOOLS = Path(__file__).parents[2] / "tools"

SYSTEM = "tryton-main"
HOSTILE = '=HYPERLINK("A|B") O\'Brien 50% a_b \\ שלום 😀'

_serial = count(1)


def a_key(kind: str) -> str:
    """A key that no other test uses."""
    return f"{kind}_{next(_serial):04d}#1"


class Erp:
    """A connector of its own for each story, as a worker has one per event loop."""

    def __init__(self, tryton: TrytonFirm) -> None:
        login = tryton.logins[INTEGRATION]
        self.settings = TrytonSettings(url=tryton.server.url, unassigned=UNASSIGNED, settle_s=1, **login)

    def run(self, story: Callable[[TrytonConnector], Awaitable[Any]], **changes: Any) -> Any:
        async def told() -> Any:
            connector = TrytonConnector(SYSTEM, self.settings.model_copy(update=changes), direct_http)
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(told())


@pytest.fixture
def erp(tryton: TrytonFirm) -> Erp:
    return Erp(tryton)


def a_customer(**changes: Any) -> Customer:
    facts = {"id": "cus_1", "name": HOSTILE, "country": "GB", "city": "Leeds", "street": "4 Row", "postal_code": "LS1"}
    return Customer(**facts | changes)


def a_project(key: str, **changes: Any) -> Project:
    facts = {
        "id": key.partition("#")[0],
        "code": f"UK01-{key[-6:-2]}-{next(_serial)}",
        "name": HOSTILE,
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "entity": "uk01",
        "currency": "GBP",
        "billing_method": BillingMethod.TIME_AND_MATERIALS,
        "start_on": date(2026, 1, 5),
        "tasks": (Task(code="T/1", name=HOSTILE), Task(code="T2", name="Go-live")),
    }
    return Project(**facts | changes)


def rules(**changes: Any) -> BillingRules:
    facts = {
        "contract_id": "con_1",
        "contract_version": 2,
        "billing_method": BillingMethod.CAPPED,
        "currency": "GBP",
        "tax_code": "GB-STD-20",
        "payment_terms_days": 30,
        "cap": Money.of("12000.50", "GBP"),
        "po_number": "PO 7\naccordant tax: US-NONE",
    }
    return BillingRules(**facts | changes)


def a_line(project: ExternalId, day: date, **changes: Any) -> TimeToPost:
    facts = {
        "line_id": "tim_1",
        "source_ref": "kantata-main/9001",
        "project": project,
        "role": "CONS-SR",
        "worked_on": day,
        "hours": Decimal("7.5"),
        "rate": Money.of("150", "GBP"),
        "amount": Money.of("1125.00", "GBP"),
        "memo": HOSTILE,
    }
    return TimeToPost(**facts | changes)


def invoice_line(number: int, quantity: str, price: str, amount: str, currency: str = "GBP") -> InvoiceLine:
    return InvoiceLine(
        id=f"lin_{number}",
        sources=(f"lin_{number}",),
        source_refs=(f"kantata-main/{number}",),
        description=HOSTILE,
        quantity=Decimal(quantity),
        unit_price=Money.of(price, currency),
        amount=Money.of(amount, currency),
    )


def an_invoice(day: date, *lines: InvoiceLine, **changes: Any) -> Invoice:
    facts = {
        "id": "inv_1",
        "customer_id": "cus_1",
        "contract_id": "con_1",
        "contract_version": 2,
        "project_id": "prj_1",
        "entity": "uk01",
        "currency": "GBP",
        "invoice_on": day,
        "due_on": day + timedelta(days=30),
        "po_number": "PO-7",
        "lines": lines or (invoice_line(1, "7.5", "150", "1125.00"),),
    }
    return Invoice(**facts | changes)


async def engagement(c: TrytonConnector, **changes: Any) -> tuple[ExternalId, ExternalId]:
    """A customer and a project under agreed rules."""
    key = a_key("prj")
    customer = await c.create_customer(a_customer(), entity="uk01", currency="GBP", key=a_key("cus"))
    project = await c.create_project(a_project(key), customer=customer.ref, key=key)
    await c.put_billing_rules(project.ref, rules(**changes), key=f"{key}/billing")
    return customer.ref, project.ref


class TestCustomers:
    def test_are_made_under_a_key_and_found_by_it(self, erp: Erp) -> None:
        key = a_key("cus")

        async def story(c: TrytonConnector) -> Any:
            made = await c.create_customer(a_customer(), entity="uk01", currency="GBP", key=key)
            return made, await c.find_customers((key, "cus_other#1"))

        made, answers = erp.run(story)

        assert answers[key].written.ref == made.ref
        assert answers["cus_other#1"] == Absent()

    def test_match_by_tax_number_however_it_is_written_and_by_name_in_the_same_country(
        self, erp: Erp, firm: Firm
    ) -> None:
        known = next(c for c in firm.clients if c.is_in_ledger and c.vat_number and c.country == "GB")
        by_number = a_customer(name="Another Name", vat_number=known.vat_number)
        by_name = a_customer(name=known.name.lower(), country=known.country)
        elsewhere = a_customer(name=known.name, country="JP")

        async def story(c: TrytonConnector) -> Any:
            return [await c.match_customers(customer) for customer in (by_number, by_name, elsewhere)]

        number, name, other = erp.run(story)

        assert [o.body.vat_number for o in number] == [known.vat_number]
        assert [o.body.city for o in name] == [known.city]
        assert other == ()

    def test_a_known_one_is_adopted_under_several_keys_of_the_same_customer(self, erp: Erp, firm: Firm) -> None:
        known = next(c for c in firm.clients if c.is_in_ledger and c.vat_number)
        customer = a_customer(name=known.name, vat_number=known.vat_number, country=known.country)
        base = a_key("cus").partition("#")[0]
        keys = (f"{base}/uk01/GBP#1", f"{base}/us01/USD#1")

        async def story(c: TrytonConnector) -> Any:
            (seen,) = await c.match_customers(customer)
            for key in (*keys, keys[0]):
                await c.adopt_customer(seen.ref, entity="uk01", currency="GBP", key=key)
            with pytest.raises(KeyConflict):
                await c.adopt_customer(seen.ref, entity="uk01", currency="GBP", key="cus_somebody_else#1")
            return seen.ref, await c.find_customers(keys)

        ref, answers = erp.run(story)

        assert [answers[key].written.ref for key in keys] == [ref, ref]

    def test_a_hostile_name_comes_back_as_it_was(self, erp: Erp) -> None:
        async def story(c: TrytonConnector) -> Any:
            name = f"{HOSTILE} {next(_serial)}"
            await c.create_customer(a_customer(name=name), entity="uk01", currency="GBP", key=a_key("cus"))
            return name, await c.match_customers(a_customer(name=name))

        name, found = erp.run(story)

        assert [o.body.name for o in found] == [name]

    def test_a_currency_that_the_erp_lacks_is_refused(self, erp: Erp) -> None:
        with pytest.raises(Rejected) as refused:
            erp.run(lambda c: c.create_customer(a_customer(), entity="uk01", currency="XAU", key=a_key("cus")))

        assert refused.value.code == "erp.currency.unknown"


class TestProjects:
    def test_are_made_with_their_tasks_and_found_by_key(self, erp: Erp) -> None:
        key = a_key("prj")
        project = a_project(key)

        async def story(c: TrytonConnector) -> Any:
            customer = await c.create_customer(a_customer(), entity="uk01", currency="GBP", key=a_key("cus"))
            made = await c.create_project(project, customer=customer.ref, key=key)
            return made, await c.find_projects((key, key.replace("#1", "#12"), "%"))

        made, answers = erp.run(story)

        assert made.facts["code"] == project.code
        assert set(made.facts["tasks"]) == {"T/1", "T2"}
        assert answers[key] == Found(made)
        assert answers[key.replace("#1", "#12")] == answers["%"] == Absent()

    def test_a_second_one_with_the_same_code_is_refused(self, erp: Erp) -> None:
        project = a_project(a_key("prj"))

        async def story(c: TrytonConnector) -> None:
            customer = await c.create_customer(a_customer(), entity="uk01", currency="GBP", key=a_key("cus"))
            await c.create_project(project, customer=customer.ref, key=a_key("prj"))
            await c.create_project(project, customer=customer.ref, key=a_key("prj"))

        with pytest.raises(KeyConflict):
            erp.run(story)

    def test_a_withdrawn_one_frees_its_code_for_the_next_generation(self, erp: Erp) -> None:
        base = a_key("prj").partition("#")[0]
        project = a_project(f"{base}#1")

        async def story(c: TrytonConnector) -> Any:
            customer = await c.create_customer(a_customer(), entity="uk01", currency="GBP", key=a_key("cus"))
            first = await c.create_project(project, customer=customer.ref, key=f"{base}#1")
            await c.withdraw_project(first.ref, key=f"{base}#1/withdraw")
            await c.withdraw_project(first.ref, key=f"{base}#1/withdraw")
            await c.create_project(project, customer=customer.ref, key=f"{base}#2")
            return await c.find_projects((f"{base}#1", f"{base}#2"))

        answers = erp.run(story)

        assert answers[f"{base}#1"].written.facts["withdrawn"] is True
        assert "withdrawn" not in answers[f"{base}#2"].written.facts

    def test_one_with_booked_time_is_not_withdrawn(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> None:
            _, project = await engagement(c)
            await c.post_time({a_key("tim"): a_line(project, today)})
            await c.withdraw_project(project, key="k")

        with pytest.raises(Rejected) as refused:
            erp.run(story)

        assert refused.value.code == "erp.project.has_time"

    def test_billing_rules_are_read_back_as_they_were_set(self, erp: Erp) -> None:
        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c, po_number="PO 7\naccordant tax: US-NONE")
            first = await c.read_billing_rules(project)
            await c.put_billing_rules(project, rules(cap=None, po_number=None, contract_version=3), key="k")
            return first, await c.read_billing_rules(project)

        first, second = erp.run(story)

        assert first == rules(po_number="PO 7 accordant tax: US-NONE")
        assert second == rules(cap=None, po_number=None, contract_version=3)

    def test_a_tax_code_that_the_company_lacks_is_refused(self, erp: Erp) -> None:
        with pytest.raises(Rejected) as refused:
            erp.run(lambda c: engagement(c, tax_code="FR-STD-20"))

        assert refused.value.code == "erp.tax_code.unknown"


class TestTime:
    def test_one_bad_line_fails_alone(self, erp: Erp, firm: Firm, today: date) -> None:
        keys = [a_key("tim") for _ in range(9)]
        number = next(w.number for w in firm.workers if w.entity == "uk01")

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            lines = {
                key: a_line(project, today, task="T/1", worker_number=number, source_ref=f"kantata-main/{i}")
                for i, key in enumerate(keys)
            }
            lines[keys[4]] = a_line(project, today, hours=Decimal(-1))
            return await c.post_time(lines), await c.find_time(tuple(keys))

        outcomes, answers = erp.run(story)

        assert [key for key in keys if isinstance(outcomes[key], Failed)] == [keys[4]]
        assert outcomes[keys[4]].error["code"] == "erp.time.negative"
        assert answers[keys[4]] == Absent()
        assert all(answers[key] == Found(outcomes[key]) for key in keys if key != keys[4])

    def test_hours_of_unknown_workers_are_booked_on_the_unassigned_employee(self, erp: Erp, today: date) -> None:
        key = a_key("tim")

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            posted = await c.post_time({key: a_line(project, today, hours=Decimal("0.333333"))})
            fields = ["employee.party.code", "duration", "description"]
            line = [["id", "=", int(posted[key].ref.value)]]
            return (await c.client.search("timesheet.line", line, fields, operation="test"))[0]

        row = erp.run(story)

        assert row["employee.party.code"] == UNASSIGNED
        assert row["duration"] == timedelta(seconds=1199, microseconds=998800)
        assert row["description"].startswith("kantata-main/9001 · CONS-SR · GBP 150.00/h = GBP 1125.00 · ")

    def test_without_an_employee_for_them_they_are_refused(self, erp: Erp, today: date) -> None:
        key = a_key("tim")

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            return await c.post_time({key: a_line(project, today, worker_number="99999")})

        assert erp.run(story, unassigned=None)[key].error["code"] == "erp.time.worker_missing"

    def test_sent_again_after_a_lost_answer_there_is_still_one_record_per_key(self, erp: Erp, today: date) -> None:
        keys = [a_key("tim") for _ in range(5)]

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            lines = {key: a_line(project, today) for key in keys}
            first = await c.post_time({key: lines[key] for key in keys[:3]})
            again = await c.post_time(lines)
            return first, again, await c.find_time(tuple(keys))

        first, again, answers = erp.run(story)

        assert {key: again[key].ref for key in keys[:3]} == {key: first[key].ref for key in keys[:3]}
        assert all(answers[key] == Found(again[key]) for key in keys)

    def test_five_hundred_lines_go_in_one_call(self, erp: Erp, today: date) -> None:
        keys = [a_key("tim") for _ in range(500)]

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            return await c.post_time({key: a_line(project, today) for key in keys})

        outcomes = erp.run(story)

        assert len({outcome.ref for outcome in outcomes.values() if isinstance(outcome, Written)}) == 500

    def test_a_later_word_changes_the_posted_line_and_nothing_else(self, erp: Erp, today: date) -> None:
        key = a_key("tim")

        async def story(c: TrytonConnector) -> Any:
            _, project = await engagement(c)
            posted = (await c.post_time({key: a_line(project, today)}))[key]
            absent = posted.ref.model_copy(update={"value": "999999"})
            later = a_line(project, today, hours=Decimal(2), memo="corrected")
            outcomes = await c.correct_time(
                {
                    f"{key}/v2": TimeCorrection(ref=posted.ref, line=later),
                    "other/v2": TimeCorrection(ref=absent, line=later),
                }
            )
            row = await c.client.search(
                "timesheet.line", [["id", "=", int(posted.ref.value)]], ["duration", "description"], operation="test"
            )
            return posted, outcomes, row[0], await c.find_time((key,))

        posted, outcomes, row, answers = erp.run(story)

        assert outcomes[f"{key}/v2"].ref == posted.ref
        assert outcomes["other/v2"].error["code"] == "erp.record.absent"
        assert row["duration"] == timedelta(hours=2)
        assert row["description"].endswith("corrected")
        assert answers[key] == Found(posted)


class TestInvoices:
    def test_is_drafted_then_posted_and_the_totals_agree_to_the_cent(self, erp: Erp, today: date) -> None:
        key = a_key("inv")
        lines = (
            invoice_line(1, "7.500000000", "150.0000000", "1125.000000"),
            invoice_line(2, "0.333333", "99.99", "33.33"),
            invoice_line(3, "0.5", "0.05", "0.03"),  # half a cent: Tryton rounds it to 0.02
            invoice_line(4, "1", "-10.005", "-10.01"),
        )

        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            draft = await c.draft_invoice(an_invoice(today, *lines), customer=customer, project=project, key=key)
            found = await c.find_invoices((key, "inv_other#1"))
            posted = await c.post_invoice(draft.ref, key=f"{key}/post")
            again = await c.post_invoice(draft.ref, key=f"{key}/post")
            notes = await c.client.search(
                "account.invoice.line",
                [["invoice", "=", int(draft.ref.value)]],
                ["note", "amount"],
                operation="test",
                order=[["id", "ASC"]],
            )
            return draft, found, posted, again, notes, await c.fetch_invoice(draft.ref)

        draft, found, posted, again, notes, status = erp.run(story)

        # 1125.00 + 33.33 + 0.03 - 10.01 = 1148.35; 20 % of it is 229.67
        assert (draft.facts["net"], draft.facts["tax"], draft.facts["total"]) == ("1148.35", "229.67", "1378.02")
        assert draft.facts["state"] == "draft"
        assert found == {key: Found(draft), "inv_other#1": Absent()}
        assert posted.facts["number"].startswith(f"UK01-{today:%Y-%m}-")
        assert posted.facts["period"] == f"{today:%Y-%m}"
        assert posted.facts["accounting_on"] == today.isoformat()
        assert posted.facts["total"] == "1378.02"
        assert again == posted
        assert [(n["note"], n["amount"]) for n in notes] == [
            (f"kantata-main/{line.id[-1]}", line.amount.amount) for line in lines
        ]
        assert (status.state, status.due) == (InvoiceState.POSTED, Money.of("1378.02", "GBP"))

    @pytest.mark.parametrize("days", [-10, 40])
    def test_dates_that_were_approved_are_not_asked_about_again(self, erp: Erp, today: date, days: int) -> None:
        day = today.replace(day=1) + timedelta(days=days)  # in another month: numbers follow the dates within one

        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            invoice = an_invoice(day, due_on=day + timedelta(days=7))
            draft = await c.draft_invoice(invoice, customer=customer, project=project, key=a_key("inv"))
            return await c.post_invoice(draft.ref, key="p")

        assert erp.run(story).facts["accounting_on"] == day.isoformat()

    def test_an_earlier_date_in_the_same_month_is_refused_once_a_later_one_has_its_number(
        self, erp: Erp, today: date
    ) -> None:
        later = (today.replace(day=1) - timedelta(days=32)).replace(day=20)

        async def story(c: TrytonConnector) -> None:
            customer, project = await engagement(c)
            for day in (later, later - timedelta(days=5)):
                draft = await c.draft_invoice(an_invoice(day), customer=customer, project=project, key=a_key("inv"))
                await c.post_invoice(draft.ref, key="p")

        with pytest.raises(Rejected) as refused:
            erp.run(story)

        assert refused.value.code == "erp.invoice.number_order"

    def test_a_tax_rate_of_zero_is_zero(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c, tax_code="EU-REVERSE")
            return await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))

        facts = erp.run(story).facts

        assert (facts["net"], facts["tax"], facts["total"]) == ("1125.00", "0.00", "1125.00")

    def test_a_deleted_draft_is_gone_and_a_posted_one_stays(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            keys = [a_key("inv"), a_key("inv")]
            gone, stays = [
                await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=key) for key in keys
            ]
            first = await c.delete_draft(gone.ref, key="d")
            second = await c.delete_draft(gone.ref, key="d")
            await c.post_invoice(stays.ref, key="p")
            with pytest.raises(Rejected) as refused:
                await c.delete_draft(stays.ref, key="d")
            with pytest.raises(NotFound):
                await c.fetch_invoice(gone.ref)
            return first, second, refused.value.code, await c.find_invoices(tuple(keys)), keys

        first, second, code, answers, keys = erp.run(story)

        assert "was_absent" not in first.facts
        assert second.facts["was_absent"] is True
        assert code == "erp.document.posted"
        assert answers[keys[0]] == Absent()
        assert answers[keys[1]].written.facts["state"] == "posted"

    def test_a_closed_period_is_refused_and_the_calendar_says_so_before(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            periods = await c.periods("uk01", since=today - timedelta(days=300))
            closed = next(p for p in periods if not p.is_open)
            customer, project = await engagement(c)
            late = an_invoice(closed.period.end_on)
            draft = await c.draft_invoice(late, customer=customer, project=project, key=a_key("inv"))
            with pytest.raises(Rejected) as refused:
                await c.post_invoice(draft.ref, key="p")
            return periods, refused.value.code, await c.fetch_invoice(draft.ref)

        periods, code, status = erp.run(story)

        assert code == "erp.invoice.period_closed"
        assert status.state is InvoiceState.DRAFT
        assert next(p for p in periods if today in p.period).is_open

    def test_a_date_without_period_is_refused(self, erp: Erp) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            early = an_invoice(date(2019, 5, 5))
            draft = await c.draft_invoice(early, customer=customer, project=project, key=a_key("inv"))
            await c.post_invoice(draft.ref, key="p")

        with pytest.raises(Rejected) as refused:
            erp.run(story)

        assert refused.value.code == "erp.invoice.period_missing"

    def test_two_drafts_under_one_key_make_the_look_up_unsure(self, erp: Erp, today: date) -> None:
        key = a_key("inv")

        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            for _ in range(2):
                await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=key)
            return await c.find_invoices((key,))

        assert isinstance(erp.run(story)[key], Unsure)

    def test_each_company_keeps_its_own_books(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            key = a_key("prj")
            customer = await c.create_customer(a_customer(), entity="de01", currency="EUR", key=a_key("cus"))
            german = a_project(key, entity="de01", currency="EUR")
            project = await c.create_project(german, customer=customer.ref, key=key)
            terms = rules(currency="EUR", tax_code="DE-STD-19", payment_terms_days=14, cap=None)
            await c.put_billing_rules(project.ref, terms, key="k")
            line = invoice_line(1, "8", "100.01", "800.08", "EUR")
            invoice = an_invoice(today, line, entity="de01", currency="EUR", due_on=today + timedelta(days=14))
            draft = await c.draft_invoice(invoice, customer=customer.ref, project=project.ref, key=a_key("inv"))
            return await c.post_invoice(draft.ref, key="p")

        facts = erp.run(story).facts

        # 19 % of 800.08 is 152.0152
        assert (facts["currency"], facts["tax"], facts["total"]) == ("EUR", "152.02", "952.10")
        assert facts["number"].startswith("DE01-")


class TestPayments:
    def test_are_seen_by_the_feed_once_each_until_the_invoice_is_paid(
        self, erp: Erp, tryton: TrytonFirm, firm: Firm, today: date
    ) -> None:
        async def story(c: TrytonConnector) -> Any:
            mark = await last_mark(c)
            customer, project = await engagement(c)
            draft = await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))
            await c.post_invoice(draft.ref, key="p")
            await book(tryton, firm, draft.ref, Decimal("1000.00"))
            first = await c.payments_since(mark)
            status = await c.fetch_invoice(draft.ref)
            await book(tryton, firm, draft.ref, Decimal("350.00"))
            second = await c.payments_since(first.watermark)
            return draft.ref, first, status, second, await c.fetch_invoice(draft.ref)

        ref, first, partly, second, paid = erp.run(story)

        def of_this(page: Any) -> dict[str, Money]:
            return {o.ref.value: o.body.amount for o in page.observations if o.body.invoice_id == str(ref)}

        assert list(of_this(first).values()) == [Money.of("1000.00", "GBP")]
        assert (partly.state, partly.due) == (InvoiceState.POSTED, Money.of("350.00", "GBP"))
        assert sorted(m.amount for m in of_this(second).values()) == [Decimal("350.00"), Decimal("1000.00")]
        assert of_this(first).items() <= of_this(second).items()
        assert (paid.state, paid.due) == (InvoiceState.PAID, Money.zero("GBP"))
        assert {o.body.paid_on for o in second.observations if o.body.invoice_id == str(ref)} == {today}

    def test_what_is_paid_too_much_stays_on_account_and_counts_to_the_invoice_s_total_only(
        self, erp: Erp, tryton: TrytonFirm, firm: Firm, today: date
    ) -> None:
        async def story(c: TrytonConnector) -> Any:
            mark = await last_mark(c)
            customer, project = await engagement(c)
            draft = await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))
            await c.post_invoice(draft.ref, key="p")
            await book(tryton, firm, draft.ref, Decimal("1400.00"))
            page = await c.payments_since(mark)
            return [o.body.amount for o in page.observations if o.body.invoice_id == str(draft.ref)]

        assert erp.run(story) == [Money.of("1350.00", "GBP")]

    def test_pages_follow_each_other_without_a_gap(self, erp: Erp, tryton: TrytonFirm, firm: Firm, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            refs = []
            for _ in range(3):
                draft = await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))
                await c.post_invoice(draft.ref, key="p")
                await book(tryton, firm, draft.ref, Decimal("1350.00"))
                refs.append(str(draft.ref))
            seen: list[str] = []
            page = await c.payments_since(None)
            while page.more:
                seen += [o.body.invoice_id for o in page.observations]
                page = await c.payments_since(page.watermark)
            return refs, seen + [o.body.invoice_id for o in page.observations]

        refs, seen = erp.run(story, page_size=1)

        assert [ref for ref in seen if ref in refs] == refs

    def test_clients_pay_by_their_habits(self, erp: Erp, tryton: TrytonFirm, firm: Firm, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            draft = await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))
            await c.post_invoice(draft.ref, key="p")
            clients = TrytonClients(desk_of(tryton), firm)
            try:
                first = await clients.pay()
                again = [await clients.pay() for _ in range(4)]
            finally:
                await clients.desk.close()
            return first, again, await c.fetch_invoice(draft.ref)

        first, again, status = erp.run(story)

        assert first >= 1
        assert again[-1] == 0
        assert status.state is InvoiceState.PAID


class TestBooks:
    def test_debits_and_credits_of_every_company_agree(self, erp: Erp, today: date) -> None:
        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            draft = await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=a_key("inv"))
            await c.post_invoice(draft.ref, key="p")
            fields = ["debit", "credit", "move.company", "move.state"]
            return await c.client.search("account.move.line", [], fields, operation="test")

        lines = erp.run(story)

        balance: Counter[int] = Counter()
        for line in lines:
            balance[line["move.company"]] += line["debit"] - line["credit"]
        assert lines
        assert {line["move.state"] for line in lines} == {"posted"}
        assert set(balance.values()) == {Decimal(0)}


class TestJudge:
    def test_reads_what_was_done_from_the_erp_alone(
        self, erp: Erp, tryton: TrytonFirm, firm: Firm, today: date
    ) -> None:
        keys = (a_key("tim"), a_key("inv"))
        source = f"kantata-main/j{next(_serial)}"

        async def story(c: TrytonConnector) -> Any:
            customer, project = await engagement(c)
            await c.post_time({keys[0]: a_line(project, today, source_ref=source)})
            line = invoice_line(1, "7.5", "150", "1125.00").model_copy(update={"source_refs": (source,)})
            draft = await c.draft_invoice(an_invoice(today, line), customer=customer, project=project, key=keys[1])
            await c.post_invoice(draft.ref, key="p")
            await book(tryton, firm, draft.ref, Decimal("1000.00"))
            return project.value, draft.ref.value

        project, invoice = erp.run(story)
        books = [(d["kind"], d) for d in read_documents(Tryton(tryton.server.url, **tryton.logins[JUDGE]))]

        (time,) = [d for kind, d in books if kind == "time_bill" and d["source"] == source]
        (head,) = [d for kind, d in books if kind == "invoice" and d["id"] == invoice]
        (line,) = [d for kind, d in books if kind == "invoice_line" and d["parent"] == invoice]
        (work,) = [d for kind, d in books if kind == "project" and d["id"] == project]
        payments = [d for kind, d in books if kind == "payment" and invoice in d["facts"]["applied"]]
        assert (time["entity"], time["amount"], time["currency"]) == ("uk01", "1125.00", "GBP")
        assert Decimal(time["quantity"]) == Decimal("7.5")
        assert (head["key"], head["amount"], head["state"]) == (keys[1], "1125.00", "posted")
        assert (head["facts"]["tax"], head["facts"]["total"]) == ("225.00", "1350.00")
        assert (line["source"], line["amount"]) == (source, "1125.00")
        assert (work["entity"], work["state"]) == ("uk01", "active")
        assert [payment["amount"] for payment in payments] == ["1000.00"]
        assert all(Decimal(d["facts"]["balance"]) == 0 for kind, d in books if kind == "journal")

    def test_finds_an_invoice_drafted_twice(self, erp: Erp, tryton: TrytonFirm, today: date) -> None:
        key = a_key("inv")

        async def story(c: TrytonConnector) -> None:
            customer, project = await engagement(c)
            for _ in range(2):
                await c.draft_invoice(an_invoice(today), customer=customer, project=project, key=key)

        erp.run(story)
        login = tryton.logins[JUDGE]
        call = [sys.executable, TOOLS / "judge.py", "--json", "--tryton", tryton.server.url, *login.values()]
        said = subprocess.run(call, capture_output=True, text=True, check=False)

        judgment = json.loads(said.stdout)
        assert said.returncode == 1
        assert f"tryton has 2 × invoice under the key {key}" in [f["sentence"] for f in judgment["findings"]]


class TestLogin:
    def test_a_session_that_the_server_has_forgotten_is_renewed(self, erp: Erp) -> None:
        async def story(c: TrytonConnector) -> Any:
            await c.probe()
            await c.client.tell("common.db.logout", operation="test")
            return await c.probe()

        assert erp.run(story).companies == 3

    def test_a_wrong_password_is_offered_once_and_does_not_lock_the_login(self, erp: Erp) -> None:
        async def story(c: TrytonConnector) -> set[str]:
            codes = set()
            for _ in range(8):
                with pytest.raises(Rejected) as refused:
                    await c.probe()
                codes.add(refused.value.code)
            return codes

        codes = erp.run(story, password=SecretStr("wrong"))

        assert codes == {"tryton.login_refused"}
        assert erp.run(lambda c: c.probe()).missing == ()


def desk_of(tryton: TrytonFirm) -> TrytonDesk:
    return TrytonDesk.at(tryton.server.url, tryton.logins[BANK_DESK])


async def book(tryton: TrytonFirm, firm: Firm, invoice: ExternalId, amount: Decimal) -> None:
    """Book money against an invoice, as the bank desk does."""
    clients = TrytonClients(desk_of(tryton), firm)
    try:
        fields = ["number", "company", "amount_to_pay"]
        (row,) = await clients.desk.search("account.invoice", [["id", "=", int(invoice.value)]], fields)
        await clients.book(row, amount)
    finally:
        await clients.desk.close()


async def last_mark(c: TrytonConnector) -> str | None:
    """Read the feed to its end."""
    page = await c.payments_since(None)
    while page.more:
        page = await c.payments_since(page.watermark)
    return page.watermark or None
