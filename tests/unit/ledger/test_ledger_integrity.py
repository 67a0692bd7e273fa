"""What a worker cannot do to the ledger with SQL of its own, and what the ledger finds when an owner does it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest
from ledger_builders import BY, END_OF_MAY, EVERYTHING, MAY, a_line, approved, bill, gbp, line, take_back
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from accordant.kernel import Period, Rejected
from accordant.ledger import Part, approve, draft, hold, invariants, line_states, set_cap, sign_off
from accordant.platform.storage import DOOR, Database, as_role, execute, one, rows


@contextmanager
def refused(connection, rule):
    with pytest.raises(DBAPIError) as refusal, connection.begin_nested():
        yield
    assert rule in (refusal.value.orig.diag.constraint_name or str(refusal.value.orig))


def act(connection, kind, **facts):
    invoice = kind in ("draft", "undraft", "post", "credit")
    booked = kind in ("post", "credit", "relieve", "write_down", "write_off")
    values = {
        "kind": kind,
        "entity": "uk01",
        "invoice": "inv_9" if invoice else None,
        "currency": "GBP" if invoice else None,
        "on": END_OF_MAY if booked else None,
    } | facts
    return one(
        connection,
        """insert into ledger_act (kind, entity, invoice_id, currency, accounting_on, cause, actor)
           values (:kind, :entity, :invoice, :currency, :on, 'attack', 'mallory') returning id""",
        **values,
    ).id


def change(connection, assignments, act_id, id="tim_1", **values):
    return execute(
        connection, f"update ledger_line set {assignments}, act = :act where id = :id", act=act_id, id=id, **values
    )


class TestRawSqlCannot:
    def test_draft_more_than_is_approved(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        with refused(connection, "ledger_over_billed"):
            change(connection, "drafted_q = 9, drafted_m = 120000, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_draft_more_money_than_is_approved(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        with refused(connection, "ledger_over_billed"):
            change(connection, "drafted_q = 8, drafted_m = 120001, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_draft_more_of_a_negative_line_than_is_approved(self, connection):
        approved(connection, a_line(hours="-8", rate="150"))
        with refused(connection, "ledger_over_billed"):
            change(connection, "drafted_q = -9, drafted_m = -120000, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_draft_with_the_wrong_sign(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        with refused(connection, "ledger_over_billed"):
            change(connection, "drafted_q = -1, drafted_m = -1, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_hide_too_much_behind_a_negative_draft(self, connection):
        approved(connection, a_line(hours="8", rate="150"))
        bill(connection)
        with refused(connection, "ledger_line_sides"):
            change(connection, "drafted_q = -3, drafted_m = -3, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_put_a_line_on_a_second_draft(self, connection):
        """R-RES-05."""
        approved(connection, a_line())
        draft(connection, "inv_1", [Part("tim_1", Decimal(3))], BY)
        with refused(connection, "ledger_other_invoice"):
            change(connection, "drafted_q = 4, drafted_m = 60000, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_post_what_another_invoice_drafted(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", EVERYTHING, BY)
        with refused(connection, "ledger_other_invoice"):
            change(
                connection,
                "billed_q = 8, billed_m = 120000, drafted_q = 0, drafted_m = 0, open_invoice = null",
                act(connection, "post"),
            )

    def test_bill_without_a_draft(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_move"):
            change(connection, "billed_q = 8, billed_m = 120000", act(connection, "post"))

    def test_lose_money_between_draft_and_post(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_9", EVERYTHING, BY)
        with refused(connection, "ledger_move"):
            change(
                connection,
                "billed_q = 8, billed_m = 119999, drafted_q = 0, drafted_m = 0, open_invoice = null",
                act(connection, "post"),
            )

    def test_move_another_balance_than_the_act_says(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_move"):
            change(connection, "written_off_q = 8, written_off_m = 120000", act(connection, "relieve"))

    def test_take_a_billing_back_without_a_credit(self, connection):
        approved(connection, a_line())
        bill(connection)
        with refused(connection, "ledger_move"):
            change(connection, "billed_q = 0, billed_m = 0", act(connection, "adjust"))

    def test_shrink_what_was_credited(self, connection):
        approved(connection, a_line())
        bill(connection)
        take_back(connection)
        with refused(connection, "ledger_move"):
            change(connection, "credited_q = 0, credited_m = 0", act(connection, "credit", invoice="inv_1"))

    def test_credit_more_than_was_billed(self, connection):
        approved(connection, a_line())
        bill(connection)
        with refused(connection, "ledger_line_credit"):
            change(connection, "credited_q = 9, credited_m = 120000", act(connection, "credit", invoice="inv_1"))

    def test_credit_more_than_this_invoice_billed(self, connection):
        approved(connection, a_line())
        bill(connection, "inv_1", [Part("tim_1", Decimal(3))])
        bill(connection, "inv_2", [Part("tim_1", Decimal(5))])
        with refused(connection, "ledger_over_credited"):
            change(connection, "credited_q = 4, credited_m = 60000", act(connection, "credit", invoice="inv_1"))

    def test_draft_a_held_line(self, connection):
        approved(connection, a_line())
        hold(connection, ["tim_1"], "dispute", BY)
        with refused(connection, "ledger_line_held"):
            change(connection, "drafted_q = 8, drafted_m = 120000, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_draft_an_unpriced_line(self, connection):
        approved(connection, a_line(rate=None))
        with refused(connection, "ledger_line_unpriced"):
            change(connection, "drafted_q = 8, drafted_m = 0, open_invoice = 'inv_9'", act(connection, "draft"))

    def test_draft_without_naming_the_invoice(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_line_one_draft"):
            change(connection, "drafted_q = 8, drafted_m = 120000", act(connection, "draft"))

    def test_draft_on_a_posted_invoice(self, connection):
        approved(connection, a_line())
        bill(connection)
        with refused(connection, "ledger_invoice_posted"):
            act(connection, "draft", invoice="inv_1")

    def test_post_an_invoice_twice(self, connection):
        approved(connection, a_line())
        bill(connection)
        with refused(connection, "ledger_act_posted_once"):
            act(connection, "post", invoice="inv_1")

    def test_act_in_a_signed_off_period(self, connection):
        sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")
        with refused(connection, "ledger_period_signed_off"):
            act(connection, "write_off")

    def test_book_without_an_accounting_day(self, connection):
        with refused(connection, "ledger_act_shape"):
            act(connection, "write_off", on=None)

    def test_change_a_line_without_an_act(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_act_missing"):
            execute(connection, "update ledger_line set hold_reason = 'x'")

    def test_use_the_act_of_another_entity(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_invoice_mixed"):
            change(connection, "hold_reason = 'x'", act(connection, "hold", entity="us01"))

    def test_change_lines_under_two_acts_at_once(self, connection):
        approved(connection, a_line("tim_1"), a_line("tim_2"))
        first, second = act(connection, "hold"), act(connection, "hold")
        with refused(connection, "ledger_act_missing"):
            execute(
                connection,
                "update ledger_line set hold_reason = 'x', act = case id when 'tim_1' then :a else :b end",
                a=first,
                b=second,
            )

    def test_change_the_price_of_what_is_drafted(self, connection):
        approved(connection, a_line())
        draft(connection, "inv_1", EVERYTHING, BY)
        with refused(connection, "ledger_line_repriced"):
            change(connection, "unit_price = 1, approved_m = 8", act(connection, "price"))

    def test_set_an_amount_that_the_price_does_not_give(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_line_price"):
            change(connection, "approved_m = 999999", act(connection, "adjust"))

    def test_raise_the_hours_under_a_price_act(self, connection):
        approved(connection, a_line())
        with refused(connection, "ledger_move"):
            change(connection, "approved_q = 10, approved_m = 150000", act(connection, "price"))

    @pytest.mark.parametrize("column", ["entity", "currency", "source_ref", "kind"])
    def test_change_what_a_line_is(self, connection, column):
        approved(connection, a_line())
        with refused(connection, "ledger_line_identity"):
            change(connection, f"{column} = 'XXX'", act(connection, "adjust"))

    def test_move_a_billed_line_to_another_project(self, connection):
        approved(connection, a_line())
        bill(connection)
        with refused(connection, "ledger_line_moved"):
            change(connection, "project_id = 'prj_2'", act(connection, "adjust"))

    def test_begin_a_line_that_is_already_billed(self, connection):
        with refused(connection, "ledger_move"):
            execute(
                connection,
                """insert into ledger_line (id, kind, entity, currency, contract_id, contract_version, project_id,
                                            worked_on, source_ref, unit_price, approved_q, approved_m, billed_q,
                                            billed_m, act)
                   values ('tim_8', 'time', 'uk01', 'GBP', 'con_1', 1, 'prj_1',
                           '2026-05-01', 'x', 1, 8, 8, 8, 8, :act)""",
                act=act(connection, "approve"),
            )

    @pytest.mark.parametrize(
        "statement",
        [
            "delete from ledger_line",
            "delete from ledger_journal",
            "update ledger_journal set amount = 0",
            "delete from ledger_act",
            "update ledger_act set accounting_on = null",
            "delete from ledger_period",
            "update ledger_period set end_on = start_on",
            "update ledger_act_kind set grows = false",
            "insert into ledger_act_kind values ('steal', 'billed', false, false, false, true)",
        ],
    )
    def test_rewrite_the_past_or_the_rules(self, connection, statement):
        approved(connection, a_line())
        with refused(connection, "ledger_append_only"):
            execute(connection, statement)

    def test_write_the_journal(self, connection):
        approved(connection, a_line())
        with refused(connection, "row-level security"):
            execute(connection, "insert into ledger_journal values (1, 'tim_1', 8, 120000)")

    def test_switch_the_guards_off(self, connection):
        with refused(connection, "must be owner"):
            execute(connection, "alter table ledger_line disable trigger all")

    def test_put_a_table_in_the_way_of_the_guards(self, connection):
        sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")
        execute(connection, "create temporary table ledger_period (entity text, start_on date, end_on date)")
        with refused(connection, "ledger_period_signed_off"):
            act(connection, "write_off")
        execute(connection, "drop table pg_temp.ledger_period")

    def test_date_an_act_back(self, connection):
        execute(
            connection,
            """insert into ledger_act (kind, entity, cause, actor, at, xid)
               values ('hold', 'uk01', 'c', 'mallory', '2020-01-01', '1')""",
        )
        assert one(connection, "select at > now() - interval '1 day' as fresh from ledger_act").fresh


def test_an_act_of_an_earlier_transaction_cannot_be_used_again(database):
    with database.begin() as connection:
        old = act(connection, "hold")
        approved(connection, a_line())
    with database.begin() as connection:
        fresh = act(connection, "adjust")
        assert fresh > old
    with database.begin() as connection, refused(connection, "ledger_act_missing"):
        change(connection, "hold_reason = 'x'", fresh)


class TestADoor:
    def test_sees_the_lines_acts_and_entries_of_its_entities_only(self, owner_url, database):
        with database.begin() as connection:
            approve(connection, [a_line("tim_1"), a_line("tim_2", entity="us01", currency="USD")], BY)
        door = Database(as_role(owner_url, DOOR))
        with door.scoped(["us01"]) as connection:
            assert [found.id for found in line_states(connection, ["tim_1", "tim_2"])] == ["tim_2"]
            assert [row.line_id for row in rows(connection, "select line_id from ledger_journal")] == ["tim_2"]
            assert [row.entity for row in rows(connection, "select entity from ledger_act")] == ["us01"]
        with door.begin() as connection:
            assert rows(connection, "select 1 from ledger_state") == []
        door.dispose()


class TestInvariants:
    """The owner of the database can switch the guards off; the check finds what he did."""

    @pytest.mark.parametrize(
        ("tampering", "rule"),
        [
            ("update ledger_line set billed_m = billed_m + 1", "balances_are_the_journal"),
            ("update ledger_journal set amount = amount + 1 where act = 1", "balances_are_the_journal"),
            ("delete from ledger_journal where act = 3", "balances_are_the_journal"),
            ("update ledger_line set approved_q = 1, approved_m = 15000", "used_within_approved"),
            ("insert into ledger_journal values (4, 'tim_1', 99, 1)", "credits_stay_within_their_invoice"),
            (
                """insert into ledger_period values ('uk01', '2026-05-01', '2026-05-31', '2026-01-01', 'mallory')""",
                "signed_off_periods_stay",
            ),
        ],
    )
    def test_name_what_was_tampered_with(self, owner_url, database, tampering, rule):
        with database.begin() as connection:
            approved(connection, a_line())
            bill(connection)
            approved(connection, a_line("tim_2"))
            bill(connection, "inv_2")
            take_back(connection, [Part("tim_2")], invoice_id="inv_2")
        owner = create_engine(owner_url, connect_args={"options": "-c search_path=accordant"})
        with owner.begin() as connection:
            connection.execute(text("set session_replication_role = replica"))
            connection.execute(text(tampering.replace("(4, 'tim_1'", "((select max(id) from ledger_act), 'tim_1'")))
        owner.dispose()

        with database.begin() as connection:
            assert rule in {violation.rule for violation in invariants(connection)}


class TestManyWorkersAtOnce:
    def test_no_line_ever_stands_on_two_invoices(self, database):
        """R-RES-05."""
        ids = [f"tim_{n}" for n in range(40)]
        with database.begin() as connection:
            approved(connection, *(a_line(id) for id in ids))
        outcomes = race(8, lambda worker: try_draft(database, f"inv_{worker}", EVERYTHING))

        assert sorted(outcomes) == ["drafted", *["ledger.nothing_open"] * 7]
        with database.begin() as connection:
            assert {found.quantity.drafted for found in line_states(connection, ids)} == {Decimal(8)}
            assert invariants(connection) == []

    def test_named_lines_in_any_order_end_on_one_invoice_each(self, database):
        ids = [f"tim_{n}" for n in range(30)]
        with database.begin() as connection:
            approved(connection, *(a_line(id) for id in ids))

        def some(worker):
            wanted = ids[worker % 3 :: 3] + ids[(worker + 1) % 3 :: 3]
            return try_draft(database, f"inv_{worker}", [Part(id) for id in (wanted if worker % 2 else wanted[::-1])])

        outcomes = race(8, some)

        assert set(outcomes) == {"drafted", "ledger.line_on_other_invoice"}
        with database.begin() as connection:
            assert all(found.quantity.drafted in (0, 8) for found in line_states(connection, ids))
            assert invariants(connection) == []

    def test_drafts_of_one_contract_stay_together_within_its_cap(self, database):
        with database.begin() as connection:
            set_cap(connection, "con_1", "uk01", gbp("2500"))
            approved(connection, *(a_line(f"tim_{n}", "8", "100") for n in range(8)))

        outcomes = race(8, lambda worker: try_draft(database, f"inv_{worker}", [Part(f"tim_{worker}")]))

        assert sorted(outcomes) == ["drafted"] * 3 + ["ledger.over_cap"] * 5

    def test_the_same_delivery_by_all_is_recorded_once(self, database):
        lines = [a_line(f"tim_{n}") for n in range(50)]

        def deliver(worker):
            with database.begin() as connection:
                return len(approve(connection, lines if worker % 2 else lines[::-1], BY).new)

        assert sum(race(8, deliver)) == 50
        with database.begin() as connection:
            assert invariants(connection) == []

    def test_a_credit_note_sent_by_all_takes_back_once(self, database):
        with database.begin() as connection:
            approved(connection, a_line())
            bill(connection)

        def back(worker):
            with database.begin() as connection:
                return take_back(connection, [Part("tim_1", Decimal(3))]).quantity

        assert race(8, back) == [3] * 8
        with database.begin() as connection:
            assert line(connection).quantity.credited == 3

    def test_sign_off_waits_for_a_posting_and_the_next_posting_is_refused(self, database):
        with database.begin() as connection:
            approved(connection, a_line("tim_1"), a_line("tim_2"))
        signed = threading.Event()

        def close_may():
            with database.begin() as connection:
                sign_off(connection, "uk01", Period.month_of(MAY), signed_off_by="wrk_cfo")
            signed.set()

        with database.begin() as connection:
            bill(connection, "inv_1", [Part("tim_1")])
            closing = threading.Thread(target=close_may)
            closing.start()
            assert not signed.wait(0.1)
        closing.join(10)

        assert signed.is_set()
        with pytest.raises(Rejected, match="signed off"), database.begin() as connection:
            bill(connection, "inv_2", [Part("tim_2")])


def try_draft(database, invoice_id, what):
    try:
        with database.begin() as connection:
            draft(connection, invoice_id, what, BY)
    except Rejected as refusal:
        return refusal.code
    return "drafted"


def race(workers, work):
    """Run the work in threads that start together and return what each answered; an error fails the test."""
    start = threading.Barrier(workers)
    answers, failures = [], []

    def run(worker):
        start.wait()
        try:
            answers.append(work(worker))
        except Exception as failure:  # noqa: BLE001 - a thread must not swallow it
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    return answers
