"""Contracts of an ERP's capabilities: billing rules, posted time, invoices, periods and payments."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from accordant.canonical import InvoiceState
from accordant.kernel import ExternalId, Money, NotFound, Rejected
from accordant.ports import (
    Absent,
    BillingSetup,
    Failed,
    Found,
    InvoicePosting,
    PaymentFeed,
    PeriodCalendar,
    TimeCorrection,
    TimePosting,
    TimeToPost,
    Unsure,
    Written,
)
from accordant.testing.bench import ErpBench
from accordant.testing.builders import HOSTILE, HOSTILE_NAMES, a_time_line, an_invoice, billing_rules
from accordant.testing.crm import LOOK_UP_SIZES
from accordant.testing.feed import FeedContract, drain
from accordant.testing.suite import (
    ContractSuite,
    EffectContract,
    Write,
    check,
    is_found,
    raise_refusals,
    require_plural,
)

Engagement = tuple[ExternalId, ExternalId]


# ---------------------------------------------------------------- billing rules


def _rules(bench: ErpBench, **fields: Any) -> Any:
    return billing_rules(bench.currency, tax_code=bench.tax_code, contract_version=7, **fields)


async def _put_rules(bench: ErpBench, engagement: Engagement) -> None:
    await bench.connector.put_billing_rules(engagement[1], _rules(bench), key=bench.key("con_1/billing"))


async def _has_rules(bench: ErpBench, engagement: Engagement) -> bool:
    return bool(await bench.connector.read_billing_rules(engagement[1]) == _rules(bench))


class BillingSetupContract(EffectContract):
    """What `BillingSetup` promises."""

    capability = BillingSetup
    writes: ClassVar = {"put_billing_rules": Write(_put_rules, _has_rules, lambda bench: bench.engagement())}

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[ErpBench]:
        """Return the bench."""

    @check()
    async def test_rules_are_read_back_as_they_were_set(self, bench: ErpBench) -> None:
        """Later rules replace earlier ones whole: what they do not name is gone."""
        _, project = await bench.engagement()
        await bench.connector.put_billing_rules(project, _rules(bench), key=bench.key("con_1/billing"))
        bare = _rules(bench, cap=None, po_number=None)

        await bench.connector.put_billing_rules(project, bare, key=bench.key("con_1/billing/2"))

        assert await bench.connector.read_billing_rules(project) == bare

    @check()
    async def test_a_tax_code_that_the_erp_lacks_is_refused_and_changes_nothing(self, bench: ErpBench) -> None:
        """With a remedy."""
        _, project = await bench.engagement()
        before = await bench.connector.read_billing_rules(project)
        wrong = billing_rules(bench.currency, tax_code="XX-NONE")

        with pytest.raises(Rejected) as refused:
            await bench.connector.put_billing_rules(project, wrong, key=bench.key("con_1/billing"))

        assert refused.value.remedy
        assert await bench.connector.read_billing_rules(project) == before

    @check()
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    async def test_a_hostile_order_number_is_kept_as_it_was_written(self, bench: ErpBench, name: str) -> None:
        """A purchase order number is whatever the client says."""
        _, project = await bench.engagement()
        rules = _rules(bench, po_number=HOSTILE_NAMES[name])

        await bench.connector.put_billing_rules(project, rules, key=bench.key("con_1/billing"))

        assert await bench.connector.read_billing_rules(project) == rules


# ---------------------------------------------------------------- time


def _lines(bench: ErpBench, project: ExternalId, count: int = 2, **fields: Any) -> dict[str, TimeToPost]:
    given = {"worker_number": bench.worker_number, "worked_on": bench.today, "memo": HOSTILE, "task": "T/1"} | fields
    return {
        bench.key(f"tim_{number}"): a_time_line(
            project, bench.currency, line_id=f"tim_{number}", source_ref=f"kantata-main/{9000 + number}", **given
        )
        for number in range(1, count + 1)
    }


async def _post_lines(bench: ErpBench, engagement: Engagement) -> None:
    raise_refusals(await bench.connector.post_time(_lines(bench, engagement[1])))


async def _are_posted(bench: ErpBench, engagement: Engagement) -> bool:
    keys = tuple(_lines(bench, engagement[1]))
    return is_found(await bench.connector.find_time(keys), *keys)


class TimePostingContract(EffectContract):
    """What `TimePosting` promises. The books show time as `time_bill`, with its source and hours."""

    capability = TimePosting
    writes: ClassVar = {"post_time": Write(_post_lines, _are_posted, lambda bench: bench.engagement())}

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[ErpBench]:
        """Return the bench."""

    @check()
    async def test_one_bad_line_fails_alone(self, bench: ErpBench) -> None:
        """An outcome per line; the refused one is absent, all others are found as they were answered."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 9)
        keys = list(lines)
        lines[keys[4]] = lines[keys[4]].model_copy(update={"hours": Decimal(-1)})

        outcomes = await bench.connector.post_time(lines)
        answers = await bench.connector.find_time(tuple(keys))

        assert set(outcomes) == set(keys)
        assert [key for key in keys if isinstance(outcomes[key], Failed)] == [keys[4]]
        assert outcomes[keys[4]].error["code"]
        assert answers[keys[4]] == Absent()
        assert all(answers[key].written.ref == outcomes[key].ref for key in keys if key != keys[4])

    @check("partial_batch")
    async def test_a_batch_that_half_fails_in_the_system_has_an_outcome_for_every_line(self, bench: ErpBench) -> None:
        """What failed there may be sent again, and every line is there once."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 9)
        bench.fault("partial_batch", options={"every": 3})

        first = await bench.connector.post_time(lines)
        failed = {key: lines[key] for key, outcome in first.items() if isinstance(outcome, Failed)}
        again = await bench.connector.post_time(failed)

        assert 0 < len(failed) < len(lines)
        assert all(isinstance(outcome, Written) for outcome in again.values())
        assert await _times_posted(bench, lines) == dict.fromkeys(lines, 1)

    @check()
    async def test_five_hundred_lines_go_at_once_and_are_looked_up_at_once(self, bench: ErpBench) -> None:
        """Each under its own key."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 500)

        outcomes = await bench.connector.post_time(lines)
        answers = await bench.connector.find_time(tuple(lines))

        assert len({str(outcome.ref) for outcome in outcomes.values()}) == 500
        assert {key: answer.written.ref for key, answer in answers.items()} == {k: o.ref for k, o in outcomes.items()}

    @check()
    async def test_lines_sent_again_are_there_once(self, bench: ErpBench) -> None:
        """A batch in which some lines were posted before answers them as they were posted."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 5)
        some = dict(list(lines.items())[:3])

        first = await bench.connector.post_time(some)
        again = await bench.connector.post_time(lines)

        assert {key: again[key].ref for key in some} == {key: first[key].ref for key in some}
        assert await _times_posted(bench, lines) == dict.fromkeys(lines, 1)

    @check()
    async def test_a_posted_line_keeps_source_and_hours(self, bench: ErpBench) -> None:
        """Twenty-one minutes; the ERP may count in minutes or in seconds."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 1, hours=Decimal("0.35"))
        (key,) = lines

        raise_refusals(await bench.connector.post_time(lines))

        document = await bench.document("time_bill", key)
        assert document.source == "kantata-main/9001"
        assert document.quantity == Decimal("0.35")

    @check()
    async def test_a_posted_line_is_corrected_in_place_or_refused_and_one_that_is_gone_fails_alone(
        self, bench: ErpBench
    ) -> None:
        """A refusal says why and leaves the line as it was posted; the line stays one record."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 2)
        first, second = lines
        posted = await bench.connector.post_time(lines)
        longer = lines[first].model_copy(update={"hours": Decimal("2.5"), "amount": Money.of(300, bench.currency)})
        missing = posted[second].ref.model_copy(update={"value": "99999999"})

        outcomes = await bench.connector.correct_time(
            {
                first: TimeCorrection(ref=posted[first].ref, line=longer),
                second: TimeCorrection(ref=missing, line=lines[second]),
            }
        )

        document = await bench.document("time_bill", first)
        if bench.locks_time:
            assert outcomes[first].error["code"] == "erp.time.locked"
            assert document.quantity == Decimal("1.5")
        else:
            assert outcomes[first].ref == posted[first].ref
            assert document.quantity == Decimal("2.5")
        assert isinstance(outcomes[second], Failed)

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: ErpBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        _, project = await bench.engagement()
        lines = _lines(bench, project, 1)
        (key,) = lines
        posted = await bench.connector.post_time(lines)

        await require_plural(bench.connector.find_time, key, count, ref=posted[key].ref)


async def _times_posted(bench: ErpBench, keys: Any) -> dict[str, int]:
    books = [d.key for d in await bench.books() if d.kind == "time_bill"]
    return {key: books.count(key) for key in keys}


# ---------------------------------------------------------------- invoices


def _invoice(bench: ErpBench, *amounts: str, currency: str = "", **fields: Any) -> Any:
    given: dict[str, Any] = {"invoice_on": bench.today, "entity": bench.entity, "tax_code": bench.tax_code} | fields
    return an_invoice(*amounts, currency=currency or bench.currency, **given)


async def _draft(bench: ErpBench, engagement: Engagement, *amounts: str, name: str = "inv_1", **fields: Any) -> Written:
    customer, project = engagement
    invoice = _invoice(bench, *(amounts or ("100.10",)), **fields)
    written: Written = await bench.connector.draft_invoice(
        invoice, customer=customer, project=project, key=bench.key(name)
    )
    return written


async def _is_drafted(bench: ErpBench, _: Any) -> bool:
    key = bench.key("inv_1")
    return is_found(await bench.connector.find_invoices((key,)), key)


async def _drafted(bench: ErpBench) -> ExternalId:
    return (await _draft(bench, await bench.engagement())).ref


async def _post(bench: ErpBench, invoice: ExternalId) -> Any:
    return await bench.connector.post_invoice(invoice, key=bench.key("inv_1/post"))


async def _is_posted(bench: ErpBench, invoice: ExternalId) -> bool:
    return bool((await bench.connector.fetch_invoice(invoice)).state is InvoiceState.POSTED)


async def _delete(bench: ErpBench, invoice: ExternalId) -> None:
    await bench.connector.delete_draft(invoice, key=bench.key("inv_1/delete"))


async def _is_gone(bench: ErpBench, _: Any) -> bool:
    return not await _is_drafted(bench, None)


class InvoicePostingContract(EffectContract):
    """What `InvoicePosting` promises. The books show invoices as `invoice`, with the amount without tax."""

    capability = InvoicePosting
    writes: ClassVar = {
        "draft_invoice": Write(
            lambda bench, stage: _draft(bench, stage, description=HOSTILE),
            _is_drafted,
            lambda bench: bench.engagement(),
        ),
        "post_invoice": Write(_post, _is_posted, _drafted),
        "delete_draft": Write(_delete, _is_gone, _drafted),
    }

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[ErpBench]:
        """Return the bench."""

    @check()
    async def test_totals_are_right_to_the_cent_with_tax_in_draft_and_posted(self, bench: ErpBench) -> None:
        """Four lines, one of them a credit."""
        draft = await _draft(bench, await bench.engagement(), "1125.00", "33.35", "0.05", "-10.05")

        posted = await _post(bench, draft.ref)
        status = await bench.connector.fetch_invoice(draft.ref)

        # 1125.00 + 33.35 + 0.05 - 10.05 = 1148.35; 20 % of it, and of each line rounded, is 229.67
        expected = {"net": "1148.35", "tax": "229.67", "total": "1378.02"}
        assert {name: draft.facts[name] for name in expected} == expected
        assert {name: posted.facts[name] for name in expected} == expected
        assert status.due == status.total == Money.of("1378.02", bench.currency)
        assert (await bench.document("invoice", bench.key("inv_1"))).amount == Decimal("1148.35")

    @check()
    @pytest.mark.parametrize(("currency", "amount"), [("JPY", "100101"), ("KWD", "1.005")])
    async def test_a_currency_with_no_or_three_decimals_keeps_its_digits(
        self, bench: ErpBench, currency: str, amount: str
    ) -> None:
        """Yen have no sen, and dinars a thousand fils: net and total end at the currency's own unit."""
        bench.require(currency)
        draft = await _draft(bench, await bench.engagement(currency), amount, currency=currency)

        status = await bench.connector.fetch_invoice(draft.ref)

        tax = Money.of(Decimal(amount) * bench.tax_rate, currency).rounded()
        assert status.net == Money.of(amount, currency)
        assert status.tax == tax
        assert status.total == status.net + tax
        assert Decimal(draft.facts["net"]) == Decimal(amount)  # type: ignore[arg-type]  # text

    @check()
    async def test_a_posted_invoice_says_number_period_and_day_and_posting_it_again_answers_the_same(
        self, bench: ErpBench
    ) -> None:
        """Posting is a pivot: it happens once."""
        draft = await _draft(bench, await bench.engagement())
        posted = await _post(bench, draft.ref)
        books = await bench.books()

        again = await _post(bench, draft.ref)

        assert posted.facts["number"]
        assert posted.facts["period"]
        assert posted.facts["accounting_on"] == bench.today.isoformat()
        assert again == posted
        assert await bench.books() == books
        await bench.audit()

    @check()
    async def test_a_look_up_says_the_state(self, bench: ErpBench) -> None:
        """Draft, then posted, under the same key and record."""
        draft = await _draft(bench, await bench.engagement())
        key = bench.key("inv_1")

        before = (await bench.connector.find_invoices((key,)))[key].written
        await _post(bench, draft.ref)
        after = (await bench.connector.find_invoices((key,)))[key].written

        assert (before.ref, before.facts["state"]) == (draft.ref, "draft")
        assert (after.ref, after.facts["state"]) == (draft.ref, "posted")

    @check()
    async def test_a_closed_period_refuses_the_posting_and_the_draft_stays(self, bench: ErpBench) -> None:
        """With the code that flows know, and a remedy."""
        draft = await _draft(bench, await bench.engagement(), invoice_on=bench.closing_day)
        await bench.close()

        with pytest.raises(Rejected) as refused:
            await _post(bench, draft.ref)

        assert refused.value.code == "erp.invoice.period_closed"
        assert refused.value.remedy
        assert (await bench.connector.fetch_invoice(draft.ref)).state is InvoiceState.DRAFT

    @check("reopen")
    async def test_a_draft_that_a_closed_period_refused_is_posted_once_the_period_is_open(
        self, bench: ErpBench
    ) -> None:
        """The refusal left nothing behind."""
        draft = await _draft(bench, await bench.engagement(), invoice_on=bench.closing_day)
        await bench.close()
        with pytest.raises(Rejected):
            await _post(bench, draft.ref)

        await bench.reopen()
        posted = await _post(bench, draft.ref)

        assert posted.facts["accounting_on"] == bench.closing_day.isoformat()
        await bench.audit()

    @check()
    async def test_a_deleted_draft_is_gone_and_deleting_it_again_answers_as_deleted(self, bench: ErpBench) -> None:
        """Its key is absent, its record is not found."""
        draft = await _draft(bench, await bench.engagement())

        for _ in range(2):
            await _delete(bench, draft.ref)

        assert await _is_gone(bench, None)
        with pytest.raises(NotFound):
            await bench.connector.fetch_invoice(draft.ref)

    @check()
    async def test_a_posted_invoice_is_not_deleted(self, bench: ErpBench) -> None:
        """It is refused with a remedy, and stays posted."""
        draft = await _draft(bench, await bench.engagement())
        await _post(bench, draft.ref)

        with pytest.raises(Rejected) as refused:
            await _delete(bench, draft.ref)

        assert refused.value.remedy
        assert await _is_posted(bench, draft.ref)

    @check()
    async def test_what_is_paid_is_no_longer_due(self, bench: ErpBench) -> None:
        """In part, then whole."""
        draft = await _draft(bench, await bench.engagement(), "100.00")
        await _post(bench, draft.ref)

        await bench.pay(draft.ref, Decimal("20.00"))
        partly = await bench.connector.fetch_invoice(draft.ref)
        await bench.pay(draft.ref, Decimal("100.00"))
        paid = await bench.connector.fetch_invoice(draft.ref)

        assert (partly.state, partly.due) == (InvoiceState.POSTED, Money.of("100.00", bench.currency))
        assert (paid.state, paid.due) == (InvoiceState.PAID, Money.zero(bench.currency))

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: ErpBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        ref = await _drafted(bench)

        await require_plural(bench.connector.find_invoices, bench.key("inv_1"), count, ref=ref)

    @check()
    async def test_one_key_twice_is_one_invoice_or_the_look_up_is_unsure(self, bench: ErpBench) -> None:
        """A look-up never guesses between two records."""
        engagement = await bench.engagement()
        await _draft(bench, engagement)
        await _draft(bench, engagement)

        key = bench.key("inv_1")
        records = [d for d in await bench.books() if (d.kind, d.key) == ("invoice", key)]
        answer = (await bench.connector.find_invoices((key,)))[key]
        assert isinstance(answer, Found if len(records) == 1 else Unsure)


