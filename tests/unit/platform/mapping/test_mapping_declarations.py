"""Declarations: what is checked at load, what a mapping says about itself, overlays."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from accordant.canonical import Contract, Invoice, TimeEntry
from accordant.kernel import InvalidInput
from accordant.platform.mapping import Mapping
from accordant.platform.yaml import read_yaml

TEXT = """
canonical: TimeEntry
vendor: time_entries
id: id
changed_at: {from: touched.at, as: {instant: Europe/London}}
fields:
  project_id: {from: workspace_id, as: ref, type: workspaces}
  worker_id: {from: user_id, as: ref, type: users}
  worked_on: {from: date_performed, as: date}
  hours: {from: time_in_minutes, as: minutes}
  approval: {from: approved, as: {choice: {true: approved, false: pending}}}
  rate: {from: [rate_in_cents, currency], as: money_minor}
  note: {path: "notes[0].text || fallback"}
read_only: [rate]
ignore: [links]
extensions: [custom_a]
constant: {role: CONS}
"""


def a_document(**fields):
    document = read_yaml(TEXT, name="test")
    return {**document, "fields": {**document["fields"], **fields}}


def findings_of(document, model=TimeEntry):
    with pytest.raises(InvalidInput) as caught:
        Mapping(document, model=model)
    assert caught.value.code == "mapping.declaration"
    return caught.value.detail["findings"]


class TestLoad:
    def test_reads_a_file(self, tmp_path):
        file = tmp_path / "time_entry.yaml"
        file.write_text(TEXT, encoding="utf-8")

        assert Mapping.load(file, model=TimeEntry).vendor == "time_entries"

    @pytest.mark.parametrize("text", ["- a list", "", "a: {b"])
    def test_names_the_file_that_holds_no_declaration(self, tmp_path, text):
        file = tmp_path / "time_entry.yaml"
        file.write_text(text, encoding="utf-8")

        with pytest.raises(InvalidInput, match=r"time_entry\.yaml"):
            Mapping.load(file, model=TimeEntry)

    @pytest.mark.parametrize(
        ("fields", "finding"),
        [
            ({"projct_id": "x"}, "`TimeEntry` has no field `projct_id` (did you mean `project_id`?)"),
            (
                {"hours": {"from": "h", "as": "minuts"}},
                "`hours` has an unknown transform `minuts` (did you mean `minutes`?)",
            ),
            ({"hours": {"frm": "h"}}, "`hours` needs exactly one of `from`, `path`, `each`"),
            ({"hours": {"from": "h", "path": "h"}}, "`hours` needs exactly one of `from`, `path`, `each`"),
            ({"hours": None}, "`hours` needs exactly one of `from`, `path`, `each`"),
            ({"hours": {"from": "h", "defalt": 1}}, "`hours` has an unknown key `defalt` (did you mean `default`?)"),
            ({"hours": ["a", "b"]}, "`hours` has several paths and no `as`"),
            ({"hours": "a..b"}, "`hours`: `a..b` is not a path of dotted keys"),
            ({"hours": {"path": "a[?"}}, "`hours`: `a[?` is not JMESPath"),
            ({"hours": {"from": "h", "as": "decimal", "typ": "x"}}, "`hours` cannot use `decimal` so"),
            ({"hours": {"from": "h", "as": {"decimal": "words"}}}, "`hours` cannot use `decimal` so"),
            ({"worked_on": {"from": "d", "as": {"instant": "Mars/North"}}}, "`worked_on` cannot use `instant` so"),
            ({"is_billable": {"from": "b", "as": {"bool": {True: "T"}}}}, "`is_billable` cannot use `bool` so"),
            ({"worker_id": {"from": "user_id", "as": "ref"}}, "`worker_id` cannot use `ref` so"),
            (
                {"approval": {"from": "a", "as": {"choice": {"A": "aproved"}}}},
                "`approval` cannot be `aproved`: Input should be 'pending', 'approved' or 'rejected'",
            ),
            (
                {"approval": {"from": "a", "as": {"choice": {"A": "approved"}}, "otherwise": "new"}},
                "`approval` cannot be `new`: ",
            ),
            ({"is_billable": {"from": "b", "default": "maybe"}}, "`is_billable` cannot be `maybe`: "),
            ({"worker_id": "user_id"}, "`worker_id` is a reference: add `as: ref, type: "),
            ({"worker_id": {"from": "user_id", "as": "text"}}, "`worker_id` is a reference: add `as: ref, type: "),
            ({"note": {"from": "n", "fields": {"a": "b"}}}, "`note` has `fields`, but is no `each` over objects"),
            ({"note": {"each": "n", "fields": {"a": "b"}}}, "`note` has `fields`, but is no `each` over objects"),
        ],
    )
    def test_says_what_is_wrong_with_a_line(self, fields, finding):
        findings = findings_of(a_document(**fields))

        assert findings[0].startswith(finding)

    @pytest.mark.parametrize(
        ("change", "finding"),
        [
            ({"ignored": []}, "unknown key `ignored` (did you mean `ignore`?)"),
            ({"vendor": None}, "`vendor` is missing"),
            ({"canonical": "Expense"}, "declares `Expense`, but is loaded for `TimeEntry`"),
            ({"read_only": ["rat"]}, "`TimeEntry` has no field `rat` (did you mean `rate`?)"),
            ({"constant": {"is_billable": "maybe"}}, "`is_billable` cannot be `maybe`: "),
            ({"constant": {"rol": 1}}, "`TimeEntry` has no field `rol` (did you mean `role`?)"),
            ({"fields": ["hours"]}, "`fields` is not a list of"),
            ({"id": "a..b"}, "`id`: `a..b` is not a path"),
        ],
    )
    def test_says_what_is_wrong_with_the_document(self, change, finding):
        assert findings_of({**a_document(), **change})[0].startswith(finding)

    def test_finds_required_fields_without_line_also_of_list_elements(self):
        document = {
            "canonical": "Contract",
            "vendor": "deal",
            "id": "id",
            "fields": {
                "customer_id": {"from": "c", "as": "ref", "type": "org"},
                "currency": "currency",
                "rate_lines": {"each": "prices", "fields": {"role": "code", "rte": "price"}},
            },
        }

        assert findings_of(document, Contract) == [
            "`RateLine` has no field `rate_lines.rte` (did you mean `rate`?)",
            "required field `rate_lines.rate` is not mapped",
            "required field `name` is not mapped",
        ]

    def test_names_all_findings_at_once(self):
        assert len(findings_of(a_document(hours="a..b", worker_id="user_id"))) == 2

    def test_knows_a_reference_in_an_optional_field(self):
        document = {
            "canonical": "Deal",
            "vendor": "deal",
            "id": "id",
            "fields": {"name": "n", "stage": "s", "customer_id": "c"},
        }
        from accordant.canonical import Deal

        assert findings_of(document, Deal)[0].startswith("`customer_id` is a reference")

    def test_refuses_extensions_for_a_model_that_has_none(self):
        class Small(BaseModel):
            name: str

        document = {"canonical": "Small", "vendor": "s", "id": "id", "fields": {"name": "n"}, "extensions": ["x"]}

        assert findings_of(document, Small) == ["`Small` has no field `extensions`"]

    def test_serves_a_model_without_id_and_change_instant(self):
        class Small(BaseModel):
            name: str

        mapping = Mapping({"canonical": "Small", "vendor": "s", "id": "id", "fields": {"name": "n"}}, model=Small)

        result = mapping.read({"id": 1, "n": "x"}, system="k")
        assert (result.body, str(result.ref)) == (Small(name="x"), "k/s/1")
        assert mapping.lineage == {"name": ("n",)}

    def test_refuses_fields_below_a_list_of_plain_values(self):
        class Tagged(BaseModel):
            tags: tuple[str, ...]

        fields = {"tags": {"each": "t", "fields": {"a": "b"}}}

        findings = findings_of({"canonical": "Tagged", "vendor": "s", "id": "id", "fields": fields}, Tagged)

        assert findings == ["`tags` has `fields`, but is no `each` over objects"]


class TestSelfDescription:
    def test_lists_the_vendor_fields_to_request(self):
        assert Mapping(a_document(), model=TimeEntry).vendor_fields == (
            "id",
            "touched.at",
            "workspace_id",
            "user_id",
            "date_performed",
            "time_in_minutes",
            "approved",
            "rate_in_cents",
            "currency",
            "notes",
            "fallback",
            "custom_a",
        )

    def test_lists_nested_paths_to_request_with_those_above(self):
        assert INVOICE.vendor_fields[-4:] == (
            "item.items.quantity",
            "item.items.rate",
            "item.items.amount",
            "item.items.sources",
        )
        assert INVOICE.vendor_fields.count("currency") == 1

    def test_tells_where_each_field_comes_from(self):
        lineage = Mapping(a_document(), model=TimeEntry).lineage

        assert lineage["id"] == ("id",)
        assert lineage["changed_at"] == ("touched.at",)
        assert lineage["rate"] == ("rate_in_cents", "currency")
        assert lineage["extensions.custom_a"] == ("custom_a",)

    def test_tells_of_no_change_instant_where_none_is_declared(self):
        mapping = Mapping({**a_document(), "changed_at": None}, model=TimeEntry)

        assert "changed_at" not in mapping.lineage
        assert "touched.at" not in mapping.vendor_fields

    def test_tells_where_fields_of_elements_come_from(self):
        assert INVOICE.lineage["lines.amount"] == ("item.items.amount", "currency")

    def test_describes_itself_as_a_table(self):
        rows = Mapping(a_document(), model=TimeEntry).describe().splitlines()

        assert rows[0] == "| TimeEntry | time_entries | as | direction |"
        assert "| `hours` | `time_in_minutes` | minutes | both |" in rows
        assert "| `rate` | `rate_in_cents`, `currency` | money_minor | read |" in rows
        assert "| `note` | `notes[0].text \\|\\| fallback` |  | read |" in rows
        assert "| `extensions.custom_a` | `custom_a` |  | both |" in rows
        assert "| `role` | | always `CONS` | read |" in rows

    def test_describes_fields_of_elements(self):
        assert "| `lines.amount` | `item.items.amount`, `currency` | money | both |" in INVOICE.describe()

    def test_id_follows_the_declaration_only(self):
        first, same, other = (
            Mapping(document, model=TimeEntry)
            for document in (a_document(), a_document(), a_document(note={"from": "note"}))
        )

        assert first.id == same.id != other.id

    def test_reads_the_change_instant_in_its_declared_zone(self):
        record = {
            "id": 1,
            "touched": {"at": "2026-07-01T12:00:00"},
            "workspace_id": 1,
            "user_id": 1,
            "date_performed": "2026-07-01",
            "time_in_minutes": 60,
            "approved": True,
        }

        mapping = Mapping(a_document(), model=TimeEntry)

        assert mapping.read(record, system="k").changed_at == datetime(2026, 7, 1, 11, tzinfo=UTC)


INVOICE = Mapping(
    read_yaml(
        """
