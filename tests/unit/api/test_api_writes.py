"""Writes: once per key, judged by who acts, carried out by the rooms below."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from api_client import CRM, Caller, Office
from api_seed import Book, a_case

from accordant import cases, ledger
from accordant.api import ApiDeps
from accordant.kernel import Money
from accordant.platform.storage import Database, execute, rows
from accordant.process import engagement

KEY = "key-00000001"
HOLD = {"line_ids": ["tim_uk01"], "reason": "the client disputes it"}
WORD = {"reason": "the period is open again", "root_cause": "period closed"}


def count(database: Database, table: str) -> int:
    with database.begin() as connection:
        return rows(connection, f"select count(*) as n from {table}")[0].n


class TestIdempotencyKey:
    def test_is_needed_for_every_write(self, office: Office, books: dict[str, Book]):
        document = office("wren.tallis").get("/openapi.json").json()
        callers = [office("juno.abelard"), office("planner"), office("wren.tallis")]

        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if method == "get" or "x-idempotent-by" in operation:
                    continue
                answers = [c.send(method.upper(), path.replace("{id}", "x"), json={}) for c in callers]
                assert "api.idempotency_key" in {a.json()["code"] for a in answers}, path

    @pytest.mark.parametrize("key", ["short", "x" * 129, "with space"])
    def test_has_a_form(self, office: Office, key: str):
        answer = office("juno.abelard").write("/v1/holds", HOLD, key=key)

        assert answer.status_code in (400, 422)

    def test_again_gives_the_same_answer_and_does_nothing(self, office: Office, books, database: Database):
        """R-API-16."""
        juno = office("juno.abelard")

        first = juno.write("/v1/holds", HOLD, key=KEY)
        acts = count(database, "ledger_act")
        again = juno.write("/v1/holds", HOLD, key=KEY)

        assert first.json() == again.json() == {"line_ids": ["tim_uk01"]}
        assert (first.status_code, again.status_code) == (200, 200)
        assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
        assert count(database, "ledger_act") == acts

    def test_with_another_request_is_refused(self, office: Office, books):
        """R-API-16."""
        juno = office("juno.abelard")
        juno.write("/v1/holds", HOLD, key=KEY)

        for path, body in (("/v1/holds", {**HOLD, "reason": "another"}), ("/v1/holds/release", HOLD)):
            answer = juno.write(path, body, key=KEY)
            assert (answer.status_code, answer.json()["code"]) == (409, "api.key_reused")

    def test_belongs_to_its_caller(self, office: Office, books):
        office("juno.abelard").write("/v1/holds", HOLD, key=KEY)

        answer = office("orla.fennick").write("/v1/holds/release", HOLD, key=KEY)

        assert answer.json() == {"line_ids": ["tim_uk01"]}

    def test_is_free_again_after_an_error(self, office: Office, books, database: Database):
        juno = office("juno.abelard")
        with database.begin() as connection:
            ledger.draft(connection, "inv_1", [ledger.Part("tim_uk01")], ledger.By(actor="1", cause="c"))

        assert juno.write("/v1/holds", HOLD, key=KEY).status_code == 409
        with database.begin() as connection:
            ledger.undraft(connection, "inv_1", ledger.By(actor="1", cause="c"))

        assert juno.write("/v1/holds", HOLD, key=KEY).json() == {"line_ids": ["tim_uk01"]}

    def test_sent_many_times_at_once_works_once(self, office: Office, books, database: Database):
        juno = office("juno.abelard")
        acts = count(database, "ledger_act")

        async def all_at_once():
            headers = {"Idempotency-Key": KEY}
            calls = [juno.send_async("POST", "/v1/holds", headers=headers, json=HOLD) for _ in range(12)]
            return await asyncio.gather(*calls)

        answers = asyncio.run(all_at_once())

        assert count(database, "ledger_act") == acts + 1
        assert {a.status_code for a in answers} <= {200, 409}
        assert {a.text for a in answers if a.status_code == 200} == {'{"line_ids":["tim_uk01"]}'}
        busy = [a for a in answers if a.status_code == 409]
        assert all((a.json()["code"], a.headers["retry-after"]) == ("api.in_flight", "1") for a in busy)

    def test_in_flight_is_told_so(self, office: Office, books, database: Database):
        juno = office("juno.abelard")
        with database.begin() as connection:
            execute(connection, "select pg_advisory_xact_lock(hashtextextended(:k, 11))", k=f"juno.abelard/{KEY}")
            answer = juno.write("/v1/holds", HOLD, key=KEY)

        assert (answer.status_code, answer.json()["code"]) == (409, "api.in_flight")
        assert answer.headers["retry-after"] == "1"

    def test_is_forgotten_after_a_week(self, office: Office, books, database: Database):
        juno = office("juno.abelard")
        juno.write("/v1/holds", HOLD, key=KEY)
        with database.begin() as connection:
            execute(connection, "update api_answer set at = at - interval '8 days'")

        juno.write("/v1/holds/release", HOLD)

        assert count(database, "api_answer") == 1

    def test_answers_are_hidden_from_doors(self, office: Office, books, deps: ApiDeps):
        office("juno.abelard").write("/v1/holds", HOLD, key=KEY)

        with deps.door.scoped(["*"]) as connection:
            assert rows(connection, "select 1 from api_answer") == []


class TestHolds:
    def test_keep_a_line_off_invoices_until_released(self, office: Office, books, database: Database):
        """R-WF-14, R-API-06."""
        orla = office("orla.fennick")

        orla.write("/v1/holds", {"line_ids": ["tim_uk01"], "reason": "the client disputes it"})
        held = orla.get("/v1/holds").json()["items"]
        orla.write("/v1/holds/release", {"line_ids": ["tim_uk01"], "reason": "agreed"})

        assert [(line["id"], line["reason"]) for line in held] == [("tim_uk01", "the client disputes it")]
        assert orla.get("/v1/holds").json()["items"] == []
        with database.begin() as connection:
            audited = rows(connection, "select actor, action, entity from audit order by id")
        assert [tuple(row) for row in audited] == [("90001", "hold.set", "uk01"), ("90001", "hold.released", "uk01")]

    def test_of_unknown_lines_are_refused_whole(self, office: Office, books):
        answer = office("juno.abelard").write("/v1/holds", {"line_ids": ["tim_uk01", "tim_no"], "reason": "why not"})

        assert answer.status_code == 404
        assert office("juno.abelard").get("/v1/holds").json()["items"] == []

    def test_show_in_billing_readiness(self, office: Office, books):
        orla = office("orla.fennick")
        path = "/v1/billing-readiness?entity=uk01&until_on=2026-11-30"
        before = orla.get(path).json()["items"]

        orla.write("/v1/holds", {"line_ids": ["tim_uk01"], "reason": "the client disputes it"})
        after = orla.get(path).json()["items"]

        ready, nothing = {"amount": "1200.00", "currency": "GBP"}, {"amount": "0.00", "currency": "GBP"}
        assert [(row["ready"], row["held"]) for row in before + after] == [(ready, nothing), (nothing, ready)]


class TestBillingCycle:
    def test_starts_a_run_for_each_engagement_that_may_be_billed(self, office: Office, books, database: Database):
        with database.begin() as connection:
            for state in ("financially_approved", "ready_to_bill"):
                engagement.put(connection, "con_uk01", state, "reached", source="t", evidence={}, entity="uk01")
        orla = office("orla.fennick")

        first = orla.write("/v1/billing-cycles", {"entity": "uk01", "until_on": "2026-11-30"})
        second = orla.write("/v1/billing-cycles", {"entity": "uk01", "until_on": "2026-11-30"})

        assert first.status_code == 202
        assert [id.split(":")[0] for id in first.json()["run_ids"]] == ["invoice-cycle@1"]
        assert second.json()["run_ids"] == []

    def test_needs_an_entity_of_the_firm(self, office: Office):
        answer = office("juno.abelard").write("/v1/billing-cycles", {"entity": "fr01", "until_on": "2026-11-30"})

        assert (answer.status_code, answer.json()["code"]) == (404, "estate.unknown_entity")


class TestRunWords:
    def path(self, book: Book, verb: str) -> str:
        return f"/v1/runs/{book.run.replace('#', '%23')}/{verb}"

    def state(self, database: Database, id: str) -> str:
        with database.begin() as connection:
            return rows(connection, "select state from exception_case where id = :id", id=id)[0].state

    def test_retry_answers_the_case_at_which_it_stopped(self, office: Office, books, database: Database):
        """R-API-04."""
        book = books["uk01"]

        answer = office("wren.tallis").write(self.path(book, "retry"), WORD)

        assert answer.status_code == 202
        assert answer.json() == {"action": "retry", "case_id": book.case, "run_id": book.run}
        assert self.state(database, book.case) == "replaying"

    def test_reprocess_starts_it_anew(self, office: Office, books, database: Database):
        """R-RES-03."""
        book = books["uk01"]

        office("wren.tallis").write(self.path(book, "reprocess"), WORD)

        with database.begin() as connection:
            runs = rows(connection, "select state from run where key = 'dea_uk01' order by generation")
        assert [run.state for run in runs] == ["dismissed", "running"]

    def test_cancel_takes_back_what_can_be_taken_back(self, office: Office, books, database: Database):
        with database.begin() as connection:
            execute(connection, "update exception_case set replay_roles = '{}', role = 'integration_support'")

        answer = office("wren.tallis").write(self.path(books["uk01"], "cancel"), WORD)

        assert answer.json()["action"] == "compensate"

    def test_cancel_needs_the_role_of_the_case(self, office: Office, books):
        answer = office("wren.tallis").write(self.path(books["uk01"], "cancel"), WORD)

        assert (answer.status_code, answer.json()["code"]) == (403, "access.role")

    def test_is_refused_while_nothing_stops_it(self, office: Office, books):
        wren = office("wren.tallis")
        wren.write(self.path(books["uk01"], "retry"), WORD)

        answer = wren.write(self.path(books["uk01"], "retry"), WORD)

        assert (answer.status_code, answer.json()["code"]) == (409, "run.not_stopped")

    def test_shows_what_the_run_did(self, office: Office, books):
        run = office("wren.tallis").get(f"/v1/runs/{books['uk01'].run}".replace("#", "%23")).json()

        assert run["stages"][0]["name"] == "contract validation"
        assert run["cases"] == [books["uk01"].case]
        assert [note["kind"] for note in run["notes"]] == ["stage", "stage"]


class TestCase:
    def test_is_resolved_in_one_of_the_ways_it_offers(self, office: Office, books):
        orla, book = office("orla.fennick"), books["uk01"]

        answer = orla.write(f"/v1/cases/{book.case}/resolution", {"resolution": {"kind": "retry", **WORD}})

        assert answer.json() == {"id": book.case, "proposal_hash": None, "state": "replaying"}
        timeline = orla.get(f"/v1/cases/{book.case}").json()["timeline"]
        assert [(entry["actor"], entry["kind"]) for entry in timeline] == [
            ("accordant", "opened"),
            ("90001", "resolved"),
        ]

    def test_a_change_of_money_needs_a_second_person(self, office: Office, books, database: Database):
        orla, tobin, book = office("orla.fennick"), office("tobin.hask"), books["uk01"]
        cap = {"amount": "5000.00", "currency": "GBP"}
        edit = {"object_kind": "contract", "object_id": "con_uk01", "field": "cap", "before": None, "after": cap}

        proposed = orla.write(
            f"/v1/cases/{book.case}/resolution", {"resolution": {"kind": "edit", "edits": [edit], **WORD}}
        ).json()
        confirmation = {"proposal_hash": proposed["proposal_hash"]}
        own = orla.write(f"/v1/cases/{book.case}/confirm", confirmation)
        done = tobin.write(f"/v1/cases/{book.case}/confirm", confirmation)

        assert proposed["state"] == "waiting"
        assert (own.status_code, own.json()["code"]) == (403, "case.same_person")
        assert done.json()["state"] == "replaying"
        assert orla.get("/v1/contracts/con_uk01").json()["data"]["cap"] == cap

    def test_lists_page_by_page(self, office: Office, books, database: Database, deps: ApiDeps):
        with database.begin() as connection:
            for n in range(5):
                money = Money.of(str(100 * n + 100), "GBP")
                deadline = deps.clock.now() + timedelta(days=3)
                facts = {"exposure": money, "group_exposure": money, "deadline": deadline, "subject": f"s{n}"}
                cases.open_case(connection, a_case(books["uk01"], **facts), at=deps.clock.now())
        orla = office("orla.fennick")

        seen, cursor = [], ""
        while cursor is not None:
            page = orla.get(f"/v1/cases?limit=2&cursor={cursor}").json()
            seen += [case["subject"] for case in page["items"]]
            cursor = page["next"]

        assert seen == ["s4", "s3", "s2", "s1", "s0", "invoice:uk01"]


class TestApproval:
    def test_is_decided_by_who_saw_it(self, office: Office, books):
        orla, book = office("orla.fennick"), books["uk01"]
        inbox = orla.get("/v1/approvals").json()["items"]
        seen = orla.get(f"/v1/approvals/{book.approval}").json()

        answer = orla.write(
            f"/v1/approvals/{book.approval}/decision", {"decision": "approve", "view_hash": seen["view_hash"]}
        )

        assert [item["id"] for item in inbox] == [book.approval]
        assert (answer.json()["state"], answer.json()["decided_by"]) == ("approved", "90001")
        assert orla.get("/v1/approvals").json()["items"] == []

    @pytest.mark.parametrize(
        ("change", "body", "code", "status"),
        [
            ("view_hash = 'other'", {"decision": "approve"}, "approval.stale_view", 409),
            ("requester = '90001'", {"decision": "approve"}, "approval.own_request", 403),
            ("amount_minor = 99999999", {"decision": "approve"}, "approval.over_limit", 403),
            ("requester = requester", {"decision": "reject"}, "approval.no_reason", 422),
            ("requester = requester", {"decision": "perhaps"}, "api.malformed", 422),
        ],
    )
    def test_is_refused(self, office: Office, books, database: Database, change, body, code, status):
        book = books["uk01"]
        with database.begin() as connection:
            execute(connection, f"update approval set {change} where id = :id", id=book.approval)

        answer = office("orla.fennick").write(
            f"/v1/approvals/{book.approval}/decision", {**body, "view_hash": book.view_hash}
        )

        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestActivation:
    def deal(self, deps: ApiDeps, **fields: str) -> str:
        sim = deps.connections.sim
        facts = {"StageName": "Closed Won", "Entity__c": "uk01", "CloseDate": "2026-11-20", **fields}
        facts.setdefault("AccountId", sim.create("Account", Name="Castellan Rail", BillingCountryCode="GB"))
        return sim.create("Opportunity", Name="Ledger review", **facts)

    def ask(self, caller: Caller, deal: str, **kwargs: str):
        return caller.write("/v1/activations", {"external": {"system": CRM, "deal": deal}}, **kwargs)

    def test_reads_the_deal_accepts_it_and_starts(self, office: Office, deps: ApiDeps, database: Database):
        answer = self.ask(office("wren.tallis"), self.deal(deps))

        activation = answer.json()
        assert answer.status_code == 202
        assert (activation["state"], activation["entity"]) == ("running", "uk01")
        assert answer.headers["location"] == activation["href"]
        assert office("wren.tallis").get(activation["href"]).json() == activation
        assert count(database, "record where kind = 'deal'") == 1

    def test_again_is_the_same_activation_by_either_id(self, office: Office, deps: ApiDeps, database: Database):
        """R-API-07."""
        wren, deal = office("wren.tallis"), self.deal(deps)

        first = self.ask(wren, deal).json()
        second = self.ask(wren, deal).json()
        third = wren.write("/v1/activations", {"deal_id": first["deal_id"]}).json()

        assert first == second == third
        assert count(database, "run") == 1

    def test_given_up_is_started_anew(self, office: Office, deps: ApiDeps, database: Database):
        wren, deal = office("wren.tallis"), self.deal(deps)
        first = self.ask(wren, deal).json()
        with database.begin() as connection:
            execute(connection, "update run set state = 'dismissed', freed = true")

        second = self.ask(wren, deal).json()

        assert second["id"] != first["id"]
        assert second["deal_id"] == first["deal_id"]

    def test_with_the_same_key_is_answered_without_asking_the_crm(self, office: Office, deps: ApiDeps):
        wren, deal = office("wren.tallis"), self.deal(deps)
        first = self.ask(wren, deal, key=KEY)
        calls = len(deps.connections.sim.calls)

        again = self.ask(wren, deal, key=KEY)

        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        assert len(deps.connections.sim.calls) == calls

    def test_of_an_open_deal_is_refused(self, office: Office, deps: ApiDeps, database: Database):
        answer = self.ask(office("wren.tallis"), self.deal(deps, StageName="Negotiation"))

        assert (answer.status_code, answer.json()["code"]) == (409, "activation.deal_not_won")
        assert count(database, "run") == 0

    def test_of_an_active_engagement_is_refused(self, office: Office, deps: ApiDeps, database: Database):
        sim = deps.connections.sim
        account = sim.create("Account", Name="Castellan Rail", BillingCountryCode="GB")
        contract = sim.create("Contract", AccountId=account, StartDate="2026-11-01", ContractTerm=6, Entity__c="uk01")
        deal = self.deal(deps, AccountId=account, ContractId=contract)
        wren = office("wren.tallis")
        first = self.ask(wren, deal).json()
        with database.begin() as connection:
            engagement.put(connection, first["engagement"], "activated", "reached", source="adopted", evidence={})
            execute(connection, "update run set state = 'dismissed', freed = true")

        answer = self.ask(wren, deal)

        assert (answer.status_code, answer.json()["code"]) == (409, "activation.active")

    def test_of_a_deal_that_no_connected_crm_knows(self, office: Office, books):
        answer = office("wren.tallis").write("/v1/activations", {"deal_id": "dea_uk01"})

        assert (answer.status_code, answer.json()["code"]) == (409, "activation.no_source")

    def test_of_another_entitys_deal_takes_nothing_in(self, office: Office, deps: ApiDeps, database: Database):
        answer = self.ask(office("reporting"), self.deal(deps, Entity__c="us01"))

        assert answer.status_code == 404
        assert count(database, "record") == 0

    def test_of_a_deal_that_is_not_there(self, office: Office, deps: ApiDeps):
        assert self.ask(office("wren.tallis"), "006Ac0000000099AAA").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"deal_id": "dea_1", "external": {"system": CRM, "deal": "1"}},
            {"external": {"system": CRM, "deal": "' OR Name != '"}},
            {"external": {"system": CRM}},
            [],
        ],
    )
    def test_of_nothing_in_particular_is_malformed(self, office: Office, body: object):
        answer = office("wren.tallis").write("/v1/activations", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "api.malformed")

    def test_in_a_system_that_has_no_deals(self, office: Office, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("KANTATA_MAIN_TOKEN", "token")
        body = {"external": {"system": "kantata-main", "deal": "1"}}

        assert office("wren.tallis").write("/v1/activations", body).json()["code"] == "activation.no_crm"
        unknown = {"external": {"system": "nobody", "deal": "1"}}
        assert office("wren.tallis").write("/v1/activations", unknown).status_code == 404
