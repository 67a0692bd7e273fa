"""Decision tables: which row answers, when, and what the answer says."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.canonical import BillingMethod
from accordant.kernel import InvalidInput, Rejected
from accordant.platform.yaml import read_yaml
from accordant.policies import Decision, Table

DAY = date(2026, 6, 1)


def a_row(id="only", **parts):
    row = {"id": id, "then": {"answer": id}, "reason": "so", "author": "me", "valid_from": date(2026, 1, 1)}
    return {**row, **parts}


def a_document(*rows, hit="first", **inputs):
    return {
        "id": "approval",
        "question": "Who?",
        "owner": "finance",
        "hit": hit,
        "inputs": inputs or {"amount": "number"},
        "outputs": {"answer": "text"},
        "rows": list(rows),
    }


def a_table(*rows, hit="first", **inputs):
    return Table.of(a_document(*rows, hit=hit, **inputs), name="approval.yaml")


def is_met(test, value, type="number"):
    """Ask a table of one row whose only test this is; collect, so that no match is an answer."""
    table = a_table(a_row(when={"fact": test}), hit="collect", fact=type)
    return bool(table.decide({"fact": value}, DAY).hits)


class TestUnaryTest:
    @pytest.mark.parametrize(
        ("test", "met", "unmet"),
        [
            (5, ["5", "5.00"], ["5.01"]),
            (Decimal("0.10"), ["0.1"], ["0.11"]),
            ([1, 2], ["1", "2"], ["3"]),
            ([1, [2, ">= 10"]], ["1", "2", "10"], ["9"]),
            ("< 5", ["4.99"], ["5"]),
            ("<= 5", ["5"], ["5.01"]),
            ("> 5", ["5.01"], ["5"]),
            (">=5", ["5"], ["4.99"]),
            ("> -1", ["0"], ["-1"]),
            ("[1..5]", ["1", "5"], ["0.99", "5.01"]),
            ("(1..5)", ["1.01", "4.99"], ["1", "5"]),
            ("[1 .. 5)", ["1"], ["5"]),
            ("(1.5..2.5]", ["2.5"], ["1.5"]),
            ("not(1, 2)", ["3"], ["1", "2"]),
            ("not([1..5])", ["6"], ["3"]),
            ({"not": [1, [2]]}, ["3"], ["1", "2"]),
            ("-", ["1"], []),
        ],
    )
    def test_of_a_number(self, test, met, unmet):
        assert [value for value in met + unmet if is_met(test, Decimal(value))] == met

    @pytest.mark.parametrize(
        ("test", "met", "unmet"),
        [
            (date(2026, 1, 31), ["2026-01-31"], ["2026-02-01"]),
            ("2026-01-31", ["2026-01-31"], ["2026-02-01"]),
            ("< 2026-02-01", ["2026-01-31"], ["2026-02-01"]),
            ("[2026-01-01..2026-02-01)", ["2026-01-01"], ["2026-02-01"]),
        ],
    )
    def test_of_a_date(self, test, met, unmet):
        assert [day for day in met + unmet if is_met(test, date.fromisoformat(day), "date")] == met

    @pytest.mark.parametrize(
        ("test", "met", "unmet"),
        [
            ("GB", ["GB"], ["gb", "DE"]),
            (["GB", "DE"], ["GB", "DE"], ["FR"]),
            ("not(GB, DE)", ["FR"], ["GB", "DE"]),
            ('"-"', ["-"], ["GB"]),
            ('"not(GB)"', ["not(GB)"], ["DE"]),
            ("> 5", ["> 5"], ["6"]),
        ],
    )
    def test_of_a_text(self, test, met, unmet):
        assert [value for value in met + unmet if is_met(test, value, "text")] == met

    @pytest.mark.parametrize(
        ("test", "met"), [(True, [True]), (False, [False]), ("not(true)", [False]), ("-", [True, False])]
    )
    def test_of_a_truth(self, test, met):
        assert [value for value in (True, False) if is_met(test, value, "bool")] == met

    @pytest.mark.parametrize("test", ["-", None, [None, 1], ["< 0", None]])
    def test_is_met_by_null_where_it_says_so(self, test):
        assert is_met(test, None)

    @pytest.mark.parametrize("test", [1, "< 5", ">= 5", "[1..5]", "not(1)", "not(null)", {"not": [1, None]}, [1, 2]])
    def test_is_not_met_by_null_otherwise(self, test):
        assert not is_met(test, None)

    def test_not_null_is_met_by_every_known_value(self):
        assert is_met("not(null)", Decimal(0))

    @given(low=st.integers(-100, 100), high=st.integers(-100, 100), value=st.integers(-120, 120))
    def test_ranges_agree_with_comparisons(self, low, high, value):
        number = Decimal(value)

        assert is_met(f"[{low}..{high})", number) == (is_met(f">= {low}", number) and is_met(f"< {high}", number))
        assert is_met(f"not([{low}..{high}))", number) != is_met(f"[{low}..{high})", number)

    @pytest.mark.parametrize(
        ("test", "type"),
        [
            ("many", "number"),
            ("< many", "number"),
            ("[1..many]", "number"),
            ("< null", "number"),
            (1.5, "number"),
            (True, "number"),
            ({"any": [1]}, "number"),
            ("2026-02-30", "date"),
            ("perhaps", "bool"),
            (5, "text"),
        ],
    )
    def test_that_cannot_be_of_its_type_is_refused_at_load(self, test, type):
        with pytest.raises(InvalidInput, match="row `only`: `fact`: "):
            is_met(test, None, type)


class TestFirst:
    def test_takes_the_first_row_that_matches(self):
        table = a_table(a_row("large", when={"amount": ">= 100"}), a_row("any"))

        answers = [table.decide({"amount": Decimal(amount)}, DAY).row_id for amount in (100, 99)]

        assert answers == ["large", "any"]

    def test_says_table_row_result_reason_remedy_and_facts(self):
        """R-MAP-04."""
        table = a_table(a_row(reason="It is much.", remedy="Ask."))

        decision = table.decide({"amount": Decimal(1)}, DAY)

        assert decision.table == "approval"
        assert decision.table_hash == table.hash
        assert (decision.row_id, decision.result, decision.on) == ("only", {"answer": "only"}, DAY)
        assert (decision.reason, decision.remedy) == ("It is much.", "Ask.")
        assert decision.facts == {"amount": Decimal(1)}

    def test_without_a_match_names_facts_and_who_can_mend_it(self):
        table = a_table(a_row(when={"amount": "> 5"}))

        with pytest.raises(Rejected) as caught:
            table.decide({"amount": Decimal(5)}, DAY)

        assert caught.value.code == "policy.no_decision"
        assert caught.value.detail["facts"] == {"amount": Decimal(5)}
        assert "finance" in caught.value.remedy

    def test_leaves_outputs_that_a_row_does_not_name_null(self):
        assert a_table(a_row(then={})).decide({"amount": None}, DAY).result == {"answer": None}


class TestUnique:
    def test_takes_the_only_row(self):
        table = a_table(a_row("low", when={"amount": "< 5"}), a_row("high", when={"amount": ">= 5"}), hit="unique")

        assert table.decide({"amount": Decimal(5)}, DAY).row_id == "high"

    def test_refuses_to_choose_between_two(self):
        table = a_table(a_row("low", when={"amount": "<= 5"}), a_row("high", when={"amount": ">= 5"}), hit="unique")

        with pytest.raises(Rejected, match="low, high all match") as caught:
            table.decide({"amount": Decimal(5)}, DAY)

        assert caught.value.code == "policy.ambiguous"


class TestCollect:
    def test_gathers_all_rows_in_their_order(self):
        table = a_table(a_row("a"), a_row("b", when={"amount": 1}), a_row("c", when={"amount": 2}), hit="collect")

        assert [hit.row_id for hit in table.decide({"amount": Decimal(1)}, DAY).hits] == ["a", "b"]

    def test_may_find_nothing(self):
        table = a_table(a_row(when={"amount": 1}), hit="collect")

        assert table.decide({"amount": Decimal(2)}, DAY).hits == ()

    def test_has_no_single_answer_when_there_are_two(self):
        decision = a_table(a_row("a"), a_row("b"), hit="collect").decide({"amount": None}, DAY)

        with pytest.raises(ValueError):
            _ = decision.row_id


class TestDates:
    @pytest.mark.parametrize(
        ("day", "row"),
        [
            (date(2026, 1, 1), "old"),
            (date(2026, 6, 30), "old"),
            (date(2026, 7, 1), "new"),
            (date(2030, 1, 1), "new"),
        ],
    )
    def test_a_row_holds_from_its_first_day_through_its_last(self, day, row):
        """R-MAP-10."""
        table = a_table(a_row("old", valid_to=date(2026, 6, 30)), a_row("new", valid_from=date(2026, 7, 1)))

        assert table.decide({"amount": None}, day).row_id == row

    def test_before_the_first_day_nothing_is_decided(self):
        with pytest.raises(Rejected):
            a_table(a_row()).decide({"amount": None}, date(2025, 12, 31))


class TestFacts:
    def test_must_name_every_input(self):
        with pytest.raises(InvalidInput, match="`amount`: is not given") as caught:
            a_table(a_row()).decide({"amuont": Decimal(1)}, DAY)

        assert caught.value.code == "policy.facts"

    @pytest.mark.parametrize(
        ("type", "value"),
        [
            ("number", 1.5),
            ("number", True),
            ("number", "5"),
            ("text", 5),
            ("date", "2026-01-01"),
            ("date", datetime(2026, 1, 1)),  # noqa: DTZ001 - what must be refused
            ("bool", 1),
            ({"type": "text", "one_of": ["GB"]}, "DE"),
        ],
    )
    def test_of_another_type_or_word_are_refused(self, type, value):
        with pytest.raises(InvalidInput, match="`fact`: "):
            a_table(a_row(), fact=type).decide({"fact": value}, DAY)

    def test_may_be_whole_numbers_and_words_of_an_enumeration(self):
        table = a_table(a_row(), amount="number", method="text")

        facts = table.decide({"amount": 5, "method": BillingMethod.CAPPED}, DAY).facts

        assert facts == {"amount": Decimal(5), "method": "capped"}
        assert type(facts["method"]) is str

    def test_that_are_no_input_are_not_recorded(self):
        assert a_table(a_row()).decide({"amount": None, "email": "x@y.example"}, DAY).facts == {"amount": None}


values = st.none() | st.booleans() | st.text() | st.dates() | st.decimals(allow_nan=False, allow_infinity=False)
NAMES = {bool: "bool", str: "text", date: "date", Decimal: "number", type(None): "text"}


class TestDecision:
    @given(value=values)
    def test_reads_back_exactly_what_was_stored_as_json(self, value):
        decision = a_table(a_row(), fact=NAMES[type(value)]).decide({"fact": value}, DAY)

        again = Decision.model_validate_json(decision.model_dump_json())

        assert again == decision
        assert type(again.facts["fact"]) is type(value)

    def test_holds_no_other_type(self):
        with pytest.raises(ValueError, match="float is no value"):
            Decision(table="t", table_hash="h", on=DAY, facts={"x": 1.5}, hits=())


class TestTableFile:
    def test_shares_author_and_first_day_among_its_rows(self):
        row = a_row()
        del row["author"], row["valid_from"]
        document = {**a_document(row, a_row("other", author="you")), "author": "me", "valid_from": DAY}

        first, second = Table.of(document, name="x").rows

        assert (first.author, first.valid_from, second.author) == ("me", DAY, "you")

    @pytest.mark.parametrize(
        ("change", "finding"),
        [
            ({"hit": "last"}, "`hit`: "),
            ({"owner": None}, "`owner`: "),
            ({"colour": "red"}, "`colour`: "),
            ({"inputs": {"amount": "money"}}, "`inputs.amount.type`: "),
            ({"rows": [a_row(), a_row()]}, "row `only` stands twice"),
            ({"rows": [a_row(when={"amuont": 1})]}, "row `only`: `amuont` is not a column"),
            ({"rows": [a_row(then={"anser": 1})]}, "row `only`: `anser` is not a column"),
            ({"rows": [a_row(then={"answer": 1})]}, "row `only`: `answer`: 1 is not a text"),
            ({"rows": [{**a_row(), "reason": None}]}, "row `only` `reason`: "),
            ({"rows": [{"then": {}}]}, "`id`: Field required"),
        ],
    )
    def test_says_what_is_wrong(self, change, finding):
        with pytest.raises(InvalidInput) as caught:
            Table.of({**a_document(a_row()), **change}, name="approval.yaml")

        assert caught.value.message.startswith(f"approval.yaml: {finding}")
        assert caught.value.code == "policy.table"

    def test_names_the_words_a_cell_may_hold(self):
        with pytest.raises(InvalidInput, match="`fact`: `UK` is not one of GB, DE"):
            a_table(a_row(when={"fact": "not(UK)"}), fact={"type": "text", "one_of": ["GB", "DE"]})

    def test_hash_follows_the_content_only(self):
        first, same = a_table(a_row()), a_table(a_row())
        other = a_table(a_row(remedy="Ask."))

        assert first.hash == same.hash != other.hash

    def test_numbers_are_exact_from_the_file_to_the_answer(self):
        text = (
            "{id: tax, question: q, owner: o, hit: first, inputs: {country: text}, outputs: {rate: number}, "
            "rows: [{id: gb, when: {country: NO}, then: {rate: 0.10}, reason: r, author: a, valid_from: 2026-01-01}]}"
        )

        result = Table.of(read_yaml(text, name="tax"), name="tax").decide({"country": "NO"}, DAY).result

        assert str(result["rate"]) == "0.10"
