from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from accordant.kernel import ExternalId, InvalidInput, KeyConflict, NotFound, Rejected
from accordant.masterdata import alias, end, end_alias, external_ids, find, find_external, link, resolve
from accordant.platform.storage import DOOR, Database, as_role, one, rows

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def ref(value, *, system="salesforce-main", type="Account"):
    return ExternalId(system=system, type=type, value=value)


def customers(*values, **kwargs):
    return [(ref(value, **kwargs), "customer", "cus") for value in values]


class TestResolve:
    def test_gives_a_new_record_an_id_of_its_kind(self, database):
        with database.begin() as connection:
            ids = resolve(connection, customers("001"))

        assert list(ids) == ["salesforce-main/Account/001"]
        assert ids["salesforce-main/Account/001"].startswith("cus_")

    def test_gives_the_same_id_the_second_time(self, database):
        with database.begin() as connection:
            first = resolve(connection, customers("001", "002"))
        with database.begin() as connection:
            second = resolve(connection, customers("002", "001", "001"))

        assert second == first
        assert len(set(first.values())) == 2

    def test_keeps_a_slash_in_the_foreign_id(self, database):
        with database.begin() as connection:
            ids = resolve(connection, customers("a/b", "a"))

        assert set(ids) == {"salesforce-main/Account/a/b", "salesforce-main/Account/a"}

    def test_answers_nothing_for_nothing(self, database):
        with database.begin() as connection:
            assert resolve(connection, []) == {}

    def test_refuses_a_record_known_as_another_kind(self, database):
        with database.begin() as connection:
            resolve(connection, customers("001"))

        with pytest.raises(InvalidInput, match="known as a customer"), database.begin() as connection:
            resolve(connection, [(ref("001"), "deal", "dea")])

    def test_gives_one_id_when_many_transactions_meet_the_same_new_records(self, database):
        barrier = threading.Barrier(4)

        def work(_):
            with database.begin() as connection:
                barrier.wait()
                return resolve(connection, customers(*(f"{n:03d}" for n in range(200))))

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(work, range(4)))

        assert all(answer == answers[0] for answer in answers)
        with database.begin() as connection:
            assert one(connection, "select count(*) n from xref").n == 200

    def test_does_not_wait_in_a_circle_when_two_ask_in_opposite_order(self, database):
        def work(*values):
            with database.begin() as connection:
                return resolve(connection, customers(*values))

        with ThreadPoolExecutor(2) as pool:
            with database.begin() as connection:
                resolve(connection, customers("m"))  # both stop here, each holding what it took before
                both = [pool.submit(work, "z", "m", "a"), pool.submit(work, "a", "m", "z")]
                wait_for_waiters(connection, 2)
            first, second = (answer.result() for answer in both)

        assert first == second


def wait_for_waiters(connection, count):
    """Return once that many transactions wait for others."""
    deadline = time.monotonic() + 5
    while one(connection, "select count(*) n from pg_locks where not granted").n < count:
        assert time.monotonic() < deadline, "they do not wait"
        time.sleep(0.01)


class TestEntityScope:
    def test_a_door_sees_only_rows_of_its_entities(self, database, owner_url):
        with database.begin() as connection:
            resolve(connection, customers("uk"), entity="uk01")
            resolve(connection, customers("us"), entity="us01")
        door = Database(as_role(owner_url, DOOR))

        with door.scoped(["uk01"]) as connection:
            seen = [row.external_id for row in rows(connection, "select external_id from xref")]
        door.dispose()

        assert seen == ["uk"]


class TestLink:
    def test_adds_a_second_system_to_an_object(self, database):
        """R-MDM-02."""
        with database.begin() as connection:
            (id,) = resolve(connection, customers("001")).values()
            link(connection, ref("77", system="netsuite-main", type="customer"), id, kind="customer")

            linked = [str(x.ref) for x in external_ids(connection, id)]

        assert linked == ["netsuite-main/customer/77", "salesforce-main/Account/001"]

    def test_does_nothing_the_second_time(self, database):
        with database.begin() as connection:
            (id,) = resolve(connection, customers("001")).values()
            link(connection, ref("001"), id, kind="customer")

            assert len(external_ids(connection, id)) == 1

    def test_refuses_to_move_a_record(self, database):
        """R-MDM-02."""
        with database.begin() as connection:
            other = resolve(connection, customers("001", "002"))["salesforce-main/Account/002"]

        with pytest.raises(KeyConflict) as refused, database.begin() as connection:
            link(connection, ref("001"), other, kind="customer")
        assert refused.value.code == "masterdata.linked_elsewhere"


