"""The people of an estate act on cases and approvals as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases_builders import NOON, a_case, a_question, gbp

from accordant.cases import (
    Action,
    Actor,
    Decision,
    Edit,
    FieldEdit,
    Proposed,
    RootCause,
    ask,
    confirm,
    decide,
    open_case,
    resolve,
    view_hash,
)
from accordant.governance import load
from accordant.kernel import Rejected

ESTATE = Path(__file__).parents[1] / "governance/estate"
SEEN = view_hash(a_question().view)


@pytest.fixture(scope="module")
def access():
    return load(ESTATE).access


def approve(database, actor: Actor, **question):
    with database.begin() as connection:
        id = ask(connection, a_question(**question), at=NOON)
        return decide(connection, id, actor=actor, decision=Decision.APPROVE, view_hash=SEEN, at=NOON)


class TestPeopleOfAnEstate:
    def test_finance_approves_within_its_entity_and_limit(self, database, access):
        assert approve(database, access.actor("orla.fennick"), money=gbp(250_000)).decided_by == "90001"

    @pytest.mark.parametrize(
        ("person", "question", "code"),
        [
            ("orla.fennick", {"money": gbp("250000.01")}, "approval.over_limit"),
            ("orla.fennick", {"entity": "us01"}, "access.entity"),
            ("silas.brandt", {}, "access.role"),
            ("thea.garrick", {}, "access.role"),
            ("juno.abelard", {"requester": "90004"}, "approval.own_request"),
        ],
    )
    def test_others_are_refused(self, database, access, person, question, code):
        with pytest.raises(Rejected) as refused:
            approve(database, access.actor(person), **question)
        assert refused.value.code == code

    def test_who_proposed_cannot_confirm_and_a_colleague_can(self, database, access):
        edit = FieldEdit(
            object_kind="contract", object_id="con_1", field="cap", after={"amount": "5.00", "currency": "GBP"}
        )
        resolution = Edit(reason="client agreed", root_cause=RootCause.CONTRACT_TERMS, edits=(edit,))
        case = a_case(role="integration_support", actions=(Action.EDIT,))
        juno = access.actor("juno.abelard-ops")
        with database.begin() as connection:
            id = open_case(connection, case, at=NOON)
            proposed = resolve(connection, id, resolution, actor=juno, at=NOON)
        assert isinstance(proposed, Proposed)

        with pytest.raises(Rejected, match="cannot confirm it"), database.begin() as connection:
            confirm(connection, id, proposed.hash, actor=access.actor("juno.abelard-ops"), at=NOON)
        with database.begin() as connection:
            confirm(connection, id, proposed.hash, actor=access.actor("wren.tallis"), at=NOON)
