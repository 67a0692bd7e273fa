from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from accordant.governance import content_of, load, store_snapshot, write_snapshot
from accordant.kernel import NotFound
from accordant.platform.storage import rows

ESTATE = Path(__file__).parent / "estate"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(ESTATE, tmp_path / "estate"))


class TestSnapshot:
    def test_brings_an_estate_back_as_it_was(self, database, folder, tmp_path):
        with database.begin() as connection:
            old = store_snapshot(connection, folder)
        main = folder / "accordant.yaml"
        main.write_text(main.read_text().replace("firm: Meridian Advisory", "firm: Renamed"))

        with database.begin() as connection:
            new = store_snapshot(connection, folder)
            write_snapshot(connection, old, tmp_path / "old")

        assert new != old
        assert load(tmp_path / "old").firm == "Meridian Advisory"
        assert load(tmp_path / "old").hash == old

    def test_is_kept_once(self, database, folder):
        with database.begin() as connection:
            store_snapshot(connection, folder)
            before = len(rows(connection, "select 1 from estate_file"))
            store_snapshot(connection, folder)

            assert len(rows(connection, "select 1 from estate_file")) == before

    def test_leaves_out_what_does_not_describe_the_firm(self, database, folder):
        before = content_of(folder)
        (folder / "token").write_text("s3")
        (folder / ".git").mkdir()
        (folder / ".git/config.yaml").write_text("s3")

        with database.begin() as connection:
            assert store_snapshot(connection, folder) == before
            kept = {row.path for row in rows(connection, "select path from estate_file")}

        assert "accordant.yaml" in kept
        assert not kept & {"token", ".git/config.yaml"}

    def test_says_when_an_estate_was_never_kept(self, database, tmp_path):
        with pytest.raises(NotFound, match="No estate with the hash"), database.begin() as connection:
            write_snapshot(connection, "0" * 64, tmp_path)