class TestFindExternal:
    def test_answers_in_bulk_and_leaves_out_what_has_none(self, database):
        with database.begin() as connection:
            ids = resolve(connection, customers("001", "002"))
            first, second = ids["salesforce-main/Account/001"], ids["salesforce-main/Account/002"]
            link(connection, ref("77", system="netsuite-main", type="customer"), first, kind="customer")

            found = find_external(connection, [first, second], system="netsuite-main", type="customer")

        assert found == {first: ref("77", system="netsuite-main", type="customer")}

    def test_prefers_the_row_of_the_entity(self, database):
        netsuite = {"system": "netsuite-main", "type": "customer"}
        with database.begin() as connection:
            (id,) = resolve(connection, customers("001")).values()
            link(connection, ref("10", **netsuite), id, kind="customer")
            link(connection, ref("20", **netsuite), id, kind="customer", entity="us01")
            link(connection, ref("30", **netsuite), id, kind="customer", entity="de01")

            us = find_external(connection, [id], **netsuite, entity="us01")
            uk = find_external(connection, [id], **netsuite, entity="uk01")

        assert us[id].value == "20"
        assert uk[id].value == "10"

    def test_leaves_out_a_record_that_is_gone(self, database):
        with database.begin() as connection:
            (id,) = resolve(connection, customers("001")).values()
            end(connection, ref("001"), AT)

            assert find_external(connection, [id], system="salesforce-main", type="Account") == {}
            assert external_ids(connection, id)[0].until == AT

    def test_cannot_end_what_was_never_known(self, database):
        with pytest.raises(NotFound), database.begin() as connection:
            end(connection, ref("404"), AT)


class TestMerge:
    @pytest.fixture
    def pair(self, database):
        with database.begin() as connection:
            ids = resolve(connection, customers("001", "002"))
        return ids["salesforce-main/Account/001"], ids["salesforce-main/Account/002"]

    def test_reads_the_merged_record_as_the_survivor(self, database, pair):
        old, survivor = pair
        with database.begin() as connection:
            alias(connection, old, survivor, at=AT, by="w-1", reason="same VAT number")

            assert resolve(connection, customers("001"))["salesforce-main/Account/001"] == survivor
            assert {x.ref.value for x in external_ids(connection, old)} == {"001", "002"}

    def test_finds_the_merged_records_foreign_id_for_the_survivor(self, database, pair):
        old, survivor = pair
        netsuite = {"system": "netsuite-main", "type": "customer"}
        with database.begin() as connection:
            link(connection, ref("77", **netsuite), old, kind="customer")
            alias(connection, old, survivor, at=AT, by="w-1", reason="same client")
            before = find_external(connection, [survivor], **netsuite)[survivor].value
            link(connection, ref("99", **netsuite), survivor, kind="customer")
            after = find_external(connection, [old], **netsuite)[old].value

        assert (before, after) == ("77", "99")

    def test_unmerge_restores_what_each_had(self, database, pair):
        """R-MDM-11."""
        old, survivor = pair
        with database.begin() as connection:
            alias(connection, old, survivor, at=AT, by="w-1", reason="same client")
            end_alias(connection, old, at=AT, by="w-2", reason="two companies after all")

            restored = find(connection, [ref("001"), ref("002")])
            history = one(connection, "select by, ended_by from alias")

        assert restored == {"salesforce-main/Account/001": old, "salesforce-main/Account/002": survivor}
        assert (history.by, history.ended_by) == ("w-1", "w-2")

    def test_unmerge_in_a_chain_restores_the_inner_merge(self, database):
        with database.begin() as connection:
            a, b, c = (resolve(connection, customers(v))[f"salesforce-main/Account/{v}"] for v in ("a", "b", "c"))
            alias(connection, a, b, at=AT, by="w-1", reason="same")
            alias(connection, b, c, at=AT, by="w-1", reason="same")
            assert set(find(connection, [ref("a"), ref("b")]).values()) == {c}

            end_alias(connection, b, at=AT, by="w-1", reason="not the same")

            assert set(find(connection, [ref("a"), ref("b")]).values()) == {b}

    def test_refuses_a_circle(self, database, pair):
        first, second = pair
        with database.begin() as connection:
            alias(connection, first, second, at=AT, by="w-1", reason="same")

        with pytest.raises(InvalidInput, match="one object already"), database.begin() as connection:
            alias(connection, second, first, at=AT, by="w-1", reason="same")

    def test_refuses_a_second_merge_of_the_same_id(self, database, pair):
        first, second = pair
        with database.begin() as connection:
            (third,) = resolve(connection, customers("003")).values()
            alias(connection, first, second, at=AT, by="w-1", reason="same")

        with pytest.raises(Rejected, match="merged into"), database.begin() as connection:
            alias(connection, first, third, at=AT, by="w-1", reason="same")

    def test_refuses_to_merge_different_kinds(self, database, pair):
        with pytest.raises(InvalidInput, match="different kinds"), database.begin() as connection:
            alias(connection, pair[0], "dea_1", at=AT, by="w-1", reason="")
