"""Runs and the run page: work orders with attempts, who works on them, every step, a history without people."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from pages.console_client import Client
from pages.work.firm_at_work import Told

from accordant.console import ConsoleDeps
from accordant.console.nav import shown_to
from accordant.platform.durable import Note, write_notes
from accordant.platform.storage import execute

SignIn = Callable[[str], Client]


def page_of(run_id: str) -> str:
    return f"/runs/{quote(run_id, safe='@:')}"


class TestRuns:
    def test_an_earlier_attempt_is_folded_beneath_its_work_order(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get("/runs").text

        assert page.count(">dea_work0001<") == 1
        assert f'href="{page_of(told.run["first"])}"' in page
        assert "before: " in page

    def test_says_how_many_work_wait_and_stopped(self, as_person: SignIn, told: Told) -> None:
        assert "0 runs are at work, 2 wait and hold no worker, 1 stopped." in as_person("wren.tallis").get("/runs").text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", {"parked", "failed", "invoice"}),
            ("state=failed", {"failed"}),
            ("flow=invoice-cycle", {"invoice"}),
            ("entity=us01", {"failed"}),
            ("subject=con_work0003", {"invoice"}),
            ("age=1d", {"parked", "invoice"}),
            ("stage=master+data&flow=activate-project", {"parked"}),
            ("state=done", set()),
        ],
    )
    def test_filters_narrow(self, as_person: SignIn, told: Told, query: str, found: set[str]) -> None:
        page = as_person("wren.tallis").get(f"/runs?{query}").text

        shown = {name for name, id in told.run.items() if f'open" href="{page_of(id)}"' in page}
        assert shown == found

    def test_draws_the_flow_with_counts_per_stage_and_the_same_as_a_table(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get("/runs?flow=activate-project").text

        assert "activate-project: 2 stages, 2 runs standing still." in page
        assert "Delivery operations answers for it; promised within 15 min." in page
        assert '<th scope="row">Master data</th><td class="num">0</td><td class="num">1</td>' in page

    def test_a_missed_promise_is_said(self, as_person: SignIn, told: Told) -> None:
        assert "3 d, late" in as_person("wren.tallis").get("/runs").text

    def test_warns_when_nobody_works(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        wren = as_person("wren.tallis")
        assert "No worker is alive." not in wren.get("/runs").text

        with deps.worker.begin() as connection:
            execute(connection, "update executor set beat_at = 'epoch'")

        assert "No worker is alive." in wren.get("/runs").text

    def test_nonsense_in_the_address_does_no_harm(self, as_person: SignIn, told: Told) -> None:
        for query in ("state=%27", "age=x", "page=-1", "flow=%00", "stage=<b>", "subject=%27%20or%201=1"):
            assert as_person("wren.tallis").get(f"/runs?{query}").status_code == 200


class TestRunPage:
    def test_tells_key_promise_version_and_what_it_waits_for(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get(page_of(told.run["parked"])).text

        for words in (
            "dea_work0001",
            "15 min, missed",
            "38,500.00",
            "It waits for a case since",
            "1 found after a lost answer and adopted: nothing was written twice.",
            "Work order of 2 runs",
            "rule complete of table 9f3c71aa",
            "kantata-main · key cus_work0001#1",
            "done, adopted",
            "refused, erp.customer.ambiguous",
            "deal.won",
        ):
            assert words in page, words

    def test_offers_to_retry_through_the_case(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get(page_of(told.run["parked"])).text

        assert f"/cases/{told.case['customer']}/act/retry?next=/runs/" in page
        assert f'href="/cases/{told.case["customer"]}"' in page

    def test_a_run_that_only_waits_cannot_be_retried(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get(page_of(told.run["invoice"])).text

        assert 'title="Nothing failed: the run waits">Retry on v1' in page

    def test_links_to_nothing_that_the_person_may_not_open(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get(page_of(told.run["invoice"])).text

        assert f"/approvals/{told.approval['invoice']}" not in page

    def test_shows_the_last_steps_first_and_pages_back(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        since = datetime.now(UTC) - timedelta(hours=1)
        with deps.worker.begin() as connection:
            notes = [Note(n, "state", f"mark {n}", {}, since + timedelta(seconds=n)) for n in range(100, 400)]
            write_notes(connection, told.run["invoice"], notes)
        wren, address = as_person("wren.tallis"), page_of(told.run["invoice"])

        page = wren.get(address).text
        assert "mark 399" in page
        assert "mark 150" not in page
        older = page.split('rel="next" href="')[1].split('"')[0].split("#")[0]
        assert "mark 150" in wren.get(older.replace("&amp;", "&")).text

    def test_a_run_that_is_not_there_is_said_so(self, as_person: SignIn, told: Told) -> None:
        assert as_person("wren.tallis").get("/runs/activate-project@1:nothing%231").status_code == 404

    def test_who_acted_stands_on_the_page(self, as_person: SignIn, told: Told) -> None:
        answer = {"reason": "Looked at it.", "root_cause": "other"}
        as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/retry", **answer)

        page = as_person("wren.tallis").get(page_of(told.run["parked"])).text

        assert "<b>Orla Fennick</b> case resolved" in page


class TestHistory:
    def test_holds_ids_and_nothing_of_people(self, as_person: SignIn, told: Told) -> None:
        answer = as_person("wren.tallis").get(f"{page_of(told.run['parked'])}/history.json")

        kept = json.loads(answer.text)
        assert kept["run"]["id"] == told.run["parked"]
        assert kept["input"]["deal_id"] == "dea_work0001"
        assert {m["kind"] for m in kept["moments"]} == {"stage", "decision", "state", "step", "effect", "gate"}
        assert "two records" not in answer.text  # a vendor's own words
        assert "attachment" in answer.headers["content-disposition"]

    def test_leaves_out_free_text_and_addresses(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        detail = {"line": "tim_1", "said": "Linnea Vance called", "mail": "linnea@client.example", "net": "GBP-12.00"}
        with deps.worker.begin() as connection:
            write_notes(connection, told.run["parked"], [Note(90, "state", "x", detail, datetime.now(UTC))])

        text = as_person("wren.tallis").get(f"{page_of(told.run['parked'])}/history.json").text

        assert "tim_1" in text
        assert "GBP-12.00" in text
        assert "Linnea" not in text
        assert "linnea@" not in text


# Who may open what: True, or False where the role has no such page.
PEOPLE = {
    "orla.fennick": {"/cases": True, "/approvals": True, "/runs": False},
    "silas.brandt": {"/cases": True, "/approvals": True, "/runs": False},
    "wren.tallis": {"/cases": True, "/approvals": False, "/runs": True},
    "corin.vale": {"/cases": True, "/approvals": True, "/runs": False},
    "petra.lumley": {"/cases": True, "/approvals": False, "/runs": False},
    "dara.winslow": {"/cases": True, "/approvals": True, "/runs": False},
    "felix.marrow": {"/cases": True, "/approvals": True, "/runs": False},
    "thea.garrick": {"/cases": True, "/approvals": True, "/runs": True},
}


class TestRoles:
    @pytest.mark.parametrize("person", PEOPLE)
    def test_each_role_opens_its_pages_and_no_other(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps, person: str
    ) -> None:
        client, rail = as_person(person), shown_to(deps.estate.access.actor(person).scopes)
        places = {place.path for group in rail.values() for place in group}
        inside = {"/cases": told.case["customer"], "/approvals": told.approval["invoice"], "/runs": told.run["parked"]}

        for path, may in PEOPLE[person].items():
            assert client.get(path).status_code == (200 if may else 403), path
            assert client.get(f"{path}/{quote(inside[path], safe='@:')}").status_code == (200 if may else 403), path
            assert (path in places) is may, path

    def test_a_run_of_another_entity_is_not_there(self, as_person: SignIn, told: Told) -> None:
        wren = as_person("wren.tallis")
        wren.post("/scope", entity="uk01")

        assert wren.get(page_of(told.run["failed"])).status_code == 404
        assert wren.get(f"{page_of(told.run['failed'])}/history.json").status_code == 404
        assert "dea_work0002" not in wren.get("/runs").text
        assert "Juniper" not in wren.get("/runs").text
