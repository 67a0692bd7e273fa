"""Reading: a vendor's record becomes a validated object, or an error that names the vendor's field."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accordant.canonical import ApprovalState, Contract, Invoice, TimeEntry
from accordant.kernel import ContractDrift, ExternalId, Money
from accordant.platform.mapping import Mapping, Transform
from accordant.platform.yaml import read_yaml

TIME = """
canonical: TimeEntry
vendor: time_entries
id: id
changed_at: updated_at
fields:
  project_id: {from: workspace_id, as: ref, type: workspaces}
  worker_id: {from: user_id, as: ref, type: users}
  worked_on: {from: date_performed, as: date}
  hours: {from: time_in_minutes, as: minutes}
  approval: {from: approved, as: {choice: {true: approved, false: pending}}}
  is_billable: billable
  rate: {from: [rate_in_cents, currency], as: money_minor}
  task: {from: story.id, as: text}
  note: notes
ignore: [links]
extensions: [custom_a]
"""

INVOICE = """
canonical: Invoice
vendor: invoice
id: id
fields:
  customer_id: {from: entity.id, as: ref, type: customer}
  contract_id: {from: contract, as: ref, type: salesOrder}
  contract_version: version
  project_id: {from: job.id, as: ref, type: job}
  entity: {from: subsidiary, as: {choice: {1: uk01, 2: us01}}}
  currency: currency
  invoice_on: {from: tranDate, as: date}
  lines:
    each: item.items
    fields:
      id: {from: line, as: text}
      sources: {each: sources}
      source_refs: {each: time, as: ref, type: timeBill}
      description: description
      quantity: {from: quantity, as: decimal}
      unit_price: {from: [rate, ^currency], as: money}
      amount: {from: [amount, ^currency], as: money}
