from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from accordant.canonical import Customer
from accordant.kernel import InvalidInput, Rejected
from accordant.masterdata import (
    Candidates,
    NoMatch,
    Same,
    alias,
    current_ids,
    fold_name,
    fold_vat,
    list_questions,
    match,
    merge,
    reject,
    require_parent,
    unmerge,
)
from accordant.platform.storage import one

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
VAT, OTHER_VAT = "GB980780684", "GB765970776"
LEI, OTHER_LEI = "213800KUD8LAJWSQ9D15", "529900T8BM49AURSDO55"


def a_customer(id, name="Castellan Rail Ltd", **fields):
    return Customer(**{"id": f"cus_{id}", "name": name, "country": "GB", **fields})


def match_in_turn(database, *customers):
    """Match each in a transaction of its own and return the answers."""
    answers = []
    for customer in customers:
        with database.begin() as connection:
            answers.append(match(connection, customer))
    return answers


def decide(database, decision, *args, **kwargs):
    with database.begin() as connection:
        return decision(connection, *args, at=AT, by="90011", reason="asked the client", **kwargs)


class TestFold:
    @pytest.mark.parametrize(
        ("name", "folded"),
        [
            ("Castellan Rail Ltd.", "castellan rail"),
            ("CASTELLAN RAIL LIMITED", "castellan rail"),
            ("Brüggemann & Söhne GmbH & Co. KG", "bruggemann and sohne"),
            ("Rossi S.p.A.", "rossi"),
            ("Nordlys A/S", "nordlys"),
            ("O'Brien plc", "obrien"),
            ("Limited", "limited"),
            ("株式会社テスト", "株式会社テスト"),
            ("!!!", ""),
        ],
    )
    def test_names_lose_form_case_accents_and_marks(self, name, folded):
        assert fold_name(name) == folded

    @pytest.mark.parametrize(
        ("number", "country", "folded"),
        [
            ("GB 980 7806 84", "GB", ("GB980780684", True)),
            ("980780684", "GB", ("GB980780684", True)),
            ("XI 980780684", "GB", ("GB980780684", True)),
            ("EL094259216", "GR", ("GR094259216", True)),
            ("CHE-116.281.710 MWST", "CH", ("CHE116281710", True)),
            ("CHE-116.281.710 TVA", "", ("CHE116281710", True)),
            ("GB123", "GB", ("GB123", False)),
            ("12-3456789", "US", ("US123456789", False)),
            ("", "GB", ("", False)),
        ],
    )
    def test_tax_numbers_become_one_form(self, number, country, folded):
        assert fold_vat(number, country) == folded


