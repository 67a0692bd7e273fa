"""The sequencer loses nothing, doubles nothing, keeps order per key, and is followed by the next when it dies."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

import pytest

from accordant.platform.events import Event, Sequencer, publish, read
from accordant.platform.events.sequencer import _LOCK
from accordant.platform.storage import Database, execute, maybe, one, rows

KEYS = 6


@pytest.fixture
def counters(database, owner_url):
    """A row per key, which a writer locks before it publishes: what orders the events of a key."""
    owner = Database(owner_url)
    with owner.begin() as connection:
        execute(connection, "create table accordant.counter (key text primary key, n int not null)")
        execute(connection, "grant all on accordant.counter to accordant_worker")
        for key in range(KEYS):
            execute(connection, "insert into accordant.counter values (:k, 0)", k=f"con_{key}")
    owner.dispose()
    return database


def write(database, writer, count, published):
    for turn in range(count):
        key = f"con_{(writer + turn) % KEYS}"
        with database.engine.connect() as connection:
            n = one(connection, "update counter set n = n + 1 where key = :k returning n", k=key).n
            publish(connection, [Event("contract.changed", key, data={"n": n})])
            if turn % 7 == 3:
                connection.rollback()
                continue
            connection.commit()
        published.append((key, n))


class TestSequencer:
    def test_eight_writers_lose_nothing_and_every_key_keeps_its_order(self, counters):
        """R-EVT-05, R-EVT-08."""
        published, stop = [], threading.Event()

        def sequence():
            sequencer = Sequencer(counters, batch=20)
            while not stop.is_set() or sequencer.move():
                sequencer.move()

        sequencers = [threading.Thread(target=sequence) for _ in range(2)]
        writers = [threading.Thread(target=write, args=(counters, w, 30, published)) for w in range(8)]
        for thread in sequencers + writers:
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in sequencers:
            thread.join()
        while Sequencer(counters).move():
            pass

        with counters.begin() as connection:
            logged = read(connection, limit=10_000)
            assert one(connection, "select count(*) n from event_fresh").n == 0
        assert Counter((row.key, row.data["n"]) for row in logged) == Counter(published)
        by_key = defaultdict(list)
        for row in logged:
            by_key[row.key].append(row.data["n"])
        assert all(numbers == sorted(numbers) for numbers in by_key.values())

    def test_while_one_process_is_the_sequencer_no_other_moves_anything(self, database):
        with database.begin() as connection:
            publish(connection, [Event("contract.changed", "con_1")])

        with database.begin() as holder:
            execute(holder, "select pg_advisory_xact_lock(:lock)", lock=_LOCK)
            assert Sequencer(database).move() is None

        assert Sequencer(database).move() == 1

    def test_the_next_takes_over_when_the_holder_loses_its_connection(self, database):
        with database.begin() as connection:
            publish(connection, [Event("contract.changed", "con_1")])
        holder = database.engine.connect()
        execute(holder, "select pg_advisory_xact_lock(:lock)", lock=_LOCK)
        execute(holder, "delete from event_fresh")  # it dies in the midst of moving
        pid = one(holder, "select pg_backend_pid() as pid").pid
        assert Sequencer(database).move() is None

        with database.begin() as connection:
            execute(connection, "select pg_terminate_backend(:pid)", pid=pid)
        holder.invalidate()
        holder.close()

        moved = None
        while moved is None:
            moved = Sequencer(database).move()
        assert moved == 1

    def test_a_batch_that_fails_is_moved_by_the_next_turn_once(self, database, monkeypatch):
        with database.begin() as connection:
            publish(connection, [Event("contract.changed", f"con_{n}") for n in range(3)])

        def die(_):
            raise RuntimeError("the process dies here")

        # The crash point stands where a kill would hit; a real kill is in the crash drill.
        monkeypatch.setattr("accordant.platform.events.sequencer.reach", die)
        with pytest.raises(RuntimeError):
            Sequencer(database).move()
        monkeypatch.undo()

        assert Sequencer(database).move() == 3
        assert Sequencer(database).move() == 0

    def test_it_notifies_once_per_batch_and_not_when_nothing_came(self, database):
        with database.begin() as connection:
            publish(connection, [Event("contract.changed", f"con_{n}") for n in range(5)])
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listener:
            listener.exec_driver_sql("listen accordant_events")
            Sequencer(database).move()
            Sequencer(database).move()
            heard = list(listener.connection.driver_connection.notifies(timeout=0.2))
        assert len(heard) == 1


class TestLog:
    def test_a_rolled_back_event_is_never_seen(self, database):
        """R-EVT-05."""
        with pytest.raises(RuntimeError), database.begin() as connection:
            publish(connection, [Event("contract.changed", "con_1")])
            raise RuntimeError

        assert Sequencer(database).move() == 0

    def test_reading_by_pattern_key_and_subject(self, database):
        with database.begin() as connection:
            publish(
                connection,
                [
                    Event("time_entry.approved", "tim_1", subject="con_1"),
                    Event("timeXentry.approved", "tim_2", subject="con_1"),
                    Event("invoice.posted", "inv_1", subject="con_2"),
                ],
            )
        Sequencer(database).move()

        with database.begin() as connection:
            assert [r.key for r in read(connection, types=["time_entry.*"])] == ["tim_1"]
            assert [r.key for r in read(connection, types=["*.posted", "time*"])] == ["tim_1", "tim_2", "inv_1"]
            assert [r.key for r in read(connection, subject="con_1", after=1)] == ["tim_2"]
            assert [r.key for r in read(connection, key="inv_1")] == ["inv_1"]
            assert maybe(connection, "select 1 from event_fresh") is None
            assert len(rows(connection, "select 1 from event_log")) == 3
