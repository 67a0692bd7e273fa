from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest

from accordant.masterdata import as_of, as_of_many, list_segments, next_change_on, put_segment
from accordant.platform.storage import DOOR, Database, as_role, rows

JAN, MAR, MAY, JUN, JUL = (date(2026, month, 1) for month in (1, 3, 5, 6, 7))


def entered(month, day=1, hour=9):
    return datetime(2026, month, day, hour, tzinfo=UTC)


HIRED = (JAN, entered(1), {"cost_center": "DE-4410", "role": "CONS"})
PROMOTED_LATER = (JUL, entered(5), {"cost_center": "DE-4410", "role": "CONS-SR"})  # entered in May for July
MOVED_BACKDATED = (MAR, entered(6), {"cost_center": "DE-4500", "role": "CONS"})  # entered in June for March


def put(connection, entry, *, key="wrk_1", entity="de01"):
    valid_from, at, body = entry
    return put_segment(connection, "worker", key, valid_from=valid_from, entered_at=at, body=body, entity=entity)


def center(connection, on, known=None):
    body = as_of(connection, "worker", "wrk_1", on, known_at=known)
    return body and body["cost_center"]


class TestAsOf:
    @pytest.mark.parametrize("order", list(itertools.permutations([HIRED, PROMOTED_LATER, MOVED_BACKDATED])))
    def test_gives_the_same_line_in_whatever_order_entries_arrive(self, database, order):
        """R-EVT-08."""
        with database.begin() as connection:
            for entry in order:
                put(connection, entry)

            line = [(s.valid_from, s.body) for s in list_segments(connection, "worker", "wrk_1")]

        assert line == [(JAN, HIRED[2]), (MAR, MOVED_BACKDATED[2]), (JUL, PROMOTED_LATER[2])]

    def test_a_future_entry_holds_from_its_day(self, database):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, PROMOTED_LATER)

            assert as_of(connection, "worker", "wrk_1", date(2026, 6, 30))["role"] == "CONS"
            assert as_of(connection, "worker", "wrk_1", JUL)["role"] == "CONS-SR"
            assert next_change_on(connection, "worker", "wrk_1", MAY) == JUL
            assert next_change_on(connection, "worker", "wrk_1", JUL) is None

    def test_a_retroactive_entry_changes_the_past_but_not_what_was_known(self, database):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, MOVED_BACKDATED)

            assert center(connection, MAY) == "DE-4500"
            assert center(connection, MAY, known=entered(5, 31)) == "DE-4410"
            assert center(connection, MAY, known=entered(6)) == "DE-4500"

    def test_nothing_holds_before_the_first_day_nor_before_it_was_known(self, database):
        with database.begin() as connection:
            put(connection, MOVED_BACKDATED)

            assert as_of(connection, "worker", "wrk_1", date(2026, 2, 28)) is None
            assert as_of(connection, "worker", "wrk_1", MAY, known_at=entered(5)) is None

    def test_a_correction_of_the_same_day_wins_by_its_entry(self, database):
        with database.begin() as connection:
            put(connection, (JAN, entered(2), {"cost_center": "right"}))
            put(connection, (JAN, entered(1), {"cost_center": "wrong"}))

            assert center(connection, MAR) == "right"
            assert center(connection, MAR, known=entered(1)) == "wrong"

    def test_a_withdrawn_entry_gives_way_to_what_held_before(self, database):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, PROMOTED_LATER)
            put(connection, (JUL, entered(6), None))

            assert as_of(connection, "worker", "wrk_1", JUL)["role"] == "CONS"
            assert as_of(connection, "worker", "wrk_1", JUL, known_at=entered(5, 2))["role"] == "CONS-SR"
            assert next_change_on(connection, "worker", "wrk_1", MAY) is None

    def test_answers_many_at_once(self, database):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, (MAR, entered(3), {"cost_center": "US"}), key="wrk_2")

            found = as_of_many(connection, "worker", [("wrk_1", MAY), ("wrk_2", MAY), ("wrk_2", JAN), ("wrk_3", MAY)])

        assert {pair: body["cost_center"] for pair, body in found.items()} == {
            ("wrk_1", MAY): "DE-4410",
            ("wrk_2", MAY): "US",
        }


class TestPutSegment:
    def test_the_same_entry_again_changes_nothing(self, database):
        with database.begin() as connection:
            assert put(connection, HIRED)
            assert not put(connection, HIRED)
            assert len(rows(connection, "select 1 from segment")) == 1

    def test_the_same_entry_through_another_mapping_is_a_new_version(self, database):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, (*HIRED[:2], {"cost_center": "mapped better"}))

            assert center(connection, MAY) == "mapped better"
            assert len(rows(connection, "select 1 from segment")) == 2

    def test_a_door_sees_only_segments_of_its_entities(self, database, owner_url):
        with database.begin() as connection:
            put(connection, HIRED)
            put(connection, HIRED, key="wrk_2", entity="us01")
        door = Database(as_role(owner_url, DOOR))

        with door.scoped(["us01"]) as connection:
            seen = [row.key for row in rows(connection, "select key from segment")]
        door.dispose()

        assert seen == ["wrk_2"]
