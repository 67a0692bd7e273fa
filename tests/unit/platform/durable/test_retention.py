"""Retention clears what ended long ago, and nobody who waits, failed, or is still at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from durable_engine import run_engine, until

from accordant.kernel import KeyConflict
from accordant.platform.durable import (
    Gate,
    Note,
    RunState,
    Start,
    Starter,
    end_run,
    open_run,
    record_step,
    resolve,
    retain,
    write_notes,
)
from accordant.platform.durable.gates import look
from accordant.platform.durable.runs import take_run
from accordant.platform.storage import execute, one, rows

POLICY = timedelta(days=90)


@pytest.fixture
def starter(database):
    return Starter(database)


def a_run(database, starter, key, state=RunState.DONE, *, engine="SUCCESS", age="100 days"):
    """A run with a step and a note, in this state for so long, whose engine's part stands as given."""
    with database.begin() as connection:
        run_id = starter.start_in(connection, Start("bill", 1, key, {"key": key})).run_id
        taken = take_run(connection, run_id, "boot-1")
        record_step(connection, taken, "facts", {"n": 1})
        at = one(connection, "select clock_timestamp() as now").now
        write_notes(connection, run_id, [Note(1, "decision", "tax", {}, at)])
        if state is RunState.PARKED:
            look(connection, taken, Gate("approval:1", "approval", f"apr_{key}"))
        elif state is not RunState.RUNNING:
            end_run(connection, run_id, state)
        execute(
            connection,
            f"update run set started_at = started_at - interval '{age}', ended_at = ended_at - interval '{age}'",
        )
        execute(connection, "update dbos.workflow_status set status = :s where workflow_uuid = :i", s=engine, i=run_id)
    return run_id


def left(database, run_id):
    with database.begin() as connection:
        return {
            table: one(connection, f"select count(*) n from {table} where {column} = :id", id=run_id).n
            for table, column in {
                "dbos.workflow_status": "workflow_uuid",
                "dbos.workflow_inputs": "workflow_uuid",
                "run_step": "run_id",
                "run_note": "run_id",
                "run": "id",
            }.items()
            if one(connection, "select to_regclass(:t) is not null as it", t=table).it
        }


class TestRetention:
    @pytest.mark.parametrize("state", [RunState.DONE, RunState.COMPENSATED, RunState.SUPERSEDED, RunState.DISMISSED])
    def test_a_run_that_ended_long_ago_keeps_its_row_only(self, database, starter, state):
        run_id = a_run(database, starter, "a", state)

        assert retain(database, POLICY) == 1

        remaining = left(database, run_id)
        assert remaining.pop("run") == 1
        assert set(remaining.values()) == {0}
        assert retain(database, POLICY) == 0

    @pytest.mark.parametrize(
        ("state", "engine", "age"),
        [
            (RunState.DONE, "SUCCESS", "80 days"),
            (RunState.FAILED, "ERROR", "100 days"),
            (RunState.PARKED, "ERROR", "100 days"),
            (RunState.RUNNING, "PENDING", "100 days"),
            (RunState.DONE, "PENDING", "100 days"),
            (RunState.DONE, "ENQUEUED", "100 days"),
        ],
    )
    def test_a_run_that_is_young_failed_waits_or_works_is_kept(self, database, starter, state, engine, age):
        run_id = a_run(database, starter, "a", state, engine=engine, age=age)

        assert retain(database, POLICY) == 0
        assert left(database, run_id)["run_step"] == 1
        assert left(database, run_id)["dbos.workflow_status"] == 1

    def test_its_key_is_still_taken(self, database, starter):
        a_run(database, starter, "a")
        retain(database, POLICY)

        with database.begin() as connection:
            assert open_run(connection, Start("bill", 1, "a", {"key": "a"})).outcome == "existing"
        with pytest.raises(KeyConflict), database.begin() as connection:
            open_run(connection, Start("bill", 1, "a", {"key": "other"}))

    def test_everything_is_cleared_in_batches(self, database, starter):
        for n in range(7):
            a_run(database, starter, f"k{n}")

        assert retain(database, POLICY, batch=3) == 7
        with database.begin() as connection:
            assert rows(connection, "select 1 from dbos.workflow_status") == []
            assert one(connection, "select count(*) n from run").n == 7

    def test_a_run_that_waits_for_a_signature_for_a_year_goes_on_afterwards(self, database):
        """R-ORC-09."""

        def flows(engine):
            async def body(taken):
                await engine.pass_gate(taken, Gate("approval:1", "approval", topic="apr_1"))
                await asyncio.to_thread(finish, taken.run_id)
                return {}

            return {"bill@1": body}

        def finish(run_id):
            with database.begin() as connection:
                end_run(connection, run_id, RunState.DONE)

        def state():
            with database.begin() as connection:
                return one(connection, "select state from run").state

        def engine_ended():
            with database.begin() as connection:
                return one(connection, "select status from dbos.workflow_status").status == "ERROR"

        async def story(engine):
            with database.begin() as connection:
                Starter(database).start_in(connection, Start("bill", 1, "a", {}))
            await until(engine_ended, "parked")
            with database.begin() as connection:
                execute(connection, "update run set started_at = started_at - interval '1 year'")
                execute(connection, "update gate set opened_at = opened_at - interval '1 year'")
            assert await asyncio.to_thread(retain, database, POLICY) == 0

            with database.begin() as connection:
                assert resolve(connection, "apr_1", {"state": "approved"}) == 1
            await until(lambda: state() == "done", "done")

        run_engine(database, flows, story)
