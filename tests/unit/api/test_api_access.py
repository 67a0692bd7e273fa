"""Who may call what, and which entities they see."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta

import httpx2
import pytest
from api_client import Caller, Office
from api_seed import Book
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from accordant.api import ApiDeps, ApiSettings, Callers
from accordant.api.identity import LASTS, PublishedKeys, outside
from accordant.kernel import AuthExpired, InvalidInput, Unavailable
from accordant.platform.storage import Database, rows

OPEN_TO_ALL = {"healthz", "readyz", "ring", "issue-token"}


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [(m, path, op) for path, ops in document["paths"].items() for m, op in ops.items()]


class TestToken:
    def test_nothing_but_health_hooks_and_tokens_is_open(self, api: Caller, office: Office):
        document = office("wren.tallis").get("/openapi.json").json()

        for method, path, operation in operations(document):
            answer = api.send(
                method.upper(), path.replace("{id}", "x"), headers={"Idempotency-Key": "abcdefgh"}, json={}
            )
            if operation["operationId"] not in OPEN_TO_ALL:
                assert (answer.status_code, answer.json()["code"]) == (401, "auth.missing"), path
                assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "change",
        [
            {"aud": "another"},
            {"iss": "another"},
            {"exp": 1},
            {"exp": None},
            {"sub": None},
            {"nbf": 4102444800},
        ],
    )
    def test_that_says_something_else_is_refused(self, api: Caller, deps: ApiDeps, change: dict):
        now = int(deps.clock.now().timestamp())
        claims = {"iss": "accordant", "aud": "accordant", "sub": "orla.fennick", "iat": now, "exp": now + 60, **change}
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(deps.key))

        answer = api.get("/v1/cases", headers={"Authorization": f"Bearer {token}"})

        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "Bearer", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmxhIn0.", "é"])
    def test_that_is_none_is_refused(self, api: Caller, token: str):
        answer = api.get("/v1/cases", headers={"Authorization": f"Bearer {token}".encode()})

        assert answer.status_code == 401

    def test_signed_with_another_key_is_refused(self, api: Caller, deps: ApiDeps):
        now = int(deps.clock.now().timestamp())
        claims = {"iss": "accordant", "aud": "accordant", "sub": "orla.fennick", "exp": now + 60}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"x" * 32))

        assert api.get("/v1/cases", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_ends_after_a_quarter_of_an_hour(self, office: Office, deps: ApiDeps):
        orla = office("orla.fennick")
        assert orla.get("/v1/cases").status_code == 200

        deps.clock.advance(LASTS + timedelta(minutes=1))

        assert orla.get("/v1/cases").status_code == 401

    def test_of_a_stranger_is_refused(self, office: Office):
        answer = office("nobody.here").get("/v1/cases")

        assert (answer.status_code, answer.json()["code"]) == (403, "access.unknown")

    def test_never_gives_more_than_it_was_narrowed_to(self, office: Office):
        narrow = office("orla.fennick", "cases:read", "estate:read")

        assert narrow.get("/v1/cases").status_code == 200
        assert narrow.get("/v1/engagements").status_code == 403
        assert narrow.get("/v1/catalog/policies").status_code == 403


class TestTokenOfAnIdentityProvider:
    KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)

    def verifier(self, deps: ApiDeps, answer: object):
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))
        keys = PublishedKeys("https://id.example/keys", clock=deps.clock, transport=transport)
        return outside("https://id.example", "accordant", keys, clock=deps.clock)

    def token(self, deps: ApiDeps) -> str:
        now = int(deps.clock.now().timestamp())
        claims = {"iss": "https://id.example", "aud": "accordant", "sub": "orla.fennick", "exp": now + 60}
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, self.KEY)

    def test_is_judged_by_the_keys_that_it_publishes(self, deps: ApiDeps):
        """R-SEC-01."""
        verifier = self.verifier(deps, KeySet([self.KEY]).as_dict(private=False))

        assert verifier.verify(self.token(deps)).subject == "orla.fennick"

    def test_is_refused_when_signed_with_a_public_key_as_secret(self, deps: ApiDeps):
        verifier = self.verifier(deps, KeySet([self.KEY]).as_dict(private=False))
        honest = self.token(deps).split(".")
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
        signed = hmac.digest(self.KEY.as_pem(private=False), f"{head}.{honest[1]}".encode(), "sha256")
        forged = base64.urlsafe_b64encode(signed).decode().rstrip("=")

        with pytest.raises(AuthExpired):
            verifier.verify(f"{head}.{honest[1]}.{forged}")

    def test_cannot_be_judged_while_there_are_no_keys(self, deps: ApiDeps):
        with pytest.raises(Unavailable):
            self.verifier(deps, {"keys": "none"}).verify(self.token(deps))

    def test_needs_both_issuer_and_keys(self):
        with pytest.raises(ValueError, match="jwks_url"):
            ApiSettings(issuer="https://id.example")


class TestServiceClient:
    def ask(self, api: Caller, **form: str):
        return api.post("/oauth2/token", data={"grant_type": "client_credentials", **form})

    def test_gets_a_token_for_its_secret(self, api: Caller, monkeypatch: pytest.MonkeyPatch):
        """R-SEC-01."""
        monkeypatch.setenv("REPORTING_SECRET", "s3cret")

        answer = self.ask(api, client_id="reporting", client_secret="s3cret", scope="events:read billing:act")

        assert answer.json()["scope"] == "events:read"
        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert api.get("/v1/events", headers=token).status_code == 200
        assert api.get("/v1/engagements", headers=token).status_code == 403

    def test_may_send_its_secret_as_basic_credentials(self, api: Caller, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("REPORTING_SECRET", "s3cret")

        answer = api.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("reporting", "s3cret"))

        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("id", "secret"), [("reporting", "wrong"), ("planner", ""), ("nobody", "s3cret"), ("orla.fennick", "")]
    )
    def test_without_the_secret_gets_none(self, api: Caller, monkeypatch: pytest.MonkeyPatch, id: str, secret: str):
        monkeypatch.setenv("REPORTING_SECRET", "s3cret")

        answer = self.ask(api, client_id=id, client_secret=secret)

        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})

    def test_whose_secret_is_not_set_gets_none(self, api: Caller):
        assert self.ask(api, client_id="reporting", client_secret="").status_code == 401

    def test_guessing_is_slowed_down(self, api: Caller):
        answers = [self.ask(api, client_id="reporting", client_secret=str(n)) for n in range(13)]

        assert answers[-1].status_code == 429

    def test_decides_nothing(self, office: Office, books: dict[str, Book]):
        planner = office("planner")
        book = books["uk01"]

        answers = [
            planner.write(
                f"/v1/approvals/{book.approval}/decision", {"decision": "approve", "view_hash": book.view_hash}
            ),
            planner.write(
                f"/v1/cases/{book.case}/resolution",
                {"resolution": {"kind": "retry", "reason": "again", "root_cause": "other"}},
            ),
        ]

        assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "access.no_worker")] * 2

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("{id: orla.fennick, name: x, owner: y, scopes: ['a:b'], entities: '*'}", "somebody else"),
            ("{id: one, name: x, owner: y, scopes: ['a:b'], entities: [fr01]}", "does not have"),
            ("{id: one, name: x, owner: y, scopes: ['a:b'], entities: '*', secret: plain}", "not a reference"),
            ("{id: one, name: x, owner: y, scopes: [], entities: '*'}", "scopes"),
            ("{id: one, name: x, owner: y, scopes: ['a:b'], entities: '*', password: x}", "password"),
        ],
    )
    def test_is_declared_rightly_or_not_at_all(self, tmp_path, deps: ApiDeps, line: str, what: str):
        (tmp_path / "clients.yaml").write_text(f"clients:\n  - {line}\n")

        with pytest.raises(InvalidInput, match=what):
            Callers.load(tmp_path, deps.estate)

    def test_there_need_be_none(self, tmp_path, deps: ApiDeps):
        (tmp_path / "clients.yaml").unlink()

        assert Callers.load(tmp_path, deps.estate).actor("orla.fennick").name == "Orla Fennick"


class TestSimulatedPerson:
    GRANT = "urn:accordant:grant-type:simulated-person"

    def test_gets_a_token_where_every_system_is_simulated(self, api: Caller):
        answer = api.post("/oauth2/token", data={"grant_type": self.GRANT, "person": "orla.fennick"})

        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert api.get("/v1/cases", headers=token).status_code == 200

    def test_gets_none_where_one_system_is_real(self, api: Caller, deps: ApiDeps, estate):
        crm = estate.systems["salesforce-main"].model_copy(update={"simulated": False})
        real = estate.model_copy(update={"systems": {**estate.systems, "salesforce-main": crm}})
        api.app.state.deps = type(deps)(**{**vars(deps), "estate": real})

        answer = api.post("/oauth2/token", data={"grant_type": self.GRANT, "person": "orla.fennick"})

        assert answer.status_code == 401


class TestScopes:
    def test_of_each_operation_are_enforced_with_the_reason(self, office: Office):
        """R-API-13."""
        felix = office("felix.marrow")
        mine = {"people:read", "cases:read", "cases:act", "approvals:read", "approvals:decide"}
        document = felix.get("/openapi.json").json()

        for method, path, operation in operations(document):
            wanted = set(operation["x-scopes"])
            if wanted and "*" not in wanted and not wanted & mine:
                answer = felix.write(path.replace("{id}", "x"), {}, method=method.upper())
                assert (answer.status_code, answer.json()["code"]) == (403, "access.scope"), path
                assert all(scope in answer.json()["detail"] for scope in wanted)

    def test_change_with_the_estate_not_with_the_token(self, office: Office):
        assert office("silas.brandt", "billing:act").write("/v1/holds", {}).status_code == 403


ITEMS = ["contracts/con", "projects/prj", "workers/wrk", "deals/dea", "time-entries/tim", "invoices/inv"]
ITEMS += ["payments/pay", "xref/con", "xref/tim", "xref/pay", "engagements/con"]
LISTS = ["contracts", "projects", "workers", "deals", "time-entries", "invoices", "payments", "engagements", "runs"]
LISTS += ["cases", "events"]


class TestEntities:
    def test_of_others_are_missing_from_every_list(self, office: Office, books: dict[str, Book]):
        """R-SEC-02."""
        reporting, wren, juno = office("reporting"), office("wren.tallis"), office("juno.abelard")

        for path in LISTS:
            everything = juno.get(f"/v1/{path}")
            everything = everything if everything.status_code == 200 else wren.get(f"/v1/{path}")
            seen = reporting.get(f"/v1/{path}").json()["items"]
            assert len(everything.json()["items"]) == 2, path
            assert len(seen) == 1, path
            assert "us01" not in str(seen), path

    def test_of_others_are_not_found_item_by_item(self, office: Office, books: dict[str, Book]):
        reporting = office("reporting")
        uk, us = books["uk01"], books["us01"]
        paths = [(f"/v1/{item}_uk01", f"/v1/{item}_us01") for item in ITEMS]
        paths += [
            (f"/v1/{path}/{mine}".replace("#", "%23"), f"/v1/{path}/{theirs}".replace("#", "%23"))
            for path, mine, theirs in (
                ("runs", uk.run, us.run),
                ("activations", uk.run, us.run),
                ("cases", uk.case, us.case),
                ("approvals", uk.approval, us.approval),
            )
        ]

        for mine, theirs in paths:
            assert reporting.get(mine).status_code == 200, mine
            assert reporting.get(theirs).status_code == 404, theirs

    def test_of_others_cannot_be_asked_for(self, office: Office, books: dict[str, Book]):
        orla = office("orla.fennick")

        for path in (
            "contracts?entity=us01",
            "engagements?entity=us01",
            "billing-readiness?entity=us01&until_on=2026-11-30",
        ):
            answer = orla.get(f"/v1/{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "access.entity"), path

    def test_narrow_a_list(self, office: Office, books: dict[str, Book]):
        juno = office("juno.abelard")

        for path in ("contracts", "time-entries", "payments", "engagements", "cases"):
            items = juno.get(f"/v1/{path}?entity=us01").json()["items"]
            assert [item["entity"] for item in items] == ["us01"], path

    def test_of_others_cannot_be_written_to(self, office: Office, books: dict[str, Book]):
        orla = office("orla.fennick")
        us = books["us01"]
        word = {"reason": "again", "root_cause": "other"}
        before = orla.app.state.deps

        answers = [
            orla.write("/v1/billing-cycles", {"entity": "us01", "until_on": "2026-11-30"}),
            orla.write("/v1/holds", {"line_ids": ["tim_us01"], "reason": "dispute"}),
            orla.write("/v1/holds/release", {"line_ids": ["tim_us01"], "reason": "agreed"}),
            orla.write(f"/v1/cases/{us.case}/resolution", {"resolution": {"kind": "retry", **word}}),
            orla.write(f"/v1/cases/{us.case}/confirm", {"proposal_hash": "x"}),
            orla.write(f"/v1/approvals/{us.approval}/decision", {"decision": "approve", "view_hash": us.view_hash}),
            office("reporting").write(f"/v1/runs/{us.run}/retry".replace("#", "%23"), word),
        ]

        assert [a.status_code for a in answers] == [403, 404, 404, 404, 404, 404, 404]
        with before.worker.begin() as connection:
            assert rows(connection, "select 1 from api_answer") == []

    def test_firm_wide_records_are_seen_by_all(self, office: Office, books: dict[str, Book]):
        assert office("reporting").get("/v1/customers/cus_firm").json()["data"]["name"] == "O'Brien & Søn"


class TestPersons:
    def test_are_masked(self, office: Office, books: dict[str, Book]):
        """R-SEC-04."""
        reporting = office("reporting")

        for path in ("workers", "deals", "time-entries"):
            text = reporting.get(f"/v1/{path}").text
            assert "•••" in text
            for personal in ("Ada Nowhere", "ada@", "lead@", "owner@", "dentist"):
                assert personal not in text, path

    def test_are_shown_to_who_may_see_them_and_that_is_audited(
        self, office: Office, books: dict[str, Book], database: Database
    ):
        felix = office("felix.marrow")

        assert felix.get("/v1/workers/wrk_uk01").json()["data"]["name"] == "Ada Nowhere"
        assert len(felix.get("/v1/workers").json()["items"]) == 2
        with database.begin() as connection:
            kept = rows(
                connection, "select actor, subject, detail from audit where action = 'personal.revealed' order by id"
            )
        assert [(row.actor, row.subject, row.detail["count"]) for row in kept] == [
            ("90012", "worker", 1),
            ("90012", "worker", 2),
        ]

    def test_every_field_that_says_so_is_masked(self):
        from accordant.api.records import RESOURCES

        for resource in RESOURCES:
            said = {
                name
                for name, field in resource.model.model_fields.items()
                if (field.description or "").rstrip(".").endswith("Personal")
            }
            assert said <= resource.personal, resource.kind
