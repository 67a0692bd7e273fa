"""Whatever arrives is answered in the vendor's words, never by a crash."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = "/services/data/v59.0"
NAMES = st.sampled_from(
    ["Name", "Account", "AccountId", "Amount", "attributes", "type", "Id", "id", "CloseDate", "StageName", "Contract"]
)
TEXTS = st.sampled_from(
    ["Account", "x", "", "@{a.b[0]}", f"{ROOT}/sobjects/Account", "POST", "001Ac0000000001", "\x00"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.fixed_dictionaries({"records": st.lists(JSON, max_size=3), "allOrNone": JSON}) | JSON
PARTS = st.fixed_dictionaries({"method": TEXTS, "url": TEXTS, "referenceId": TEXTS, "body": JSON}) | JSON
REQUESTS = st.fixed_dictionaries({"compositeRequest": st.lists(PARTS, max_size=3), "allOrNone": JSON}) | JSON
WORDS = st.sampled_from(
    [
        "SELECT",
        "Id",
        "Name",
        "FROM",
        "Account",
        "WHERE",
        "(",
        ")",
        ",",
        "=",
        "'a'",
        "LIKE",
        "IN",
        "AND",
        "OR",
        "NOT",
        "7",
    ]
)
ROWS = [
    ("POST", "/sobjects/Account"),
    ("POST", "/sobjects/Opportunity"),
    ("POST", "/sobjects/OpportunityLineItem"),
    ("PATCH", "/sobjects/Account/Accordant_Id__c/a"),
]
COLLECTIONS = [
    ("POST", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects"),
    ("PATCH", "/composite/sobjects/Account/Accordant_Id__c"),
]
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def require_answer(answer):
    assert answer.status_code in (200, 201, 204, 300, 400, 404)
    assert answer.status_code < 400 or answer.json()[0]["errorCode"]


class TestAnyInput:
    @pytest.mark.parametrize(("method", "path"), ROWS)
    @RELAXED
    @given(body=JSON)
    def test_any_record_is_taken_or_refused(self, org, method, path, body):
        require_answer(org.send(method, ROOT + path, content=json.dumps(body).encode()))

    @pytest.mark.parametrize(("method", "path"), COLLECTIONS)
    @RELAXED
    @given(body=RECORDS)
    def test_any_collection_is_taken_or_refused(self, org, method, path, body):
        require_answer(org.send(method, ROOT + path, content=json.dumps(body).encode()))

    @RELAXED
    @given(body=REQUESTS)
    def test_any_composite_is_taken_or_refused(self, org, body):
        require_answer(org.post("/composite", body))

    @RELAXED
    @given(words=st.lists(WORDS))
    def test_any_query_is_answered_or_refused(self, org, words):
        require_answer(org.get("/query", params={"q": " ".join(words)}))
