"""The audit trail is sealed, and whatever somebody changes afterwards is named: the batch and its rows."""

from __future__ import annotations

import json
import threading

import pytest

from accordant.kernel import InvalidInput
from accordant.platform.audit import KEY_FILE, SEAL_FILE, Sealer, record, sealing_key, verify
from accordant.platform.audit.chain import Seal, leaves_of
from accordant.platform.audit.seal_file import read_seals
from accordant.platform.storage import Database, execute, one, rows

KEY = b"k" * 32


@pytest.fixture
def owner(owner_url, database):
    """The superuser, who may do everything; `database` first, so that both are closed before the drop."""
    handle = Database(owner_url)
    yield handle
    handle.dispose()


def act(database, count=1, subject="case_1"):
    with database.begin() as connection:
        for number in range(count):
            record(connection, actor="W-1", action="case.resolved", subject=subject, detail={"n": number, "ø": "é"})


def a_sealer(database, folder, **options):
    return Sealer(database, KEY, folder, **{"batch": 3, **options})


def sealed(database, folder, batches=4):
    act(database, 3 * batches)
    assert a_sealer(database, folder).seal() == 3 * batches


def tamper(owner, sql, **values):
    with owner.begin() as connection:
        for table in ("audit", "audit_seal"):
            execute(connection, f"alter table {table} disable trigger all")
        execute(connection, sql, **values)


class TestSealing:
    def test_everything_appended_is_sealed_in_adjoining_batches(self, database, tmp_path):
        act(database, 7)

        assert a_sealer(database, tmp_path).seal() == 7

        seals = read_seals(tmp_path)
        assert [(s.batch, s.first_id, s.last_id, s.rows) for s in seals] == [(1, 1, 3, 3), (2, 4, 6, 3), (3, 7, 7, 1)]
        found = verify(database, KEY, tmp_path)
        assert (found.is_intact, found.batches, found.rows, found.unsealed) == (True, 3, 7, 0)

    def test_what_came_after_the_last_seal_is_counted_as_unsealed(self, database, tmp_path):
        sealed(database, tmp_path, batches=1)
        act(database, 2)

        assert verify(database, KEY, tmp_path).unsealed == 2

    def test_rolled_back_inserts_leave_gaps_that_break_nothing(self, database, tmp_path):
        act(database, 2)
        with pytest.raises(RuntimeError), database.begin() as connection:
            record(connection, actor="W-1", action="case.resolved", subject="lost")
            raise RuntimeError
        act(database, 2)

        assert a_sealer(database, tmp_path).seal() == 4
        assert [s.last_id for s in read_seals(tmp_path)] == [4, 5]
        assert verify(database, KEY, tmp_path).is_intact

    def test_a_late_commit_below_a_visible_row_is_waited_for(self, database, tmp_path):
        sealer = a_sealer(database, tmp_path, patience_s=0.05)
        with database.begin() as slow:
            record(slow, actor="W-2", action="approval.decided", subject="late")
            act(database, 2, subject="quick")
            assert sealer.seal() == 0

        assert sealer.seal() == 3
        assert [s.first_id for s in read_seals(tmp_path)] == [1]
        assert verify(database, KEY, tmp_path).is_intact

    def test_steady_writing_never_keeps_the_sealer_from_its_horizon(self, database, tmp_path):
        stop = threading.Event()

        def write():
            while not stop.is_set():
                act(database)

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        try:
            sealer = a_sealer(database, tmp_path, batch=50)
            act(database)
            assert sum(sealer.seal() for _ in range(5)) > 0
        finally:
            stop.set()
            for writer in writers:
                writer.join()

        sealer.seal()
        found = verify(database, KEY, tmp_path)
        assert (found.is_intact, found.unsealed) == (True, 0)

    def test_a_crash_between_file_and_commit_is_made_good(self, database, tmp_path):
        act(database, 3)

        with database.begin() as connection:
            seal = Seal.of(KEY, None, 3, leaves_of(connection, KEY, 1, 3))
        (tmp_path / SEAL_FILE).write_text(seal.as_line() + "\n")
        assert verify(database, KEY, tmp_path).is_intact

        act(database, 1)
        assert a_sealer(database, tmp_path).seal() == 1
        with database.begin() as connection:
            assert [row.batch for row in rows(connection, "select batch from audit_seal order by 1")] == [1, 2]
        assert verify(database, KEY, tmp_path).is_intact

    def test_half_a_line_of_a_crash_is_written_over(self, database, tmp_path):
        sealed(database, tmp_path, batches=1)
        with (tmp_path / SEAL_FILE).open("a") as file:
            file.write('{"batch": 2, "first_')
        act(database, 1)

        assert a_sealer(database, tmp_path).seal() == 1
        assert [s.batch for s in read_seals(tmp_path)] == [1, 2]

    def test_each_seal_is_handed_on_after_it_is_on_the_disk(self, database, tmp_path):
        carried = []

        def carry(line):
            assert (tmp_path / SEAL_FILE).read_text().endswith(line + "\n")
            carried.append(json.loads(line)["batch"])

        act(database, 4)
        a_sealer(database, tmp_path, publish=carry).seal()

        assert carried == [1, 2]

    def test_it_refuses_to_seal_when_the_file_and_the_database_disagree(self, database, tmp_path):
        sealed(database, tmp_path)
        (tmp_path / SEAL_FILE).unlink()
        act(database)

        with pytest.raises(InvalidInput, match="4 seals and the file 0"):
            a_sealer(database, tmp_path).seal()

    def test_a_worker_cannot_change_a_row(self, database):
        act(database)
        with pytest.raises(Exception, match="never changed"), database.begin() as connection:
            execute(connection, "update audit set actor = 'nobody'")


