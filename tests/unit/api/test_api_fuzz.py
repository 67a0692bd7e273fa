"""Whatever is sent, the answer is one of ours: never a 500, and every refusal is a problem."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from api_client import CRM, Caller, Office
from api_seed import Book
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accordant.api.problems import MEDIA_TYPE

FUZZ = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "\0", "' or 1=1 --", "%00", "../../etc/passwd", "𝔘\u202e", "-1", "1e999", "null", "NaN"]),
    st.datetimes().map(str),
    st.dates().map(str),
    st.integers().map(str),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
READS = [
    ("/v1/contracts", ("updated_since", "entity", "cursor", "limit")),
    ("/v1/time-entries", ("updated_since", "entity", "cursor", "limit")),
    ("/v1/runs", ("state", "flow", "subject", "entity", "cursor", "limit")),
    ("/v1/cases", ("states", "entity", "stage", "role", "contract_id", "cursor", "limit")),
    ("/v1/events", ("after", "types", "subject", "key", "limit")),
    ("/v1/engagements", ("entity", "state", "cursor", "limit")),
    ("/v1/holds", ("contract_id", "cursor", "limit")),
    ("/v1/billing-readiness", ("entity", "until_on")),
    ("/v1/xref", ("system", "type", "value")),
    ("/v1/catalog/connectors", ("owner",)),
]
WRITES = [
    ("/v1/activations", {"deal_id": "dea_1", "external": {"system": "kantata-main", "deal": "1"}}),
    ("/v1/billing-cycles", {"entity": "uk01", "until_on": "2026-11-30"}),
    ("/v1/holds", {"line_ids": ["tim_uk01"], "reason": "because"}),
    ("/v1/subscriptions", {"types": ["a.*"], "target": "https://x.example", "secret_ref": "env:X", "after": 1}),
    ("/v1/runs/x/retry", {"reason": "because", "root_cause": "other"}),
]


def require_ours(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.json()["status"] == answer.status_code


@pytest.fixture
def callers(office: Office) -> list[Caller]:
    """People who between them may call everything."""
    return [office("juno.abelard"), office("wren.tallis"), office("planner")]


class TestReads:
    @FUZZ
    @given(data=st.data())
    def test_with_any_query(self, callers: list[Caller], books: dict[str, Book], data: st.DataObject):
        path, names = data.draw(st.sampled_from(READS))
        query = data.draw(st.dictionaries(st.sampled_from(names), TEXT, max_size=3))
        for caller in callers:
            caller.app.state.limits._buckets.clear()
            require_ours(caller.get(path, params=query))

    @FUZZ
    @given(
        kind=st.sampled_from(["contracts", "runs", "cases", "approvals", "xref", "engagements", "subscriptions"]),
        id=TEXT,
    )
    def test_of_any_id(self, callers: list[Caller], kind: str, id: str):
        for caller in callers:
            caller.app.state.limits._buckets.clear()
            require_ours(caller.get(f"/v1/{kind}/{quote(id, safe='')}"))


class TestWrites:
    @FUZZ
    @given(data=st.data())
    def test_with_any_body(self, callers: list[Caller], books: dict[str, Book], data: st.DataObject):
        path, example = data.draw(st.sampled_from(WRITES))
        changes = data.draw(st.dictionaries(st.sampled_from(sorted(example)), JSON, max_size=2))
        body = data.draw(st.one_of(st.just({**example, **changes}), JSON))
        for caller in callers:
            caller.app.state.limits._buckets.clear()
            headers = {
                "Idempotency-Key": data.draw(st.uuids().map(str) | TEXT.map(quote)),
                "Content-Type": "application/json",
            }
            require_ours(caller.post(path, content=json.dumps(body).encode(), headers=headers))

    @FUZZ
    @given(
        resolution=st.fixed_dictionaries(
            {"kind": st.sampled_from(["retry", "edit", "add_mapping", "done_by_hand", "dismiss", "x"])},
            optional={
                "reason": TEXT,
                "root_cause": st.just("other") | TEXT,
                "edits": st.lists(
                    st.fixed_dictionaries(
                        {
                            "object_kind": st.just("contract") | TEXT,
                            "object_id": st.just("con_uk01") | TEXT,
                            "field": st.sampled_from(["po_number", "cap", "id", "x"]) | TEXT,
                        },
                        optional={"before": JSON, "after": JSON},
                    ),
                    max_size=2,
                ),
                "table": TEXT,
                "key": TEXT,
                "value": TEXT,
                "external_id": JSON,
            },
        )
    )
    def test_with_any_resolution(self, office: Office, books: dict[str, Book], resolution: dict):
        orla = office("orla.fennick")
        orla.app.state.limits._buckets.clear()
        path = f"/v1/cases/{books['uk01'].case}/resolution"
        headers = {"Idempotency-Key": "fuzz-0001", "Content-Type": "application/json"}
        require_ours(orla.post(path, content=json.dumps({"resolution": resolution}).encode(), headers=headers))


class TestHooks:
    @FUZZ
    @given(body=st.binary(max_size=200) | TEXT.map(lambda t: f"<a>{t}</a>".encode()))
    def test_with_any_body(self, api: Caller, body: bytes):
        api.app.state.rings._buckets.clear()
        require_ours(api.post(f"/hooks/{CRM}", content=body))