canonical: Invoice
vendor: invoice
id: id
fields:
  customer_id: {from: customer, as: ref, type: customer}
  contract_id: {from: contract, as: ref, type: order}
  contract_version: version
  project_id: {from: job, as: ref, type: job}
  entity: entity
  currency: currency
  invoice_on: {from: day, as: date}
  lines:
    each: item.items
    fields:
      id: line
      description: description
      quantity: {from: quantity, as: decimal}
      unit_price: {from: [rate, ^currency], as: money}
      amount: {from: [amount, ^currency], as: money}
      sources: {each: sources}
""",
        name="test",
    ),
    model=Invoice,
)


class TestOverlay:
    def test_adds_changes_and_takes_away_lines(self):
        """R-MAP-05, R-ORC-13."""
        mapping = Mapping(a_document(), model=TimeEntry)

        changed = mapping.overlay(
            {"fields": {"task": "story", "note": "memo", "rate": None}, "extensions": ["custom_b"]}
        )

        assert changed.lineage["task"] == ("story",)
        assert changed.lineage["note"] == ("memo",)
        assert "rate" not in changed.lineage
        assert changed.lineage.keys() >= {"extensions.custom_a", "extensions.custom_b"}
        assert changed.id != mapping.id

    def test_leaves_the_mapping_below_as_it_is(self):
        mapping = Mapping(a_document(), model=TimeEntry)
        before = mapping.lineage

        mapping.overlay({"fields": {"note": "memo"}})

        assert mapping.lineage == before

    def test_is_checked_like_a_declaration(self):
        with pytest.raises(InvalidInput, match=r"with overlay: .*did you mean `note`"):
            Mapping(a_document(), model=TimeEntry).overlay({"fields": {"note_": "memo"}})

    def test_cannot_change_what_the_mapping_is_about(self):
        with pytest.raises(InvalidInput, match="cannot change `vendor`"):
            Mapping(a_document(), model=TimeEntry).overlay({"vendor": "other"})
