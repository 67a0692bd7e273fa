from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cases_builders import NOON, Someone, a_case, gbp
from pydantic import ValidationError

from accordant.cases import (
    Action,
    CaseFilter,
    CaseState,
    Dismiss,
    Retry,
    RootCause,
    Stage,
    assign,
    count_cases,
    get_case,
    list_cases,
    list_causes,
    list_events,
    list_overdue,
    open_case,
    pareto,
    park,
    record_escalation,
    resolve,
    tag,
    wake,
)
from accordant.kernel import NotFound, Rejected
from accordant.platform.storage import DOOR, Database, as_role

RETRY = Retry(reason="the period was opened", root_cause=RootCause.PERIOD_CLOSED)
DISMISS = Dismiss(reason="billed by hand last month", root_cause=RootCause.OTHER)


def opened(database, *cases, at=NOON):
    with database.begin() as connection:
        return [open_case(connection, case, at=at) for case in cases]


def view(database, id, at=NOON):
    with database.begin() as connection:
        return get_case(connection, id, at=at)


class TestOpenCase:
    def test_keeps_what_it_was_told(self, database):
        """R-EXC-01, R-EXC-07."""
        case = a_case(pounds="118400.00", days=2, contract_id="con_1", contract_version=3, billing_cycle="2026-11")

        (id,) = opened(database, case)

        stored = view(database, id)
        assert stored.model_dump(include=set(type(case).model_fields)) == case.model_dump()
        assert (stored.state, stored.seen_count, stored.same_count) == (CaseState.OPEN, 1, 1)

    def test_the_same_problem_again_is_counted_not_opened(self, database):
        first = opened(database, a_case(pounds=100))
        second = opened(database, a_case(pounds=250), at=NOON + timedelta(hours=1))

        assert first == second
        stored = view(database, first[0])
        assert (stored.seen_count, stored.opened_at, stored.seen_at) == (2, NOON, NOON + timedelta(hours=1))
        assert stored.exposure == gbp("250.00")

    def test_many_at_once_open_one_case(self, database):
        barrier = threading.Barrier(5)

        def work(_):
            with database.begin() as connection:
                barrier.wait()
                return open_case(connection, a_case(), at=NOON)

        with ThreadPoolExecutor(5) as pool:
            ids = set(pool.map(work, range(5)))

        assert len(ids) == 1
        assert view(database, ids.pop()).seen_count == 5

    def test_after_a_resolved_case_the_problem_is_a_new_one_that_points_back(self, database):
        (old,) = opened(database, a_case())
        with database.begin() as connection:
            resolve(connection, old, DISMISS, actor=Someone(), at=NOON)

        (new,) = opened(database, a_case())

        assert new != old
        assert view(database, new).previous_id == old

    def test_a_replay_that_did_not_help_opens_the_case_again(self, database):
        (id,) = opened(database, a_case())
        with database.begin() as connection:
            resolve(connection, id, RETRY, actor=Someone(), at=NOON)
        assert view(database, id).state is CaseState.REPLAYING

        opened(database, a_case())

        stored = view(database, id)
        assert (stored.state, stored.resolution, stored.seen_count) == (CaseState.OPEN, None, 2)

    def test_masks_personal_values_at_any_depth(self, database):
        """R-SEC-04."""
        details = {"email": "a@b.example", "lines": [{"worker_name": "A. Person", "hours": "8"}], "po": "4711"}

        (id,) = opened(database, a_case(details=details))

        assert view(database, id).details == {
            "email": "•••",
            "lines": [{"worker_name": "•••", "hours": "8"}],
            "po": "4711",
        }

    def test_an_exposure_needs_its_group_value(self):
        with pytest.raises(ValidationError, match="group's currency"):
            a_case(exposure=gbp(1), group_exposure=None)


class TestListCases:
    def test_sorts_by_money_per_day_that_is_left(self, database):
        """R-EXC-03."""
        far, near, none, late = opened(
            database,
            a_case("far", pounds=10_000, days=20),  # 500 a day
            a_case("near", pounds=3_000, days=3),  # 1,000 a day
            a_case("none", pounds=12_000),  # no deadline: 30 days, 400 a day
            a_case("late", pounds=900, days=-5),  # overdue: all of it now
        )
        (moneyless,) = opened(database, a_case("moneyless", days=1))

        with database.begin() as connection:
            cases = list_cases(connection, at=NOON)

        assert [case.id for case in cases] == [near, late, far, none, moneyless]
        assert [case.severity for case in cases] == [100_000, 90_000, 50_000, 40_000, 0]

    def test_says_how_many_have_the_same_cause(self, database):
        """R-EXC-05."""
        opened(database, a_case("1"), a_case("2"), a_case("3", cause_key="other"))

        with database.begin() as connection:
            cases = list_cases(connection, at=NOON)

        assert sorted((case.subject, case.same_count) for case in cases) == [("1", 2), ("2", 2), ("3", 1)]

    def test_narrows_by_each_filter(self, database):
        (wanted,) = opened(
            database,
            a_case("1", entity="us01", stage=Stage.STAFFING, role="delivery", client_id="cus_1", project_id="prj_1"),
        )
        opened(database, a_case("2"))
        with database.begin() as connection:
            actor = Someone(entities=("*",))
            tag(connection, [wanted], "close", actor=actor, at=NOON)
            assign(connection, [wanted], "42", actor=actor, at=NOON)

            for which in (
                CaseFilter(entity="us01"),
                CaseFilter(stage=Stage.STAFFING),
                CaseFilter(role="delivery"),
                CaseFilter(client_id="cus_1"),
                CaseFilter(project_id="prj_1"),
                CaseFilter(tag="close"),
                CaseFilter(owner="42"),
            ):
                assert [case.id for case in list_cases(connection, which, at=NOON)] == [wanted], which
            assert count_cases(connection, CaseFilter(entity="de01")) == 0
            assert count_cases(connection) == 2

    def test_pages(self, database):
        ids = opened(database, *(a_case(str(n), pounds=1000 - n) for n in range(5)))

        with database.begin() as connection:
            page = list_cases(connection, at=NOON, limit=2, offset=2)

        assert [case.id for case in page] == ids[2:4]

    def test_a_door_sees_only_cases_of_its_entities(self, database, owner_url):
        (uk, us) = opened(database, a_case("1"), a_case("2", entity="us01"))
        door = Database(as_role(owner_url, DOOR))

        with door.scoped(["us01"]) as connection:
            seen = [case.id for case in list_cases(connection, at=NOON)]
            events = list_events(connection, uk)
            with pytest.raises(NotFound):
                get_case(connection, uk, at=NOON)
        door.dispose()

        assert seen == [us]
        assert events == ()


