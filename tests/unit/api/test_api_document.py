"""What every operation promises, what every answer carries, and how errors are told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import pytest
from api_client import Caller, Office
from api_seed import Book
from sqlalchemy.exc import OperationalError

from accordant.api import ApiDeps, ApiSettings, create_api
from accordant.api.problems import MEDIA_TYPE, problem_of, status_of
from accordant.kernel import (
    AuthExpired,
    Bug,
    ContractDrift,
    InvalidInput,
    KeyConflict,
    NotFound,
    OwnershipConflict,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)
from accordant.platform.storage import Database, rows

PROMISES = {"x-owner", "x-mode", "x-latency-target-ms", "x-scopes"}


@pytest.fixture
def document(office: Office) -> dict:
    return office("wren.tallis").get("/openapi.json").json()


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [(m, path, op) for path, ops in document["paths"].items() for m, op in ops.items()]


class TestDocument:
    def test_is_openapi_3_1_and_every_operation_declares_itself(self, document: dict):
        assert document["openapi"].startswith("3.1")
        for method, path, operation in operations(document):
            assert operation.keys() >= PROMISES, (method, path)
            assert operation["x-mode"] in ("real-time", "event", "batch")
            assert operation["x-latency-target-ms"] > 0
            assert operation["description"], path
            assert {tag["name"] for tag in document["tags"]} >= set(operation["tags"]), path

    def test_names_each_operation_once(self, document: dict):
        names = [operation["operationId"] for _, _, operation in operations(document)]

        assert len(names) == len(set(names))

    def test_every_write_needs_an_idempotency_key_or_says_what_takes_its_place(self, document: dict):
        for method, path, operation in operations(document):
            keys = [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
            if method == "get":
                assert keys == [], path
            elif "x-idempotent-by" not in operation:
                assert [key["required"] for key in keys] == [True], path

    def test_offers_the_layers_side_by_side(self, document: dict):
        tags = {tag for _, _, operation in operations(document) for tag in operation["tags"]}

        assert tags >= {"system", "process", "experience", "events", "catalog"}

    def test_serves_two_major_versions(self, document: dict):
        assert {path.split("/")[1] for path in document["paths"]} >= {"v0", "v1"}

    def test_catalogue_lists_every_operation_with_its_owner(self, office: Office, document: dict):
        items = office("wren.tallis").get("/v1/catalog/operations").json()["items"]

        assert len(items) == len(operations(document))
        assert all(item["owner"] for item in items)
        of_finance = office("wren.tallis").get("/v1/catalog/operations?owner=finance-operations").json()["items"]
        assert 0 < len(of_finance) < len(items)


class TestCatalog:
    def test_shows_each_connector_with_owner_auth_limits_and_status(self, office: Office, database: Database):
        with database.begin() as connection:
            connection.exec_driver_sql(
                """insert into breaker (system, operation, state, open_until, changed_by)
                   values ('netsuite-main', 'post_invoice', 'open', now(), 'test')"""
            )
        items = {item["id"]: item for item in office("wren.tallis").get("/v1/catalog/connectors").json()["items"]}

        crm = items["salesforce-main"]
        assert (crm["owner"], crm["roles"], crm["status"]) == ("revenue-operations", ["crm"], "ok")
        assert crm["entities"] == ["uk01", "us01", "de01"]
        assert crm["auth"]
        assert crm["limits"]["concurrency"] == 10
        assert "activate-project" in crm["flows"]
        assert items["netsuite-main"]["status"] == "troubled"

    def test_shows_each_flow_as_it_declares_itself(self, office: Office):
        items = office("wren.tallis").get("/v1/catalog/flows").json()["items"]

        assert {item["name"] for item in items} >= {"activate-project", "time-to-bill", "invoice-cycle"}
        assert all(item["owner"] and item["slo_s"] and item["doc"] for item in items)

    def test_shows_the_rules_with_their_reasons(self, office: Office):
        items = office("wren.tallis").get("/v1/catalog/policies").json()["items"]

        assert all(row["reason"] for item in items for row in item["rows"])
        assert {item["region"] for item in items} >= {"", "de01"}


class TestDeprecatedOperation:
    def test_tells_when_it_ends_and_what_takes_its_place(self, office: Office, books: dict[str, Book]):
        answer = office("orla.fennick").get("/v0/engagements/con_uk01")

        assert answer.json() == {"id": "con_uk01", "status": "activated"}
        assert answer.headers["deprecation"] == "@1793491200"
        assert answer.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert 'rel="successor-version"' in answer.headers["link"]

    def test_is_counted_by_who_calls_it(self, office: Office, books: dict[str, Book], database: Database):
        for person in ("orla.fennick", "orla.fennick", "juno.abelard"):
            office(person).get("/v0/engagements/con_uk01")

        with database.begin() as connection:
            counted = rows(connection, "select client, operation, count from api_deprecated_call order by client")
        assert [tuple(row) for row in counted] == [
            ("juno.abelard", "GET /v0/engagements/{id}", 1),
            ("orla.fennick", "GET /v0/engagements/{id}", 2),
        ]

    def test_its_successor_says_nothing_of_it(self, office: Office, books: dict[str, Book]):
        answer = office("orla.fennick").get("/v1/engagements/con_uk01")

        assert "deprecation" not in answer.headers
        assert [state["state"] for state in answer.json()["states"]] == ["sold", "activated"]
        assert answer.json()["states"][0]["evidence"] == {"contract": "con_uk01"}
        assert (answer.json()["client"], answer.json()["project_code"]) == ("O'Brien & Søn", "P-uk01")


class TestEtag:
    def test_saves_what_the_caller_has(self, office: Office, books: dict[str, Book]):
        orla = office("orla.fennick")
        first = orla.get("/v1/contracts/con_uk01")

        again = orla.get("/v1/contracts/con_uk01", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]

    def test_changes_with_the_resource(self, office: Office, books: dict[str, Book]):
        orla = office("orla.fennick")
        path = f"/v1/cases/{books['uk01'].case}"
        first = orla.get(path)
        word = {"kind": "retry", "reason": "again", "root_cause": "other"}
        orla.write(f"{path}/resolution", {"resolution": word})

        again = orla.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert again.status_code == 200


class TestPages:
    @pytest.mark.parametrize("path", ["contracts", "time-entries", "runs", "engagements"])
    def test_follow_each_other_without_gap_or_repeat(self, office: Office, books: dict[str, Book], path: str):
        caller = office("juno.abelard") if path != "runs" else office("wren.tallis")
        whole = [item["id"] for item in caller.get(f"/v1/{path}").json()["items"]]

        seen, cursor = [], ""
        while cursor is not None:
            page = caller.get(f"/v1/{path}?limit=1&cursor={cursor}").json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]

        assert seen == whole
        assert len(seen) == 2

    @pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WyJhIiwiYiJd", "WzEsMl0", "%00", "é"])
    def test_of_a_made_up_cursor_are_refused(self, office: Office, books: dict[str, Book], cursor: str):
        for path in ("contracts", "cases", "runs"):
            caller = office("wren.tallis")
            assert caller.get(f"/v1/{path}?cursor={cursor}").status_code == 422, path

    def test_hold_what_was_recorded_since(self, office: Office, books: dict[str, Book]):
        juno = office("juno.abelard")
        since = juno.get("/v1/contracts/con_us01").json()["recorded_at"]

        items = juno.get("/v1/contracts", params={"updated_since": since}).json()["items"]

        assert "con_us01" in [item["id"] for item in items]
        assert juno.get("/v1/contracts", params={"updated_since": "2999-01-01T00:00:00Z"}).json()["items"] == []
        assert juno.get("/v1/contracts", params={"updated_since": "2026-01-01T00:00:00"}).status_code == 422


class TestRateLimit:
    @pytest.fixture
    def slow(self, deps: ApiDeps) -> Office:
        """An API that lets each client ask a hundred times per minute: ten at once."""
        return Office(create_api(type(deps)(**{**vars(deps), "settings": ApiSettings(requests_per_minute=100)})))

    def test_of_one_client_is_told_and_does_not_touch_others(self, slow: Office, deps: ApiDeps):
        orla = slow("orla.fennick")

        answers = [orla.get("/v1/cases") for _ in range(11)]

        assert [a.status_code for a in answers] == [200] * 10 + [429]
        assert answers[0].headers["ratelimit"].startswith('"client";r=9;')
        assert answers[0].headers["ratelimit-policy"] == '"client";q=100;w=60'
        assert (answers[-1].json()["code"], answers[-1].json()["retryable"]) == ("api.rate_limited", True)
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert slow("juno.abelard").get("/v1/cases").status_code == 200

    def test_ends_when_the_time_that_was_told_is_over(self, slow: Office, deps: ApiDeps):
        orla = slow("orla.fennick")
        last = [orla.get("/v1/cases") for _ in range(11)][-1]

        deps.clock.advance(timedelta(seconds=int(last.headers["retry-after"])))

        assert orla.get("/v1/cases").status_code == 200

    def test_never_lets_more_through_in_a_minute(self, slow: Office, deps: ApiDeps):
        orla = slow("orla.fennick")
        passed = 0
        for _ in range(60):
            while orla.get("/v1/cases").status_code == 200:
                passed += 1
            deps.clock.advance(timedelta(seconds=1))

        assert passed <= 100


class TestSize:
    def test_fifty_megabytes_are_refused_before_a_byte_is_read(self, api: Caller):
        reads = 0

        async def body() -> object:
            nonlocal reads
            reads += 1
            yield b"x"

        answer = api.post("/v1/holds", content=body(), headers={"Content-Length": str(50_000_000)})

        assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")
        assert answer.headers["connection"] == "close"
        assert "10 MB" in answer.json()["detail"]

    def test_that_is_not_declared_is_refused_while_it_comes(self, office: Office, deps: ApiDeps):
        office_app = office.app
        token = office("juno.abelard").headers["Authorization"]
        given = 0
        sent: list[dict] = []

        async def receive() -> dict:
            nonlocal given
            given += 1_000_000
            return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

        async def send(message: dict) -> None:
            sent.append(message)

        headers = [(b"authorization", token.encode()), (b"idempotency-key", b"abcdefgh")]
        scope = {"type": "http", "method": "POST", "path": "/v1/holds", "raw_path": b"/v1/holds", "headers": headers}
        scope |= {"query_string": b"", "scheme": "http", "server": ("api", 80), "client": ("1", 1), "root_path": ""}
        asyncio.run(office_app(scope, receive, send))

        assert sent[0]["status"] == 413
        assert given <= 12_000_000

    def test_of_ten_megabytes_is_taken(self, office: Office):
        answer = office("juno.abelard").write("/v1/holds", {"line_ids": ["x" * 9_000_000], "reason": "why"})

        assert answer.status_code == 422


class TestProblem:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (NotFound("x"), 404),
            (InvalidInput("x"), 422),
            (Rejected("x"), 409),
            (Rejected("x", code="access.role"), 403),
            (KeyConflict("x"), 409),
            (OwnershipConflict("x"), 409),
            (RateLimited("x"), 429),
            (RateLimited("x", system="crm"), 503),
            (Unavailable("x"), 503),
            (Retryable("x"), 503),
            (UnknownOutcome("x"), 504),
            (AuthExpired("x"), 401),
            (AuthExpired("x", system="crm"), 502),
            (ContractDrift("x"), 502),
            (Bug("x"), 500),
        ],
    )
    def test_has_a_status_for_every_class(self, error, status: int):
        assert status_of(error) == status

    def test_of_our_own_fault_tells_nothing_but_an_id_to_quote(self):
        answer = problem_of(Bug("table secret_table is gone", detail={"password": "hunter2"}))

        assert b"secret_table" not in answer.body
        assert b"hunter2" not in answer.body
        assert b"correlation_id" in answer.body

    def test_tells_no_detail_of_an_engineer(self):
        answer = problem_of(Rejected("No.", detail={"password": "hunter2"}))

        assert b"hunter2" not in answer.body

    def test_of_something_unexpected_is_a_problem_too(self, office: Office, deps: ApiDeps, monkeypatch):
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("password=hunter2")

        monkeypatch.setattr("accordant.api.engagements.rows", fail)

        answer = office("orla.fennick").get("/v1/engagements")

        assert (answer.status_code, answer.json()["code"]) == (500, "api.failed")
        assert "hunter2" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_of_a_lost_database_is_retryable(self, office: Office, monkeypatch):
        def fail(*_: object, **__: object) -> None:
            raise OperationalError("select", {}, Exception("gone"))

        monkeypatch.setattr("accordant.api.engagements.rows", fail)

        answer = office("orla.fennick").get("/v1/engagements")

        assert (answer.status_code, answer.json()["retryable"]) == (503, True)
        assert answer.headers["retry-after"]

    def test_never_repeats_what_was_sent(self, office: Office):
        answer = office("juno.abelard").write("/v1/holds", {"line_ids": "4111111111111111", "reason": "why"})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "line_ids"]
        assert "4111" not in answer.text

    @pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": NaN', b"[" * 10_000])
    def test_of_a_broken_body(self, office: Office, body: bytes):
        headers = {"Idempotency-Key": "abcdefgh", "Content-Type": "application/json"}
        answer = office("juno.abelard").post("/v1/holds", content=body, headers=headers)

        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == MEDIA_TYPE

    def test_of_an_unknown_address_or_method(self, api: Caller):
        for answer, status in ((api.get("/v1/nothing"), 404), (api.send("PUT", "/v1/cases"), 405)):
            assert answer.status_code == status
            assert answer.headers["content-type"] == MEDIA_TYPE


class TestHeaders:
    def test_of_every_answer_let_no_browser_do_anything(self, api: Caller, office: Office):
        for answer in (api.get("/healthz"), api.get("/v1/cases"), office("orla.fennick").get("/v1/cases")):
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert answer.headers["cache-control"] == "no-store"

    def test_invite_no_other_site(self, office: Office):
        preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        answers = [
            office("orla.fennick").get("/v1/cases", headers={"Origin": "https://evil.example"}),
            office("orla.fennick").send("OPTIONS", "/v1/cases", headers=preflight),
        ]

        assert all("access-control-allow-origin" not in a.headers for a in answers)


class TestReadiness:
    def test_counts_living_workers(self, api: Caller, database: Database):
        with database.begin() as connection:
            connection.exec_driver_sql("insert into executor (id, lease_s) values ('here', 30)")
            connection.exec_driver_sql(
                "insert into executor (id, lease_s, beat_at) values ('gone', 30, now() - interval '1 minute')"
            )

        assert api.get("/readyz").json() == {"status": "ready", "workers": 1}

    def test_fails_without_a_database(self, api: Caller, deps: ApiDeps):
        gone = Database("postgresql://nobody@127.0.0.1:1/none")
        api.app.state.deps = type(deps)(**{**vars(deps), "worker": gone})

        answer: httpx2.Response = api.get("/readyz")

        assert (answer.status_code, answer.json()["code"]) == (503, "api.not_ready")


class TestMetrics:
    def test_count_what_the_caller_may_see(self, office: Office, books: dict[str, Book]):
        everything = office("wren.tallis").get("/metrics")
        own = office("reporting").get("/metrics")

        assert everything.headers["content-type"].startswith("text/plain; version=0.0.4")
        line = 'accordant_runs{flow="activate-project",state="parked"}'
        assert f"{line} 2.0" in everything.text
        assert f"{line} 1.0" in own.text
