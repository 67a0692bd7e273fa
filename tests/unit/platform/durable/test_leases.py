"""A silent process loses its work within its lease, on the database's clock; a frozen one leaves when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from durable_engine import run_engine, until

from accordant.platform.durable import Lease, Start, Starter, end_run, new_executor_id, record_step
from accordant.platform.durable.leases import silent_executors
from accordant.platform.durable.runs import RunState
from accordant.platform.storage import execute, maybe, one, rows

LEASE_S = 1.5

_WORKER = """
import asyncio, sys
from accordant.platform.durable import Engine, record_step
from accordant.platform.storage import Database

async def main():
    database = Database(sys.argv[1])
    engine = Engine(database, "doomed", lease_s=float(sys.argv[2]))

    async def body(taken):
        with database.begin() as connection:
            record_step(connection, taken, "first", "doomed")
        await asyncio.sleep(600)

    engine.register("work@1", body)
    await engine.launch()
    await asyncio.sleep(600)

asyncio.run(main())
"""

_LEASE_ONLY = """
import os, sys, time
from accordant.platform.durable import Lease
from accordant.platform.storage import Database

Lease(Database(sys.argv[1]), "frozen", lease_s=float(sys.argv[2]), on_lost=lambda: os._exit(75)).start()
time.sleep(600)
"""


@pytest.fixture
def spawn(database):
    """Start a process on the test's database; it is killed at the end if it still lives."""
    started = []

    def start(code):
        process = subprocess.Popen([sys.executable, "-c", code, database.url_text, str(LEASE_S)])
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def executor(database, id):
    with database.begin() as connection:
        return maybe(connection, "select *, clock_timestamp() as now from executor where id = :id", id=id)


def wait_for(check, what, timeout_s=30.0):
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if value := check():
            return value
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


def a_lease(database, id="boot-1", *, lease_s=0.6, lost=None):
    return Lease(database, id, lease_s=lease_s, on_lost=(lost or threading.Event()).set)


class TestReaping:
    def test_the_work_of_a_killed_process_is_finished_by_another_within_its_lease(self, database, spawn):
        """R-RES-13, R-ORC-01."""
        with database.begin() as connection:
            run_id = Starter(database).start_in(connection, Start("work", 1, "a", {})).run_id
        doomed = spawn(_WORKER)

        def at_work():
            with database.begin() as connection:
                return maybe(connection, "select 1 from run_step where name = 'first'")

        wait_for(at_work, "the first process at work")

        def flows(engine):
            async def body(taken):
                assert taken.steps == {"first": "doomed"}
                with database.begin() as connection:
                    record_step(connection, taken, "second", engine.executor)
                    end_run(connection, taken.run_id, RunState.DONE)
                return {}

            return {"work@1": body}

        def done():
            with database.begin() as connection:
                return maybe(connection, "select attempt from run where id = :id and state = 'done'", id=run_id)

        async def story(engine):
            os.kill(doomed.pid, signal.SIGKILL)
            assert (await until(done, "finished elsewhere")).attempt == 2

        run_engine(database, flows, story, lease_s=LEASE_S)

        dead = executor(database, "doomed")
        assert LEASE_S <= (dead.reaped_at - dead.beat_at).total_seconds() < 2 * LEASE_S + 1
        with database.begin() as connection:
            assert [r.name for r in rows(connection, "select name from run_step order by at")] == ["first", "second"]

    def test_a_living_process_is_never_reaped(self, database):
        lease = a_lease(database)
        lease.start()
        until_s = time.monotonic() + 1.0
        try:
            while time.monotonic() < until_s:
                assert silent_executors(database, "boot-2") == []
                time.sleep(0.05)
        finally:
            lease.stop()

    def test_the_clock_is_the_databases(self, database):
        with database.begin() as connection:
            execute(connection, "insert into executor (id, lease_s) values ('young', 60), ('old', 60)")
            execute(connection, "update executor set beat_at = beat_at - interval '61 s' where id = 'old'")

        assert silent_executors(database, "boot-2") == ["old"]

    def test_a_reaper_that_died_while_reaping_is_made_good(self, database):
        with database.begin() as connection:
            execute(connection, "insert into executor (id, lease_s, beat_at) values ('old', 1, 'epoch')")

        assert silent_executors(database, "boot-2") == ["old"]
        assert silent_executors(database, "boot-3") == ["old"]
        with database.begin() as connection:
            execute(connection, "update executor set reaped_at = reaped_at - interval '2 min'")
        assert silent_executors(database, "boot-3") == []

    def test_a_process_that_stops_in_good_order_is_reaped_at_once(self, database):
        lease = a_lease(database, lease_s=60)
        lease.start()
        assert silent_executors(database, "boot-2") == []
        lease.stop()

        assert silent_executors(database, "boot-2") == ["boot-1"]


class TestLosing:
    def test_a_frozen_process_leaves_when_it_wakes(self, database, spawn):
        frozen = spawn(_LEASE_ONLY)
        wait_for(lambda: executor(database, "frozen"), "its first beat")
        frozen.send_signal(signal.SIGSTOP)
        wait_for(lambda: silent_executors(database, "boot-2") == ["frozen"], "reaped")
        assert frozen.poll() is None

        frozen.send_signal(signal.SIGCONT)

        assert frozen.wait(timeout=10) == 75

    def test_a_process_reaped_by_mistake_leaves_at_its_next_beat(self, database):
        lost = threading.Event()
        lease = a_lease(database, lost=lost)
        lease.start()
        with database.begin() as connection:
            execute(connection, "update executor set reaped_at = clock_timestamp()")

        assert lost.wait(5)
        lease.stop()

    def test_a_beat_that_hangs_loses_the_lease_before_it_ends(self, database):
        lost = threading.Event()
        lease = a_lease(database, lease_s=2.0, lost=lost)
        lease.start()
        with database.begin() as hanging:
            execute(hanging, "select 1 from executor where id = 'boot-1' for update")
            assert lost.wait(5)
            row = one(hanging, "select clock_timestamp() - beat_at as silent from executor")
        assert row.silent.total_seconds() < 2.0
        lease.stop()

    def test_a_lease_given_back_is_not_lost(self, database):
        lost = threading.Event()
        lease = a_lease(database, lost=lost)
        lease.start()
        lease.stop()
        time.sleep(0.15)

        assert not lost.is_set()

    def test_no_two_boots_have_the_same_id(self):
        assert len({new_executor_id() for _ in range(1000)}) == 1000
