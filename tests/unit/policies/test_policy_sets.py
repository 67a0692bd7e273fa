"""Policy sets: folders of tables, overrides by region, cases; and the demo firm's own tables."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from accordant.kernel import InvalidInput, NotFound, Rejected
from accordant.policies import PolicySet

DEMO = Path(__file__).parents[3] / "estates" / "demo" / "policies"
DAY = date(2026, 6, 1)

GENERAL = """
id: limit
question: How much?
owner: finance
hit: {hit}
author: me
valid_from: 2026-01-01
inputs: {{amount: number}}
outputs: {{answer: text}}
rows:
  - {{id: low, when: {{amount: "< 10"}}, then: {{answer: low}}, reason: r}}
  - {{id: high, when: {{amount: ">= 10"}}, then: {{answer: high}}, reason: r}}
"""
REGIONAL = """
id: limit
author: you
valid_from: 2026-01-01
rows:
  - {{id: {id}, when: {{amount: "{test}"}}, then: {{answer: {answer}}}, reason: r}}
"""
CASES = """
table: limit
on: 2026-06-01
cases:
  - {name: little, facts: {amount: 1}, row: low, result: {answer: low}}
  - {name: much, facts: {amount: 10}, row: high, result: {answer: high}}
"""


def a_set(folder, **files):
    """Write files named with `__` for the slash and without suffix, and load them."""
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/').replace('_cases', '.cases')}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return PolicySet.load(folder)


def answer(policies, amount, region="", table="limit"):
    return policies.decide(table, {"amount": Decimal(amount)}, DAY, region=region).row_id


class TestFolder:
    def test_decides_by_the_tables_id(self, tmp_path):
        assert answer(a_set(tmp_path, limit=GENERAL.format(hit="first")), 5) == "low"

    def test_suggests_a_table_for_a_wrong_id(self, tmp_path):
        policies = a_set(tmp_path, limit=GENERAL.format(hit="first"))

        with pytest.raises(NotFound) as caught:
            policies.table("limits")

        assert caught.value.remedy == "Did you mean `limit`?"

    def test_refuses_the_same_table_twice(self, tmp_path):
        with pytest.raises(InvalidInput, match=r"other\.yaml: the table `limit` stands twice"):
            a_set(tmp_path, limit=GENERAL.format(hit="first"), other=GENERAL.format(hit="first"))

    @pytest.mark.parametrize("text", ["- a", "", "a: {b"])
    def test_names_a_file_that_holds_no_table(self, tmp_path, text):
        with pytest.raises(InvalidInput, match=r"limit\.yaml"):
            a_set(tmp_path, limit=text)

    def test_hash_follows_every_table_and_not_the_cases(self, tmp_path):
        general = a_set(tmp_path, limit=GENERAL.format(hit="first")).hash
        with_cases = a_set(tmp_path, limit_cases=CASES).hash
        with_region = a_set(tmp_path, de01__limit=REGIONAL.format(id="mid", test="5", answer="mid")).hash

        assert general == with_cases != with_region


class TestRegion:
    def test_asks_its_own_rows_before_the_general_ones(self, tmp_path):
        """R-MAP-07, R-FIN-02, R-ORC-13."""
        policies = a_set(
            tmp_path,
            limit=GENERAL.format(hit="first"),
            emea__limit=REGIONAL.format(id="mid", test="[5..20)", answer="mid"),
            emea__de01__limit=REGIONAL.format(id="inner", test="[5..7)", answer="inner"),
        )

        answers = {region: [answer(policies, n, region) for n in (1, 5, 10)] for region in ("", "emea", "emea/de01")}

        assert answers == {
            "": ["low", "low", "high"],
            "emea": ["low", "mid", "mid"],
            "emea/de01": ["low", "inner", "mid"],
        }

    def test_without_a_file_follows_the_one_around_it(self, tmp_path):
        policies = a_set(
            tmp_path,
            limit=GENERAL.format(hit="first"),
            emea__limit=REGIONAL.format(id="mid", test="5", answer="mid"),
        )

        assert answer(policies, 5, "emea/fr01") == "mid"
        assert answer(policies, 5, "apac") == "low"

    def test_replaces_a_row_of_the_same_id(self, tmp_path):
        policies = a_set(
            tmp_path,
            limit=GENERAL.format(hit="collect"),
            de01__limit=REGIONAL.format(id="low", test="< 3", answer="lower"),
        )

        hits = [policies.decide("limit", {"amount": amount}, DAY, region="de01").hits for amount in (2, 5)]

        assert [[hit.result["answer"] for hit in found] for found in hits] == [["lower"], []]

    def test_of_a_unique_table_is_not_ambiguous_with_the_general_rows(self, tmp_path):
        policies = a_set(
            tmp_path,
            limit=GENERAL.format(hit="unique"),
            de01__limit=REGIONAL.format(id="mid", test="5", answer="mid"),
        )

        assert answer(policies, 5, "de01") == "mid"

    def test_may_have_a_table_of_its_own(self, tmp_path):
        policies = a_set(tmp_path, de01__limit=GENERAL.format(hit="first"))

        assert answer(policies, 5, "de01") == "low"
        with pytest.raises(NotFound):
            policies.table("limit")

    def test_cannot_change_what_the_table_is(self, tmp_path):
        with pytest.raises(InvalidInput, match=r"de01/limit\.yaml: only the general table says `hit`"):
            a_set(tmp_path, limit=GENERAL.format(hit="first"), de01__limit="{id: limit, hit: unique, rows: []}")

    def test_lists_its_tables(self, tmp_path):
        policies = a_set(
            tmp_path,
            limit=GENERAL.format(hit="first"),
            de01__limit=REGIONAL.format(id="mid", test="5", answer="mid"),
        )

        assert [(region, table.id, len(table.rows)) for region, table in policies.tables] == [
            ("", "limit", 2),
            ("de01", "limit", 3),
        ]


class TestCheck:
    def test_finds_nothing_when_every_row_is_proven(self, tmp_path):
        assert a_set(tmp_path, limit=GENERAL.format(hit="first"), limit_cases=CASES).check() == []

    def test_finds_rows_that_no_case_hits(self, tmp_path):
        findings = a_set(
            tmp_path,
            limit=GENERAL.format(hit="first"),
            de01__limit=REGIONAL.format(id="low", test="< 3", answer="lower"),
            limit_cases=CASES,
        ).check()

        assert [str(finding) for finding in findings] == ["limit@de01: no case hits row `low`"]

    @pytest.mark.parametrize(
        ("case", "message"),
        [
            ("facts: {amount: 1}, row: high", "expects `high`, but `low` answered"),
            ("facts: {amount: 1}, row: null", "expects no row, but `low` answered"),
            ("facts: {amount: 1}, row: low", "expects nothing, but the result is answer low"),
            ("facts: {amount: 1}, row: low, result: {answer: x}", "expects answer x, but the result is answer low"),
            ("facts: {amuont: 1}, row: low", "names facts that are no input: amuont"),
            ("facts: {amount: one}, row: low", "fails: limit cannot decide: `amount`: 'one' is not a number"),
            ("facts: {amount: 1}, on: 2020-01-01, row: low", "fails: limit: no row matches"),
            ("row: low", "fails: limit: no row matches"),
        ],
    )
    def test_finds_a_case_that_fails(self, tmp_path, case, message):
        cases = CASES + f"  - {{name: odd, {case}}}\n"

        findings = a_set(tmp_path, limit=GENERAL.format(hit="first"), limit_cases=cases).check()

        assert [finding.message for finding in findings] == [f"case “odd” {message}"]

    def test_lets_a_case_expect_that_nothing_is_decided(self, tmp_path):
        cases = CASES + "  - {name: nothing, row: null}\n"

        assert a_set(tmp_path, limit=GENERAL.format(hit="first"), limit_cases=cases).check() == []

    def test_finds_cases_of_a_table_that_is_not_there(self, tmp_path):
        findings = a_set(tmp_path, limit_cases=CASES).check()

        assert [str(finding) for finding in findings] == ["limit: there is no decision table `limit`"]

    @pytest.mark.parametrize("case", ["{name: x, facts: {}}", "{name: x, row: a, rows: [b]}", "{nam: x, row: a}"])
    def test_refuses_a_case_that_expects_nothing_or_two_things(self, tmp_path, case):
        with pytest.raises(InvalidInput, match=r"limit\.cases\.yaml"):
            a_set(tmp_path, limit_cases=f"{{table: limit, on: 2026-06-01, cases: [{case}]}}")


@pytest.fixture(scope="module")
def demo():
    return PolicySet.load(DEMO)


class TestDemoPolicies:
    def test_every_row_is_proven_by_a_case(self, demo):
        """R-MAP-10."""
        assert demo.check() == []

    def test_removing_a_row_is_noticed(self, tmp_path):
        folder = Path(shutil.copytree(DEMO, tmp_path / "policies"))
        file = folder / "tax-treatment.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text[: text.index("  - id: us\n")], encoding="utf-8")

        assert [finding.where for finding in PolicySet.load(folder).check()] == ["tax-treatment"]

    def test_all_tables_of_the_firm_are_there(self, demo):
        assert {table.id for region, table in demo.tables if not region} == {
            "billing-terms",
            "deal-completeness",
            "group-rates",
            "invoice-approval",
            "project-template",
            "project-wbs",
            "tax-treatment",
            "time-line-limits",
        }

    @pytest.mark.parametrize("entity", ["GB", "DE", "US"])
    @pytest.mark.parametrize("customer", ["GB", "DE", "FR", "US", "NO", "JP"])
    @pytest.mark.parametrize("is_registered", [True, False])
    def test_every_known_client_has_one_tax_treatment(self, demo, entity, customer, is_registered):
        """R-MAP-12, R-FMC-11, R-FMC-38."""
        facts = {"entity_country": entity, "customer_country": customer, "is_vat_registered": is_registered}

        result = demo.decide("tax-treatment", facts, DAY).result

        standard = {"GB-STD-20": Decimal("0.20"), "DE-STD-19": Decimal("0.19")}
        assert result["rate"] == standard.get(result["tax_code"], 0)

    def test_a_client_of_unknown_country_is_no_export(self, demo):
        facts = {"entity_country": "GB", "customer_country": None, "is_vat_registered": False}

        with pytest.raises(Rejected):
            demo.decide("tax-treatment", facts, DAY)

    @pytest.mark.parametrize("entity", ["uk01", "us01", "de01"])
    @pytest.mark.parametrize(
        "amount", ["-5", "0", "24999.99", "25000", "29999.99", "30000", "99999.99", "100000", "1e9"]
    )
    def test_every_invoice_has_an_approver(self, demo, entity, amount):
        result = demo.decide("invoice-approval", {"entity": entity, "amount": Decimal(amount)}, DAY).result

        assert result["approver"]
        assert result["approvals"] >= 1
