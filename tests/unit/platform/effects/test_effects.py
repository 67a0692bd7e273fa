"""Writes outside happen once: each way in which they could happen twice or never, by name."""

from __future__ import annotations

import asyncio
import time

import pytest

from accordant.kernel import KeyConflict, Rejected, Unavailable, UnknownOutcome
from accordant.platform.durable import Fenced, Start, Taken, open_run
from accordant.platform.durable.runs import take_run
from accordant.platform.effects import Ack, Controls, Effects, Item, Missing, Scope, StillUnsure, Write, mark_undone
from accordant.platform.storage import execute, one


class Vendor:
    """A system without idempotency: each call that arrives makes a record."""

    def __init__(self):
        self.records = []  # (key, visible from)
        self.plan = []

    def commit(self, keys, lag=0.0):
        self.records += [(key, time.monotonic() + lag) for key in keys]

    async def send(self, items):
        fault = self.plan.pop(0) if self.plan else None
        if fault == "unavailable":
            raise Unavailable("down")
        if fault == "before":
            raise UnknownOutcome("no answer")
        if fault == "late":
            asyncio.get_running_loop().call_later(0.15, self.commit, list(items))
            raise UnknownOutcome("no answer")
        if isinstance(fault, Exception):
            raise fault
        self.commit(items, lag=0.2 if fault == "lag" else 0.0)
        if fault in ("after", "lag"):
            raise UnknownOutcome("no answer")
        if fault == "slow":
            await asyncio.sleep(0.2)
        return {key: Ack(f"v/record/{key}") for key in items}

    async def look_up(self, keys):
        now = time.monotonic()
        seen = {key for key, at in self.records if at <= now}
        return {key: Ack(f"v/record/{key}") if key in seen else Missing() for key in keys}

    def count(self, key):
        return sum(1 for k, _ in self.records if k == key)


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
def taken(database):
    return a_run(database, "con_1", "boot-1")


def a_run(database, key, executor):
    with database.begin() as connection:
        execute(connection, "insert into executor (id, lease_s) values (:e, 30) on conflict do nothing", e=executor)
        run = open_run(connection, Start("f", 1, key, {"k": key}))
        return take_run(connection, run.run_id, executor)


def a_write(vendor, taken, *, kind="create", settle_s=0.3, patience_s=3.0):
    return Write(Scope("v", "create", kind, taken), vendor.send, vendor.look_up, settle_s, patience_s)


def perform(database, write, *items, controls=None):
    async def main():
        return await Effects(database, controls).perform(write, list(items) or [Item("prj_1", "hash")])

    return asyncio.run(main())


