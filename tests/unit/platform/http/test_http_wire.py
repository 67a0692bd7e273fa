from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.kernel import Bug, ContractDrift, Unavailable
from accordant.platform.http import Response, encode_json, retry_after_s

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def answer(content: bytes, **headers: str) -> Response:
    return Response(200, headers, content)


class TestResponse:
    def test_decodes_fractions_exactly_and_keeps_integers(self):
        body = answer(b'{"rate": 0.1, "amount": 12.10, "hours": 1e2, "count": 3}').json()

        assert body == {"rate": Decimal("0.1"), "amount": Decimal("12.10"), "hours": Decimal(100), "count": 3}
        assert str(body["amount"]) == "12.10"
        assert isinstance(body["count"], int)

    @pytest.mark.parametrize("content", [b"", b"not json", b'{"a": ', b'{"a": NaN}', b"\xff\xfe\xfa", b"[" * 100_000])
    def test_what_is_not_json_is_drift(self, content):
        with pytest.raises(ContractDrift) as caught:
            answer(content).json()

        assert caught.value.code == "call.not_json"

    @pytest.mark.parametrize("content", [b"<!DOCTYPE html><p>", b"  <html>"])
    def test_a_web_page_is_unavailable_even_when_it_claims_to_be_json(self, content):
        with pytest.raises(Unavailable) as caught:
            answer(content, **{"content-type": "application/json"}).json()

        assert caught.value.code == "call.html_answer"

    def test_the_error_says_where_and_shows_no_body(self):
        with pytest.raises(ContractDrift) as caught:
            Response(200, {}, b"secret", system="vendor-main", operation="list_projects").json()

        assert (caught.value.system, caught.value.operation) == ("vendor-main", "list_projects")
        assert "secret" not in str(caught.value.as_dict())


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("7", 7.0),
            ("0", 0.0),
            ("1.5", 1.5),
            ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
            ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
            ("soon", 1.0),
            ("5 minutes", 1.0),
            ("", 1.0),
        ],
    )
    def test_reads_seconds_and_dates_and_falls_back_to_one(self, header, seconds):
        assert retry_after_s(Response(429, {"retry-after": header}, b""), NOW) == seconds


class TestEncodeJson:
    def test_writes_decimals_as_numbers_with_their_digits(self):
        assert encode_json({"amount": Decimal("12.10"), "big": Decimal("1E+3"), "lines": [Decimal("0.005"), 3]}) == (
            b'{"amount":12.10,"big":1000,"lines":[0.005,3]}'
        )

    def test_writes_texts_as_utf_8(self):
        assert encode_json({"name": 'Ünal "O\'Brien" \u2028 😀'}).decode() == '{"name":"Ünal \\"O\'Brien\\" \u2028 😀"}'

    @pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), object(), NOW])
    def test_refuses_what_json_has_no_form_for(self, value):
        with pytest.raises(Bug):
            encode_json({"value": [value]})

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_what_is_sent_is_read_back_as_the_same(self, value):
        assert answer(encode_json({"value": value})).json() == {"value": value}