class TestVerifying:
    @pytest.mark.parametrize(
        ("sql", "why"),
        [
            ("update audit set actor = 'W-9' where id = 5", "a row was changed"),
            ("update audit set detail = '{\"n\": 0}' where id = 5", "a row was changed"),
            ("update audit set at = at + interval '1 microsecond' where id = 5", "a row was changed"),
            ("delete from audit where id = 5", "3 rows were sealed, 2 are there"),
        ],
    )
    def test_a_changed_row_breaks_its_batch(self, database, owner, tmp_path, sql, why):
        """R-RES-15."""
        sealed(database, tmp_path)
        tamper(owner, sql)

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.first_id, broken.last_id, broken.why) == (2, 4, 6, why)

    def test_a_row_slipped_into_a_gap_breaks_its_batch(self, database, owner, tmp_path):
        act(database, 3)
        with pytest.raises(RuntimeError), database.begin() as connection:
            record(connection, actor="W-1", action="x.done", subject="lost")
            raise RuntimeError
        act(database, 3)
        a_sealer(database, tmp_path).seal()
        tamper(
            owner,
            """insert into audit (id, actor, action, subject, detail) overriding system value
               values (4, 'W-1', 'approval.approved', 'apr_1', '{}')""",
        )

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.first_id, broken.last_id) == (2, 4, 7)
        assert broken.why == "3 rows were sealed, 4 are there"

    def test_a_chain_recomputed_in_the_database_is_found_even_with_the_key(self, database, owner, tmp_path):
        """R-RES-15."""
        sealed(database, tmp_path)
        tamper(owner, "update audit set actor = 'W-9' where id = 5")
        with owner.begin() as connection:
            previous = None
            for batch in range(1, 5):
                previous = Seal.of(KEY, previous, batch * 3, leaves_of(connection, KEY, batch * 3 - 2, batch * 3))
                execute(
                    connection,
                    "update audit_seal set root = :root, chained = :chained where batch = :batch",
                    root=previous.root,
                    chained=previous.chained,
                    batch=batch,
                )

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.first_id, broken.last_id) == (2, 4, 6)

    def test_a_changed_seal_in_the_database_is_found(self, database, owner, tmp_path):
        sealed(database, tmp_path)
        tamper(owner, "update audit_seal set root = repeat('0', 64) where batch = 3")

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, "seal in the database" in broken.why) == (3, True)

    def test_a_missing_line_of_the_file_names_its_batch(self, database, tmp_path):
        sealed(database, tmp_path)
        lines = (tmp_path / SEAL_FILE).read_text().splitlines(keepends=True)
        (tmp_path / SEAL_FILE).write_text("".join(lines[:1] + lines[2:]))

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.first_id, broken.last_id) == (2, 4, 6)
        assert "missing in the seal file" in broken.why

    def test_missing_last_lines_of_the_file_are_found_too(self, database, tmp_path):
        sealed(database, tmp_path)
        lines = (tmp_path / SEAL_FILE).read_text().splitlines(keepends=True)
        (tmp_path / SEAL_FILE).write_text("".join(lines[:3]))

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.first_id, broken.last_id) == (4, 10, 12)

    def test_a_rewritten_line_of_the_file_breaks_the_chain(self, database, tmp_path):
        sealed(database, tmp_path)
        text = (tmp_path / SEAL_FILE).read_text().splitlines()
        text[1] = text[1].replace('"rows": 3', '"rows": 2')
        (tmp_path / SEAL_FILE).write_text("\n".join(text) + "\n")

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.why) == (2, "its line in the seal file was changed")

    def test_seals_deleted_together_with_their_rows_are_missed_in_the_database(self, database, owner, tmp_path):
        sealed(database, tmp_path)
        tamper(owner, "delete from audit where id > 6")
        tamper(owner, "delete from audit_seal where batch > 2")

        broken = verify(database, KEY, tmp_path).broken
        assert (broken.batch, broken.why) == (3, "3 rows were sealed, 0 are there")

    def test_a_wrong_key_is_not_mistaken_for_a_change(self, database, tmp_path):
        sealed(database, tmp_path)

        with pytest.raises(InvalidInput, match="another key"):
            verify(database, b"z" * 32, tmp_path)


class TestKey:
    def test_it_is_made_once_and_only_its_owner_may_read_it(self, tmp_path):
        key = sealing_key(tmp_path / "data")

        assert sealing_key(tmp_path / "data") == key
        assert len(key) == 32
        assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o777 == 0o600

    def test_a_key_that_others_may_read_is_refused(self, tmp_path):
        sealing_key(tmp_path)
        (tmp_path / KEY_FILE).chmod(0o644)

        with pytest.raises(InvalidInput, match="Others than its owner"):
            sealing_key(tmp_path)

    def test_a_lost_key_is_never_replaced_once_there_are_seals(self, tmp_path):
        (tmp_path / SEAL_FILE).write_text("{}\n")

        with pytest.raises(InvalidInput, match="is gone"):
            sealing_key(tmp_path)

    def test_the_seal_file_tells_nothing_of_what_it_seals(self, database, tmp_path):
        act(database, 1, subject="Ivy Archer")
        a_sealer(database, tmp_path).seal()

        with database.begin() as connection:
            assert one(connection, "select subject from audit").subject == "Ivy Archer"
        assert "Archer" not in (tmp_path / SEAL_FILE).read_text()
