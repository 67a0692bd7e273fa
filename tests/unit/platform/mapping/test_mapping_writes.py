"""Writing: our object becomes the vendor's nested payload, and what was written reads back the same."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant.canonical import ApprovalState, Invoice, InvoiceLine, TimeEntry
from accordant.kernel import InvalidInput, Money
from accordant.platform.mapping import Mapping
from accordant.platform.yaml import read_yaml

DECLARATION = """
canonical: TimeEntry
vendor: time_entries
id: id
changed_at: updated_at
fields:
  project_id: {from: workspace_id, as: ref, type: workspaces}
  worker_id: {from: user.id, as: ref, type: users, number: true}
  worked_on: {from: date_performed, as: date}
  hours: {from: time_in_minutes, as: minutes}
  approval: {from: status, as: {choice: {A: approved, AA: approved, P: pending, R: rejected}}}
  is_billable: {from: user.billable, as: {bool: {true: T, false: F}}}
  rate: {from: [rate_in_cents, currency], as: money_minor}
  task: {path: "story.id"}
  role: {from: role, as: text}
  note: notes
read_only: [role]
extensions: [custom_a]
"""
MAPPING = Mapping(read_yaml(DECLARATION, name="test"), model=TimeEntry)

INVOICE = Mapping(
    read_yaml(
        """
canonical: Invoice
vendor: invoice
id: id
fields:
  customer_id: {from: entity.id, as: ref, type: customer}
  contract_id: {from: contract, as: ref, type: order}
  contract_version: version
  project_id: {from: job.id, as: ref, type: job}
  entity: entity_code
  currency: currency.code
  invoice_on: {from: tranDate, as: {date: "%d.%m.%Y"}}
  lines:
    each: item.items
    fields:
      id: line
      sources: {each: sources}
      source_refs: {each: time, as: ref, type: time}
      description: description
      quantity: {from: quantity, as: {decimal: text}}
      unit_price: {from: [rate, ^currency.code], as: money}
      amount: {from: [amount, ^currency.code], as: money}
      tax_code: tax.code
