"""The query builder, the error table, logins and settings."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from accordant.connectors._shared.salesforce import (
    Order,
    Select,
    after,
    all_of,
    any_of,
    classify,
    equals,
    like,
    one_of,
    split_children,
)
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.kernel import (
    AuthExpired,
    Bug,
    ContractDrift,
    InvalidInput,
    KeyConflict,
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
)
from accordant.platform.http import Response
from accordant.simulators._shared import Fault
from accordant.simulators.salesforce import metadata
from accordant.simulators.salesforce import soql as vendor_soql


class TestSelect:
    def test_writes_a_whole_query(self):
        lines = Select("OpportunityLineItems", ("Id", "Product2.ProductCode"), order=(Order("Id"),))
        where = all_of(
            equals("StageName", "Closed Won"), any_of(after("Amount", Decimal("1.50")), equals("IsWon", value=True))
        )

        text = Select("Opportunity", ("Id",), where, (Order("Id", descending=True),), 5, (lines,)).text

        assert text == (
            "SELECT Id, (SELECT Id, Product2.ProductCode FROM OpportunityLineItems ORDER BY Id) FROM Opportunity "
            "WHERE (StageName = 'Closed Won' AND (Amount > 1.50 OR IsWon = true)) ORDER BY Id DESC LIMIT 5"
        )

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "null"),
            (7, "7"),
            (date(2026, 11, 20), "2026-11-20"),
            (datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-20T10:00:00Z"),
            ("O'Brien\\", "'O\\'Brien\\\\'"),
        ],
    )
    def test_writes_each_type_in_its_form(self, value, text):
        assert equals("Field__c", value).text == f"Field__c = {text}"

    @pytest.mark.parametrize("value", [datetime(2026, 11, 20), 1.5, Decimal("NaN"), object()])  # noqa: DTZ001 - the point
    def test_refuses_values_without_a_form(self, value):
        with pytest.raises(Bug):
            equals("Amount", value)

    @pytest.mark.parametrize("name", ["Name = 'a' OR Name", "", "a b", "Näme", "Name)", "1st", "A..B"])
    def test_refuses_what_is_no_name(self, name):
        with pytest.raises(Bug):
            equals(name, "x")
        with pytest.raises(Bug):
            _ = Select("Account", (name,)).text

    def test_refuses_half_a_character(self):
        with pytest.raises(InvalidInput):
            equals("Name", "\ud83d")

    def test_refuses_empty_lists(self):
        with pytest.raises(Bug):
            one_of("Id", [])
        with pytest.raises(Bug):
            all_of()

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_any_text_arrives_as_one_value(self, text):
        """The vendor's grammar, as the simulator speaks it, reads back exactly the text that went in."""
        parsed = vendor_soql.parse(Select("Account", ("Id",), equals("Name", text)).text)

        assert parsed.where == vendor_soql.Comparison("Name", "=", text)

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_wildcards_in_a_beginning_are_letters(self, text):
        parsed = vendor_soql.parse(Select("Account", ("Id",), like("Name", starts_with=text)).text)

        letters = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        assert parsed.where == vendor_soql.Comparison("Name", "LIKE", f"{letters}%")

    def test_splits_paths_into_own_fields_and_children(self):
        own, children = split_children(("Id", "Owner.Email", "Lines.records.Id", "Lines.records.Product2.Name"))

        assert own == ("Id", "Owner.Email")
        assert children == {"Lines": ("Id", "Product2.Name")}


def answer(status, code="", **row):
    body = json.dumps([{"errorCode": code, "message": "of the vendor", **row}]).encode()
    return Response(status, {"content-type": "application/json"}, body)