constant: {state: posted}
ignore: ["*.refName"]
"""


def a_mapping(text=TIME, model=TimeEntry, **changes):
    return Mapping({**read_yaml(text, name="test"), **changes}, model=model)


def a_record(**changes):
    return {
        "id": "9",
        "workspace_id": "100",
        "user_id": 7,
        "date_performed": "2026-01-02",
        "time_in_minutes": 90,
        "approved": True,
        "billable": False,
        "rate_in_cents": 15050,
        "currency": "GBP",
        "story": {"id": 55},
        "notes": "Workshop",
        "updated_at": "2026-01-03T10:00:00+01:00",
        **changes,
    }


def an_invoice_record():
    line = '{"line": 1, "sources": ["lin_1"], "time": [31, 32], "description": "Advice", "quantity": 2.50'
    return json.loads(
        '{"id": 5, "entity": {"id": "12", "refName": "X"}, "contract": "c", "version": 2, "job": {"id": "3"},'
        ' "subsidiary": 1, "currency": "KWD", "tranDate": "2026-01-31",'
        f' "item": {{"items": [{line}, "rate": 10.125, "amount": 25.313}}]}}}}',
        parse_float=Decimal,
    )


class TestReadRecord:
    def test_gives_the_canonical_object_with_external_ids_as_references(self):
        result = a_mapping().read(a_record(), system="kantata-main")

        assert result.body == TimeEntry(
            id="kantata-main/time_entries/9",
            project_id="kantata-main/workspaces/100",
            worker_id="kantata-main/users/7",
            worked_on=date(2026, 1, 2),
            hours=Decimal("1.5"),
            approval=ApprovalState.APPROVED,
            is_billable=False,
            rate=Money.of("150.50", "GBP"),
            task="55",
            note="Workshop",
            changed_at=datetime(2026, 1, 3, 9, tzinfo=UTC),
        )

    def test_gives_reference_and_change_instant_of_the_record(self):
        result = a_mapping().read(a_record(id=9), system="kantata-main")

        assert result.ref == ExternalId(system="kantata-main", type="time_entries", value="9")
        assert result.changed_at == datetime(2026, 1, 3, 9, tzinfo=UTC)

    def test_keeps_the_systems_of_two_instances_apart(self):
        mapping = a_mapping()

        systems = [mapping.read(a_record(), system=system).body.project_id for system in ("one", "two", "one")]

        assert systems == ["one/workspaces/100", "two/workspaces/100", "one/workspaces/100"]

    def test_has_no_change_instant_where_none_is_declared(self):
        result = a_mapping(INVOICE, Invoice).read(an_invoice_record(), system="ns")

        assert result.changed_at is None

    def test_maps_lists_of_objects_and_of_values_and_looks_above_the_line(self):
        invoice = a_mapping(INVOICE, Invoice).read(an_invoice_record(), system="ns").body

        (line,) = invoice.lines
        assert line.amount == Money.of("25.313", "KWD")
        assert line.unit_price.amount == Decimal("10.125")
        assert line.quantity == Decimal("2.50")
        assert line.sources == ("lin_1",)
        assert line.source_refs == ("ns/timeBill/31", "ns/timeBill/32")

    def test_fills_constants(self):
        invoice = a_mapping(INVOICE, Invoice).read(an_invoice_record(), system="ns").body

        assert invoice.state == "posted"

    def test_takes_an_absent_list_as_empty(self):
        record = an_invoice_record()
        del record["item"]

        assert a_mapping(INVOICE, Invoice).read(record, system="ns").body.lines == ()

    def test_reads_none_of_an_optional_field_that_is_absent_null_or_below_nothing(self):
        record = a_record(notes=None, story=None)
        del record["rate_in_cents"]

        body = a_mapping().read(record, system="k").body

        assert (body.note, body.task, body.rate) == (None, None, None)

    def test_uses_a_declared_default_for_an_absent_value(self):
        mapping = a_mapping().overlay({"fields": {"is_billable": {"from": "billable", "default": True}}})

        assert mapping.read(a_record(billable=None), system="k").body.is_billable is True
        assert mapping.read(a_record(billable=False), system="k").body.is_billable is False

    def test_evaluates_jmespath_where_keys_do_not_suffice(self):
        mapping = a_mapping().overlay({"fields": {"task": {"path": "tags[?kind=='task'].code | [0]"}}})

        result = mapping.read(a_record(tags=[{"kind": "x", "code": "1"}, {"kind": "task", "code": "T2"}]), system="k")

        assert result.body.task == "T2"
        assert result.unknown == {"story"}

    def test_reads_keys_that_hold_a_dot(self):
        mapping = a_mapping().overlay({"fields": {"note": {"from": '"odata.note"'}}})

        assert mapping.read(a_record(**{"odata.note": "hi"}), system="k").body.note == "hi"

    def test_uses_a_transform_of_the_caller(self):
        document = read_yaml(TIME, name="test")
        document["fields"]["note"] = {"from": "notes", "as": "shout"}
        mapping = Mapping(document, model=TimeEntry, transforms={"shout": Transform(str.upper, str.lower)})

        body = mapping.read(a_record(), system="k").body

        assert body.note == "WORKSHOP"
        assert mapping.write(body, only={"note"}) == {"notes": "workshop"}

    def test_hands_several_paths_to_one_transform(self):
        document = read_yaml(TIME, name="test")
        document["fields"]["note"] = {"from": ["notes", "story.id", "currency"], "as": "join"}
        join = Transform(lambda *parts: "/".join(map(str, parts)), lambda text: tuple(text.split("/")))
        mapping = Mapping(document, model=TimeEntry, transforms={"join": join})

        assert mapping.read(a_record(), system="k").body.note == "Workshop/55/GBP"
        assert mapping.read(a_record(notes=None), system="k").body.note is None

    def test_carries_extensions_as_plain_json_without_floats(self):
        """R-CAN-15."""
        record = a_record(custom_a={"deep": [Decimal("1.50"), 2, "x"]})

        assert a_mapping().read(record, system="k").body.extensions == {"custom_a": {"deep": ["1.50", 2, "x"]}}


class TestRecordThatDoesNotFit:
    @pytest.mark.parametrize(
        ("change", "field", "problem"),
        [
            ({"user_id": None}, "user_id", "is missing"),
            ({"billable": None}, "billable", "is missing"),
            ({"id": None}, "id", "cannot be read: is missing"),
            ({"id": ""}, "id", "cannot be read"),
            ({"date_performed": ""}, "date_performed", "is missing"),
            ({"date_performed": "2026-13-01"}, "date_performed", "cannot be read"),
            ({"date_performed": 20260101}, "date_performed", "cannot be read"),
            ({"time_in_minutes": 90.5}, "time_in_minutes", "parse_float=Decimal"),
            ({"time_in_minutes": "ninety"}, "time_in_minutes", "cannot be read"),
            ({"approved": "maybe"}, "approved", "'maybe' is not one of True, False"),
            ({"approved": []}, "approved", "cannot be read"),
            ({"billable": "perhaps"}, "billable", "boolean"),
            ({"currency": "pounds"}, "rate_in_cents", "pattern"),
            ({"currency": None}, "rate_in_cents", "valid string"),
            ({"workspace_id": {"id": 1}}, "workspace_id", "an id is text or a whole number"),
            ({"story": "55"}, "story.id", "cannot be read"),
            ({"updated_at": "2026-01-03T10:00:00"}, "updated_at", "declare its zone"),
        ],
    )
    def test_is_drift_that_names_the_vendors_field(self, change, field, problem):
        """R-MAP-09, R-FMC-32."""
        with pytest.raises(ContractDrift) as caught:
            a_mapping().read(a_record(**change), system="kantata-main")

        error = caught.value
        assert list(error.detail["fields"]) == [field]
        assert problem.removeprefix("cannot be read: is ") in error.detail["fields"][field]
        assert error.message.startswith(f"time_entries {change['id'] or '?' if 'id' in change else 9}: `{field}`")
        assert error.system == "kantata-main"

    def test_names_every_wrong_field_at_once(self):
        with pytest.raises(ContractDrift) as caught:
            a_mapping().read(a_record(user_id=None, approved="x"), system="k")

        assert set(caught.value.detail["fields"]) == {"user_id", "approved"}

    def test_names_the_field_of_a_list_element(self):
        record = an_invoice_record()
        record["item"]["items"][0]["description"] = 5

        with pytest.raises(ContractDrift) as caught:
            a_mapping(INVOICE, Invoice).read(record, system="ns")

        assert list(caught.value.detail["fields"]) == ["item.items.description"]

    def test_is_drift_when_a_transform_fails_inside_a_list(self):
        record = an_invoice_record()
        record["item"]["items"][0]["quantity"] = 2.5

        with pytest.raises(ContractDrift, match=r"`item\.items\.quantity` cannot be read: .*float"):
            a_mapping(INVOICE, Invoice).read(record, system="ns")

    @pytest.mark.parametrize(("items", "field"), [(5, "item.items"), ([5], "item.items.line")])
    def test_is_drift_when_a_list_is_none(self, items, field):
        with pytest.raises(ContractDrift) as caught:
            a_mapping(INVOICE, Invoice).read({**an_invoice_record(), "item": {"items": items}}, system="ns")

        assert next(iter(caught.value.detail["fields"])) == field

    @pytest.mark.parametrize("record", ["text", None, [1]])
    def test_is_drift_when_it_is_no_object(self, record):
        with pytest.raises(ContractDrift, match="a record is an object"):
            a_mapping().read(record, system="k")

    def test_tells_no_value_of_a_personal_field(self):
        with pytest.raises(ContractDrift) as caught:
            a_mapping().read(a_record(notes=["secret words"]), system="k")

        assert "secret words" not in str(caught.value.as_dict())

    def test_of_a_rule_between_fields_names_the_record(self):
        from pydantic import model_validator

        class Capped(Contract):
            @model_validator(mode="after")
            def _ordered(self):
                raise ValueError("the end lies before the start")

        document = {
            "canonical": "Capped",
            "vendor": "deal",
            "id": "key.id",
            "fields": {
                "customer_id": {"from": "c", "as": "ref", "type": "org"},
                "name": "name",
                "currency": "currency",
            },
        }
        record = {"key": {"id": 1}, "c": 2, "name": "n", "currency": "GBP"}

        with pytest.raises(ContractDrift, match="deal 1: Value error, the end lies before the start"):
            Mapping(document, model=Capped).read(record, system="k")


class TestUnknownFields:
    def test_are_none_for_a_record_as_declared(self):
        assert a_mapping().read(a_record(links=[], custom_a=1), system="k").unknown == frozenset()

    def test_are_listed_and_do_not_stop_the_record(self):
        """R-FMC-33."""
        result = a_mapping().read(a_record(new_field=1, story={"id": 5, "kind": "x"}), system="k")

        assert result.unknown == {"new_field", "story.kind"}
        assert result.body.task == "5"

    def test_are_found_in_list_elements_and_ignored_at_every_depth(self):
        record = an_invoice_record()
        record["item"]["items"][0] |= {"refName": "known", "discount": 1}
        record["item"]["count"] = 1

        unknown = a_mapping(INVOICE, Invoice).read(record, system="ns").unknown

        assert unknown == {"item.items.discount", "item.count"}

    def test_below_a_wholly_mapped_object_are_not_looked_for(self):
        mapping = a_mapping().overlay({"ignore": ["story"]})

        assert mapping.read(a_record(story={"id": 5, "kind": "x"}), system="k").unknown == frozenset()

    def test_below_an_object_that_is_also_mapped_as_a_whole_are_not_looked_for(self):
        document = read_yaml(TIME, name="test")
        document["fields"] = {"role": {"path": "story.kind"}, **document["fields"]}

        result = Mapping(document, model=TimeEntry).read(a_record(story={"id": 5, "kind": "x", "new": 1}), system="k")

        assert (result.body.role, result.body.task, result.unknown) == ("x", "5", frozenset())

    def test_below_a_list_that_is_also_queried_are_not_looked_for(self):
        document = read_yaml(INVOICE, name="test")
        document["fields"] = {"po_number": {"path": "item.items[0].po"}, **document["fields"]}
        record = an_invoice_record()
        record["item"]["items"][0]["po"] = "4711"

        result = Mapping(document, model=Invoice).read(record, system="ns")

        assert (result.body.po_number, result.unknown) == ("4711", frozenset())

    def test_below_a_list_that_is_ignored_as_a_whole_are_not_looked_for(self):
        record = an_invoice_record()
        record["item"]["items"][0]["discount"] = 1

        mapping = a_mapping(INVOICE, Invoice).overlay({"ignore": ["item"]})

        assert mapping.read(record, system="ns").unknown == frozenset()
