"""Signing assertions, keeping a token, losing it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from netsuite_erp import RECORDS, Erp, connect, open_erp
from pydantic import ValidationError

from accordant.connectors.netsuite import NetSuiteSettings
from accordant.connectors.netsuite.auth import Signer
from accordant.connectors.netsuite.diagnostics import Probe, snapshot
from accordant.kernel import AuthExpired, FixedClock, InvalidInput, Rejected

NOON = datetime(2027, 2, 15, 12, tzinfo=UTC)
RSA = RSAKey.generate_key(2048)


def settings_with(private_key: str) -> NetSuiteSettings:
    return NetSuiteSettings(
        url="http://sim", client_id="c1", certificate_id="k1", private_key=private_key, service_item="X"
    )


class TestAssertion:
    def test_rsa_key_signs_ps256_with_the_vendors_claims(self) -> None:
        signer = Signer(settings_with(RSA.as_pem(private=True).decode()), clock=FixedClock(NOON))

        token = jwt.decode(signer.assertion(), RSA, algorithms=["PS256"])

        assert token.header == {"typ": "JWT", "alg": "PS256", "kid": "k1"}
        assert token.claims["aud"] == "http://sim/services/rest/auth/oauth2/v1/token"
        assert (token.claims["iss"], token.claims["scope"]) == ("c1", ["rest_webservices"])
        assert token.claims["exp"] - token.claims["iat"] < 3600

    @pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")])
    def test_ec_key_signs_by_its_curve(self, curve: str, algorithm: str) -> None:
        key = ECKey.generate_key(curve)
        signer = Signer(settings_with(key.as_pem(private=True).decode()), clock=FixedClock(NOON))

        assert jwt.decode(signer.assertion(), key, algorithms=[algorithm]).header["alg"] == algorithm

    @pytest.mark.parametrize("pem", ["", "not a key", ECKey.generate_key("secp256k1").as_pem(private=True).decode()])
    def test_another_key_is_refused_before_any_call(self, pem: str) -> None:
        with pytest.raises(InvalidInput, match="private key"):
            Signer(settings_with(pem), clock=FixedClock(NOON))


class TestLogin:
    def test_with_ps256_opens_the_account(self, erp: Erp) -> None:
        erp.sim.door.register("c2", "k2", RSA.as_pem(private=False).decode())
        pem = RSA.as_pem(private=True).decode()

        connector = connect(erp.sim, client_id="c2", certificate_id="k2", private_key=pem)

        assert erp.run(connector.probe()) == Probe(subsidiaries=2, concurrency_limit=5)

    def test_happens_once_for_many_calls(self, erp: Erp) -> None:
        erp.engagement()

        assert len([c for c in erp.sim.calls if "oauth2" in c[0]]) == 1

    def test_refused_names_the_certificate(self, erp: Erp) -> None:
        connector = connect(erp.sim, certificate_id="expired")

        with pytest.raises(Rejected) as refused:
            erp.run(connector.probe())

        assert refused.value.code == "netsuite.login_refused"
        assert "certificate" in refused.value.remedy

    def test_is_repeated_when_the_token_is_no_longer_accepted(self, erp: Erp) -> None:
        erp.customer()
        erp.arm("expired_token", on=f"PUT {RECORDS}/*")

        erp.customer("Elm", key="cus_2#1")

        assert len(erp.books("customer")) == 2

    def test_that_does_not_help_is_told(self, erp: Erp) -> None:
        erp.arm("expired_token", on=f"PUT {RECORDS}/*", times=None)

        with pytest.raises(AuthExpired):
            erp.customer()

    def test_is_renewed_before_the_hour_is_over(self) -> None:
        clock = FixedClock(datetime.now(UTC))
        erp = open_erp()
        from accordant.connectors.netsuite.auth import auth_for
        from accordant.platform.http import HttpClient, in_process

        auth = auth_for(erp.connector.settings, system="netsuite-uk", clock=clock)

        async def twice() -> None:
            client: HttpClient = in_process(erp.sim.app)(
                system="netsuite-uk", base_url="http://sim", auth=auth, classify=lambda _: None, limits=None
            )
            for _ in range(2):
                await client.read("GET", f"{RECORDS}/subsidiary", operation="probe")
                clock.advance(timedelta(minutes=59, seconds=30))
                erp.arm("clock_skew", options={"skew_s": 59.5 * 60})
            await client.aclose()

        erp.run(twice())

        assert len([c for c in erp.sim.calls if "oauth2" in c[0]]) == 2


class TestSettings:
    def test_have_no_default_for_secrets_host_and_item(self) -> None:
        with pytest.raises(ValidationError) as refused:
            NetSuiteSettings()  # type: ignore[call-arg]  # that is the point

        missing = {error["loc"][0] for error in refused.value.errors()}
        assert missing == {"url", "client_id", "certificate_id", "private_key", "service_item"}

    def test_snapshot_shows_nothing_secret(self, erp: Erp) -> None:
        settings = erp.connector.settings

        shown = snapshot("netsuite-uk", settings, Probe(2, None))

        assert settings.private_key.get_secret_value() not in str(shown)
        assert settings.client_id.get_secret_value() not in shown["settings"].values()
        assert (shown["settings"]["url"], shown["probe"]["subsidiaries"]) == ("http://sim", 2)

    def test_manifest_names_exactly_the_ports_it_implements(self, erp: Erp) -> None:
        import tomllib

        from accordant import ports
        from accordant.connectors import netsuite

        manifest = tomllib.loads((Path(netsuite.__file__).parent / "manifest.toml").read_text())
        implemented = {
            name
            for name in ports.__all__
            if isinstance(port := getattr(ports, name), type)
            and issubclass(port, ports.Port)
            and port is not ports.Port
            and isinstance(erp.connector, port)
        }

        assert set(manifest["capabilities"]) == implemented
        assert erp.connector.settle_s == manifest["settle_s"]
        assert manifest["vendor"]["checked_on"] >= date(2026, 11, 1)