class TestErrorTable:
    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (401, "INVALID_SESSION_ID", AuthExpired),
            (400, "INVALID_FIELD", ContractDrift),
            (400, "MALFORMED_QUERY", ContractDrift),
            (404, "NOT_FOUND", NotFound),
            (404, "ENTITY_IS_DELETED", NotFound),
            (400, "REQUIRED_FIELD_MISSING", Rejected),
            (400, "INSUFFICIENT_ACCESS_OR_READONLY", Rejected),
            (400, "DUPLICATE_VALUE", KeyConflict),
            (400, "UNABLE_TO_LOCK_ROW", Retryable),
            (412, "", Retryable),
            (403, "REQUEST_LIMIT_EXCEEDED", RateLimited),
            (403, "API_DISABLED_FOR_ORG", Rejected),
            (500, "UNKNOWN_EXCEPTION", Unavailable),
            (503, "SERVER_UNAVAILABLE", Unavailable),
            (300, "", Rejected),
        ],
    )
    def test_says_what_the_caller_does_next(self, status, code, kind):
        error = classify(answer(status, code))

        assert type(error) is kind
        assert error.remedy
        assert error.code.startswith(("salesforce.", "auth."))

    def test_leaves_good_and_unknown_answers_alone(self):
        assert classify(Response(200, {}, b"{}")) is None
        assert classify(answer(400, "SOMETHING_NEW")) is None

    def test_a_rule_of_the_org_is_quoted(self):
        error = classify(answer(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", message="Close date must be set"))

        assert error.detail["rule"] == "Close date must be set"

    def test_a_vendors_text_is_not_repeated_otherwise(self):
        error = classify(
            answer(400, "STRING_TOO_LONG", message="Name: data value too large: A. Person", fields=["Name"])
        )

        assert "Person" not in json.dumps(error.as_dict())
        assert error.detail["fields"] == ["Name"]

    def test_concurrent_calls_wait_shorter_than_a_used_up_day(self):
        concurrent = classify(answer(403, "REQUEST_LIMIT_EXCEEDED", message="ConcurrentPerOrgLongTxn Limit exceeded"))
        daily = classify(answer(403, "REQUEST_LIMIT_EXCEEDED", message="TotalRequests Limit exceeded."))

        assert concurrent.retry_after_s < daily.retry_after_s


@cache
def pem_pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


SIGNED = {"client_secret": None, "username": "integration@crm.example", "audience": "https://login.salesforce.com"}


class TestLogin:
    def test_by_a_signed_assertion(self, estate):
        private, public = pem_pair()
        estate.sim.tokens.trust(public)

        found = estate.run(lambda connector: connector.probe(), **SIGNED, private_key=SecretStr(private))

        assert found.is_ready

    def test_by_an_assertion_nobody_trusts_is_refused(self, estate):
        with pytest.raises(Rejected) as caught:
            estate.run(lambda connector: connector.probe(), **SIGNED, private_key=SecretStr(pem_pair()[0]))

        assert caught.value.code == "salesforce.login_refused"
        assert "PRIVATE KEY" not in str(caught.value.as_dict())

    def test_a_login_that_fails_is_unavailable_and_nothing_was_sent(self, estate):
        estate.sim.faults.arm(Fault("500", on="POST /services/oauth2/token", times=None))

        with pytest.raises(Unavailable):
            estate.run(lambda connector: connector.probe())

        assert estate.calls() == []

    def test_many_callers_share_one_login(self, estate):
        async def story(connector):
            await asyncio.gather(*(connector.find_customers((f"k{n}",)) for n in range(10)))

        estate.run(story)

        assert [operation for operation, *_ in estate.sim.calls].count("POST /services/oauth2/token") == 1


class TestProbe:
    def test_names_fields_that_the_org_does_not_show(self, estate, monkeypatch):
        account = metadata.OBJECTS["Account"]
        # Field-level security is set in the org's pages, for which the simulator has no call.
        monkeypatch.delitem(account.fields, "LEI__c")

        found = estate.run(lambda connector: connector.probe())

        assert found.missing_fields == ("Account.LEI__c",)
        assert not found.is_ready


GIVEN = {"url": "https://crm.example", "organization_id": "00DAc0000000001", "client_id": "id"}


class TestSettings:
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"client_secret": "s", "private_key": "k", "username": "u", "audience": "a"},
            {"private_key": "k"},
            {"client_secret": "s", "url": "https://crm.example/path"},
            {"client_secret": "s", "organization_id": "acme"},
            {"client_secret": "s", "sandbox": True},
        ],
    )
    def test_refuse_what_cannot_work(self, change):
        with pytest.raises(ValidationError):
            SalesforceSettings(**GIVEN | change)

    def test_never_show_a_secret(self):
        settings = SalesforceSettings(**GIVEN, client_secret="hidden-word")

        assert "hidden-word" not in repr(settings) + settings.model_dump_json()
