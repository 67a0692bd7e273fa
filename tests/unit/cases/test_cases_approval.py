from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from cases_builders import NOON, Someone, a_question, gbp
from sqlalchemy.exc import IntegrityError

from accordant.cases import (
    ApprovalState,
    Decision,
    ask,
    decide,
    delegate,
    get_approval,
    list_approvals,
    list_events,
    require_valid,
    view_hash,
    withdraw,
)
from accordant.kernel import InvalidInput, Money, Rejected
from accordant.platform.storage import DOOR, Database, as_role, execute, rows

SEEN = view_hash(a_question().view)
APPROVER = Someone("1", "approver")
REQUESTER = Someone("7", "requester")
REQUESTER_AGAIN = Someone("7", "requesters-other-account", roles=("finance_operations", "executive"))


def asked(database, at=NOON, **fields):
    with database.begin() as connection:
        return ask(connection, a_question(**fields), at=at)


def decided(database, id, actor=APPROVER, decision=Decision.APPROVE, *, seen=SEEN, reason="", at=NOON):
    with database.begin() as connection:
        return decide(connection, id, actor=actor, decision=decision, view_hash=seen, reason=reason, at=at)


def refusal(database, id, *args, **kwargs):
    with pytest.raises(Rejected) as refused:
        decided(database, id, *args, **kwargs)
    return refused.value.code


def wait_for_a_waiter(connection):
    """Return once another transaction waits for a lock that this one may hold."""
    deadline = time.monotonic() + 5
    while not rows(connection, "select 1 from pg_locks where not granted"):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


class TestDecide:
    def test_an_approver_approves_what_was_seen(self, database):
        """R-ORC-03."""
        approval = decided(database, asked(database))

        assert (approval.state, approval.decided_by, approval.decided_at) == (ApprovalState.APPROVED, "1", NOON)
        assert approval.money == gbp("900.00")

    def test_another_view_than_was_seen_is_refused(self, database):
        other = view_hash({"invoice": "INV-UK-20418", "net": "9000.00 GBP"})

        assert refusal(database, asked(database), seen=other) == "approval.stale_view"

    @pytest.mark.parametrize(
        ("actor", "code"),
        [
            (Someone("1", roles=("delivery",)), "access.role"),
            (Someone("1", entities=("us01",)), "access.entity"),
            (Someone("", "service-account"), "access.no_worker"),
            (Someone("1", approval_limits={"GBP": Decimal("899.99")}), "approval.over_limit"),
            (Someone("1", approval_limits={"USD": Decimal(10_000)}), "approval.over_limit"),
        ],
    )
    def test_who_may_not_decide_is_refused(self, database, actor, code):
        assert refusal(database, asked(database), actor) == code

    def test_a_credit_counts_like_an_invoice(self, database):
        credit = asked(database, money=gbp(-5000))

        assert refusal(database, credit) == "approval.over_limit"

    def test_a_limit_is_in_its_own_currency(self, database):
        dollars = asked(database, money=Money(amount=Decimal(900), currency="USD"))

        assert refusal(database, dollars) == "approval.over_limit"

    def test_who_is_over_the_limit_may_still_reject(self, database):
        poor = Someone("1", approval_limits={})

        assert decided(database, asked(database), poor, Decision.REJECT, reason="not ordered").state == "rejected"

    def test_a_rejection_needs_a_reason(self, database):
        with pytest.raises(InvalidInput, match="needs a reason"):
            decided(database, asked(database), APPROVER, Decision.REJECT)

    def test_nobody_decides_twice(self, database):
        id = asked(database)
        decided(database, id)

        assert refusal(database, id, Someone("2"), Decision.REJECT, reason="no") == "approval.decided"

    def test_of_two_at_once_one_decides(self, database):
        id = asked(database)

        with ThreadPoolExecutor(1) as pool:
            with database.begin() as connection:
                decide(connection, id, actor=APPROVER, decision=Decision.APPROVE, view_hash=SEEN, at=NOON)
                second = pool.submit(refusal, database, id, Someone("2"), Decision.REJECT, reason="no")
                wait_for_a_waiter(connection)
            code = second.result()

        assert code == "approval.decided"
        with database.begin() as connection:
            assert get_approval(connection, id).decided_by == "1"

    def test_too_late_is_refused_and_asked_anew(self, database):
        id = asked(database, deadline=NOON + timedelta(hours=1))
        late = NOON + timedelta(hours=2)

        assert refusal(database, id, at=late) == "approval.expired"
        again = asked(database, at=late, deadline=late + timedelta(hours=1))
        assert again != id
        assert decided(database, again, at=late).state is ApprovalState.APPROVED


