"""A backup is one file that fills an empty database again, with the programs of the server's own version."""

from __future__ import annotations

import pytest

from accordant.kernel import InvalidInput
from accordant.platform.storage import Database, backup, create_database, execute, one, restore


class TestBackup:
    def test_brings_back_what_was_there(self, cluster, owner_url, tmp_path):
        before = Database(owner_url)
        with before.begin() as connection:
            execute(connection, "create table kept (id int primary key, word text)")
            execute(connection, "insert into kept values (1, 'né'), (2, 'שלום')")
        before.dispose()

        file = backup(owner_url, tmp_path / "accordant.backup")
        target = create_database(cluster.owner, "restored_here")
        restore(target, file)

        after = Database(target)
        with after.begin() as connection:
            assert one(connection, "select string_agg(word, ' ' order by id) as words from kept").words == "né שלום"
            assert one(connection, "select count(*) as n from run").n == 0  # the schema came along
        after.dispose()
        cluster.drop(target)

    def test_a_missing_file_is_named(self, owner_url, tmp_path):
        with pytest.raises(InvalidInput, match=r"no backup at .*nothing\.backup"):
            restore(owner_url, tmp_path / "nothing.backup")

    def test_a_file_that_is_no_backup_is_refused(self, owner_url, tmp_path):
        file = tmp_path / "other.backup"
        file.write_text("not a backup")

        with pytest.raises(InvalidInput, match="pg_restore failed"):
            restore(owner_url, file)
