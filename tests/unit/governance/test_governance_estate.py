from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from accordant.governance import check, content_of, load
from accordant.kernel import InvalidInput, NotFound

DEMO = Path(__file__).parents[3] / "estates/demo"
ESTATE = Path(__file__).parent / "estate"
ON = date(2026, 11, 20)


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(ESTATE, tmp_path / "estate"))


def edit(folder, file, old, new):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def only(folder, **kwargs):
    (finding,) = check(folder, on=ON, **kwargs)
    return finding


def line_of(folder, file, text):
    return f"{file}:{next(n for n, line in enumerate((folder / file).read_text().splitlines(), 1) if text in line)}"


class TestDemoEstate:
    def test_has_no_finding(self):
        """R-FIN-01."""
        assert check(DEMO, on=ON) == []


class TestEstate:
    def test_has_no_finding(self):
        assert check(ESTATE, on=ON) == []

    def test_routes_each_role_to_its_instance(self):
        """R-COX-01."""
        estate = load(ESTATE)

        assert estate.route("erp", "uk01", ON) == "netsuite-main"
        assert estate.route("crm", "de01", ON) == "salesforce-main"
        assert estate.system("kantata-main").simulated

    def test_has_a_known_cut_off_per_entity(self):
        """R-FIN-04."""
        uk = load(ESTATE).entity("uk01")

        assert uk.cut_off_after(datetime(2026, 11, 20, tzinfo=UTC)) == datetime(2026, 12, 2, 18, tzinfo=UTC)
        assert uk.cut_off_after(datetime(2026, 12, 2, 18, tzinfo=UTC)) == datetime(2027, 1, 2, 18, tzinfo=UTC)

    def test_keeps_the_cut_off_on_the_wall_clock_when_summer_time_begins(self):
        us = load(ESTATE).entity("us01")

        assert us.cut_off_after(datetime(2027, 3, 1, tzinfo=UTC)) == datetime(2027, 3, 3, 23, tzinfo=UTC)
        assert us.cut_off_after(datetime(2027, 3, 20, tzinfo=UTC)) == datetime(2027, 4, 3, 22, tzinfo=UTC)

    def test_knows_two_accounts_of_one_person(self):
        access = load(ESTATE).access

        assert access.actor("juno.abelard").worker_number == access.actor("juno.abelard-ops").worker_number

    def test_says_who_has_no_access(self):
        with pytest.raises(NotFound, match=r"nobody\.here has no access"):
            load(ESTATE).access.actor("nobody.here")

    def test_finds_who_can_act_in_an_entity(self):
        actors = load(ESTATE).access.actors_in("finance_operations", "us01")

        assert [actor.id for actor in actors] == ["maren.quill", "juno.abelard"]

    def test_hides_an_entity_from_who_has_another(self):
        actor = load(ESTATE).access.actor("orla.fennick")

        assert actor.may("billing:act", "uk01")
        assert not actor.may("billing:act", "us01")
        assert not actor.may("runs:act", "uk01")


class TestContentHash:
    def test_changes_with_any_file_and_only_then(self, folder):
        before = content_of(folder)
        assert content_of(ESTATE) == before

        edit(folder, "ownership/deal.yaml", "steward: account_team", "steward: delivery")

        assert content_of(folder) != before


