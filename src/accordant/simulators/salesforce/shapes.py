"""The vendor's JSON: records with their attributes, describes, stamps and numbers as it writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.salesforce.metadata import OBJECTS, Field, SObject
from accordant.simulators.salesforce.state import system_value


@dataclass
class Reply:
    """The answer to one call, plain or inside a composite."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def wire(value: Any) -> Any:
    """Return a value as the vendor writes it in JSON."""
    if isinstance(value, Decimal):
        return float(value)  # Quirk(salesforce): numbers are doubles on the wire, 3 is written 3.0
    if isinstance(value, datetime):
        return stamp(value)
    return value


def stamp(at: datetime) -> str:
    """Return an instant in the vendor's form, `2024-05-01T10:00:00.000+0000`."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def dumps(body: Any) -> bytes:
    """Return the JSON text of a body."""
    return json.dumps(body, default=wire, ensure_ascii=False).encode()


def attributes(sobject: SObject, id: str, version: str) -> dict[str, str]:
    """Return the heading of a record."""
    return {"type": sobject.name, "url": f"/services/data/{version}/sobjects/{sobject.name}/{id}"}


def row(sobject: SObject, record: Record, version: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return a record with the named fields, or with all of them."""
    chosen = sobject.fields if names is None else names
    values = {name: wire(system_value(record, name)) for name in chosen}
    return {"attributes": attributes(sobject, record.id, version)} | values


def saved(id: str) -> dict[str, Any]:
    """Return the outcome of a record that was kept."""
    return {"id": id, "success": True, "errors": []}


def global_describe(version: str) -> dict[str, Any]:
    """Return the list of objects."""
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_heading(o, version) for o in OBJECTS.values()]}


def describe(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the whole description of an object."""
    children = [
        {"childSObject": child.name, "field": f.name, "relationshipName": f.children, "cascadeDelete": f.is_parent}
        for child in OBJECTS.values()
        for f in child.fields.values()
        if f.refers_to == sobject.name and f.children
    ]
    fields = [_field(f) for f in sobject.fields.values()]
    return _heading(sobject, version) | {"fields": fields, "childRelationships": children, "recordTypeInfos": []}


def _heading(sobject: SObject, version: str) -> dict[str, Any]:
    root = f"/services/data/{version}/sobjects/{sobject.name}"
    return {
        "name": sobject.name,
        "label": _label(sobject.name),
        "keyPrefix": sobject.prefix,
        "custom": sobject.name.endswith("__c"),
        "createable": True,
        "updateable": True,
        "deletable": True,
        "queryable": True,
        "urls": {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"},
    }


def _field(one: Field) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": _label(one.name),
        "type": one.type,
        "length": one.length,
        "scale": one.scale,
        "custom": one.is_custom,
        "nillable": not one.required and one.type not in ("boolean", "id"),
        "createable": one.writable,
        "updateable": one.writable,
        "defaultValue": one.default,
        "externalId": one.external_id,
        "idLookup": one.external_id or one.type == "id",
        "unique": one.unique,
        "caseSensitive": one.unique,
        "restrictedPicklist": one.restricted,
        "picklistValues": [_choice(v, is_default=v == one.default) for v in one.picklist],
        "referenceTo": [one.refers_to] if one.refers_to else [],
        "relationshipName": one.relationship or None,
    }


def _choice(value: str, *, is_default: bool) -> dict[str, Any]:
    return {"value": value, "label": value, "active": True, "defaultValue": is_default}


def _label(name: str) -> str:
    return name.removesuffix("__c").replace("_", " ")
