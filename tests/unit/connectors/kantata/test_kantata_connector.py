"""The Kantata connector's frame: manifest, errors, token, diagnostics."""

import pytest

from accordant.connectors.kantata import KantataConnector
from accordant.connectors.kantata.connector import MANIFEST
from accordant.connectors.kantata.diagnostics import snapshot
from accordant.connectors.kantata.errors import LOCKED, classify_with
from accordant.connectors.kantata.payloads import Envelope
from accordant.kernel import AuthExpired, ContractDrift, InvalidInput, NotFound, RateLimited, Rejected
from accordant.platform.http import Response, encode_json


def answer(status, body):
    return Response(status, {"content-type": "application/json"}, encode_json(body))


def errors(message, **facts):
    return {"errors": [{"type": "validation", "message": message} | facts]}


class TestManifest:
    def test_names_the_ports_the_connector_implements(self):
        ports = {cls.__name__ for cls in KantataConnector.__mro__ if cls.__module__.startswith("accordant.ports")}

        assert set(MANIFEST["capabilities"]) == ports - {"Port"}

    def test_settles_after_the_vendor_s_longest_request_unless_told_otherwise(self, bench):
        async def settle_s(k):
            return k.settle_s

        assert bench.run(settle_s) == 200
        bench.settings = bench.settings.model_copy(update={"settle_s": 3.0})
        assert bench.run(settle_s) == 3.0


class TestErrorTable:
    classify = staticmethod(classify_with((1.0, 5.0)))

    @pytest.mark.parametrize(
        ("status", "body", "cls", "code"),
        [
            (400, errors("page must be a number"), InvalidInput, "kantata.bad_request"),
            (401, errors("Invalid OAuth 2 Request"), AuthExpired, "kantata.token_revoked"),
            (403, errors("You are not authorized"), Rejected, "kantata.forbidden"),
            (404, errors("Not found"), NotFound, "kantata.not_found"),
            (422, errors("Title can't be blank", field="title"), Rejected, "kantata.validation"),
            (422, errors("Time entry cannot be changed because it has been invoiced"), Rejected, LOCKED),
            (422, errors("Time entry is locked by an external system"), Rejected, LOCKED),
            (422, {"error_message": "Something is wrong"}, Rejected, "kantata.validation"),
            (422, ["odd"], Rejected, "kantata.validation"),
        ],
    )
    def test_says_what_to_do_next(self, status, body, cls, code):
        error = self.classify(answer(status, body))

        assert type(error) is cls
        assert error.code == code
        assert error.remedy
        assert error.detail["status"] == status

    def test_names_the_field(self):
        error = self.classify(answer(422, errors("Title can't be blank", field="title")))

        assert error.detail["errors"] == [{"type": "validation", "message": "Title can't be blank", "field": "title"}]

    def test_waits_a_moment_of_its_own_choice_after_a_429(self):
        waits = {self.classify(answer(429, errors("slow down"))).retry_after_s for _ in range(20)}

        assert all(1.0 <= wait <= 5.0 for wait in waits)
        assert len(waits) > 1

    def test_leaves_a_good_answer_and_an_outage_to_the_client(self):
        assert self.classify(answer(200, {})) is None
        assert self.classify(answer(503, errors("down"))) is None
        assert not isinstance(self.classify(answer(504, {})), RateLimited)


class TestEnvelope:
    @pytest.mark.parametrize("body", [{}, [], {"count": 1, "results": [{"key": "users", "id": "1"}], "users": {}}])
    def test_anything_else_is_drift(self, body):
        with pytest.raises(ContractDrift) as caught:
            Envelope.of(answer(200, body), "users")

        assert caught.value.code == "kantata.envelope"


class TestToken:
    def test_a_revoked_token_asks_a_person(self, bench):
        bench.sim.tokens.clear()

        with pytest.raises(AuthExpired) as caught:
            bench.run(lambda k: k.time_since(None))

        assert "token" in caught.value.remedy

    def test_a_single_refusal_is_overcome(self, bench):
        bench.fault("expired_token")

        assert bench.run(lambda k: k.time_since(None)).observations == ()


class TestDiagnostics:
    def test_probe_tells_what_the_account_lets_us_do(self, bench):
        bench.entries(bench.a_workspace(), 1)

        found = bench.run(lambda k: k.probe())

        assert found.users == 3
        assert (found.sees_money, found.shows_ids, found.reads_events) == (True, True, True)

    def test_snapshot_holds_no_secret(self, bench):
        async def both(k):
            return snapshot(k.system, bench.settings, await k.probe())

        seen = bench.run(both)

        assert bench.settings.access_token.get_secret_value() not in str(seen)
        assert seen["probe"]["sees_money"] is None
        assert seen["settings"]["url"] == "http://sim/api/v1"