class TestMatch:
    def test_a_first_customer_matches_nothing(self, database):
        assert match_in_turn(database, a_customer(1)) == [NoMatch()]

    def test_a_valid_tax_number_proves_it(self, database):
        """R-MDM-03."""
        first, second = a_customer(1, vat_number="GB 980 7806 84"), a_customer(2, "Castellan Rail", vat_number=VAT)

        assert match_in_turn(database, first, second) == [NoMatch(), Same("cus_1", "vat")]

    def test_a_lei_proves_it_across_countries(self, database):
        first, second = a_customer(1, lei=LEI), a_customer(2, "Castellan", country="IE", lei=LEI)

        assert match_in_turn(database, first, second)[1] == Same("cus_1", "lei")

    def test_near_duplicate_names_are_a_question(self, database):
        """R-MDM-03, R-FMC-03."""
        answer = match_in_turn(database, a_customer(1), a_customer(2, "Castelan Rail Limited"))[1]

        with database.begin() as connection:
            (question,) = list_questions(connection)
        assert answer == Candidates(("cus_1",), (question.id,))
        assert (question.left_id, question.right_id, question.state) == ("cus_1", "cus_2", "open")
        assert question.reasons == ("names are 96 % alike in GB",)

    def test_the_same_name_in_another_country_is_another_client(self, database):
        assert match_in_turn(database, a_customer(1), a_customer(2, country="DE"))[1] == NoMatch()

    def test_the_same_name_without_a_country_is_a_question(self, database):
        assert isinstance(match_in_turn(database, a_customer(1), a_customer(2, country=None))[1], Candidates)

    def test_different_valid_tax_numbers_are_different_clients(self, database):
        answers = match_in_turn(database, a_customer(1, vat_number=VAT), a_customer(2, vat_number=OTHER_VAT))

        assert answers[1] == NoMatch()

    @pytest.mark.parametrize(
        ("first", "second", "reason"),
        [
            ({"vat_number": "GB123"}, {"vat_number": "GB123"}, "does not pass its country's check"),
            ({"vat_number": VAT, "lei": LEI}, {"vat_number": VAT, "lei": OTHER_LEI}, "perhaps a tax group"),
            ({"vat_number": VAT}, {"vat_number": VAT, "name": "Vierlande Pharma"}, "names are only"),
            ({"lei": LEI, "vat_number": VAT}, {"lei": LEI, "vat_number": OTHER_VAT}, "different tax numbers"),
        ],
    )
    def test_a_number_that_is_contradicted_is_a_question(self, database, first, second, reason):
        answer = match_in_turn(database, a_customer(1, **first), a_customer(2, **second))[1]

        assert isinstance(answer, Candidates)
        with database.begin() as connection:
            assert reason in list_questions(connection)[0].reasons[0]

    def test_two_proven_matches_are_a_question(self, database):
        answers = match_in_turn(
            database,
            a_customer(1, vat_number=VAT),
            a_customer(2, lei=LEI, country="IE"),
            a_customer(3, vat_number=VAT, lei=LEI),
        )

        assert answers[2].ids == ("cus_1", "cus_2")

    def test_a_customer_that_was_here_before_is_never_merged_by_a_number(self, database):
        answers = match_in_turn(
            database,
            a_customer(1, vat_number=VAT),
            a_customer(2, "Vierlande Pharma"),
            a_customer(2, "Castellan Rail", vat_number=VAT),
        )

        assert isinstance(answers[2], Candidates)

    def test_a_merged_customer_is_its_survivor(self, database):
        match_in_turn(database, a_customer(1), a_customer(2, "Vierlande Pharma"))
        with database.begin() as connection:
            alias(connection, "cus_2", "cus_1", at=AT, by="90011", reason="renamed")

        assert match_in_turn(database, a_customer(2, "Vierlande Pharma"))[0] == Same("cus_1", "merge")

    def test_asks_about_a_pair_once(self, database):
        match_in_turn(database, a_customer(1), a_customer(2), a_customer(2), a_customer(1))

        with database.begin() as connection:
            assert len(list_questions(connection)) == 1

    @pytest.mark.parametrize("fields", [{"vat_number": VAT}, {}])
    def test_of_many_at_once_only_one_is_new(self, database, fields):
        barrier = threading.Barrier(5)

        def work(n):
            with database.begin() as connection:
                barrier.wait()
                return match(connection, a_customer(n, **fields))

        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(work, range(1, 6)))

        assert sum(answer == NoMatch() for answer in answers) == 1