class TestOnce:
    def test_the_intent_is_stored_before_the_call(self, database, vendor, taken):
        async def send(items):
            with database.begin() as connection:
                assert one(connection, "select state from effect").state == "intent"
            return {key: Ack("v/record/1") for key in items}

        perform(database, Write(Scope("v", "create", "create", taken), send, vendor.look_up, 0.1))

    def test_a_done_write_is_never_sent_again(self, database, vendor, taken):
        """R-RES-04."""
        perform(database, a_write(vendor, taken))
        again = perform(database, a_write(vendor, taken))

        assert again["prj_1"].ref == "v/record/prj_1#1"
        assert vendor.count("prj_1#1") == 1

    @pytest.mark.parametrize("fault", ["after", "lag", "late"])
    def test_a_write_whose_answer_was_lost_is_found_and_adopted(self, database, vendor, taken, fault):
        """R-RES-06, R-MDM-05."""
        vendor.plan = [fault]
        ending = perform(database, a_write(vendor, taken))["prj_1"]

        assert ending.adopted
        assert vendor.count("prj_1#1") == 1

    @pytest.mark.parametrize("fault", ["after", "lag", "late"])
    def test_a_lost_answer_after_a_call_that_never_left_is_looked_up_too(self, database, vendor, taken, fault):
        vendor.plan = ["unavailable", fault]
        ending = perform(database, a_write(vendor, taken))["prj_1"]

        assert ending.adopted
        assert vendor.count("prj_1#1") == 1

    def test_a_lost_answer_of_a_second_try_settles_from_its_own_call(self, database, vendor, taken):
        vendor.plan = [Rejected("closed")]
        perform(database, a_write(vendor, taken))
        with database.begin() as connection:
            execute(connection, "update effect set called_at = called_at - interval '1 hour'")

        vendor.plan = ["before"]
        with pytest.raises(StillUnsure, match="does not show it yet"):
            perform(database, a_write(vendor, taken, settle_s=60, patience_s=0.5), Item("prj_1", "hash", try_no=1))

        assert vendor.records == []

    def test_a_write_that_never_arrived_is_sent_again_after_settling(self, database, vendor, taken):
        """R-RES-06."""
        vendor.plan = ["before"]
        started = time.monotonic()
        perform(database, a_write(vendor, taken, settle_s=0.3))

        assert vendor.count("prj_1#1") == 1
        assert time.monotonic() - started >= 0.3

    def test_while_the_vendor_may_still_be_committing_nothing_is_sent(self, database, vendor, taken):
        vendor.plan = ["before"]
        with pytest.raises(StillUnsure, match="does not show it yet"):
            perform(database, a_write(vendor, taken, settle_s=60, patience_s=0.5))
        with database.begin() as connection:
            assert one(connection, "select state, calls from effect")[:] == ("unsure", 1)

    def test_a_look_up_that_cannot_tell_never_counts_as_absent(self, database, vendor, taken):
        vendor.plan = ["before"]

        async def cannot_tell(keys):
            return {key: Missing(sure=False, why="two records carry the key") for key in keys}

        write = Write(Scope("v", "create", "create", taken), vendor.send, cannot_tell, 0.01, 0.5)
        with pytest.raises(StillUnsure):
            perform(database, write)
        assert vendor.records == []

    def test_two_runs_that_need_the_same_record_make_one(self, database, vendor):
        """R-MDM-05."""
        first, second = a_run(database, "con_1", "boot-1"), a_run(database, "con_2", "boot-2")
        vendor.plan = ["slow", "slow"]

        async def main():
            effects = Effects(database)
            item = [Item("cus_1", "hash")]
            return await asyncio.gather(*(effects.perform(a_write(vendor, t), item) for t in (first, second)))

        endings = asyncio.run(main())
        assert vendor.count("cus_1#1") == 1
        assert {e["cus_1"].ref for e in endings} == {"v/record/cus_1#1"}

    def test_without_the_lock_the_same_two_runs_make_two(self, database, vendor):
        first, second = a_run(database, "con_1", "boot-1"), a_run(database, "con_2", "boot-2")
        vendor.plan = ["slow", "slow"]

        async def main():
            effects = Effects(database, Controls.without("lock,lookup"))
            item = [Item("cus_1", "hash")]
            await asyncio.gather(*(effects.perform(a_write(vendor, t), item) for t in (first, second)))

        asyncio.run(main())
        assert vendor.count("cus_1#1") == 2

    def test_without_the_look_up_a_lost_answer_doubles(self, database, vendor, taken):
        vendor.plan = ["after"]
        perform(database, a_write(vendor, taken), controls=Controls.without("lookup"))
        assert vendor.count("prj_1#1") == 2