class TestCheck:
    def test_explains_a_missing_currency(self, folder):
        edit(folder, "accordant.yaml", "    currency: GBP\n", "")

        finding = only(folder)

        assert finding.message == "`currency` of uk01 is missing."
        assert finding.path == line_of(folder, "accordant.yaml", "- id: uk01")

    def test_suggests_the_key_that_was_meant(self, folder):
        edit(folder, "accordant.yaml", "    calendar: GB\n", "    calender: GB\n")

        findings = check(folder, on=ON)

        assert [f.remedy for f in findings] == ["Add `calendar:` here.", "Did you mean `calendar`?"]

    def test_explains_a_time_without_quotes(self, folder):
        edit(folder, "accordant.yaml", 'day: 2, time: "18:00"', "day: 2, time: 18:00")

        assert 'write "18:00" in quotes' in only(folder).message

    def test_explains_an_unknown_time_zone(self, folder):
        edit(folder, "accordant.yaml", "Europe/London", "Europe/Londn")

        assert "Europe/Londn is no time zone" in only(folder).message

    def test_explains_an_unknown_holiday_calendar(self, folder):
        edit(folder, "accordant.yaml", "calendar: GB", "calendar: XX")

        assert only(folder).message == "No calendar of public holidays is called XX."

    def test_explains_an_unknown_system_with_a_suggestion(self, folder):
        edit(folder, "accordant.yaml", "use: netsuite-main", "use: netsuite-man")

        finding = only(folder)

        assert finding.message == "There is no system netsuite-man."
        assert finding.remedy == "Did you mean `netsuite-main`?"
        assert finding.path == line_of(folder, "accordant.yaml", "netsuite-man}")

    def test_explains_a_role_that_no_system_has(self, folder):
        edit(folder, "accordant.yaml", "roles: [collaboration]", "roles: [documents]")

        messages = [finding.message for finding in check(folder, on=ON)]

        assert messages == [
            "Nothing is routed to documents, though a system has that role.",
            "No system has the role collaboration.",
        ]

    def test_explains_a_role_that_does_not_exist(self, folder):
        edit(folder, "accordant.yaml", "roles: [hris]", "roles: [hris, pas]")

        finding = only(folder)

        assert finding.message == "workday-main has a role that does not exist: pas."
        assert finding.remedy == "Did you mean `psa`?"

    def test_explains_a_connector_that_is_not_installed(self, folder):
        finding = only(folder, connectors=["salesforce", "kantata", "netsuit", "workday", "teams"])

        assert finding.message == "No connector is called netsuite."

    def test_explains_a_key_that_stands_twice(self, folder):
        edit(folder, "accordant.yaml", "    country: GB\n", "    country: GB\n    country: IE\n")

        assert only(folder).message == "`country` stands here twice."

    def test_explains_what_is_not_yaml(self, folder):
        edit(folder, "accordant.yaml", "entities:", "entities: [")

        assert only(folder).message.startswith("This is not YAML")

    def test_says_when_there_is_no_estate(self, tmp_path):
        assert only(tmp_path).message == "The file does not exist."

    def test_never_shows_a_secret_that_was_written_in_place(self, folder):
        """R-SEC-03."""
        edit(folder, "accordant.yaml", '"env:KANTATA_MAIN_TOKEN"', "tok-5f2a9c")

        finding = only(folder)

        assert "`token` of kantata-main must be a reference" in finding.message
        assert "5f2a9c" not in str(finding)

    def test_explains_a_field_without_owner(self, folder):
        """R-SOR-01."""
        edit(folder, "ownership/deal.yaml", '"*", owner: crm', '"[!p]*", owner: crm')

        finding = only(folder)

        assert finding.message == "Nobody owns `practice` of Deal when no condition holds."
        assert finding.path.startswith("ownership/deal.yaml:")

    def test_explains_an_object_without_owner(self, folder):
        (folder / "ownership/payment.yaml").unlink()

        finding = only(folder)

        assert finding.message == "Nobody owns Payment: no ownership file is about it."

    def test_explains_a_field_that_does_not_exist(self, folder):
        edit(folder, "ownership/customer.yaml", "field: vat_number, owner: erp}", "field: vat_nummer, owner: erp}")

        finding = only(folder)

        assert (finding.message, finding.remedy) == (
            "Customer has no field `vat_nummer`.",
            "Did you mean `vat_number`?",
        )

    def test_explains_an_owner_that_no_system_is(self, folder):
        edit(folder, "ownership/worker.yaml", "owner: hris", "owner: payroll")

        assert only(folder).message == "payroll owns `*` of Worker, and no system has that role."

    def test_explains_a_steward_that_nobody_can_be(self, folder):
        edit(folder, "ownership/customer.yaml", "steward: steward", "steward: stewart")

        assert only(folder).remedy == "Did you mean `steward`?"

    def test_explains_access_to_an_unknown_entity_or_role(self, folder):
        edit(folder, "access/people.yaml", 'roles: [auditor], entities: "*"', "roles: [auditer], entities: [fr01]")

        assert [f.message for f in check(folder, on=ON)] == [
            "thea.garrick has the role auditer, which is not described.",
            "The firm has no entity fr01.",
        ]

    def test_refuses_to_load_what_has_findings(self, folder):
        edit(folder, "accordant.yaml", "use: netsuite-main", "use: netsuite-man")

        with pytest.raises(InvalidInput, match="There is no system netsuite-man") as refused:
            load(folder)
        assert refused.value.code == "estate.invalid"


