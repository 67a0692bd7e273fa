"""Key figures, each against numbers written by hand: the worked example of its docstring."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest

from accordant import cases, ledger
from accordant.insight.activation import activation_time, provisioning
from accordant.insight.approvals import Asked, ageing_approvals, is_old
from accordant.insight.cycle_time import invoice_cycle_time
from accordant.insight.exposure import by_code, exposure_at, exposure_by_day, held
from accordant.insight.kept import kept
from accordant.insight.unbilled import in_group, unbilled, unbilled_by_age
from accordant.kernel import Money
from accordant.platform.storage import execute
from accordant.process import engagement

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BY = ledger.By(actor="system", cause="test")


def gbp(amount):
    return Money.of(amount, "GBP")


def a_line(id="tim_1", *, hours="10", price="100.00", entity="uk01", worked_on=date(2026, 11, 10), contract="con_1"):
    return ledger.ApprovedLine(
        id=id,
        entity=entity,
        currency="GBP",
        contract_id=contract,
        project_id="prj_1",
        worked_on=worked_on,
        source_ref=f"kantata-main/{id}",
        quantity=Decimal(hours),
        unit_price=gbp(price),
    )


def bill(connection, line="tim_1", *, invoice="inv_1", hours=None):
    part = ledger.Part(line, None if hours is None else Decimal(hours))
    ledger.draft(connection, invoice, [part], BY)
    return ledger.post(connection, invoice, accounting_on=date(2026, 11, 20), document_ref=f"N-{invoice}", by=BY)


class TestUnbilled:
    def test_counts_what_is_approved_and_neither_billed_nor_given_up(self, database):
        """R-KPI-02."""
        with database.begin() as connection:
            ledger.approve(connection, [a_line()], BY)
            bill(connection, hours="4")
            ledger.credit(
                connection,
                "inv_1",
                [ledger.Part("tim_1", Decimal(1))],
                accounting_on=date(2026, 11, 20),
                document_ref="CN-1",
                by=BY,
            )
            ledger.write_off(connection, [ledger.Part("tim_1", Decimal(2))], accounting_on=date(2026, 11, 20), by=BY)

            [found] = unbilled(connection)

        assert (found.entity, found.amount, found.hours) == ("uk01", gbp("500.00"), Decimal(5))

    def test_says_what_keeps_it(self, database):
        with database.begin() as connection:
            ledger.approve(connection, [a_line("tim_1"), a_line("tim_2"), a_line("tim_3")], BY)
            ledger.hold(connection, ["tim_2"], "client asked", BY)
            ledger.draft(connection, "inv_9", [ledger.Part("tim_3")], BY)

            [found] = unbilled(connection)

        assert (found.ready, found.held, found.drafted) == (gbp("1000.00"), gbp("1000.00"), gbp("1000.00"))
        assert found.amount == found.ready + found.held + found.drafted

    def test_an_over_billed_line_is_no_negative_work(self, database):
        with database.begin() as connection:
            ledger.approve(connection, [a_line("tim_1"), a_line("tim_2")], BY)
            bill(connection, "tim_1")
            ledger.approve(connection, [a_line("tim_1", hours="6")], BY)

            [found] = unbilled(connection)
            [all_of_it] = kept(connection)

        assert found.amount == gbp("1000.00")
        assert all_of_it.over == gbp("400.00")
        assert all_of_it.approved == all_of_it.billed + all_of_it.given_up + all_of_it.unbilled - all_of_it.over

    def test_is_sorted_by_age_and_the_bands_add_up(self, database):
        today = date(2026, 11, 20)
        ages = {"a": 0, "b": 7, "c": 8, "d": 30, "e": 31, "f": 61}
        with database.begin() as connection:
            lines = [a_line(f"tim_{n}", hours="1", worked_on=today - timedelta(days=days)) for n, days in ages.items()]
            ledger.approve(connection, lines, BY)

            bands = unbilled_by_age(connection, today, "GBP")
            [whole] = unbilled(connection)

        assert [(b.name, b.hours) for b in bands] == [("0–7 d", 2), ("8–30 d", 2), ("31–60 d", 1), ("over 60 d", 1)]
        assert sum(b.amount.amount for b in bands) == whole.amount.amount

    def test_adds_up_in_the_groups_currency(self, database):
        with database.begin() as connection:
            ledger.approve(connection, [a_line("tim_1"), a_line("tim_2", entity="us01", contract="con_2")], BY)

            group = in_group(unbilled(connection), lambda money: money * Decimal("0.5"), "GBP")

        assert group == gbp("1000.00")


class TestInvoiceCycleTime:
    def test_runs_from_the_last_approval_of_its_lines_to_the_posting(self, database, set_acts):
        """R-KPI-01."""
        with database.begin() as connection:
            ledger.approve(connection, [a_line("tim_1")], BY)
            ledger.approve(connection, [a_line("tim_2")], BY)
            ledger.draft(connection, "inv_1", [ledger.Part("tim_1"), ledger.Part("tim_2")], BY)
            posted = ledger.post(connection, "inv_1", accounting_on=date(2026, 11, 20), document_ref="N-1", by=BY)
            first, second = (ledger.history(connection, line)[0].act for line in ("tim_1", "tim_2"))
        day = datetime(2026, 11, 19, tzinfo=UTC)
        hours = {first: 9, second: 11, posted.act: 17}
        set_acts({act: day + timedelta(hours=hour) for act, hour in hours.items()})

        with database.begin() as connection:
            spread = invoice_cycle_time(connection, until=NOON)
            elsewhere = invoice_cycle_time(connection, until=NOON, entity="us01")

        assert spread is not None
        assert (spread.median, spread.count) == (timedelta(hours=6), 1)
        assert elsewhere is None

    def test_counts_only_what_was_posted_in_the_window(self, database, set_acts):
        with database.begin() as connection:
            ledger.approve(connection, [a_line()], BY)
            posted = bill(connection)
        set_acts({posted.act: NOON - timedelta(days=31)})

        with database.begin() as connection:
            assert invoice_cycle_time(connection, until=NOON) is None


def put_state(connection, contract, state, at, status="reached"):
    engagement.put(connection, contract, state, status, source="crm", evidence={}, entity="uk01")
    execute(
        connection,
        "update engagement_state set at = :at where engagement = :e and state = :s",
        at=at,
        e=contract,
        s=state,
    )


class TestActivation:
    def test_time_runs_from_sold_to_ready_to_bill(self, database):
        """R-KPI-04."""
        monday = datetime(2026, 11, 16, 10, tzinfo=UTC)
        with database.begin() as connection:
            put_state(connection, "con_1", "sold", monday)
            put_state(connection, "con_1", "ready_to_bill", datetime(2026, 11, 18, 9, tzinfo=UTC))
            put_state(connection, "con_2", "sold", monday)

            spread = activation_time(connection, until=NOON)

        assert spread is not None
        assert (spread.median, spread.count) == (timedelta(hours=47), 1)

    def test_names_what_is_sold_and_has_no_project(self, database):
        with database.begin() as connection:
            put_state(connection, "con_old", "sold", NOON - timedelta(days=4))
            put_state(connection, "con_new", "sold", NOON - timedelta(hours=1))
            put_state(connection, "con_done", "sold", NOON - timedelta(days=3))
            put_state(connection, "con_done", "activated", NOON - timedelta(days=1))
            put_state(connection, "con_half", "sold", NOON - timedelta(days=2))
            put_state(connection, "con_half", "activated", NOON, status="in_progress")

            found = provisioning(connection, now=NOON, days=5)

        assert [w.engagement for w in found.waiting] == ["con_old", "con_half", "con_new"]
        assert found.sold_count == 4
        assert found.trend == (1, 2, 3, 2, 3)


def ask(connection, id, asked_at, *, pounds="100.00"):
    question = cases.Ask(
        kind="post_invoice",
        subject=id,
        view={"id": id},
        entity="uk01",
        money=gbp(pounds),
        requester="1",
        role="finance_operations",
        rule="r/1",
    )
    return cases.ask(connection, question, at=asked_at)


class TestAgeingApprovals:
    def test_counts_what_waits_longer_than_two_days_with_its_money(self, database):
        """R-OBS-07."""
        with database.begin() as connection:
            old = ask(connection, "a", NOON - timedelta(days=3), pounds="70.00")
            ask(connection, "b", NOON - timedelta(days=2))
            ask(connection, "c", NOON - timedelta(hours=1))

            found = ageing_approvals(connection, now=NOON, days=4)

        assert [(a.id, a.money) for a in found.old] == [(old, gbp("70.00"))]
        assert (found.open_count, found.trend) == (3, (0, 0, 0, 1))

    @pytest.mark.parametrize(
        ("at", "expected"),
        [("2026-11-03T09:00Z", False), ("2026-11-04T11:59Z", True), ("2026-11-05T00:00Z", False)],
    )
    def test_is_old_from_the_third_day_until_it_is_decided(self, at, expected):
        first, fourth = datetime(2026, 11, 1, 9, tzinfo=UTC), datetime(2026, 11, 4, 12, tzinfo=UTC)
        asked = Asked("apr_1", "uk01", first, fourth, None)

        assert is_old(asked, datetime.fromisoformat(at)) is expected


def open_case(connection, key, pounds, at, *, code="erp.period_closed", deadline=None, entity="uk01"):
    money = None if pounds is None else gbp(pounds)
    case = cases.Case(
        code=code,
        sentence="It is stopped.",
        stage=cases.Stage.BILLING,
        role="finance_operations",
        cause_key=key,
        subject=key,
        entity=entity,
        exposure=money,
        group_exposure=money,
        deadline=deadline,
    )
    return cases.open_case(connection, case, at=at)


class Finance:
    id, worker_number, roles, entities = "f", "7", ("finance_operations",), ("*",)
    approval_limits = MappingProxyType({})


class TestExposure:
    def test_of_a_day_is_what_was_open_at_its_end(self, database):
        """R-EXC-09."""
        with database.begin() as connection:
            open_case(connection, "a", "100.00", NOON - timedelta(days=5))
            closed = open_case(connection, "b", "40.00", NOON - timedelta(days=5))
            done = cases.Dismiss(reason="period opened", root_cause=cases.RootCause.PERIOD_CLOSED)
            cases.resolve(connection, closed, done, actor=Finance(), at=NOON - timedelta(days=1))

            found = held(connection, since=NOON - timedelta(days=30))

        assert exposure_at(found, NOON, "GBP") == gbp("100.00")
        assert exposure_at(found, NOON - timedelta(days=2), "GBP") == gbp("140.00")

    def test_is_split_by_the_next_cut_off_of_the_entity(self, database):
        with database.begin() as connection:
            open_case(connection, "a", "100.00", NOON, deadline=NOON + timedelta(days=2))
            open_case(connection, "b", "30.00", NOON, deadline=NOON + timedelta(days=20))
            open_case(connection, "c", "5.00", NOON)
            found = held(connection, since=NOON)

        days = exposure_by_day(
            found, now=NOON, days=2, currency="GBP", next_cut_off=lambda _, at: at + timedelta(days=10)
        )

        assert [(day.due, day.later) for day in days] == [(0, 0), (Decimal("100.00"), Decimal("35.00"))]

    def test_is_grouped_by_what_stops_it_the_most_expensive_first(self, database):
        with database.begin() as connection:
            open_case(connection, "a", "10.00", NOON, code="tax.gap")
            open_case(connection, "b", "100.00", NOON)
            open_case(connection, "c", "20.00", NOON, code="tax.gap")
            open_case(connection, "d", None, NOON, code="chat.slow")
            found = held(connection, since=NOON)

        assert [(c.code, c.count, c.exposure) for c in by_code(found, NOON, "GBP")] == [
            ("erp.period_closed", 1, gbp("100.00")),
            ("tax.gap", 2, gbp("30.00")),
            ("chat.slow", 1, gbp("0.00")),
        ]
