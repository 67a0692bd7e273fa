"""No log line holds a secret or a personal field, whoever wrote it and however; every line knows what it is about."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
import structlog
from pydantic import BaseModel, SecretStr

from accordant.platform.telemetry import about, configure_logging, mask, mask_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ3cmtfMSJ9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"


@pytest.fixture
def lines():
    """What was logged, as written; the configuration of the process is put back afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level
    configure_logging(style="json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


class Worker(BaseModel):
    id: str
    name: str


class Color(StrEnum):
    RED = "red"


class TestMask:
    @pytest.mark.parametrize(
        "key",
        [
            "email", "work_email", "Email-Address", "phone", "mobile_number", "first_name", "display_name",
            "worker_name", "home_address", "address_line_1", "street", "birth_date", "iban", "user_principal_name",
            "login",
        ],
    )  # fmt: skip
    def test_personal_fields_show_no_value(self, key):
        """R-SEC-04."""
        assert mask("Ivy Archer", key) == "[personal]"

    @pytest.mark.parametrize(
        "key",
        ["Authorization", "set-cookie", "password", "client_secret", "access_token", "refresh_token", "api_key",
         "apikey", "private_key", "client_assertion", "webhook-signature"],
    )  # fmt: skip
    def test_secrets_show_no_value(self, key):
        """R-SEC-03."""
        assert mask("s3cr3t-value", key) == "[secret]"

    @pytest.mark.parametrize(
        "key",
        ["run", "subject", "entity", "system", "operation", "flow", "name", "key", "idempotency_key", "secret_ref",
         "code", "version", "view_hash", "system_name", "token_bucket"],
    )  # fmt: skip
    def test_business_ids_pass(self, key):
        assert mask("con_1", key) == "con_1"

    @pytest.mark.parametrize(
        "text",
        [
            "Authorization: Bearer abcdef123456",
            "basic dXNlcjpwYXNz",
            f"token {JWT}!",
            "signed with whsec_c2VjcmV0c2VjcmV0",
            "https://svc:hunter22@erp.example/path",
            "postgresql://worker:hunter22@db/accordant",
            "?client_secret=abc123&x=1",
            '{"access_token": "abc123"}',
            "password: hunter22",
            "-----BEGIN RSA PRIVATE KEY-----\nabc123\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nabc123",
        ],
    )
    def test_secrets_in_a_text_are_cut_out(self, text):
        masked = mask_text(text)
        assert "[secret]" in masked
        assert not any(
            s in masked for s in ("abc123", "hunter22", "abcdef123456", "dXNlcjpwYXNz", JWT[:12], "c2VjcmV0")
        )

    def test_mail_addresses_in_a_text_are_cut_out(self):
        assert mask_text("sent to ivy.archer@meridian.example, ok") == "sent to [personal], ok"

    def test_what_is_nested_is_masked_too(self):
        told = {"records": [{"id": "wrk_1", "email": "a@b.example", "auth": {"token": "abc"}}], "n": 2}

        assert mask(told) == {
            "records": [{"id": "wrk_1", "email": "[personal]", "auth": {"token": "[secret]"}}],
            "n": 2,
        }

    def test_an_object_shows_its_type_only(self):
        assert mask(Worker(id="wrk_1", name="Ivy Archer")) == "<Worker>"
        assert mask(SecretStr("abc123")) == "<SecretStr>"
        assert mask(b"abc123") == "<6 bytes>"

    def test_plain_values_stay_what_they_are(self):
        now = datetime(2026, 5, 1, tzinfo=UTC)
        assert mask([Decimal("1.50"), now, True, None, Color.RED]) == [Decimal("1.50"), now, True, None, "red"]

    def test_an_error_keeps_its_class_and_loses_what_is_private(self):
        assert mask(ValueError("no a@b.example")) == "ValueError: no [personal]"


class TestLogging:
    def test_every_line_is_masked_and_knows_its_run(self, lines):
        with about(run="activate@1:con_1#1", subject="con_1", entity=""):
            structlog.get_logger("x").info("effect.sent", token="abc", worker=Worker(id="w", name="Ivy"), count=1)
        structlog.get_logger("x").info("after")

        first, second = lines()
        assert first | {"timestamp": ""} == {
            "event": "effect.sent",
            "level": "info",
            "logger": "x",
            "timestamp": "",
            "run": "activate@1:con_1#1",
            "subject": "con_1",
            "token": "[secret]",
            "worker": "<Worker>",
            "count": 1,
        }
        assert "run" not in second

    def test_the_libraries_lines_are_masked_as_well(self, lines):
        logging.getLogger("some.library").warning("GET %s failed", "https://u:hunter22@erp.example/")

        [line] = lines()
        assert line["event"] == "GET https://[secret]@erp.example/ failed"
        assert line["level"] == "warning"

    def test_a_traceback_shows_no_local_variables_and_no_secret(self, lines):
        def fail(name):
            person = name.title()
            raise ValueError(f"Bearer abcdef123456 for {len(person)}")

        try:
            fail("ivy archer")
        except ValueError:
            structlog.get_logger("x").exception("failed")

        [line] = lines()
        assert "ValueError: Bearer [secret] for 10" in line["exception"]
        assert "abcdef123456" not in line["exception"]
        assert "Ivy Archer" not in line["exception"]

    def test_lines_below_the_level_are_not_written(self, lines):
        structlog.get_logger("x").debug("quiet")

        assert lines() == []

    def test_the_console_style_is_masked_too(self, lines):
        stream = io.StringIO()
        configure_logging(style="console", stream=stream)
        structlog.get_logger("x").info("login", password="hunter22", system="netsuite")

        assert "hunter22" not in stream.getvalue()
        assert "system=netsuite" in stream.getvalue()


def test_importing_telemetry_loads_nothing_that_only_a_server_needs():
    code = """
import sys
import accordant.platform.telemetry, accordant.platform.telemetry.metrics
print([m for m in ("prometheus_client", "opentelemetry.sdk", "httpx2", "dbos") if m in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
