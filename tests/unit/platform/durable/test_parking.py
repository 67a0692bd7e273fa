"""The five holes of parking, each by name, and what a run's key promises."""

from __future__ import annotations

import asyncio

import pytest
from durable_engine import run_engine, until

from accordant.kernel import KeyConflict
from accordant.platform.durable import (
    Gate,
    Overtaking,
    Parked,
    RunState,
    Start,
    Starter,
    end_run,
    open_run,
    record_step,
    resolve,
)
from accordant.platform.storage import one


def a_start(**facts):
    return Start(**{"flow": "wait", "version": 1, "key": "con_1", "input": {"contract": "con_1"}, **facts})


class TestParking:
    def test_a_parked_run_goes_on_in_place_and_earlier_steps_never_run_again(self, database):
        """R-ORC-01, R-ORC-09."""
        seen = []

        def flows(engine):
            async def body(taken):
                if "first" not in taken.steps:
                    seen.append("first")
                    with database.begin() as connection:
                        record_step(connection, taken, "first", 1)
                answer = await engine.pass_gate(taken, Gate("approval:1", "approval", topic="apr_1"))
                return {"answer": answer}

            return {"wait@1": body}

        async def story(engine):
            with database.begin() as connection:
                run_id = Starter(database).start_in(connection, a_start()).run_id

            def state():
                with database.begin() as connection:
                    return one(connection, "select state from run where id = :i", i=run_id).state

            await until(lambda: state() == "parked", "parked")
            with database.begin() as connection:
                assert resolve(connection, "apr_1", {"approved": True}) == 1

            def passed():
                with database.begin() as connection:
                    return one(connection, "select count(*) n from gate where passed_at is not null").n

            await until(passed, "passed")

        run_engine(database, flows, story)
        assert seen == ["first"]

    def test_lost_wake_up_a_resolution_before_the_engine_run_ended_still_resumes_it(self, database):
        def flows(engine):
            async def body(taken):
                # The resolver writes between the gate's look and the end of the engine's run.
                try:
                    answer = await engine.pass_gate(taken, Gate("event:1", "event", topic="evt"))
                except Parked:
                    with database.begin() as connection:
                        resolve(connection, "evt", {"n": 1})
                    await asyncio.sleep(0.7)  # longer than one sweep: its rewind is refused
                    raise
                return {"answer": answer}

            return {"wait@1": body}

        async def story(engine):
            with database.begin() as connection:
                Starter(database).start_in(connection, a_start())

            def passed():
                with database.begin() as connection:
                    return one(connection, "select count(*) n from gate where passed_at is not null").n

            await until(passed, "passed")

        run_engine(database, flows, story)


class TestKeys:
    def test_same_key_and_same_input_is_the_same_run(self, database):
        with database.begin() as connection:
            first = open_run(connection, a_start())
            again = open_run(connection, a_start())
        assert (first.outcome, again.outcome) == ("created", "existing")
        assert first.run_id == again.run_id

    def test_same_key_and_other_input_is_a_conflict_never_silence(self, database):
        with pytest.raises(KeyConflict, match="another input"), database.begin() as connection:
            open_run(connection, a_start())
            open_run(connection, a_start(input={"contract": "con_2"}))

    def test_a_second_win_after_a_compensated_activation_starts_anew(self, database):
        with database.begin() as connection:
            first = open_run(connection, a_start())
            end_run(connection, first.run_id, RunState.COMPENSATED)
            second = open_run(connection, a_start())
        assert second.outcome == "created"
        assert second.run_id.endswith("#2")

    def test_a_done_run_keeps_its_key(self, database):
        with database.begin() as connection:
            first = open_run(connection, a_start())
            end_run(connection, first.run_id, RunState.DONE)
            assert open_run(connection, a_start()).outcome == "existing"


class TestOvertaking:
    def test_block_waits_until_the_run_ended(self, database):
        newer = a_start(rank=2, input={"contract": "con_1", "version": 2})
        with database.begin() as connection:
            first = open_run(connection, a_start(rank=1))
            assert open_run(connection, newer).outcome == "blocked"
            assert open_run(connection, newer).outcome == "blocked"
            waiting = end_run(connection, first.run_id, RunState.DONE)
            assert waiting["rank"] == 2
            assert open_run(connection, newer).outcome == "created"

    def test_supersede_ends_the_waiting_run(self, database):
        with database.begin() as connection:
            first = open_run(connection, a_start(rank=1))
            connection.exec_driver_sql("update run set state = 'parked'")
            newer = a_start(rank=2, input={"version": 2}, overtaking=Overtaking.SUPERSEDE)
            assert open_run(connection, newer).outcome == "created"
            assert one(connection, "select state from run where id = :i", i=first.run_id).state == "superseded"

    def test_an_older_event_changes_nothing(self, database):
        with database.begin() as connection:
            open_run(connection, a_start(rank=2, input={"version": 2}))
            assert open_run(connection, a_start(rank=1)).outcome == "existing"