""",
        name="test",
    ),
    model=Invoice,
)


def an_entry(**changes):
    facts = {
        "id": "k/time_entries/9",
        "project_id": "k/workspaces/100",
        "worker_id": "k/users/7",
        "worked_on": date(2026, 1, 2),
        "hours": Decimal("1.5"),
        "approval": ApprovalState.APPROVED,
    }
    return TimeEntry(**{**facts, **changes})


def an_invoice(lines=()):
    return Invoice(
        id="k/invoice/5",
        customer_id="k/customer/1",
        contract_id="k/order/2",
        contract_version=1,
        project_id="k/job/3",
        entity="uk01",
        currency="GBP",
        invoice_on=date(2026, 1, 31),
        lines=lines,
    )


def a_line(**changes):
    facts = {
        "id": "1",
        "sources": ("lin_1",),
        "description": "Advice",
        "quantity": Decimal("2.50"),
        "unit_price": Money.of("10", "GBP"),
        "amount": Money.of("25", "GBP"),
    }
    return InvoiceLine(**{**facts, **changes})


class TestWrite:
    def test_builds_the_nested_payload_without_id_read_only_and_empty_fields(self):
        payload = MAPPING.write(an_entry(role="CONS", task="5", rate=Money.of("150.50", "GBP")))

        assert payload == {
            "workspace_id": "100",
            "user": {"id": 7, "billable": "T"},
            "date_performed": "2026-01-02",
            "time_in_minutes": 90,
            "status": "A",
            "rate_in_cents": 15050,
            "currency": "GBP",
        }

    def test_asks_the_resolver_for_references_of_ours(self):
        known = {("prj_1", "workspaces"): "100", ("wrk_1", "users"): "7"}

        payload = MAPPING.write(
            an_entry(project_id="prj_1", worker_id="wrk_1"), resolve=lambda reference, type_: known[reference, type_]
        )

        assert (payload["workspace_id"], payload["user"]["id"]) == ("100", 7)

    def test_leaves_the_resolvers_own_error_as_it_is(self):
        def resolve(reference, type_):
            raise LookupError(reference)

        with pytest.raises(LookupError, match="k/workspaces/100"):
            MAPPING.write(an_entry(), resolve=resolve)

    @pytest.mark.parametrize("reference", ["k/users/100", "prj_1"])
    def test_refuses_a_reference_of_another_type_or_unresolved(self, reference):
        with pytest.raises(InvalidInput, match="`project_id` cannot be written"):
            MAPPING.write(an_entry(project_id=reference))

    def test_writes_only_what_is_asked_for_and_clears_what_is_none(self):
        assert MAPPING.write(an_entry(), only={"hours", "note"}) == {"time_in_minutes": 90, "notes": None}

    def test_clears_the_amount_and_leaves_the_currency_that_other_fields_share(self):
        assert MAPPING.write(an_entry(), only={"rate"}) == {"rate_in_cents": None}

    @pytest.mark.parametrize("name", ["role", "task", "hors"])
    def test_refuses_to_write_what_is_read_only_queried_or_unknown(self, name):
        with pytest.raises(InvalidInput, match=f"does not write {name}"):
            MAPPING.write(an_entry(), only={name})

    def test_writes_declared_extensions_only(self):
        entry = an_entry(extensions={"custom_a": "x", "other": "y"})

        assert MAPPING.write(entry, only={"extensions"}) == {"custom_a": "x"}
        assert MAPPING.write(entry)["custom_a"] == "x"
        assert "other" not in MAPPING.write(entry)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"hours": Decimal("0.123")}, "`hours` cannot be written: .* whole number of minutes"),
            ({"rate": Money.of("0.125", "GBP")}, "`rate` cannot be written: .* finer than the minor unit"),
        ],
    )
    def test_refuses_what_the_vendors_field_cannot_hold(self, change, message):
        with pytest.raises(InvalidInput, match=message):
            MAPPING.write(an_entry(**change))

    def test_refuses_a_word_the_vendor_does_not_have(self):
        mapping = MAPPING.overlay({"fields": {"approval": {"from": "status", "as": {"choice": {"A": "approved"}}}}})

        with pytest.raises(InvalidInput, match="has no word in the vendor's system"):
            mapping.write(an_entry(approval=ApprovalState.REJECTED))

    def test_writes_lists_of_objects_and_nothing_above_them(self):
        payload = INVOICE.write(an_invoice([a_line(source_refs=("k/time/31",), tax_code="GB-STD-20")]), only={"lines"})

        assert payload == {
            "item": {
                "items": [
                    {
                        "line": "1",
                        "sources": ["lin_1"],
                        "time": ["31"],
                        "description": "Advice",
                        "quantity": "2.50",
                        "rate": Decimal(10),
                        "amount": Decimal(25),
                        "tax": {"code": "GB-STD-20"},
                    }
                ]
            }
        }


minutes = st.integers(-10_000, 10_000)
amounts = st.decimals(-(10**9), 10**9, places=2)
words = st.text(min_size=1, max_size=20)
keys = st.text("abcdefghijklmnopqrstuvwxyz0123456789-/", min_size=1, max_size=10)
entries = st.builds(
    lambda project, worker, day, length, approval, billable, rate, note: an_entry(
        project_id=f"k/workspaces/{project}",
        worker_id=f"k/users/{worker}",
        worked_on=day,
        hours=(Decimal(length) / 60).quantize(Decimal("0.000001")),
        approval=approval,
        is_billable=billable,
        rate=rate,
        note=note,
        changed_at=datetime(2026, 1, 3, tzinfo=UTC),
    ),
    keys,
    st.integers(1, 10**9),
    st.dates(),
    minutes,
    st.sampled_from(ApprovalState),
    st.booleans(),
    st.none() | amounts.map(lambda amount: Money.of(amount, "GBP")),
    st.none() | words,
)
lines = st.builds(
    lambda number, quantity, price, amount, sources: a_line(
        id=number,
        quantity=quantity,
        unit_price=Money.of(price, "GBP"),
        amount=Money.of(amount, "GBP"),
        sources=tuple(sources),
        source_refs=tuple(f"k/time/{source}" for source in sources),
    ),
    words,
    amounts,
    amounts,
    amounts,
    st.lists(keys, max_size=3),
)


class TestRoundTrip:
    @given(entry=entries)
    def test_what_was_written_reads_back_the_same(self, entry):
        """R-MAP-05."""
        payload = MAPPING.write(entry) | {"id": "9", "updated_at": "2026-01-03T00:00:00Z"}

        assert MAPPING.read(payload, system="k").body == entry

    @given(invoice=st.lists(lines, max_size=4).map(lambda some: an_invoice(tuple(some))))
    def test_nested_lines_read_back_the_same(self, invoice):
        payload = INVOICE.write(invoice) | {"id": "5"}

        result = INVOICE.read(payload, system="k")

        assert result.body == invoice
        assert result.unknown == frozenset()
