"""Logging in, losing the token, and the concurrency gate."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey
from netsuite_account import Account, error_of, send

from accordant.simulators._shared import Fault


class TestToken:
    def test_lives_an_hour(self, account: Account) -> None:
        reply = account.login().json()

        assert int(reply["expires_in"]) == 3600
        assert reply["token_type"].lower() == "bearer"

    def test_is_given_for_a_ps256_assertion(self, account: Account) -> None:
        key = RSAKey.generate_key(2048)
        account.sim.door.register("client-2", "cert-2", key.as_pem(private=False).decode())

        assert account.login(alg="PS256", key=key, kid="cert-2", iss="client-2").status_code == 200

    def test_is_refused_for_rs256(self, account: Account) -> None:
        key = RSAKey.generate_key(2048)
        account.sim.door.register("client-2", "cert-2", key.as_pem(private=False).decode())

        assert account.login(alg="RS256", key=key, kid="cert-2", iss="client-2").json() == {"error": "invalid_grant"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"kid": "unknown"},
            {"iss": "somebody"},
            {"aud": "https://elsewhere.example/token"},
            {"scope": ["everything"]},
            {"exp": int(time.time()) + 4000},
            {"exp": int(time.time()) - 10, "iat": int(time.time()) - 60},
        ],
    )
    def test_is_refused_for_a_wrong_assertion(self, account: Account, changes: dict[str, Any]) -> None:
        reply = account.login(**changes)

        assert (reply.status_code, reply.json()) == (400, {"error": "invalid_grant"})

    def test_is_refused_for_a_foreign_key(self, account: Account) -> None:
        assert account.login(key=ECKey.generate_key("P-256")).status_code == 400

    def test_expired_is_challenged(self, account: Account) -> None:
        account.customer()
        account.sim.faults.arm(Fault("clock_skew", options={"skew_s": 3605}))

        reply = account.call("GET", "/record/v1/customer")

        assert error_of(reply)[:2] == (401, "INVALID_LOGIN")
        assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]

    def test_missing_is_malformed(self, account: Account) -> None:
        reply = send(account.sim, "GET", "/services/rest/record/v1/customer")

        assert reply.status_code == 400
        assert 'error="invalid_request"' in reply.headers["WWW-Authenticate"]

    def test_fault_revokes_until_the_next_login(self, account: Account) -> None:
        account.customer()
        account.sim.faults.arm(Fault("expired_token", on="GET *"))

        assert account.call("GET", "/record/v1/customer").status_code == 401
        assert account.call("GET", "/record/v1/customer").status_code == 401
        account.token = ""
        assert account.call("GET", "/record/v1/customer").status_code == 200


class TestGate:
    def test_refuses_the_sixth_request_in_flight(self, account: Account) -> None:
        account.customer()
        account.sim.latency_s = 0.05
        headers = {"Authorization": f"Bearer {account.token}"}

        async def burst() -> list[httpx2.Response]:
            transport = httpx2.ASGITransport(app=account.sim.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://sim", headers=headers) as client:
                return await asyncio.gather(*(client.get("/services/rest/record/v1/customer") for _ in range(8)))

        replies = asyncio.run(burst())

        assert sorted(r.status_code for r in replies) == [200] * 5 + [429] * 3
        refused = next(r for r in replies if r.status_code == 429)
        assert refused.json()["title"] == "Bad Request"
        assert error_of(refused)[1] == "CONCURRENCY_LIMIT_EXCEEDED"

    def test_tells_its_limit(self, account: Account) -> None:
        reply = account.call("GET", "/system/v1/governanceLimits").json()

        assert reply["accountConcurrencyLimit"] == 5

    @pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500)])
    def test_faults_answer_as_the_vendor_does(self, account: Account, fault: str, status: int) -> None:
        account.sim.faults.arm(Fault(fault, on="GET *"))

        reply = account.call("GET", "/record/v1/customer")

        assert reply.status_code == status
        assert reply.json()["o:errorDetails"]
