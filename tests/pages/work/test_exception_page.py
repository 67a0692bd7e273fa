"""The exception page: what it tells, what it hides, every act with its effects first, the second person."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from pages.console_client import Client
from pages.work.firm_at_work import Told

from accordant.console import ConsoleDeps
from accordant.platform.storage import maybe, one, rows

SignIn = Callable[[str], Client]
ANSWER = {"reason": "Looked at it; the cause is gone.", "root_cause": "system did not answer"}
CAP = {"edit.contract.cap": "52000.00"}


def case_row(deps: ConsoleDeps, id: str) -> object:
    with deps.worker.begin() as connection:
        return one(connection, "select * from exception_case where id = :i", i=id)


class TestPage:
    def test_tells_sentence_money_deadline_remedy_and_who_can(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}").text

        for words in (
            "2 records in netsuite-main may be the same client.",
            "38,500.00",
            "Say which of the two records is the client, then retry.",
            "Finance operations can act: Orla Fennick, Tobin Hask, Juno Abelard",
            "netsuite-main refused to create customer.",
            "It was met 2 times",
        ):
            assert words in page

    def test_lists_the_writes_of_the_run_with_calls_and_adoption(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}").text

        assert "Done, adopted" in page
        assert "erp.customer.ambiguous" in page
        assert "The run waits for this answer." in page
        assert "no further attempt by itself" in page

    def test_shows_cases_of_the_same_cause_that_the_person_sees(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick").get(f"/cases/{told.case['xss']}").text
        juno = as_person("juno.abelard").get(f"/cases/{told.case['xss']}").text

        assert told.case["formula"] in orla
        assert told.case["de"] not in orla
        assert told.case["de"] in juno

    def test_retry_and_reprocess_carry_their_version(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}").text

        assert "Retry on v1" in page
        assert "Reprocess on v1" in page

    def test_a_case_that_is_not_there_is_said_so(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/cases/cas_nothing")

        assert page.status_code == 404
        assert "There is no case" in page.text

    def test_the_panel_is_the_same_case_without_the_frame(self, as_person: SignIn, told: Told) -> None:
        panel = as_person("orla.fennick").get(f"/cases/{told.case['customer']}/panel").text

        assert "may be the same client" in panel
        assert "<html" not in panel


class TestMask:
    def test_free_text_and_personal_values_are_hidden_until_asked_for(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}").text

        assert "Vance asked" not in page
        assert "netsuite-main/customer/8841" in page
        assert "12.50" in page

    def test_looking_behind_it_takes_a_reason_and_is_written_down(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        orla = as_person("orla.fennick")
        address = f"/cases/{told.case['customer']}"

        assert orla.post(f"{address}/reveal", reason="").status_code == 422
        page = orla.post(f"{address}/reveal", reason="The client called back.").text

        assert "Vance asked for a new record on the phone" in page
        assert "Linnea Vance" in page
        assert "linnea.vance@client.example" not in page  # never kept in a case
        with deps.worker.begin() as connection:
            [noted] = rows(
                connection, "select actor, subject, entity, detail from audit where action = 'case.revealed'"
            )
        assert (noted.actor, noted.subject, noted.entity) == ("90001", told.case["customer"], "uk01")
        assert noted.detail["reason"] == "The client called back."
        assert "Vance asked" not in orla.get(address).text

    def test_who_may_not_act_may_not_look_behind_it(self, as_person: SignIn, told: Told) -> None:
        corin = as_person("corin.vale")

        assert "Show what is masked" not in corin.get(f"/cases/{told.case['customer']}").text
        assert corin.post(f"/cases/{told.case['customer']}/reveal", reason="I am curious").status_code == 403


class TestWhoMayAct:
    def test_who_has_another_role_sees_why_not(self, as_person: SignIn, told: Told) -> None:
        page = as_person("silas.brandt").get(f"/cases/{told.case['customer']}").text

        assert 'aria-disabled="true" title="It takes the role finance operations."' in page
        assert "/act/retry?" not in page

    def test_who_only_reads_sees_no_act(self, as_person: SignIn, told: Told) -> None:
        page = as_person("corin.vale").get(f"/cases/{told.case['customer']}").text

        assert "/act/" not in page
        assert "Your roles read cases; finance operations acts." in page

    def test_support_may_replay_and_nothing_else(self, as_person: SignIn, told: Told) -> None:
        page = as_person("wren.tallis").get(f"/cases/{told.case['customer']}").text

        assert "/act/retry?" in page
        assert "/act/reprocess?" in page
        assert "/act/dismiss?" not in page

    @pytest.mark.parametrize("person", ["silas.brandt", "dara.winslow"])
    def test_a_hand_made_request_is_judged_again(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps, person: str
    ) -> None:
        refused = as_person(person).post(f"/cases/{told.case['customer']}/act/dismiss", **ANSWER)

        assert refused.status_code == 403
        assert "does not have the role" in refused.text
        assert case_row(deps, told.case["customer"]).state == "open"  # type: ignore[attr-defined]  # a row

    def test_a_person_of_uk01_cannot_act_on_us01_by_its_id(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        orla = as_person("orla.fennick")

        for act in ("act/retry", "assign", "park", "confirm", "decline", "reveal"):
            refused = orla.post(f"/cases/{told.case['us']}/{act}", hash="x", until="2999-01-01", **ANSWER)
            assert refused.status_code == 404, act
        with deps.worker.begin() as connection:
            assert rows(connection, "select id from audit") == []

    def test_a_write_without_the_token_changes_nothing(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        refused = as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/retry", token="", **ANSWER)

        assert refused.status_code == 403
        assert case_row(deps, told.case["customer"]).state == "open"  # type: ignore[attr-defined]  # a row


class TestDryRun:
    def test_retry_says_what_is_done_what_is_looked_up_and_what_is_sent(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}/act/retry").text

        for words in (
            "The run goes on with v1 and the rules it began with.",
            "1 write done already, not sent again: create customer in kantata-main.",
            "1 write without an answer: looked up by key before anything is sent (find customer group",
            "1 refused write sent again: create customer in netsuite-main.",
            "£38,500 can move again when it helps.",
        ):
            assert words in page

    def test_reprocess_says_that_a_new_run_finds_what_is_done(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}/act/reprocess").text

        assert "This run ends; a new one starts with the same input on v1 and the current rules." in page
        assert "found under the same key and not sent again" in page

    def test_taking_back_names_the_writes_newest_first(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}/act/compensate").text

        assert "1 write taken back, the newest first: create customer in kantata-main." in page

    def test_looking_changes_nothing(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla = as_person("orla.fennick")

        for kind in ("retry", "reprocess", "edit", "add_mapping", "done_by_hand", "compensate", "dismiss"):
            assert orla.get(f"/cases/{told.case['customer']}/act/{kind}").status_code == 200

        assert case_row(deps, told.case["customer"]).state == "open"  # type: ignore[attr-defined]  # a row

    def test_an_act_that_does_not_exist_is_not_found(self, as_person: SignIn, told: Told) -> None:
        assert as_person("orla.fennick").get(f"/cases/{told.case['customer']}/act/explode").status_code == 404

    def test_as_a_dialog_it_comes_without_the_frame(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        dialog = orla.send("GET", f"/cases/{told.case['customer']}/act/retry", headers={"hx-request": "true"})

        assert "<html" not in dialog.text
        assert 'data-act="close"' in dialog.text


class TestActs:
    def test_retry_wakes_the_run_and_is_written_down(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}"

        done = orla.post(f"{address}/act/retry", **ANSWER)

        assert done.headers["location"] == f"{address}?done=retry"
        assert "Retry is under way." in orla.get(f"{address}?done=retry").text
        with deps.worker.begin() as connection:
            gate = one(connection, "select resolution, resolved_at from gate where topic = :c", c=told.case["customer"])
            noted = one(connection, "select actor, entity from audit where action = 'case.resolved'")
        assert gate.resolved_at is not None
        assert gate.resolution == {
            "by": "90001",
            "resolution": {"kind": "retry", "reason": ANSWER["reason"], "root_cause": ANSWER["root_cause"]},
        }
        assert (noted.actor, noted.entity) == ("90001", "uk01")

    def test_a_second_answer_is_refused_in_words(self, as_person: SignIn, told: Told) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}"
        orla.post(f"{address}/act/retry", **ANSWER)

        refused = orla.post(f"{address}/act/retry", **ANSWER)

        assert refused.status_code == 409
        assert "It is being tried; if that fails, the case is open again." in refused.text

    def test_reprocess_starts_a_new_run_with_the_same_input(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/reprocess", **ANSWER)

        with deps.worker.begin() as connection:
            old = one(connection, "select state, input from run where id = :i", i=told.run["parked"])
            new = one(connection, "select generation, input from run where key = 'dea_work0001' and generation = 3")
        assert old.state == "dismissed"
        assert old.input.items() <= new.input.items()  # a newer version may know more fields

    def test_done_by_hand_keeps_the_id_that_was_named(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        named = {"system": "netsuite-main", "type": "customer", "value": "8841"}

        as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/done_by_hand", **named, **ANSWER)

        assert case_row(deps, told.case["customer"]).resolution["external_id"] == named  # type: ignore[attr-defined]  # a row

    def test_dismiss_needs_a_reason(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['quiet']}"

        assert orla.post(f"/cases/{told.case['customer']}/act/dismiss", root_cause="other").status_code == 422
        assert as_person("wren.tallis").post(f"{address}/act/dismiss", **ANSWER).status_code == 303
        assert case_row(deps, told.case["quiet"]).state == "resolved"  # type: ignore[attr-defined]  # a row
        assert "Closed by Wren Tallis" in orla.get(address).text

    def test_letting_it_wait_needs_a_day_to_come(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/park"

        assert orla.post(address, until="2020-01-01", reason="later").status_code == 422
        assert orla.post(address, until="soon", reason="later").status_code == 422
        assert orla.post(address, until="2099-01-01", reason="The client decides in January.").status_code == 303
        assert case_row(deps, told.case["customer"]).state == "waiting"  # type: ignore[attr-defined]  # a row

    def test_goes_back_to_the_queue_it_came_from(self, as_person: SignIn, told: Told) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/act/retry"

        done = orla.post(address, next="/cases?stage=master+data", **ANSWER)

        assert done.headers["location"] == "/cases?stage=master+data&done=retry"

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/a\r\nb: c"])
    def test_goes_to_no_other_site(self, as_person: SignIn, told: Told, elsewhere: str) -> None:
        done = as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/retry", next=elsewhere, **ANSWER)

        assert done.headers["location"] == "/cases?done=retry"


class TestCorrection:
    def test_offers_the_fields_with_their_present_values(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/cases/{told.case['customer']}/act/edit").text

        assert 'name="edit.contract.po_number" value="PO-1"' in page
        assert 'name="edit.contract.cap" value="40000"' in page
        assert "Corrected in their own system: contract.rate_lines." in page

    def test_shows_the_difference_before_it_holds(self, as_person: SignIn, told: Told) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/act/edit"

        page = orla.get(f"{address}?edit.contract.po_number=PO-2").text

        assert "<del>PO-1</del>" in page
        assert "<ins>PO-2</ins>" in page
        assert "moves money" not in page

    def test_what_moves_no_money_holds_at_once(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        answer = {"edit.contract.po_number": "PO-2", "edit.contract.cap": "40000", **ANSWER}

        done = as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/edit", **answer)

        assert done.headers["location"].endswith("done=edit")
        assert contract(deps)["po_number"] == "PO-2"

    def test_what_changes_nothing_is_refused(self, as_person: SignIn, told: Told) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/act/edit"

        assert "Nothing was changed." in orla.post(address, **{"edit.contract.po_number": "PO-1"}, **ANSWER).text

    def test_what_does_not_fit_is_refused_before_it_is_shown(self, as_person: SignIn, told: Told) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/act/edit"

        refused = orla.get(f"{address}?edit.contract.cap=lots")

        assert refused.status_code == 422
        assert "cannot be set to this" in refused.text

    def test_a_field_that_is_not_open_cannot_be_slipped_in(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}/act/edit"

        refused = orla.post(address, **{"edit.contract.customer_id": "cus_other"}, **ANSWER)

        assert "Nothing was changed." in refused.text
        assert contract(deps)["customer_id"] == "cus_work0001"


class TestSecondPerson:
    def test_money_is_only_proposed(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, address = as_person("orla.fennick"), f"/cases/{told.case['customer']}"
        assert (
            "This moves money, so it is proposed only." in orla.get(f"{address}/act/edit?edit.contract.cap=52000").text
        )

        done = orla.post(f"{address}/act/edit", **CAP, **ANSWER)

        assert done.headers["location"].endswith("done=proposed")
        assert contract(deps)["cap"] == {"amount": "40000", "currency": "GBP"}
        page = orla.get(address).text
        assert "You proposed it; another person confirms." in page
        assert 'formaction="/cases/' + told.case["customer"] + '/confirm"' not in page

    def test_the_proposer_cannot_confirm_under_any_account(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        as_person("juno.abelard").post(f"/cases/{told.case['customer']}/act/edit", **CAP, **ANSWER)
        digest = case_row(deps, told.case["customer"]).proposal["hash"]  # type: ignore[attr-defined]  # a row

        own = as_person("juno.abelard").post(f"/cases/{told.case['customer']}/confirm", hash=digest)
        second_account = as_person("juno.abelard-ops").post(f"/cases/{told.case['customer']}/confirm", hash=digest)

        assert own.status_code == 409
        assert "Who proposed a change of money cannot confirm it." in own.text
        assert second_account.status_code in (403, 409)
        assert contract(deps)["cap"] == {"amount": "40000", "currency": "GBP"}

    def test_another_person_confirms_what_was_shown(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/edit", **CAP, **ANSWER)
        tobin, address = as_person("tobin.hask"), f"/cases/{told.case['customer']}"
        page = html.unescape(tobin.get(address).text)
        assert "Orla Fennick proposes a correction that moves money" in page
        assert "<ins>GBP 52000.00</ins>" in page
        digest = case_row(deps, told.case["customer"]).proposal["hash"]  # type: ignore[attr-defined]  # a row

        assert tobin.post(f"{address}/confirm", hash="0" * 64).status_code == 409
        assert tobin.post(f"{address}/confirm", hash=digest).status_code == 303

        assert contract(deps)["cap"] == {"amount": "52000.00", "currency": "GBP"}

    def test_declining_opens_the_case_again(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        as_person("orla.fennick").post(f"/cases/{told.case['customer']}/act/edit", **CAP, **ANSWER)

        as_person("tobin.hask").post(f"/cases/{told.case['customer']}/decline", reason="The client did not agree.")

        assert case_row(deps, told.case["customer"]).state == "open"  # type: ignore[attr-defined]  # a row
        assert "turned the proposal down" in as_person("orla.fennick").get(f"/cases/{told.case['customer']}").text


def contract(deps: ConsoleDeps) -> dict[str, object]:
    with deps.worker.begin() as connection:
        row = maybe(connection, "select body from record where id = 'con_work0001'")
    assert row is not None
    return row.body  # type: ignore[no-any-return]  # JSON
