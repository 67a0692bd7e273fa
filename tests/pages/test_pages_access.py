"""Who sees which page, and that an entity's scope holds on every page, in search and in every export."""

from __future__ import annotations

import csv
import io
import json

import pytest
from pages.conftest import SignIn
from pages.console_client import Client
from pages.firm import FIRM
from pages.seed import Seeded

from accordant.console.export import safe_cell
from accordant.governance import Estate

MATRIX = {
    "/": "",
    "/more": "",
    "/search": "",
    "/engagements": "engagements:read",
    "/engagements.csv": "engagements:read",
    "/engagements/{halvard}": "engagements:read",
}
ROLES = {
    "finance_operations": "juno.abelard",
    "delivery": "silas.brandt",
    "people_operations": "felix.marrow",
    "account_team": "petra.lumley",
    "executive": "corin.vale",
    "steward": "dara.winslow",
    "integration_support": "wren.tallis",
    "auditor": "thea.garrick",
}
OF_US = [work for work in FIRM if work.entity == "us01"]
NAMES_OF_US = [
    name for work in OF_US for name in (work.client, work.name, f"con_{work.key}", f"US01-{work.key[:6].upper()}")
]


class TestRoles:
    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("path", MATRIX)
    def test_a_page_opens_for_who_has_its_scope_and_for_nobody_else(
        self, as_person: SignIn, estate: Estate, seeded: Seeded, role: str, path: str
    ) -> None:
        """R-DSH-02..04, R-DSH-07."""
        scope = MATRIX[path]
        allowed = not scope or scope in estate.access.roles[role].scopes

        page = as_person(ROLES[role]).get(path.format(**seeded.contract))

        assert page.status_code == (200 if allowed else 403), page.text[:300]
        if not allowed:
            assert scope in page.text

    def test_every_role_of_the_estate_is_in_the_matrix(self, estate: Estate) -> None:
        assert set(ROLES) == set(estate.access.roles)

    @pytest.mark.parametrize("role", ROLES)
    def test_the_rail_leads_only_where_the_role_may_go(self, as_person: SignIn, role: str) -> None:
        client = as_person(ROLES[role])
        rail = client.get("/").text.split('<nav class="rail"')[1].split("</nav>")[0]
        places = [part.split('"')[0] for part in rail.split('<a href="')[1:]]

        assert places
        assert {client.get(place).status_code for place in places} == {200}

    @pytest.mark.parametrize("role", ["account_team", "integration_support"])
    def test_who_does_not_read_billing_sees_no_amount_of_the_engagement(
        self, as_person: SignIn, seeded: Seeded, role: str
    ) -> None:
        client = as_person(ROLES[role])

        page = client.get(f"/engagements/{seeded.contract['halvard']}").text
        listed = client.get("/engagements").text

        assert "Sold to collected" not in page
        assert "147.50" not in page
        assert "195.00" not in page
        assert "<abbr>" not in page
        assert "Unbilled" not in listed
        assert "Unbilled" not in client.get("/engagements.csv").text

    def test_the_first_question_is_that_of_the_role(self, as_person: SignIn) -> None:
        def first(person: str) -> str:
            return as_person(person).get("/").text.split("<h3>")[1].split("</h3>")[0]

        assert first("juno.abelard") == "Are invoices blocked?"
        assert first("silas.brandt") == "Are approvals ageing?"
        assert first("corin.vale") == "Are projects provisioned?"


class TestEntityScope:
    def pages(self, client: Client, seeded: Seeded) -> str:
        paths = ["/", "/more", "/engagements", "/engagements.csv", "/engagements?q=Juniper", "/engagements?entity=us01"]
        return "".join(client.get(path).text for path in paths)

    @pytest.mark.parametrize("person", ["orla.fennick", "silas.brandt", "petra.lumley"])
    def test_a_person_of_uk01_sees_nothing_of_us01_on_any_page(
        self, as_person: SignIn, seeded: Seeded, person: str
    ) -> None:
        """R-SEC-02."""
        shown = self.pages(as_person(person), seeded).replace('value="Juniper"', "")

        for name in NAMES_OF_US:
            assert name not in shown
        assert "Halvard" in shown

    def test_who_sees_all_entities_does_see_them(self, as_person: SignIn, seeded: Seeded) -> None:
        shown = self.pages(as_person("juno.abelard"), seeded)

        assert all(work.client in shown for work in OF_US)

    def test_an_engagement_of_another_entity_is_not_there(self, as_person: SignIn, seeded: Seeded) -> None:
        assert as_person("orla.fennick").get(f"/engagements/{seeded.contract['juniper']}").status_code == 404

    def test_search_and_its_evidence_find_nothing_of_another_entity(self, as_person: SignIn, seeded: Seeded) -> None:
        client = as_person("orla.fennick")
        asked = [
            "Juniper",
            seeded.contract["juniper"],
            seeded.project["juniper"],
            seeded.line["juniper"],
            "cus_juniper",
        ]
        asked += [seeded.invoice["juniper"], seeded.case["juniper"][0], "US01-JUNIPE", "PO-77007", "kantata-main/97001"]

        for text in asked:
            assert "Nothing you may see is called that" in client.get("/search", params={"q": text}).text, text
            assert client.get("/search/evidence.json", params={"q": text}).json()["found"] == [], text

    def test_a_chosen_entity_narrows_even_who_sees_all(self, as_person: SignIn, seeded: Seeded) -> None:
        client = as_person("juno.abelard")

        client.post("/scope", entity="de01")

        listed = client.get("/engagements").text
        assert "Vierlande Pharma" in listed
        assert "Northmere" not in listed
        assert client.get(f"/engagements/{seeded.contract['northmere']}").status_code == 404


