"""Values on Tryton's wire, our keys and notes, its refusals, and amounts to the cent; no server is needed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.canonical import InvoiceLine
from accordant.connectors.tryton.errors import classify
from accordant.connectors.tryton.keys import note_pattern, read_notes, uuid_of, write_notes
from accordant.connectors.tryton.payloads import decode, encode
from accordant.connectors.tryton.posting import _priced
from accordant.kernel import (
    AccordantError,
    ContractDrift,
    KeyConflict,
    Money,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
)
from accordant.platform.http import Response, encode_json

NAMES = st.text("abcdefgh", min_size=1)
VALUES = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).map(
    lambda text: " ".join(text.split()) or "x"
)


def sent(value: Any) -> Any:
    """What arrives when a value went over the wire and back."""
    return decode(json.loads(encode_json(encode(value)), parse_float=Decimal))


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            Decimal("1125.00"),
            Decimal("0.000001"),
            date(2026, 2, 28),
            datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC),
            timedelta(hours=7, minutes=30),
            timedelta(microseconds=1),
            timedelta(days=-1, microseconds=1),
            'O\'Brien = "x" \\ 😀',
            None,
            [["create", [{"a": [1, True, None]}]]],
        ],
        ids=str,
    )
    def test_come_back_as_they_were(self, value: Any) -> None:
        assert sent(value) == value

    def test_an_instant_travels_in_utc(self) -> None:
        there = datetime(2026, 7, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))

        assert encode(there) | {"hour": 23, "day": 30, "month": 6} == encode(there)

    def test_fields_of_related_records_lie_flat(self) -> None:
        row = {"move": 3, "move.": {"id": 3, "journal.": {"type": "cash"}}}

        assert decode(row) == {"move": 3, "move.id": 3, "move.journal.type": "cash"}


class TestKeys:
    def test_the_same_key_is_the_same_uuid_and_another_is_not(self) -> None:
        assert uuid_of("tim_1#1") == uuid_of("tim_1#1") != uuid_of("tim_1#2")

    @given(st.dictionaries(NAMES, VALUES), st.text())
    def test_notes_are_read_as_they_were_written_whatever_people_wrote_below(
        self, notes: dict[str, str], theirs: str
    ) -> None:
        theirs = theirs.replace("accordant ", "")

        assert read_notes(write_notes(theirs, notes)) == notes

    @given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, VALUES))
    def test_written_again_they_replace_ours_and_keep_the_rest(
        self, first: dict[str, str], second: dict[str, str]
    ) -> None:
        text = write_notes(write_notes("call Ada\nfirst", first), second)

        assert read_notes(text) == second
        assert text.endswith("call Ada\nfirst")

    def test_a_value_cannot_smuggle_in_another_note(self) -> None:
        assert read_notes(write_notes(None, {"po": "7\naccordant tax: NONE"})) == {"po": "7 accordant tax: NONE"}

    def test_a_pattern_finds_the_note(self) -> None:
        assert note_pattern("key", "prj_1#1") == "%accordant key: prj_1#1%"


class TestRefusals:
    @pytest.mark.parametrize(
        ("sentence", "kind", "code"),
        [
            ('To continue, you must reopen the period "2026-01" of company "M"', Rejected, "erp.invoice.period_closed"),
            ('To continue, you must create a period for the date "x"', Rejected, "erp.invoice.period_missing"),
            ('To number the invoice "1", you must set an invoice date after', Rejected, "erp.invoice.number_order"),
            ('You cannot modify invoice "1" because it is posted', Rejected, "erp.document.posted"),
            ("The UUID of timesheet line must be unique.", KeyConflict, "erp.key.taken"),
            ('The value "-1" for field "Duration" in record is not valid', Rejected, "erp.time.negative"),
            ('You are trying to read records "9" of "Party" that don\'t exist.', NotFound, "erp.record.absent"),
            ('The value "9" for field "Party" in "Invoice" does not exist.', Rejected, "erp.reference.unknown"),
            ('You are not allowed to access "Invoice".', Rejected, "erp.permission"),
            ("Something new in the next series", Rejected, "erp.refused"),
        ],
    )
    def test_are_told_apart_by_tryton_s_sentence(self, sentence: str, kind: type[AccordantError], code: str) -> None:
        error = classify(answer({"error": ["UserError", [sentence, "", None]]}))

        assert (type(error), error and error.code) == (kind, code)

    def test_a_question_is_told_by_its_name(self) -> None:
        error = classify(answer({"error": ["UserWarning", ["a1b2.invoice_payment_term", "The date …", ""]]}))

        assert error is not None
        assert (error.code, error.detail["warning"]) == ("erp.question", "a1b2.invoice_payment_term")

    def test_two_customers_numbered_at_once_mean_that_nothing_was_done(self) -> None:
        sentence = "The code on party must be unique."

        assert isinstance(classify(answer({"error": ["UserError", [sentence, "", None]]})), Unavailable)

    def test_name_the_field_and_no_value(self) -> None:
        error = classify(answer({"error": ["UserError", ['The value "Ada" for field "Party" does not exist.', ""]]}))

        assert error is not None
        assert error.detail == {"vendor_code": "UserError", "field": "Party"}
        assert "Ada" not in str(error.as_dict())

    def test_a_failure_of_the_server_itself_is_no_refusal(self) -> None:
        assert isinstance(classify(answer({"error": ["'NoneType' …", "Traceback …"]})), ContractDrift)

    def test_a_busy_database_and_a_concurrent_change_mean_that_nothing_was_done(self) -> None:
        for error in (["database is locked", "Traceback …"], ["ConcurrencyException", "changed"]):
            assert isinstance(classify(answer({"error": error})), Unavailable)

    def test_too_many_attempts_are_a_wait(self) -> None:
        assert isinstance(classify(answer({}, status=429)), RateLimited)

    def test_a_result_is_no_error(self) -> None:
        assert classify(answer({"result": ["UserError"]})) is None


class TestPrices:
    @given(
        st.decimals(-200, 200, places=6),
        st.decimals(-500, 500, places=5),
        st.sampled_from(["GBP", "JPY", "KWD"]),
        st.integers(-2, 2),
    )
    def test_tryton_comes_to_our_amount_whatever_the_numbers(
        self, quantity: Decimal, price: Decimal, currency: str, off_by: int
    ) -> None:
        unit = Money.from_minor(1, currency)
        amount = Money(amount=quantity * price, currency=currency).rounded() + unit * off_by
        line = InvoiceLine(
            id="l",
            sources=("l",),
            description="Work",
            quantity=quantity,
            unit_price=Money.of(price, currency),
            amount=amount,
        )

        sent_quantity, sent_price, words = _priced(line)

        assert (sent_quantity * sent_price).quantize(unit.amount, ROUND_HALF_EVEN) == amount.amount
        assert words.startswith("Work")

    def test_zeros_at_the_end_are_not_sent(self) -> None:
        line = InvoiceLine(
            id="l",
            sources=("l",),
            description="Fee",
            quantity=Decimal("1.000000000"),
            unit_price=Money.of("15000.000000", "GBP"),
            amount=Money.of("15000.000000", "GBP"),
        )

        quantity, price, _ = _priced(line)

        assert (f"{quantity:f}", f"{price:f}") == ("1", "15000")

    def test_the_words_tell_the_quantity_where_the_line_cannot(self) -> None:
        line = InvoiceLine(
            id="l",
            sources=("l",),
            description="Work",
            quantity=Decimal("0.5"),
            unit_price=Money.of("0.05", "GBP"),
            amount=Money.of("0.03", "GBP"),
        )

        assert _priced(line) == (Decimal(1), Decimal("0.03"), "Work (0.5 × 0.05)")


def answer(body: Any, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())