S4 = """  s4-eu:
    connector: s4
    roles: [erp]
    url: https://s4.meridian.example
"""


class TestRouting:
    @pytest.fixture
    def two_erps(self, folder):
        edit(folder, "accordant.yaml", "  teams-main:\n", S4 + "  teams-main:\n")
        return folder

    def rows(self, folder, *rows):
        text = "".join(f"    - {{{row}}}\n" for row in rows)
        edit(folder, "accordant.yaml", "  erp: [{use: netsuite-main}]\n", "  erp:\n" + text)

    def test_cuts_one_entity_over_on_its_day(self, two_erps):
        """R-COX-02."""
        self.rows(
            two_erps,
            "use: netsuite-main",
            "when: {entity: de01, from: 2027-01-01}, use: s4-eu, shadow: netsuite-main",
        )
        estate = load(two_erps)

        assert estate.route("erp", "de01", date(2026, 12, 31)) == "netsuite-main"
        assert estate.route("erp", "de01", date(2027, 1, 1)) == "s4-eu"
        assert estate.serving("erp", "de01", date(2027, 1, 1)).shadow == "netsuite-main"
        assert estate.route("erp", "uk01", date(2027, 1, 1)) == "netsuite-main"

    def test_routes_one_object_elsewhere(self, two_erps):
        """R-COX-02."""
        self.rows(two_erps, "use: netsuite-main", "when: {object: Invoice}, use: s4-eu")
        estate = load(two_erps)

        assert estate.route("erp", "uk01", ON, "Invoice") == "s4-eu"
        assert estate.route("erp", "uk01", ON, "Project") == "netsuite-main"
        assert estate.route("erp", "uk01", ON) == "netsuite-main"

    def test_a_row_for_an_object_is_stronger_than_a_later_one_for_all(self, two_erps):
        self.rows(
            two_erps,
            "use: s4-eu",
            "when: {object: Invoice}, use: s4-eu",
            "when: {entity: uk01}, use: s4-eu",
            "when: {from: 2026-06-01}, use: netsuite-main",
        )
        estate = load(two_erps)

        assert estate.route("erp", "us01", ON, "Invoice") == "s4-eu"
        assert estate.route("erp", "uk01", ON) == "s4-eu"
        assert estate.route("erp", "us01", ON) == "netsuite-main"

    def test_finds_two_rows_that_begin_together(self, two_erps):
        self.rows(two_erps, "use: netsuite-main", "use: s4-eu")

        assert (
            only(two_erps).message
            == "netsuite-main and s4-eu both serve as erp for every entity from the beginning on."
        )

    def test_finds_a_row_that_goes_on_after_the_next_begins(self, two_erps):
        self.rows(
            two_erps,
            "when: {until: 2027-01-31}, use: netsuite-main",
            "when: {from: 2027-01-01}, use: s4-eu",
        )

        assert "both serve as erp for every entity from 2027-01-01 on" in only(two_erps).message

    def test_finds_a_gap_between_rows(self, two_erps):
        self.rows(
            two_erps,
            "when: {until: 2026-12-31}, use: netsuite-main",
            "when: {from: 2027-01-02}, use: s4-eu",
        )

        messages = [f.message for f in check(two_erps, on=ON)]

        assert messages == [f"No system serves as erp for {e} on 2027-01-01." for e in ("de01", "uk01", "us01")]

    def test_finds_an_entity_without_a_system(self, folder):
        self.rows(
            folder,
            "when: {entity: uk01}, use: netsuite-main",
            "when: {entity: us01}, use: netsuite-main",
        )

        assert only(folder).message == "No system serves as erp for de01 on 2026-11-20."

    def test_says_what_is_missing_when_nothing_serves(self, two_erps):
        estate = load(two_erps)

        with pytest.raises(NotFound, match="No system serves as tax for uk01") as refused:
            estate.route("tax", "uk01", ON)
        assert refused.value.code == "estate.no_route"
