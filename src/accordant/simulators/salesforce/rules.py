"""What the org checks before it keeps a record: types, picklists, references, required fields, duplicates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from accordant.simulators._shared import Record
from accordant.simulators.salesforce.errors import Refusal, malformed_id, missing, unknown_column, unreadable
from accordant.simulators.salesforce.ids import long_form
from accordant.simulators.salesforce.metadata import LOST, OBJECTS, WON, Field, SObject, find_object

_NUMBERS = ("double", "currency", "percent")
_LEGAL_FORMS = re.compile(r"\b(ltd|limited|inc|incorporated|llc|llp|plc|gmbh|ag|sa|bv|corp|corporation|company|co)\b")


class Lookup(Protocol):
    """How a rule looks at other records."""

    def find(self, sobject: SObject, id: str) -> Record | None:
        """Return the record that is not deleted, or None."""

    def matches(self, sobject: SObject, field: Field, value: Any) -> list[Record]:
        """Return the records with this value of an external id."""

    def living(self, sobject: SObject) -> Iterator[Record]:
        """Yield the records that are not deleted."""


def clean(lookup: Lookup, sobject: SObject, given: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    """Return the given fields under their proper names, typed and with references resolved, or refuse."""
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "attributes":
            continue
        if isinstance(value, Mapping):
            reference, id = _by_external_id(lookup, sobject, name, value)
            fields[reference] = id
            continue
        field = sobject.field(name)
        if field is None:
            raise unknown_column(sobject.name, name)
        if not field.writable:
            raise _read_only(field, creating=creating)
        fields[field.name] = _typed(lookup, sobject, field, value)
    return fields


def require(sobject: SObject, record: Mapping[str, Any]) -> None:
    """Refuse a record that lacks a required field."""
    absent = [f.name for f in sobject.fields.values() if f.required and record.get(f.name) is None]
    if absent:
        raise missing(absent)


def unique(lookup: Lookup, sobject: SObject, id: str, fields: Mapping[str, Any]) -> None:
    """Refuse a value of a unique field that another record has."""
    for field in sobject.fields.values():
        value = fields.get(field.name)
        if not field.unique or value is None:
            continue
        for other in lookup.matches(sobject, field, value):
            if other.id != id:
                message = f"duplicate value found: {field.name} duplicates value on record with id: {other.id}"
                raise Refusal(400, "DUPLICATE_VALUE", message, [])


def derive(sobject: SObject, record: dict[str, Any]) -> None:
    """Fill the fields that the system computes."""
    if sobject.name == "Opportunity":
        stage = record.get("StageName")
        record["IsWon"], record["IsClosed"] = stage == WON, stage in (WON, LOST)
        if record["IsClosed"]:
            record["Probability"] = Decimal(100 if record["IsWon"] else 0)
    elif sobject.name == "OpportunityLineItem":
        _price(record)
    elif sobject.name == "Contract":
        record["EndDate"] = _end(record.get("StartDate"), record.get("ContractTerm"))


@dataclass
class DuplicateRule:
    """The standard rule for accounts, switched on by the administrator.

    It compares names without case, punctuation and legal form, or the VAT number. With `allow_save` a caller may
    insist by header; otherwise the rule blocks.
    """

    active: bool = False
    allow_save: bool = True

    def check(self, lookup: Lookup, sobject: SObject, id: str, record: Mapping[str, Any], *, insisted: bool) -> None:
        """Refuse an account that looks like another one."""
        if not self.active or sobject.name != "Account" or (insisted and self.allow_save):
            return
        alike = [other for other in lookup.living(sobject) if other.id != id and _alike(other.data, record)]
        if alike:
            raise self._refusal(alike)

    def _refusal(self, alike: list[Record]) -> Refusal:
        message = "Use one of these records?"
        found = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {
                    "attributes": {"type": "Account", "url": f"/services/data/v59.0/sobjects/Account/{other.id}"},
                    "Id": other.id,
                },
            }
            for other in alike
        ]
        result = {
            "allowSave": self.allow_save,
            "duplicateRule": "Standard_Account_Duplicate_Rule",
            "duplicateRuleEntityType": "Account",
            "errorMessage": message,
            "matchResults": [
                {
                    "entityType": "Account",
                    "errors": [],
                    "matchEngine": "FuzzyMatchEngine",
                    "matchRecords": found,
                    "rule": "Standard_Account_Match_Rule_v1_0",
                    "size": len(found),
                    "success": True,
                }
            ],
        }
        return Refusal(400, "DUPLICATES_DETECTED", message, duplicateResult=result)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    vat = one.get("VAT_Number__c")
    return _bare(one["Name"]) == _bare(other["Name"]) or (vat is not None and vat == other.get("VAT_Number__c"))


def _bare(name: str) -> str:
    words = _LEGAL_FORMS.sub(" ", re.sub(r"[^\w\s]", "", name.casefold()))
    return " ".join(words.split()) or name


def _read_only(field: Field, *, creating: bool) -> Refusal:
    message = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field and verify "
        "that it is read/write for your profile or permission set."
    )
    if field.name == "Id" and creating:
        message = "cannot specify Id in an insert call"
    return Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])


def _by_external_id(lookup: Lookup, sobject: SObject, relationship: str, key: Mapping[str, Any]) -> tuple[str, str]:
    """Resolve `"Account": {"Accordant_Id__c": "X"}` to the reference field and the id."""
    reference = sobject.reference(relationship)
    if reference is None:
        raise unknown_column(sobject.name, relationship)
    target = OBJECTS[reference.refers_to]
    keys = [(target.field(n), v) for n, v in key.items() if n not in ("attributes", "type")]
    field, value = keys[0] if len(keys) == 1 else (None, None)
    if field is None or not isinstance(value, str) or not (field.external_id or field.type == "id"):
        message = f"More than 1 field provided in an external foreign key reference in entity: {target.name}"
        raise Refusal(400, "INVALID_FIELD", message)
    if field.type == "id":
        return reference.name, _reference(lookup, sobject, reference, value)
    found = lookup.matches(target, field, value)
    if len(found) != 1:
        message = f"Foreign key external ID: {value} not found for field {field.name} in entity {target.name}"
        raise Refusal(400, "INVALID_FIELD", message, [])
    return reference.name, found[0].id


def _typed(lookup: Lookup, sobject: SObject, field: Field, value: Any) -> Any:
    if value is None or value == "":
        return False if field.type == "boolean" else None
    if field.type == "reference":
        return _reference(lookup, sobject, field, value)
    if field.type in _NUMBERS or field.type == "int":
        return _number(field, value)
    if field.type == "boolean":
        return _of_type(field, value, bool)
    if field.type == "date":
        return _day(field, value)
    text = _of_type(field, value, str)
    if field.length and len(text) > field.length:
        message = f"{field.name}: data value too large: {text} (max length={field.length})"
        raise Refusal(400, "STRING_TOO_LONG", message, [field.name])
    if field.restricted and text not in field.picklist:
        message = f"{field.name}: bad value for restricted picklist field: {text}"
        raise Refusal(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return text


def _of_type(field: Field, value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        raise _wrong_type(field, value)
    return value


def _number(field: Field, value: Any) -> Decimal | int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _wrong_type(field, value)
    if field.type == "int":
        return int(value)
    return Decimal(value)


def _day(field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except (TypeError, ValueError):
        raise _wrong_type(field, value) from None


def _wrong_type(field: Field, value: Any) -> Refusal:
    kind = {str: "STRING", bool: "BOOLEAN", int: "NUMBER", Decimal: "NUMBER"}.get(type(value), "OBJECT")
    return unreadable(
        f"Cannot deserialize instance of {field.type} from VALUE_{kind} value {value} "
        f"or request may be missing a required field at [field {field.name}]"
    )


def _reference(lookup: Lookup, sobject: SObject, field: Field, value: Any) -> str:
    id = long_form(value) if isinstance(value, str) else None
    target = find_object(field.refers_to)
    if id is None or target is None or not id.startswith(target.prefix):
        raise malformed_id(f"{sobject.name} {field.name}", str(value), field.name)
    if lookup.find(target, id) is None:
        raise Refusal(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
    return id


def _price(record: dict[str, Any]) -> None:
    """A line has a unit price or a total; the other one follows from the quantity."""
    quantity, unit, line = record.get("Quantity"), record.get("UnitPrice"), record.get("TotalPrice")
    if quantity is None:
        return
    if unit is not None:
        record["TotalPrice"] = quantity * unit
    elif line is not None and quantity:
        record["UnitPrice"] = line / quantity


def _end(start: str | None, months: int | None) -> str | None:
    if start is None or months is None:
        return None
    first = date.fromisoformat(start)
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    for day in (first.day, 30, 29, 28):
        try:
            return (date(year, month + 1, day) - timedelta(days=1)).isoformat()
        except ValueError:
            continue
    return None