class TestRefusals:
    def test_same_key_and_other_content_is_a_conflict(self, database, vendor, taken):
        perform(database, a_write(vendor, taken))
        with pytest.raises(KeyConflict, match="another content"):
            perform(database, a_write(vendor, taken), Item("prj_1", "other"))

    def test_a_refusal_is_kept_and_not_asked_again_until_a_person_says_so(self, database, vendor, taken):
        vendor.plan = [Rejected("Period closed", code="erp.invoice.period_closed")]
        first = perform(database, a_write(vendor, taken))["prj_1"]
        second = perform(database, a_write(vendor, taken))["prj_1"]
        third = perform(database, a_write(vendor, taken), Item("prj_1", "hash", try_no=1))["prj_1"]

        assert first.error["code"] == second.error["code"] == "erp.invoice.period_closed"
        assert third.error is None
        assert vendor.count("prj_1#1") == 1

    def test_a_system_that_is_down_is_asked_again_and_nothing_is_looked_up(self, database, vendor, taken):
        vendor.plan = ["unavailable", "unavailable"]
        perform(database, a_write(vendor, taken, settle_s=60))
        assert vendor.count("prj_1#1") == 1

    def test_a_system_that_stays_down_gives_the_error_back(self, database, vendor, taken):
        vendor.plan = ["unavailable"] * 50
        with pytest.raises(Unavailable):
            perform(database, a_write(vendor, taken, patience_s=0.3))

    def test_one_bad_item_of_a_batch_fails_alone(self, database, vendor, taken):
        """R-PAT-04."""

        async def send(items):
            from accordant.platform.effects import Refusal

            return {
                key: Refusal(Rejected("no").as_dict()) if item.base == "b" else Ack(f"v/record/{key}")
                for key, item in items.items()
            }

        write = Write(Scope("v", "create", "create", taken), send, vendor.look_up, 0.1)
        endings = perform(database, write, Item("a", "1"), Item("b", "2"), Item("c", "3"))
        assert [endings[b].error is None for b in "abc"] == [True, False, True]


class TestUndo:
    def test_what_was_undone_is_never_adopted_by_another_run(self, database, vendor, taken):
        perform(database, a_write(vendor, taken))
        with database.begin() as connection:
            mark_undone(connection, "v", "create", "prj_1", 1)
        other = a_run(database, "con_9", "boot-1")
        ending = perform(database, a_write(vendor, other))["prj_1"]

        assert ending.ref == "v/record/prj_1#2"
        assert not ending.adopted

    def test_within_the_same_run_an_undone_write_stays_undone(self, database, vendor, taken):
        perform(database, a_write(vendor, taken))
        with database.begin() as connection:
            mark_undone(connection, "v", "create", "prj_1", 1)
        assert perform(database, a_write(vendor, taken))["prj_1"].ref == "v/record/prj_1#1"
        assert vendor.count("prj_1#2") == 0


class TestFencing:
    def test_a_zombie_cannot_store_an_intent(self, database, vendor, taken):
        with database.begin() as connection:
            take_run(connection, taken.run_id, "boot-2")
        with pytest.raises(Fenced):
            perform(database, a_write(vendor, taken))
        assert vendor.records == []

    def test_a_zombie_cannot_store_an_outcome(self, database, vendor, taken):
        async def send(items):
            with database.begin() as connection:
                take_run(connection, taken.run_id, "boot-2")
            return {key: Ack("v/record/1") for key in items}

        with pytest.raises(Fenced):
            perform(database, Write(Scope("v", "create", "create", taken), send, vendor.look_up, 0.1))

    def test_a_dead_holder_does_not_keep_its_keys(self, database, vendor):
        dead, alive = a_run(database, "con_1", "boot-1"), a_run(database, "con_2", "boot-2")
        vendor.plan = [UnknownOutcome("killed here")]
        with pytest.raises(StillUnsure):
            perform(database, a_write(vendor, dead, settle_s=60, patience_s=0.01))
        with database.begin() as connection:
            execute(connection, "update effect set holder = 'boot-1'")
            execute(connection, "update executor set beat_at = 'epoch' where id = 'boot-1'")
        perform(database, a_write(vendor, alive, settle_s=0.01))
        assert vendor.count("prj_1#1") == 1


def test_taken_is_what_the_fence_compares(taken):
    assert isinstance(taken, Taken)
    assert taken.attempt == 1