class TestPagesSay:
    def test_home_opens_with_what_is_not_billed_and_what_is_at_risk(self, as_person: SignIn) -> None:
        """R-DSH-02."""
        page = as_person("orla.fennick").get("/").text

        lede = page.split('<h1 class="lede">')[1].split("</h1>")[0]
        assert "is approved and not billed" in lede
        # 38,500 + 24,000 + 12,480 + 27,225.04 of uk01
        assert (
            '<b class="c-risk">£102,205</b> is at risk in 4 cases, all of which must clear before UK01 closes' in lede
        )

    def test_home_of_who_has_nothing_to_do_says_so(self, as_person: SignIn) -> None:
        assert "Nothing waits for you." in as_person("thea.garrick").get("/").text

    def test_an_engagement_tells_money_from_sold_to_collected(self, as_person: SignIn, seeded: Seeded) -> None:
        page = as_person("orla.fennick").get(f"/engagements/{seeded.contract['halvard']}").text

        # 22 lines: 8 at 1,462.50, 7 at 1,106.25, 7 at 834.38
        assert page.count("25,284.41") >= 4
        assert "all of it paid" in page

    def test_the_filtered_list_says_when_it_is_empty_and_how_to_go_back(self, as_person: SignIn) -> None:
        page = as_person("orla.fennick").get("/engagements?q=nobody+is+called+so&standing=ready").text

        assert "No engagement matches 2 filters." in page
        assert 'href="/engagements">Clear filters' in page

    def test_history_can_be_narrowed_to_people(self, as_person: SignIn, seeded: Seeded) -> None:
        page = as_person("orla.fennick").get(f"/engagements/{seeded.contract['halvard']}?history=people").text

        assert "Juno Abelard" in page
        assert "Project created" not in page

    def test_evidence_holds_each_hop_and_who_read_it(self, as_person: SignIn, seeded: Seeded) -> None:
        found = as_person("orla.fennick").get("/search/evidence.json", params={"q": seeded.line["halvard"]}).json()

        assert (found["read_by"], found["entities"]) == ("orla.fennick", ["uk01"])
        assert [hop["name"] for hop in found["trace"]][-1] == "Payment received"
        assert json.dumps(found["lineage"]).count("INV-UK01-20391") >= 1


class TestListAndPageAgree:
    def test_what_a_case_stops_is_blocked_in_both(self, as_person: SignIn, seeded: Seeded) -> None:
        client = as_person("orla.fennick")

        listed = client.get("/engagements?q=Castellan").text
        page = client.get(f"/engagements/{seeded.contract['castellan']}").text

        assert "Ready to bill blocked" in listed
        assert '<li class="blocked">' in page


class TestExport:
    def test_holds_one_row_per_engagement_that_the_person_sees(self, as_person: SignIn) -> None:
        text = as_person("orla.fennick").get("/engagements.csv").text.lstrip("\ufeff")

        rows = list(csv.DictReader(io.StringIO(text)))

        assert {row["Entity"] for row in rows} == {"uk01"}
        assert len(rows) == sum(work.entity == "uk01" for work in FIRM)
        [halvard] = [row for row in rows if row["Client"].startswith("Halvard")]
        assert (halvard["Ready to bill"], halvard["Currency"], halvard["Unbilled"]) == ("reached", "GBP", "0.00")

    @pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+cmd", "@sum", "\t=1", "-2+3", "--1"])
    def test_what_a_spreadsheet_would_run_is_text(self, text: str) -> None:
        assert safe_cell(text) == f"'{text}"

    @pytest.mark.parametrize("text", ["-12.50", "12", "O'Brien", "A|B", "Northmere"])
    def test_numbers_and_names_stay_what_they_are(self, text: str) -> None:
        assert safe_cell(text) == text
