"""Checklist 1-4: tokens, their origin and lifetime, and the daily limit."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from accordant.simulators._shared import Fault

TOKEN = "/services/oauth2/token"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def ask(org, **form):
    return org.send("POST", TOKEN, data=form, headers={})


@cache
def a_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TestClientCredentials:
    def test_answers_a_token_for_its_own_origin_without_a_lifetime(self, org):
        answer = org.login().json()

        assert answer["instance_url"] == "http://sim"
        assert answer["token_type"] == "Bearer"
        assert "expires_in" not in answer
        assert "refresh_token" not in answer

    def test_accepts_the_secret_in_a_basic_header(self, org):
        headers = {"Authorization": "Basic c2ltdWxhdGVkLWNsaWVudDpzaW11bGF0ZWQtc2VjcmV0"}

        answer = org.send("POST", TOKEN, data={"grant_type": "client_credentials"}, headers=headers)

        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({"client_id": "other", "client_secret": "simulated-secret"}, "invalid_client_id"),
            ({"client_id": "simulated-client", "client_secret": "wrong"}, "invalid_client"),
        ],
    )
    def test_refuses_wrong_credentials_with_an_object(self, org, form, error):
        answer = ask(org, grant_type="client_credentials", **form)

        assert answer.status_code == 400
        assert answer.json()["error"] == error

    def test_refuses_another_grant(self, org):
        assert ask(org, grant_type="password").json()["error"] == "unsupported_grant_type"

    def test_revoking_ends_the_session(self, org):
        org.send("POST", "/services/oauth2/revoke", data={"token": org.token}, headers={})

        assert org.get("/limits").status_code == 401


class TestJwtBearer:
    @pytest.fixture
    def key(self):
        return a_key()

    @pytest.fixture
    def trusted(self, sim, key):
        public = key.public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        sim.tokens.trust(pem.decode())
        return sim

    def assertion(self, key, **claims):
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        defaults = {
            "iss": "simulated-client",
            "sub": "integration@crm.example",
            "aud": "https://login.salesforce.com",
            "exp": int(time.time()) + 180,
        }
        return jwt.encode({"alg": "RS256"}, defaults | claims, RSAKey.import_key(private))

    def test_answers_a_token_for_a_signed_assertion(self, org, trusted, key):
        answer = ask(org, grant_type=BEARER, assertion=self.assertion(key))

        assert answer.status_code == 200
        assert answer.json()["access_token"]

    @pytest.mark.parametrize(
        ("claims", "description"),
        [
            ({"aud": "https://elsewhere.example"}, "audience is invalid"),
            ({"sub": "nobody@crm.example"}, "user hasn't approved this consumer"),
            ({"exp": 1}, "expired authorization code"),
            ({"exp": int(time.time()) + 3600}, "expired authorization code"),
        ],
    )
    def test_refuses_an_assertion_with_a_wrong_claim(self, org, trusted, key, claims, description):
        answer = ask(org, grant_type=BEARER, assertion=self.assertion(key, **claims))

        assert answer.status_code == 400
        assert answer.json() == {"error": "invalid_grant", "error_description": description}

    def test_refuses_an_assertion_signed_by_another_key(self, org, trusted):
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

        answer = ask(org, grant_type=BEARER, assertion=self.assertion(stranger))

        assert answer.json()["error"] == "invalid_grant"


class TestSession:
    def test_a_call_without_session_is_refused_with_an_array(self, sim, org):
        org.token = "nonsense"

        answer = org.get("/limits")

        assert answer.status_code == 401
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]

    def test_ends_after_its_lifetime_and_a_new_one_begins_by_login(self, sim, org):
        sim.clock.offset = timedelta(seconds=sim.tokens.session_s + 1)
        refused = org.get("/limits").status_code

        org.login()

        assert refused == 401
        assert org.get("/limits").status_code == 200

    def test_the_fault_expired_token_answers_as_an_expired_session(self, sim, org):
        sim.faults.arm(Fault("expired_token"))

        assert org.get("/limits").json()[0]["errorCode"] == "INVALID_SESSION_ID"
        assert org.get("/limits").status_code == 200


class TestDailyLimit:
    def test_every_data_answer_tells_the_usage(self, org):
        good, bad = org.get("/limits"), org.get("/sobjects/Nothing/describe")

        assert good.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
        assert bad.headers["Sforce-Limit-Info"] == "api-usage=2/100000"

    def test_limits_shows_what_is_left(self, org):
        assert org.get("/limits").json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}

    def test_refuses_calls_past_the_maximum_until_a_day_has_passed(self, org):
        org.sim.limit.maximum = 2
        answers = [org.get("/limits").status_code for _ in range(3)]

        refused = org.get("/limits")
        org.sim.clock.offset = timedelta(hours=25)
        org.login()

        assert answers == [200, 200, 403]
        assert refused.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        assert org.get("/limits").status_code == 200

    def test_the_faults_429_and_500_answer_in_the_vendors_words(self, sim, org):
        sim.faults.arm(Fault("429"))
        sim.faults.arm(Fault("500"))

        assert org.get("/limits").json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        failed = org.get("/limits")
        assert (failed.status_code, failed.json()[0]["errorCode"]) == (500, "UNKNOWN_EXCEPTION")


class TestVersions:
    def test_lists_its_versions_without_login(self, org):
        org.token = ""

        versions = org.send("GET", "/services/data").json()

        assert {"label": "59.0", "url": "/services/data/v59.0", "version": "59.0"} in versions

    def test_refuses_a_version_it_never_had(self, org):
        assert org.send("GET", "/services/data/v12.0/limits").status_code == 404
