"""The exceptions queue: who sees what, in which order, by cause, as a file, in bulk."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable

import pytest
from pages.console_client import Client
from pages.work.firm_at_work import FORMULA, XSS, Told

from accordant.console import ConsoleDeps
from accordant.platform.storage import one, rows

SignIn = Callable[[str], Client]
ANSWER = {"reason": "Looked at it; the cause is gone.", "root_cause": "system did not answer"}


def read(page: str) -> str:
    """Return a page's text as a person reads it."""
    return html.unescape(page)


class TestQueue:
    def test_the_most_money_per_day_left_comes_first(self, as_person: SignIn, told: Told) -> None:
        page = as_person("juno.abelard").get("/cases").text

        places = [page.index(told.case[name]) for name in ("customer", "us", "xss", "quiet")]
        assert places == sorted(places)

    def test_says_how_much_is_held_before_the_list(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/cases").text

        # 38,500.00 + 2 × 3,188.40 of uk01; the workspace holds no money
        assert "44,876.80" in page
        assert "4 open cases hold" in page

    def test_a_person_of_uk01_sees_nothing_of_us01(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        for path in ("/cases", "/cases?entity=us01", "/cases?group=cause", "/cases/export.csv", "/cases?tab=replaying"):
            page = orla.get(path).text
            assert "Juniper" not in page
            assert told.case["us"] not in page
            assert "Vierlande" not in page
        assert orla.get(f"/cases/{told.case['us']}").status_code == 404
        assert orla.get(f"/cases/{told.case['us']}/panel").status_code == 404
        assert orla.get(f"/cases/{told.case['us']}/act/retry").status_code == 404
        assert "There is no case" in orla.get(f"/cases?open={told.case['us']}").text

    def test_the_entity_choice_narrows_list_and_file(self, as_person: SignIn, told: Told) -> None:
        juno = as_person("juno.abelard")

        juno.post("/scope", entity="uk01")

        assert "Juniper" not in juno.get("/cases").text
        assert "Juniper" not in juno.get("/cases/export.csv").text

    def test_groups_by_cause_with_the_sum_of_money(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/cases?group=cause").text

        assert "<b>2 cases</b> with this cause" in page
        assert "6,376.80" in page
        assert "cause=mapping%3Acost_center%3A4410" in page

    def test_one_cause_is_an_address_of_its_own(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/cases?cause=mapping%3Acost_center%3A4410").text

        assert told.case["xss"] in page
        assert told.case["customer"] not in page

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("stage=workspace", {"quiet"}),
            ("role=integration_support", {"quiet", "us"}),
            ("code=erp.customer.ambiguous", {"customer"}),
            ("owner=nobody&entity=de01", {"de"}),
            ("owner=me", set()),
            ("stage=no+such+stage&code=nothing", set()),
        ],
    )
    def test_filters_narrow(self, as_person: SignIn, told: Told, query: str, found: set[str]) -> None:
        page = as_person("juno.abelard").get(f"/cases?{query}").text

        assert {name for name, id in told.case.items() if f'href="/cases/{id}"' in page} == found

    def test_a_filter_without_a_match_offers_to_clear_it(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/cases?owner=me").text

        assert "No case matches 1 filter." in page
        assert "Clear filters" in page

    def test_an_empty_tab_says_so_in_words(self, as_person: SignIn, told: Told) -> None:
        assert "Nothing is being tried in UK01." in as_person("orla.fennick").get("/cases?tab=replaying").text

    def test_nonsense_in_the_address_does_no_harm(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        for query in ("page=-3", "page=99999999999", "tab=<b>", "open=%00x", "group='%20or%201=1", "stage=%27"):
            assert orla.get(f"/cases?{query}").status_code in (200, 404)

    def test_names_are_text_and_never_markup(self, as_person: SignIn, told: Told) -> None:
        juno = as_person("juno.abelard")

        for path in ("/cases", f"/cases/{told.case['xss']}", f"/cases/{told.case['xss']}/panel"):
            page = juno.get(path).text
            assert "<script>alert" not in page
            assert XSS in read(page)
        act = juno.get(f"/cases/{told.case['xss']}/act/retry").text
        assert "<script>alert" not in act


class TestFile:
    def test_a_name_that_is_a_formula_is_text(self, as_person: SignIn, told: Told) -> None:
        answer = as_person("orla.fennick").get("/cases/export.csv")

        lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        client = next(line["client"] for line in lines if line["id"] == told.case["formula"])
        assert client == f"'{FORMULA}"
        assert not any(cell.startswith(("=", "+", "@")) for line in lines for cell in line.values())
        assert "attachment" in answer.headers["content-disposition"]

    def test_holds_what_the_list_holds_in_its_order(self, as_person: SignIn, told: Told) -> None:
        answer = as_person("orla.fennick").get("/cases/export.csv?role=finance_operations")

        lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert lines[0]["id"] == told.case["customer"]
        assert lines[0]["exposure"] == "38500.00"
        assert len(lines) == 3


class TestBulk:
    def test_shows_count_money_and_effects_before_it_does_anything(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        ids = "&".join(f"id={told.case[n]}" for n in ("xss", "customer", "quiet"))

        page = read(as_person("orla.fennick").get(f"/cases/bulk?act=retry&{ids}").text)

        assert "Retry 2 cases" in page
        assert "41,688.40" in page
        assert "1 write done already, not sent again." in page
        assert "1 refused write sent again." in page
        assert "1 case left out" in page
        assert "It takes the role integration support." in page
        assert states(deps) == {"open"}

    def test_retries_all_that_were_selected(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla = as_person("orla.fennick")
        data = {"csrf": orla.token(), "act": "retry", "id": [told.case["xss"], told.case["customer"]], **ANSWER}

        done = orla.send("POST", "/cases/bulk", data=data, headers={"origin": "http://console.example"})

        assert done.status_code == 303
        assert states(deps, told.case["xss"], told.case["customer"]) == {"replaying"}
        with deps.worker.begin() as connection:
            gate = one(connection, "select resolution from gate where topic = :c", c=told.case["customer"])
        assert gate.resolution["resolution"]["kind"] == "retry"

    def test_a_case_of_another_entity_stops_all(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla = as_person("orla.fennick")
        data = {"csrf": orla.token(), "act": "assign", "owner": "90001", "id": [told.case["xss"], told.case["us"]]}

        refused = orla.send("POST", "/cases/bulk", data=data, headers={"origin": "http://console.example"})

        assert refused.status_code == 404
        with deps.worker.begin() as connection:
            assert rows(connection, "select id from exception_case where owner <> ''") == []

    def test_needs_a_reason_and_a_cause(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        refused = as_person("orla.fennick").post("/cases/bulk", act="dismiss", id=told.case["xss"])

        assert refused.status_code == 422
        assert "not complete" in refused.text
        assert states(deps) == {"open"}

    def test_assigns_to_who_asked(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        as_person("orla.fennick").post("/cases/bulk", act="assign", id=told.case["xss"], owner="90001")

        with deps.worker.begin() as connection:
            case = one(connection, "select owner from exception_case where id = :i", i=told.case["xss"])
            noted = one(connection, "select actor, entity from audit where action = 'case.assigned'")
        assert case.owner == "90001"
        assert (noted.actor, noted.entity) == ("90001", "uk01")

    def test_goes_nowhere_else_afterwards(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        done = orla.post("/cases/bulk", act="assign", id=told.case["xss"], owner="90001", next="https://evil.example/")

        assert done.headers["location"] == "/cases?done=assign"


def states(deps: ConsoleDeps, *ids: str) -> set[str]:
    """Return the states of cases; of all when none is named."""
    with deps.worker.begin() as connection:
        found = rows(connection, "select id, state from exception_case")
    return {row.state for row in found if not ids or row.id in ids}
