"""The approvals inbox: exactly what is decided, by whom never, what happens when it changed meanwhile."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pages.console_client import Client
from pages.work.firm_at_work import Told, an_ask, an_invoice_view

from accordant import cases
from accordant.console import ConsoleDeps
from accordant.kernel import Money
from accordant.platform.storage import one, rows

SignIn = Callable[[str], Client]


def hash_of(deps: ConsoleDeps, id: str) -> str:
    with deps.worker.begin() as connection:
        return cases.get_approval(connection, id).view_hash


def state_of(deps: ConsoleDeps, id: str) -> str:
    with deps.worker.begin() as connection:
        return str(cases.get_approval(connection, id).state)


class TestInbox:
    def test_shows_exactly_what_is_approved_in_the_order_of_every_door(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get("/approvals").text

        places = [page.index(w) for w in ("Castellan Rail Ltd", "UK01-CASTEL", "GBP 4,725.00", "GBP 945.00", "31.50")]
        assert places == sorted(places)
        assert "invoice-approval/over-2k" in page
        assert "3 lines, one by one" in page

    def test_shows_the_difference_to_what_was_asked_before(self, as_person: SignIn, told: Told) -> None:
        page = as_person("orla.fennick").get(f"/approvals/{told.approval['invoice']}").text

        assert "<del>GBP 4,275.00</del>" in page
        assert "<ins>GBP 4,725.00</ins>" in page
        assert "8 facts" in page  # unchanged ones are counted

    def test_own_requests_are_not_offered(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        assert told.approval["own"] not in orla.get("/approvals").text
        assert told.approval["own"] in orla.get("/approvals?tab=asked").text
        assert told.approval["own"] in as_person("tobin.hask").get("/approvals").text

    def test_a_person_of_uk01_sees_nothing_of_us01(self, as_person: SignIn, told: Told) -> None:
        orla = as_person("orla.fennick")

        for path in ("/approvals", "/approvals?tab=asked", "/approvals?tab=history"):
            assert "Juniper" not in orla.get(path).text
        assert orla.get(f"/approvals/{told.approval['us']}").status_code == 404
        for act in ("", "/ask", "/delegate"):
            refused = orla.post(
                f"/approvals/{told.approval['us']}{act}", decision="reject", view_hash="x", reason="no", to="90003"
            )
            assert refused.status_code == 404

    def test_nothing_that_waits_is_said_in_words(self, as_person: SignIn, told: Told) -> None:
        assert "Nothing waits for you" in as_person("felix.marrow").get("/approvals").text

    def test_an_amount_over_the_limit_may_only_be_rejected(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        with deps.worker.begin() as connection:
            question = an_ask(subject="invoice:big", money=Money.of("250001", "GBP"))
            big = cases.ask(connection, question, at=datetime.now(UTC))
        orla = as_person("orla.fennick")

        page = orla.get(f"/approvals/{big}").text
        refused = orla.post(f"/approvals/{big}", decision="approve", view_hash=hash_of(deps, big))

        assert "is over what you may approve" in page
        assert 'value="approve"' not in page
        assert refused.status_code == 409
        assert state_of(deps, big) == "open"

    def test_names_are_text_and_never_markup(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        with deps.worker.begin() as connection:
            view = an_invoice_view(client="<img src=x onerror=alert(1)>")
            cases.ask(connection, an_ask(subject="invoice:xss", view=view), at=datetime.now(UTC))

        page = as_person("orla.fennick").get("/approvals").text

        assert "<img src=x" not in page
        assert "<img src=x onerror=alert(1)>" in html.unescape(page)


class TestDecision:
    def test_approving_wakes_the_run_and_is_written_down(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        orla, id = as_person("orla.fennick"), told.approval["invoice"]

        done = orla.post(f"/approvals/{id}", decision="approve", view_hash=hash_of(deps, id))

        assert done.headers["location"] == "/approvals?done=approved"
        assert state_of(deps, id) == "approved"
        with deps.worker.begin() as connection:
            gate = one(connection, "select resolution from gate where topic = :a", a=id)
            noted = one(connection, "select actor, entity, detail from audit where action = 'approval.approved'")
        assert gate.resolution == {"state": "approved", "reason": "", "by": "90001"}
        assert (noted.actor, noted.entity) == ("90001", "uk01")
        assert noted.detail["view_hash"] == hash_of(deps, id)
        assert "Orla Fennick" in orla.get("/approvals?tab=history").text

    def test_nobody_approves_an_own_request_by_hand(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, id = as_person("orla.fennick"), told.approval["own"]

        refused = orla.post(f"/approvals/{id}", decision="approve", view_hash=hash_of(deps, id))

        assert refused.status_code == 409
        assert "Who asks for an approval cannot give it." in refused.text
        assert state_of(deps, id) == "open"

    def test_a_view_that_changed_meanwhile_is_refused_in_words(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        orla = as_person("orla.fennick")
        seen = hash_of(deps, told.approval["invoice"])
        with deps.worker.begin() as connection:
            newer = an_ask(told.run["invoice"], view=an_invoice_view(net="GBP 9,999.00"))
            id = cases.ask(connection, newer, at=datetime.now(UTC))

        on_the_old = orla.post(f"/approvals/{told.approval['invoice']}", decision="approve", view_hash=seen)
        on_the_new = orla.post(f"/approvals/{id}", decision="approve", view_hash=seen)

        assert on_the_old.status_code == on_the_new.status_code == 409
        assert "This is superseded already." in on_the_old.text
        assert "What is to be approved changed since it was shown." in on_the_new.text
        assert "Look at it again and decide on what it says now." in on_the_new.text
        assert state_of(deps, id) == "open"

    def test_rejecting_needs_a_reason(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        orla, id = as_person("orla.fennick"), told.approval["invoice"]
        digest = hash_of(deps, id)

        assert orla.post(f"/approvals/{id}", decision="reject", view_hash=digest).status_code == 422
        done = orla.post(f"/approvals/{id}", decision="reject", view_hash=digest, reason="Wrong purchase order.")

        assert done.status_code == 303
        assert state_of(deps, id) == "rejected"

    def test_what_is_no_decision_is_refused(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        id = told.approval["invoice"]

        refused = as_person("orla.fennick").post(f"/approvals/{id}", decision="maybe", view_hash=hash_of(deps, id))

        assert refused.status_code == 422

    def test_asking_back_leaves_it_open_with_the_question(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps
    ) -> None:
        tobin, id = as_person("tobin.hask"), told.approval["own"]

        done = tobin.post(f"/approvals/{id}/ask", reason="Which client asked for it?")

        assert done.headers["location"] == "/approvals?done=asked"
        assert state_of(deps, id) == "open"
        assert "asked: Which client asked for it?" in as_person("orla.fennick").get("/approvals?tab=asked").text
        assert tobin.post(f"/approvals/{id}/ask", reason=" ").status_code == 422

    def test_handing_on_lets_another_person_decide_too(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        tobin, id = as_person("tobin.hask"), told.approval["own"]

        assert tobin.post(f"/approvals/{id}/delegate", to="90005").status_code == 303

        assert id in as_person("silas.brandt").get("/approvals").text
        with deps.worker.begin() as connection:
            assert one(connection, "select entity from audit where action = 'approval.delegated'").entity == "uk01"

    @pytest.mark.parametrize("to", ["90001", "90003", "nobody"])
    def test_it_is_never_handed_to_the_requester_or_to_who_does_not_see_it(
        self, as_person: SignIn, told: Told, deps: ConsoleDeps, to: str
    ) -> None:
        refused = as_person("tobin.hask").post(f"/approvals/{told.approval['own']}/delegate", to=to)

        assert refused.status_code == 422
        with deps.worker.begin() as connection:
            assert rows(connection, "select id from approval where cardinality(delegates) > 0") == []

    def test_who_reads_only_cannot_decide(self, as_person: SignIn, told: Told, deps: ConsoleDeps) -> None:
        thea, id = as_person("thea.garrick"), told.approval["invoice"]

        assert 'name="decision"' not in thea.get(f"/approvals/{id}").text
        assert thea.post(f"/approvals/{id}", decision="approve", view_hash=hash_of(deps, id)).status_code == 403
