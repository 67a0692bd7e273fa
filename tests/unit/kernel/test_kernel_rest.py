from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from accordant import kernel
from accordant.kernel import ExternalId, FixedClock, Period, canonical_json, content_hash, errors, new_id


class TestIds:
    def test_a_new_id_is_prefixed_and_sorts_by_time(self):
        ids = [new_id("cus") for _ in range(3)]
        assert all(id.startswith("cus_") and len(id) == 30 for id in ids)
        assert len(set(ids)) == 3

    def test_an_external_id_is_read_back_from_its_text(self):
        ref = ExternalId(system="netsuite-us", type="job", value="a/b|c")
        assert ExternalId.parse(str(ref)) == ref

    def test_a_bare_id_is_no_external_id(self):
        with pytest.raises(ValueError):
            ExternalId.parse("647")


class TestPeriods:
    def test_both_ends_belong_to_a_period(self):
        month = Period.month_of(date(2024, 2, 10))
        assert (month.start_on, month.end_on) == (date(2024, 2, 1), date(2024, 2, 29))
        assert date(2024, 2, 29) in month
        assert date(2024, 3, 1) not in month

    def test_a_period_does_not_end_before_it_starts(self):
        with pytest.raises(ValidationError, match="cannot end"):
            Period(start_on=date(2026, 2, 1), end_on=date(2026, 1, 1))


class TestClock:
    def test_a_naive_instant_is_refused(self):
        with pytest.raises(ValueError, match="aware"):
            FixedClock(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point

    def test_a_test_moves_its_clock(self):
        clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        clock.advance(timedelta(hours=1))
        assert clock.now().hour == 1


class TestCanonicalJson:
    def test_the_same_facts_give_the_same_text(self):
        assert canonical_json({"b": Decimal("1.50"), "a": date(2026, 1, 2)}) == '{"a":"2026-01-02","b":"1.5"}'
        assert content_hash({"x": {3, 1, 2}}) == content_hash({"x": {2, 1, 3}})

    def test_what_has_no_canonical_form_is_refused(self):
        with pytest.raises(TypeError, match="no canonical JSON form"):
            canonical_json({"x": object()})


class TestErrors:
    def test_an_error_carries_message_code_and_remedy(self):
        error = errors.Rejected(
            "The period is closed.", code="erp.invoice.period_closed", remedy="Open it.", system="erp"
        )
        assert str(error) == "The period is closed. [erp.invoice.period_closed at erp]"
        assert error.as_dict()["class"] == "Rejected"
        assert error.as_dict()["remedy"] == "Open it."

    def test_the_drawn_tree_is_the_real_one(self):
        drawn = [line.split("──")[-1].split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line]
        real = [n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.AccordantError)]
        assert sorted(drawn) == sorted(set(real) - {"AccordantError"})


def test_the_public_surface_is_a_sorted_list_of_real_names():
    assert kernel.__all__ == sorted(kernel.__all__)
    assert all(hasattr(kernel, name) for name in kernel.__all__)
