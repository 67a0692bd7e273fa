"""Gates: every answer counts once, none comes too early or is lost, and only what may go on goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from durable_engine import run_engine, until

from accordant.platform.durable import (
    Fenced,
    Gate,
    Overtaking,
    RunState,
    Start,
    Starter,
    end_run,
    open_gate,
    open_run,
    record_step,
    replace_run,
    resolve,
    wait_for_answer,
)
from accordant.platform.durable.gates import look, mark_resumed, ready
from accordant.platform.durable.runs import take_run
from accordant.platform.storage import execute, one, rows

APPROVAL = Gate("approval:1", "approval", topic="apr_1")


def a_start(key="con_1", **facts):
    return Start(**{"flow": "wait", "version": 1, "key": key, "input": {"contract": key}, **facts})


@pytest.fixture
def taken(database):
    with database.begin() as connection:
        return take_run(connection, open_run(connection, a_start()).run_id, "boot-1")


def park(database, taken, gate=APPROVAL):
    with database.begin() as connection:
        return look(connection, taken, gate)


def ready_now(database):
    with database.begin() as connection:
        return [(row.run_id, row.name) for row in ready(connection)]


def state_of(database, run_id):
    with database.begin() as connection:
        return one(connection, "select state from run where id = :id", id=run_id).state


def answer(database, topic="apr_1", **resolution):
    with database.begin() as connection:
        return resolve(connection, topic, resolution or {"state": "approved"})


class TestAnswers:
    def test_the_first_answer_stands(self, database, taken):
        park(database, taken)

        assert answer(database, state="approved") == 1
        assert answer(database, state="rejected") == 0

        with database.begin() as connection:
            again = take_run(connection, taken.run_id, "boot-2")
            assert look(connection, again, APPROVAL) == {"resolution": {"state": "approved"}}

    def test_an_answer_before_the_run_looks_is_not_lost(self, database, taken):
        with database.begin() as connection:
            open_gate(connection, taken, APPROVAL)
        assert answer(database) == 1

        assert park(database, taken) == {"resolution": {"state": "approved"}}
        assert state_of(database, taken.run_id) == "running"

    def test_one_topic_answers_every_run_that_waits_for_it_or_only_the_one_named(self, database):
        runs = []
        for key in ("a", "b"):
            with database.begin() as connection:
                taken = take_run(connection, open_run(connection, a_start(key)).run_id, "boot-1")
                look(connection, taken, Gate("event:1", "event", "contract.signed"))
                runs.append(taken.run_id)

        with database.begin() as connection:
            assert resolve(connection, "contract.signed", {}, run_id=runs[0]) == 1
            assert resolve(connection, "contract.signed", {}) == 1

    def test_a_process_that_lost_the_run_opens_no_gate(self, database, taken):
        with database.begin() as connection:
            take_run(connection, taken.run_id, "boot-2")

        with pytest.raises(Fenced):
            park(database, taken)
        with database.begin() as connection:
            assert rows(connection, "select 1 from gate") == []

    def test_a_parked_run_does_nothing_until_it_is_taken_again(self, database, taken):
        park(database, taken)

        with pytest.raises(Fenced), database.begin() as connection:
            record_step(connection, taken, "behind the gate", 1)


class TestReady:
    def test_what_is_answered_or_due_may_go_on_and_nothing_else(self, database):
        past, future = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
        gates = {
            "answered": (APPROVAL),
            "due": Gate("d", "date", due_at=past),
            "later": Gate("d", "date", due_at=future),
        }
        ids = {}
        for key, gate in gates.items():
            with database.begin() as connection:
                taken = take_run(connection, open_run(connection, a_start(key)).run_id, "boot-1")
                look(connection, taken, gate)
                ids[key] = taken.run_id
        answer(database)

        assert sorted(ready_now(database)) == sorted([(ids["answered"], "approval:1"), (ids["due"], "d")])
        with database.begin() as connection:
            due = one(connection, "select resolution from gate where run_id = :id", id=ids["due"])
            assert due.resolution == {"due": True}

    def test_a_failed_run_goes_on_by_the_answer_to_its_failure_only(self, database, taken):
        park(database, taken)
        answer(database)
        with database.begin() as connection:  # it goes on, and fails before it comes to its gate again
            again = take_run(connection, taken.run_id, "boot-1")
            end_run(connection, again.run_id, RunState.FAILED)
            wait_for_answer(connection, again, "cas_1")
        assert ready_now(database) == []

        assert answer(database, "cas_1", retry=True) == 1

        assert ready_now(database) == [(taken.run_id, "failed:2")]

    def test_an_answered_failure_does_not_answer_the_next_one(self, database, taken):
        for number in (1, 2):
            with database.begin() as connection:
                end_run(connection, taken.run_id, RunState.FAILED)
                wait_for_answer(connection, taken, f"cas_{number}")
            assert ready_now(database) == []
            answer(database, f"cas_{number}", retry=True)
            assert ready_now(database) == [(taken.run_id, f"failed:{number}")]
            with database.begin() as connection:
                taken = take_run(connection, taken.run_id, "boot-1")

    def test_a_slow_sweeper_does_not_wake_a_run_that_waits_again(self, database, taken):
        park(database, taken)
        answer(database)
        with database.begin() as connection:
            [seen] = ready(connection)
        with database.begin() as connection:  # meanwhile another process took it, and it waits at its second gate
            again = take_run(connection, taken.run_id, "boot-2")
            look(connection, again, APPROVAL)
            look(connection, again, Gate("approval:2", "approval", topic="apr_2"))

        with database.begin() as connection:
            mark_resumed(connection, seen.run_id, seen.attempt)

        assert state_of(database, taken.run_id) == "parked"
        answer(database, "apr_2")
        assert ready_now(database) == [(taken.run_id, "approval:2")]


class TestEnds:
    @pytest.mark.parametrize("state", [RunState.DONE, RunState.SUPERSEDED, RunState.DISMISSED])
    def test_an_ended_run_waits_for_nothing(self, database, taken, state):
        park(database, taken)
        with database.begin() as connection:
            end_run(connection, taken.run_id, state)

        assert answer(database) == 0
        assert ready_now(database) == []

    def test_what_is_blocked_behind_a_run_waits_for_the_one_that_replaces_it(self, database, taken):
        newer = a_start(rank=2, input={"version": 2})
        with database.begin() as connection:
            assert open_run(connection, newer).outcome == "blocked"
            replace_run(connection, taken.run_id)
            anew = open_run(connection, a_start())
            assert anew.outcome == "created"

            waiting = end_run(connection, anew.run_id, RunState.DONE)
        assert waiting["input"] == {"version": 2}

    def test_superseding_drops_what_is_older_and_keeps_what_is_newer(self, database, taken):
        with database.begin() as connection:
            for rank in (2, 4):
                open_run(connection, a_start(rank=rank, input={"version": rank}))
        park(database, taken)

        with database.begin() as connection:
            supersede = a_start(rank=3, input={"version": 3}, overtaking=Overtaking.SUPERSEDE)
            third = open_run(connection, supersede)
            assert third.outcome == "created"
            assert end_run(connection, third.run_id, RunState.DONE)["rank"] == 4
            assert rows(connection, "select 1 from run_blocked") == []


class TestEngine:
    def test_a_hundred_parked_runs_go_on_and_earlier_steps_never_run_again(self, database):
        """R-ORC-09."""
        count = 100
        first = []

        def flows(engine):
            def once(taken):
                if "first" not in taken.steps:
                    first.append(taken.run_id)
                    with database.begin() as connection:
                        record_step(connection, taken, "first", 1)

            def end(taken, found):
                with database.begin() as connection:
                    end_run(connection, taken.run_id, RunState.DONE, found)

            async def body(taken):
                await asyncio.to_thread(once, taken)
                found = await engine.pass_gate(taken, Gate("approval:1", "approval", topic=taken.input["contract"]))
                await asyncio.to_thread(end, taken, found)
                return found

            return {"wait@1": body}

        def states():
            with database.begin() as connection:
                found = rows(connection, "select state, count(*) as n from run group by 1")
            return {row.state: row.n for row in found}

        async def story(_):
            with database.begin() as connection:
                starter = Starter(database)
                for n in range(count):
                    starter.start_in(connection, a_start(f"con_{n}"))
            await until(lambda: states() == {"parked": count}, "all parked", timeout_s=50)
            with database.begin() as connection:
                for n in range(count):
                    assert resolve(connection, f"con_{n}", {"n": n}) == 1
            await until(lambda: states() == {"done": count}, "all done", timeout_s=50)

        run_engine(database, flows, story, timeout_s=110)

        assert len(first) == len(set(first)) == count
        with database.begin() as connection:
            outcomes = rows(connection, "select key, outcome from run")
        assert {row.key: row.outcome for row in outcomes} == {f"con_{n}": {"n": n} for n in range(count)}

    def test_time_resolves_a_gate_that_nobody_answers(self, database):
        def flows(engine):
            async def body(taken):
                due = Gate("event:1", "event", "never", due_at=datetime.now(UTC) + timedelta(seconds=0.1))
                found = await engine.pass_gate(taken, due)
                with database.begin() as connection:
                    end_run(connection, taken.run_id, RunState.DONE, found)
                return found

            return {"wait@1": body}

        def outcome():
            with database.begin() as connection:
                return one(connection, "select outcome from run").outcome

        async def story(_):
            with database.begin() as connection:
                Starter(database).start_in(connection, a_start())
            assert await until(outcome, "due") == {"due": True}

        run_engine(database, flows, story)

    def test_a_run_whose_engine_part_is_gone_does_not_stop_the_sweeper(self, database):
        def flows(engine):
            async def body(taken):
                found = await engine.pass_gate(taken, Gate("approval:1", "approval", topic=taken.input["contract"]))
                with database.begin() as connection:
                    end_run(connection, taken.run_id, RunState.DONE)
                return found

            return {"wait@1": body}

        def parked():
            with database.begin() as connection:
                return one(connection, "select count(*) n from run where state = 'parked'").n == 2

        async def story(_):
            with database.begin() as connection:
                for key in ("lost", "well"):
                    Starter(database).start_in(connection, a_start(key))
            await until(parked, "parked")
            with database.begin() as connection:
                execute(connection, "delete from dbos.workflow_status where workflow_uuid = :id", id="wait@1:lost#1")
                resolve(connection, "lost", {})
                resolve(connection, "well", {})
            await until(lambda: state_of(database, "wait@1:well#1") == "done", "the other goes on")

        run_engine(database, flows, story)
