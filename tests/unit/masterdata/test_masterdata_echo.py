from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from accordant.kernel import ExternalId, NotFound
from accordant.masterdata import field_hashes, is_echo, news, note_changes, release, remember_echo, stopped

REF = ExternalId(system="netsuite-main", type="customer", value="77")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def hashes(**fields):
    return field_hashes(fields, b"key of this installation")


class TestFieldHashes:
    def test_equal_values_are_equal_and_keys_matter(self):
        assert hashes(city="York") == hashes(city="York")
        assert hashes(city="York") != hashes(city="Leeds")
        assert field_hashes({"city": "York"}, b"another") != hashes(city="York")


class TestEcho:
    def test_what_we_wrote_is_an_echo(self, database):
        with database.begin() as connection:
            remember_echo(connection, REF, hashes(city="York", name="Castellan"))

            assert is_echo(connection, REF, hashes(city="York", name="Castellan"))
            assert is_echo(connection, REF, hashes(city="York"))

    def test_a_change_by_somebody_else_is_news(self, database):
        with database.begin() as connection:
            remember_echo(connection, REF, hashes(city="York", name="Castellan"))

            assert news(connection, REF, hashes(city="Leeds", name="Castellan")) == {"city"}
            assert not is_echo(connection, REF, hashes(city="Leeds", name="Castellan"))

    def test_a_field_that_we_never_wrote_is_news(self, database):
        with database.begin() as connection:
            remember_echo(connection, REF, hashes(city="York"))

            assert news(connection, REF, hashes(city="York", terms="30")) == {"terms"}

    def test_everything_is_news_where_we_never_wrote(self, database):
        with database.begin() as connection:
            assert news(connection, REF, hashes(city="York")) == {"city"}

    def test_a_second_write_replaces_its_own_fields_only(self, database):
        with database.begin() as connection:
            remember_echo(connection, REF, hashes(city="York", name="Castellan"))
            remember_echo(connection, REF, hashes(city="Leeds"))

            assert is_echo(connection, REF, hashes(city="Leeds", name="Castellan"))


def turn(database, values, *, minutes=5, field="city"):
    """Let the field run through the values, one change each few minutes; return what was stopped after each."""
    answers = []
    for n, (before, after) in enumerate(itertools.pairwise(values)):
        with database.begin() as connection:
            at = NOON + timedelta(minutes=minutes * n)
            answers.append(note_changes(connection, "cus_1", {field: (before, after)}, system="s", at=at))
    return answers


class TestFlips:
    def test_the_third_flip_stops_the_field(self, database):
        assert turn(database, "ABABA") == [frozenset(), frozenset(), frozenset(), {"city"}]

    def test_a_field_that_moves_on_is_not_stopped(self, database):
        assert turn(database, "ABCDEFG")[-1] == frozenset()

    def test_flips_over_more_than_an_hour_are_life(self, database):
        assert turn(database, "ABABABA", minutes=40)[-1] == frozenset()

    def test_other_fields_go_on(self, database):
        turn(database, "ABABA")

        with database.begin() as connection:
            answer = note_changes(connection, "cus_1", {"name": ("x", "y")}, system="s", at=NOON)
            assert answer == frozenset()
            assert stopped(connection, "cus_1") == {"city"}

    def test_stays_stopped_until_released(self, database):
        turn(database, "ABABA")
        later = NOON + timedelta(hours=5)

        with database.begin() as connection:
            assert note_changes(connection, "cus_1", {"city": ("A", "B")}, system="s", at=later) == {"city"}
            release(connection, "cus_1", "city", at=later, by="90011")
            assert note_changes(connection, "cus_1", {"city": ("A", "B")}, system="s", at=later) == frozenset()

    def test_cannot_release_what_is_not_stopped(self, database):
        with pytest.raises(NotFound), database.begin() as connection:
            release(connection, "cus_1", "city", at=NOON, by="90011")