class TestListCauses:
    def test_adds_up_what_one_fix_would_mend(self, database):
        """R-EXC-05."""
        first, second = opened(database, a_case("1", pounds=100, days=9), a_case("2", pounds=50, days=3))
        opened(database, a_case("3", pounds=120, cause_key="other"))

        with database.begin() as connection:
            cause, other = list_causes(connection)

        assert (cause.count, cause.exposure, cause.case_ids) == (2, gbp("150.00"), (first, second))
        assert cause.deadline == NOON + timedelta(days=3)
        assert other.cause_key == "other"


class TestAssignAndTag:
    def test_land_in_the_timeline_with_who_did_it(self, database):
        (id,) = opened(database, a_case())
        with database.begin() as connection:
            assign(connection, [id], "42", actor=Someone(), at=NOON)
            tag(connection, [id], "close", actor=Someone(), at=NOON)
            tag(connection, [id], "close", actor=Someone(), at=NOON)

            events = [(event.kind, event.actor) for event in list_events(connection, id)]

        assert events == [("opened", "accordant"), ("assigned", "1"), ("tagged", "1"), ("tagged", "1")]
        assert (view(database, id).owner, view(database, id).tags) == ("42", ("close",))

    def test_are_refused_for_another_entity_and_then_for_all(self, database):
        uk, us = opened(database, a_case("1"), a_case("2", entity="us01"))

        with pytest.raises(Rejected, match="no access to us01"), database.begin() as connection:
            assign(connection, [uk, us], "42", actor=Someone(), at=NOON)
        assert view(database, uk).owner == ""


class TestPark:
    def test_waits_until_its_time_and_wakes_once(self, database):
        (id,) = opened(database, a_case())
        tomorrow = NOON + timedelta(days=1)
        with database.begin() as connection:
            park(connection, [id], until=tomorrow, reason="the client answers tomorrow", actor=Someone(), at=NOON)
            assert wake(connection, at=NOON) == ()
        assert view(database, id).state is CaseState.WAITING

        with database.begin() as connection:
            assert wake(connection, at=tomorrow) == (id,)
            assert wake(connection, at=tomorrow) == ()
        assert view(database, id).state is CaseState.OPEN

    def test_a_parked_case_can_be_resolved_at_once(self, database):
        (id,) = opened(database, a_case())
        with database.begin() as connection:
            park(connection, [id], until=NOON + timedelta(days=1), reason="later", actor=Someone(), at=NOON)
            resolve(connection, id, RETRY, actor=Someone(), at=NOON)
            assert wake(connection, at=NOON + timedelta(days=2)) == ()

        assert view(database, id).state is CaseState.REPLAYING


PATIENCE = {1: timedelta(hours=2), 2: timedelta(days=1)}


class TestAgeing:
    def overdue(self, database, at):
        with database.begin() as connection:
            return [case.id for case in list_overdue(connection, at=at, patience=PATIENCE)]

    def test_is_by_deadline_and_by_the_patience_of_the_tier(self, database):
        top, normal, low, due = opened(
            database,
            a_case("1", tier=1),
            a_case("2", tier=2),
            a_case("3", tier=3),
            a_case("4", tier=3, days=1, pounds=10),
        )

        assert self.overdue(database, NOON + timedelta(hours=1)) == []
        assert self.overdue(database, NOON + timedelta(hours=3)) == [top]
        assert set(self.overdue(database, NOON + timedelta(hours=25))) == {due, top, normal}
        assert low not in self.overdue(database, NOON + timedelta(days=99))

    def test_escalates_once(self, database):
        """R-EXC-08."""
        (id,) = opened(database, a_case(tier=1))
        later = NOON + timedelta(hours=3)
        with database.begin() as connection:
            assert record_escalation(connection, id, at=later, to_role="executive")
            assert not record_escalation(connection, id, at=later, to_role="executive")

        assert self.overdue(database, later) == []


class TestPareto:
    def test_counts_root_causes_with_money(self, database):
        """R-EXC-10."""
        ids = opened(database, *(a_case(str(n), pounds=10, actions=(Action.DISMISS,), editable=()) for n in range(3)))
        with database.begin() as connection:
            for id, cause in zip(ids, (RootCause.OTHER, RootCause.DUPLICATE, RootCause.OTHER), strict=True):
                resolve(connection, id, Dismiss(reason="checked", root_cause=cause), actor=Someone(), at=NOON)

            table = pareto(connection, since=NOON)

        assert table == (("other", 2, 2000), ("duplicate", 1, 1000))
