from __future__ import annotations

from datetime import timedelta

import pytest
from cases_builders import NOON, Someone, a_case
from pydantic import ValidationError

from accordant.cases import (
    Action,
    AddMapping,
    CaseState,
    Compensate,
    Dismiss,
    DoneByHand,
    Edit,
    FieldEdit,
    Proposed,
    Reprocess,
    Resolved,
    Retry,
    RootCause,
    close_by_itself,
    confirm,
    decline,
    find_resolution,
    finish,
    get_case,
    list_events,
    open_case,
    resolve,
    resolve_all,
)
from accordant.kernel import ExternalId, InvalidInput, Rejected

WHY = {"reason": "checked with the client", "root_cause": RootCause.WRONG_DATA}
EXTERNAL = ExternalId(system="netsuite-main", type="invoice", value="8837")


def an_edit(field="po_number", after="4711-B", object_kind="contract"):
    return Edit(**WHY, edits=(FieldEdit(object_kind=object_kind, object_id="con_1", field=field, after=after),))


MONEY_EDIT = an_edit("cap", {"amount": "118400.00", "currency": "GBP"})
FIRST, SECOND = Someone("1", "first"), Someone("2", "second")
FIRST_AGAIN = Someone("1", "another-account")


@pytest.fixture
def case_id(database):
    with database.begin() as connection:
        return open_case(connection, a_case(), at=NOON)


@pytest.fixture
def do(database, case_id):
    """Run one act on the case in a transaction of its own."""

    def act(function, *args, actor=FIRST, **kwargs):
        with database.begin() as connection:
            return function(connection, case_id, *args, actor=actor, at=NOON, **kwargs)

    return act


def state(database, id):
    with database.begin() as connection:
        return get_case(connection, id, at=NOON)


class TestResolve:
    @pytest.mark.parametrize(
        "resolution",
        [
            Retry(**WHY),
            Reprocess(**WHY),
            an_edit(),
            AddMapping(**WHY, table="cost_center", key="DE-4410", value="210"),
            DoneByHand(**WHY, external_id=EXTERNAL),
            Compensate(**WHY),
        ],
        ids=lambda resolution: resolution.kind,
    )
    def test_sets_the_case_replaying_and_hands_the_resolution_to_its_run(self, database, case_id, do, resolution):
        assert do(resolve, resolution) == Resolved(resolution)

        assert state(database, case_id).state is CaseState.REPLAYING
        with database.begin() as connection:
            assert find_resolution(connection, case_id, at=NOON) == resolution

    def test_dismissing_ends_it_at_once_with_its_cause(self, database, case_id, do):
        do(resolve, Dismiss(**WHY))

        case = state(database, case_id)
        assert (case.state, case.closed_by, case.root_cause) == (CaseState.RESOLVED, "1", "wrong data")

    def test_every_resolution_says_why(self):
        with pytest.raises(ValidationError):
            Retry(reason="  ", root_cause=RootCause.OTHER)

    def test_refuses_a_way_that_the_case_does_not_offer(self, database):
        with database.begin() as connection:
            id = open_case(connection, a_case("x", actions=(Action.RETRY,)), at=NOON)

        with (
            pytest.raises(Rejected, match="cannot be resolved by `dismiss`") as refused,
            database.begin() as connection,
        ):
            resolve(connection, id, Dismiss(**WHY), actor=FIRST, at=NOON)
        assert refused.value.remedy == "It offers: retry."

    @pytest.mark.parametrize(
        ("actor", "code"),
        [
            (Someone(roles=("auditor",)), "access.role"),
            (Someone(entities=("us01",)), "access.entity"),
            (Someone(worker_number=""), "access.no_worker"),
        ],
    )
    def test_refuses_who_may_not_act(self, do, actor, code):
        with pytest.raises(Rejected) as refused:
            do(resolve, Retry(**WHY), actor=actor)
        assert refused.value.code == code

    def test_a_replay_role_may_retry_and_nothing_more(self, database):
        support = Someone(roles=("integration_support",))
        with database.begin() as connection:
            id = open_case(connection, a_case("x", replay_roles=("integration_support",)), at=NOON)

        with pytest.raises(Rejected, match="does not have the role"), database.begin() as connection:
            resolve(connection, id, Dismiss(**WHY), actor=support, at=NOON)
        with database.begin() as connection:
            assert resolve(connection, id, Retry(**WHY), actor=support, at=NOON) == Resolved(Retry(**WHY))

    def test_refuses_a_second_resolution(self, do):
        do(resolve, Retry(**WHY))

        with pytest.raises(Rejected, match="is replaying"):
            do(resolve, Dismiss(**WHY))

    @pytest.mark.parametrize(
        ("edit", "code"),
        [
            (an_edit("payment_terms_days", 30), "case.field_not_editable"),
            (an_edit("po_number", 4711), "case.unfit_value"),
            (an_edit("cap", {"amount": 1.5, "currency": "GBP"}), "case.unfit_value"),
        ],
    )
    def test_refuses_an_edit_that_is_not_open_or_does_not_fit(self, database, case_id, do, edit, code):
        with pytest.raises(InvalidInput) as refused:
            do(resolve, edit)

        assert refused.value.code == code
        assert state(database, case_id).state is CaseState.OPEN