class TestOwnRequest:
    """Requester and approver are never one person, by whatever way. R-SEC-07."""

    @pytest.mark.parametrize("actor", [REQUESTER, REQUESTER_AGAIN], ids=["own account", "second account"])
    @pytest.mark.parametrize("decision", Decision)
    def test_is_refused_at_the_decision(self, database, actor, decision):
        assert refusal(database, asked(database), actor, decision, reason="mine") == "approval.own_request"

    def test_is_refused_as_a_delegate_from_the_start(self, database):
        with pytest.raises(InvalidInput, match="cannot be its delegate"):
            asked(database, delegates=("7",))

    def test_is_refused_as_a_later_delegate(self, database):
        id = asked(database)

        with pytest.raises(Rejected) as refused, database.begin() as connection:
            delegate(connection, id, "7", actor=APPROVER, at=NOON)
        assert refused.value.code == "approval.own_request"

    def test_the_requester_cannot_delegate(self, database):
        id = asked(database)

        with pytest.raises(Rejected) as refused, database.begin() as connection:
            delegate(connection, id, "9", actor=REQUESTER, at=NOON)
        assert refused.value.code == "approval.own_request"

    def test_is_refused_by_the_database_whatever_code_writes_it(self, database):
        id = asked(database)

        with pytest.raises(IntegrityError), database.begin() as connection:
            execute(
                connection,
                "update approval set state = 'approved', decided_by = '7', decided_at = now() where id = :i",
                i=id,
            )

    def test_is_refused_at_use_when_the_requester_turns_out_to_be_the_approver(self, database, owner_url):
        id = asked(database)
        decided(database, id)
        owner = Database(owner_url)
        with owner.begin() as connection:  # a past that the check in the database did not see
            execute(connection, "alter table accordant.approval drop constraint approval_two_people")
            execute(connection, "update approval set decided_by = requester where id = :i", i=id)
        owner.dispose()

        with pytest.raises(Rejected) as refused, database.begin() as connection:
            require_valid(connection, id, SEEN)
        assert refused.value.code == "approval.own_request"

    def test_is_not_in_the_own_inbox(self, database):
        id = asked(database)

        with database.begin() as connection:
            assert list_approvals(connection, REQUESTER) == ()
            assert [approval.id for approval in list_approvals(connection, APPROVER)] == [id]


class TestDelegate:
    def test_decides_without_the_role_but_within_entity_and_limit(self, database):
        """R-ORC-03."""
        id = asked(database)
        with database.begin() as connection:
            delegate(connection, id, "9", actor=APPROVER, at=NOON)
        plain = {"roles": ("delivery",)}

        assert refusal(database, id, Someone("9", **plain, entities=("us01",))) == "access.entity"
        assert refusal(database, id, Someone("9", **plain, approval_limits={})) == "approval.over_limit"
        with database.begin() as connection:
            assert [approval.id for approval in list_approvals(connection, Someone("9", **plain))] == [id]
        assert decided(database, id, Someone("9", **plain)).decided_by == "9"


class TestAsk:
    def test_the_same_question_again_is_the_same_approval_open_or_decided(self, database):
        first = asked(database)
        assert asked(database) == first

        decided(database, first, decision=Decision.REJECT, reason="wrong rate")
        assert asked(database) == first

    def test_a_changed_view_supersedes_the_open_question(self, database):
        first = asked(database)
        second = asked(database, view={"invoice": "INV-UK-20418", "net": "950.00 GBP"})

        assert first != second
        assert refusal(database, first) == "approval.decided"
        with database.begin() as connection:
            assert get_approval(connection, first).state is ApprovalState.SUPERSEDED
            assert [event.kind for event in list_events(connection, first)] == ["asked", "superseded"]

    def test_many_at_once_ask_once(self, database):
        barrier = threading.Barrier(4)

        def work(_):
            barrier.wait()
            return asked(database)

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(work, range(4)))) == 1

    def test_can_be_taken_back_by_who_asked_only(self, database):
        id = asked(database)
        with pytest.raises(Rejected, match="Only who asked"), database.begin() as connection:
            withdraw(connection, id, by="1", reason="x", at=NOON)
        with database.begin() as connection:
            withdraw(connection, id, by="7", reason="billed differently", at=NOON)

        assert refusal(database, id) == "approval.decided"

    def test_a_door_sees_only_its_entities(self, database, owner_url):
        asked(database)
        us = asked(database, entity="us01", subject="invoice:inv_2")
        door = Database(as_role(owner_url, DOOR))

        with door.scoped(["us01"]) as connection:
            seen = [row.id for row in rows(connection, "select id from approval")]
        door.dispose()

        assert seen == [us]


class TestRequireValid:
    def use(self, database, id, seen=SEEN):
        with database.begin() as connection:
            return require_valid(connection, id, seen)

    def test_lets_through_what_was_approved(self, database):
        id = asked(database)
        decided(database, id)

        assert self.use(database, id).decided_by == "1"

    def test_stops_facts_that_changed_after_the_approval(self, database):
        """R-ORC-03."""
        id = asked(database)
        decided(database, id)

        with pytest.raises(Rejected) as refused:
            self.use(database, id, view_hash({"invoice": "INV-UK-20418", "net": "901.00 GBP"}))
        assert refused.value.code == "approval.stale_view"

    def test_stops_a_stored_view_that_was_tampered_with(self, database):
        id = asked(database)
        decided(database, id)
        with database.begin() as connection:
            execute(connection, """update approval set view = '{"net": "1.00 GBP"}' where id = :i""", i=id)

        with pytest.raises(Rejected) as refused:
            self.use(database, id)
        assert refused.value.code == "approval.stale_view"

    @pytest.mark.parametrize("decision", [None, Decision.REJECT])
    def test_stops_what_nobody_approved(self, database, decision):
        id = asked(database)
        if decision:
            decided(database, id, decision=decision, reason="no")

        with pytest.raises(Rejected) as refused:
            self.use(database, id)
        assert refused.value.code == "approval.not_approved"