class TestSteward:
    @pytest.fixture
    def question(self, database):
        match_in_turn(database, a_customer(1), a_customer(2))
        with database.begin() as connection:
            return list_questions(connection)[0]

    def test_a_merge_makes_them_one(self, database, question):
        decide(database, merge, question.id, survivor="cus_1")

        with database.begin() as connection:
            assert current_ids(connection, ["cus_2"]) == {"cus_2": "cus_1"}
            assert list_questions(connection) == ()
            assert list_questions(connection, state="merged")[0].decided_by == "90011"

    def test_a_reject_survives_a_re_run(self, database, question):
        """R-MDM-04."""
        decide(database, reject, question.id)

        assert match_in_turn(database, a_customer(2), a_customer(1)) == [NoMatch(), NoMatch()]
        with database.begin() as connection:
            assert list_questions(connection) == ()

    def test_a_reject_survives_even_a_later_equal_tax_number(self, database, question):
        decide(database, reject, question.id)

        assert match_in_turn(database, a_customer(1, vat_number=VAT), a_customer(2, vat_number=VAT))[1] == NoMatch()

    def test_an_unmerge_restores_both_and_is_not_undone_by_a_re_run(self, database, question):
        decide(database, merge, question.id, survivor="cus_1")
        decide(database, unmerge, "cus_2")

        assert match_in_turn(database, a_customer(2)) == [NoMatch()]
        with database.begin() as connection:
            assert current_ids(connection, ["cus_2"]) == {"cus_2": "cus_2"}

    def test_nobody_decides_twice(self, database, question):
        decide(database, reject, question.id)

        with pytest.raises(Rejected, match="decided already"):
            decide(database, merge, question.id, survivor="cus_1")
        with database.begin() as connection:
            assert current_ids(connection, ["cus_2"]) == {"cus_2": "cus_2"}

    def test_the_survivor_is_one_of_the_pair(self, database, question):
        with pytest.raises(InvalidInput, match="not one of the two"):
            decide(database, merge, question.id, survivor="cus_3")

    def test_a_decision_needs_a_reason(self, database, question):
        with pytest.raises(InvalidInput, match="needs a reason"), database.begin() as connection:
            reject(connection, question.id, at=AT, by="90011", reason=" ")

    def test_a_second_merge_over_the_same_client_keeps_one_survivor(self, database, question):
        match_in_turn(database, a_customer(3))
        with database.begin() as connection:
            pairs = {(q.left_id, q.right_id): q.id for q in list_questions(connection)}
        decide(database, merge, pairs["cus_1", "cus_2"], survivor="cus_1")
        decide(database, merge, pairs["cus_2", "cus_3"], survivor="cus_3")
        decide(database, merge, pairs["cus_1", "cus_3"], survivor="cus_3")

        with database.begin() as connection:
            assert set(current_ids(connection, ["cus_1", "cus_2", "cus_3"]).values()) == {"cus_3"}
            assert one(connection, "select count(*) n from alias").n == 2


class TestHierarchy:
    @pytest.fixture
    def family(self, database):
        match_in_turn(
            database,
            a_customer(1, "Holding"),
            a_customer(2, "Middle", parent_id="cus_1"),
            a_customer(3, "Leaf", parent_id="cus_2"),
        )

    def test_accepts_a_parent_above(self, database, family):
        with database.begin() as connection:
            require_parent(connection, "cus_3", "cus_1")
            require_parent(connection, "cus_1", None)

    def test_refuses_a_circle_and_shows_the_way(self, database, family):
        """R-MDM-06."""
        with (
            pytest.raises(InvalidInput, match="its own parent over 3 steps") as refused,
            database.begin() as connection,
        ):
            require_parent(connection, "cus_1", "cus_3")
        assert refused.value.detail["path"] == ["cus_1", "cus_3", "cus_2", "cus_1"]

    def test_refuses_itself(self, database, family):
        with pytest.raises(InvalidInput, match="its own parent"), database.begin() as connection:
            require_parent(connection, "cus_1", "cus_1")

    def test_sees_a_circle_through_a_merge(self, database, family):
        match_in_turn(database, a_customer(4, "Twin of leaf"))
        with database.begin() as connection:
            alias(connection, "cus_4", "cus_3", at=AT, by="90011", reason="same")

        with pytest.raises(InvalidInput, match="its own parent"), database.begin() as connection:
            require_parent(connection, "cus_1", "cus_4")

    def test_refuses_a_parent_that_is_not_known(self, database, family):
        with pytest.raises(InvalidInput) as refused, database.begin() as connection:
            require_parent(connection, "cus_3", "cus_404")
        assert refused.value.code == "masterdata.parent_missing"