class TestSecondPerson:
    @pytest.fixture
    def proposal(self, do):
        proposed = do(resolve, MONEY_EDIT)
        assert isinstance(proposed, Proposed)
        return proposed.hash

    @pytest.mark.parametrize("edit", [MONEY_EDIT, an_edit("rate_lines", [])])
    def test_money_is_only_proposed_by_the_first(self, database, case_id, do, edit):
        """R-EXC-06, R-SEC-07."""
        assert isinstance(do(resolve, edit), Proposed)

        assert state(database, case_id).state is CaseState.WAITING
        with database.begin() as connection:
            assert find_resolution(connection, case_id, at=NOON) is None

    def test_the_second_makes_it_hold(self, database, case_id, do, proposal):
        assert do(confirm, proposal, actor=SECOND) == Resolved(MONEY_EDIT)

        case = state(database, case_id)
        assert (case.state, case.proposal) == (CaseState.REPLAYING, None)
        with database.begin() as connection:
            event = list_events(connection, case_id)[-1]
        assert (event.actor, event.detail["proposed_by"]) == ("2", "1")

    @pytest.mark.parametrize("actor", [FIRST, FIRST_AGAIN], ids=["same account", "other account"])
    def test_the_first_cannot_confirm(self, database, case_id, do, proposal, actor):
        with pytest.raises(Rejected) as refused:
            do(confirm, proposal, actor=actor)

        assert refused.value.code == "case.same_person"
        assert state(database, case_id).state is CaseState.WAITING

    def test_nobody_confirms_another_proposal_than_was_seen(self, do, proposal):
        do(decline, reason="typed the wrong amount")
        do(resolve, an_edit("cap", {"amount": "999999.00", "currency": "GBP"}))

        with pytest.raises(Rejected) as refused:
            do(confirm, proposal, actor=SECOND)
        assert refused.value.code == "case.stale_proposal"

    def test_the_second_needs_role_and_entity_too(self, do, proposal):
        with pytest.raises(Rejected, match="no access to uk01"):
            do(confirm, proposal, actor=Someone("2", entities=("us01",)))

    def test_declining_opens_the_case_again(self, database, case_id, do, proposal):
        do(decline, actor=SECOND, reason="the client disagrees")

        assert state(database, case_id).state is CaseState.OPEN

    def test_nothing_to_confirm_is_said(self, do):
        with pytest.raises(Rejected, match="Nothing is proposed"):
            do(confirm, "x", actor=SECOND)

    def test_a_problem_seen_again_does_not_drop_the_proposal(self, database, case_id, do, proposal):
        with database.begin() as connection:
            open_case(connection, a_case(), at=NOON)

        assert do(confirm, proposal, actor=SECOND) == Resolved(MONEY_EDIT)


class TestFinish:
    def test_closes_what_helped_and_repeats_quietly(self, database, case_id, do):
        do(resolve, Retry(**WHY))
        with database.begin() as connection:
            finish(connection, case_id, at=NOON)
            finish(connection, case_id, at=NOON)

        case = state(database, case_id)
        assert (case.state, case.root_cause, case.closed_by) == (CaseState.RESOLVED, "wrong data", "accordant")

    def test_refuses_what_nobody_resolved(self, database, case_id):
        with pytest.raises(Rejected, match="not replaying"), database.begin() as connection:
            finish(connection, case_id, at=NOON)

    def test_a_problem_that_went_away_closes_by_itself(self, database, case_id):
        with database.begin() as connection:
            close_by_itself(connection, case_id, cause=RootCause.SYSTEM_DOWN, reason="NetSuite answers", at=NOON)

        assert state(database, case_id).closed_by == "accordant"


class TestResolveAll:
    def test_keeps_the_order_in_which_the_cases_came(self, database):
        """R-EXC-05."""
        with database.begin() as connection:
            ids = [open_case(connection, a_case(str(n)), at=NOON + timedelta(minutes=n)) for n in range(4)]
            answers = resolve_all(connection, [ids[2], ids[0], ids[3], ids[1]], Retry(**WHY), actor=FIRST, at=NOON)

        assert list(answers) == ids

    def test_is_all_or_none(self, database, case_id):
        with database.begin() as connection:
            other = open_case(connection, a_case("2", entity="us01"), at=NOON)

        with pytest.raises(Rejected), database.begin() as connection:
            resolve_all(connection, [case_id, other], Retry(**WHY), actor=FIRST, at=NOON)
        assert state(database, case_id).state is CaseState.OPEN

    def test_says_when_one_is_not_there(self, database, case_id):
        with pytest.raises(InvalidInput, match="1 of these cases"), database.begin() as connection:
            resolve_all(connection, [case_id, "cas_404"], Retry(**WHY), actor=FIRST, at=NOON)