# ---------------------------------------------------------------- periods and payments


class PeriodCalendarContract(ContractSuite):
    """What `PeriodCalendar` promises."""

    capability = PeriodCalendar

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[ErpBench]:
        """Return the bench."""

    @check()
    async def test_periods_follow_each_other_without_a_gap(self, bench: ErpBench) -> None:
        """In order, from the one in which the day lies; today's is open."""
        await bench.close()

        periods = await bench.connector.periods(bench.entity, since=bench.closing_day)

        assert bench.closing_day in periods[0].period
        assert {period.entity for period in periods} == {bench.entity}
        for earlier, later in pairwise(periods):
            assert later.period.start_on == earlier.period.end_on + timedelta(days=1)
        assert [period.is_open for period in periods if bench.today in period.period] == [True]

    @check()
    async def test_a_closed_period_is_shown_as_closed(self, bench: ErpBench) -> None:
        """So that an invoice is dated into an open one before the ERP refuses it."""
        await bench.close()

        periods = await bench.connector.periods(bench.entity, since=bench.closing_day)

        assert [period.is_open for period in periods if bench.closing_day in period.period] == [False]

    @check()
    async def test_the_day_itself_is_included(self, bench: ErpBench) -> None:
        """A period that ends on the day is listed, one that ended the day before is not."""
        (whole, *_) = await bench.connector.periods(bench.entity, since=bench.closing_day)
        last = whole.period.end_on

        on_the_day = await bench.connector.periods(bench.entity, since=last)
        day_after = await bench.connector.periods(bench.entity, since=last + timedelta(days=1))

        assert (on_the_day[0], on_the_day[1]) == (whole, day_after[0])


class PaymentFeedContract(FeedContract):
    """What `PaymentFeed` promises; the bench is an `ErpBench`, too."""

    capability = PaymentFeed

    @check()
    async def test_a_payment_names_its_invoice_and_its_exact_amount(self, bench: Any) -> None:
        """Two payments of one invoice are two observations."""
        draft = await _draft(bench, await bench.engagement(), "100.00")
        await _post(bench, draft.ref)
        _, mark = await drain(bench)
        await bench.pay(draft.ref, Decimal("20.55"))
        await bench.pay(draft.ref, Decimal("99.45"))

        seen, _ = await drain(bench, mark)

        bodies = {o.ref.value: o.body for o in seen if o.body and o.body.invoice_id == str(draft.ref)}
        amounts = sorted(body.amount for body in bodies.values())
        assert amounts == [Money.of("20.55", bench.currency), Money.of("99.45", bench.currency)]
