"""The record service between HTTP and rules: addresses, request bodies in, record bodies out, paging, transforms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.netsuite import rules
from accordant.simulators.netsuite.errors import (
    Refusal,
    forbidden,
    invalid_type,
    malformed,
    not_found,
    unknown_property,
    user_error,
)
from accordant.simulators.netsuite.fields import Lines, give, take
from accordant.simulators.netsuite.filters import compile_filter
from accordant.simulators.netsuite.shapes import SCHEMAS
from accordant.simulators.netsuite.state import State

_TYPES = {name.lower(): name for name in SCHEMAS}
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SYSTEM_NAMES = {"id", "links", "refName"}
_PAGE_LIMIT = 1000


@dataclass(slots=True)
class WriteOptions:
    """How a request wants to be written.

    Args:
        replace: sublists to replace as a whole (`?replace=item`).
        unknown: what to do with unknown property names: error, warning or ignore.
        warnings: unknown names that were dropped, for the answer's warning header.
    """

    replace: frozenset[str] = frozenset()
    unknown: str = "warning"
    warnings: list[str] = field(default_factory=list)


def type_named(name: str) -> str:
    """Return the record type of a path segment, which ignores case."""
    type = _TYPES.get(name.lower())
    if type is None:
        raise Refusal(404, "INVALID_REQUEST", f"Record type '{name}' does not exist.")
    return type


def find(state: State, type: str, address: str) -> Record | None:
    """Return the record at an address: an internal id or `eid:` with an external one."""
    if address.startswith("eid:"):
        return state.by_external_id(type, require_key(address[4:]))
    return state.get(type, address)


def require(state: State, type: str, address: str) -> Record:
    """Return the record at an address, or refuse with 404."""
    record = find(state, type, address)
    if record is None:
        raise not_found()
    return record


def require_key(external_id: str) -> str:
    """Refuse an external id outside letters, digits, underscore and hyphen."""
    if not _KEY.fullmatch(external_id):
        raise malformed("An external ID in the URL may hold letters, digits, underscore and hyphen only.")
    return external_id


# -- writing


def create(state: State, type: str, body: Any, options: WriteOptions) -> str:
    """Create a record; returns its link."""
    return _written(state, type, rules.write(state, type, None, parse(state, type, body, options)))


def update(state: State, type: str, address: str, body: Any, options: WriteOptions) -> str:
    """Change the given properties of a record; returns its link."""
    id = require(state, type, address).id
    return _written(state, type, rules.write(state, type, id, parse(state, type, body, options), options.replace))


def upsert(state: State, type: str, external_id: str, body: Any, options: WriteOptions) -> str:
    """Create or update the record with this external id; returns its link."""
    record = state.by_external_id(type, external_id)
    values = parse(state, type, body, options)
    values["externalId"] = external_id
    return _written(state, type, rules.write(state, type, record.id if record else None, values, options.replace))


def delete(state: State, type: str, address: str) -> str:
    """Delete a record; returns nothing to point to."""
    require_writable(type)
    rules.delete(state, type, require(state, type, address).id)
    return ""


def parse(state: State, type: str, body: Any, options: WriteOptions) -> dict[str, Any]:
    """Read a request body: unknown names warned of or refused, read-only properties dropped."""
    require_writable(type)
    if not isinstance(body, dict):
        raise invalid_type("object", "")
    schema = SCHEMAS[type]
    if options.unknown != "ignore":
        _report_unknown(type, body, options)
    values = take(schema.fields, body, "", state)
    for name in schema.read_only & values.keys():
        del values[name]
    return values


def require_writable(type: str) -> None:
    """Refuse to change what the role of the integration may only read."""
    if not SCHEMAS[type].writable:
        raise forbidden(type)


def transform(state: State, type: str, address: str, target: str, body: Any, options: WriteOptions) -> str:
    """Make a credit memo or a payment from an invoice; what the body gives wins over what is copied."""
    if type != "invoice" or target not in ("creditMemo", "customerPayment"):
        raise malformed(f"A record of type {type} cannot be transformed to {target}.")
    source = require(state, type, address)
    if source.data["approvalStatus"] != "2" or source.data["status"] == "V":
        raise user_error("Only a posted invoice can be transformed.")
    row, values = source.data, parse(state, target, body or {}, options)
    copied: dict[str, Any] = {name: row[name] for name in ("subsidiary", "currency")}
    if target == "creditMemo":
        copied |= {name: row[name] for name in ("entity", "job", "department") if row.get(name)}
        copied |= {n: row[n] for n in ("custbody_contract", "custbody_contract_version") if row.get(n) is not None}
        copied["createdFrom"] = source.id
        copied["item"] = [{k: v for k, v in line.items() if k != "line"} for line in _billed_lines(row)]
        copied["apply"] = [{"doc": source.id, "apply": True}] if row["amountRemaining"] else []
    else:
        copied |= {"customer": row["entity"], "payment": row["amountRemaining"]}
        copied["apply"] = [{"doc": source.id, "apply": True}]
    return _written(state, target, rules.write(state, target, None, copied | values))


def _billed_lines(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from row.get("item") or []
    for line in row.get("time") or []:
        if line.get("apply"):
            copied = {n: line.get(n) for n in ("item", "rate", "amount", "taxCode", "memo")}
            yield {"description": copied.pop("memo"), **copied, "quantity": Decimal(line["quantity"]) / 60}


def _report_unknown(type: str, body: Mapping[str, Any], options: WriteOptions) -> None:
    fields = SCHEMAS[type].fields
    unknown = [name for name in body if name not in fields and name not in _SYSTEM_NAMES]
    for name in SCHEMAS[type].sublists:
        kind = fields[name]
        if name in body and isinstance(kind, Lines):
            unknown += kind.unknown(body[name], name)
    if unknown and options.unknown == "error":
        raise unknown_property(unknown, type)
    options.warnings += unknown


def _written(state: State, type: str, record: Record) -> str:
    return state.link(type, record.id)["href"]


# -- reading


def show(state: State, type: str, record: Record, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a record's body; sublists as links, unless `expandSubResources=true`."""
    simple = query.get("simpleEnumFormat") == "true"
    values = record.data
    if type == "customer":
        values = {**values, "balance": _balance(state, record.id)}
    body = give(SCHEMAS[type].fields, values, state, simple=simple)
    if query.get("expandSubResources") != "true":
        for name in SCHEMAS[type].sublists:
            if name in body:
                body[name] = {"links": [state.link(type, record.id, name)]}
    if query.get("fields"):
        wanted = set(query["fields"].split(","))
        body = {name: value for name, value in body.items() if name in wanted}
    body["lastModifiedDate"] = record.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"links": [state.link(type, record.id)], "id": record.id, **body}


def show_sublist(state: State, type: str, record: Record, name: str, line: str = "") -> dict[str, Any]:
    """Return a sublist's collection, or one line of it by its position."""
    kind = SCHEMAS[type].fields.get(name)
    if not isinstance(kind, Lines):
        raise not_found()
    rows = kind.give(record.data.get(name) or [], state, simple=False)["items"]
    if line:
        if not line.isdigit() or not 1 <= int(line) <= len(rows):
            raise not_found()
        return {"links": [state.link(type, record.id, name, line)], **rows[int(line) - 1]}
    items = [{"links": [state.link(type, record.id, name, str(n))]} for n in range(1, len(rows) + 1)]
    return {"links": [state.link(type, record.id, name)], "items": items, "totalResults": len(items)}


def list_ids(state: State, type: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of a collection: ids and links only."""
    limit, offset = page_of(query)
    test = compile_filter(query["q"], SCHEMAS[type]) if query.get("q") else None
    found = [r for r in state.types[type].search() if test is None or test(r)]
    items = [{"links": [state.link(type, r.id)], "id": r.id} for r in found[offset : offset + limit]]
    return page(state.link(type)["href"], items, len(found), limit, offset, query.get("q"))


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Return limit and offset of a request; refuse what the vendor refuses."""
    try:
        limit, offset = int(query.get("limit", _PAGE_LIMIT)), int(query.get("offset", 0))
    except ValueError:
        raise malformed() from None
    if not 1 <= limit <= _PAGE_LIMIT:
        raise malformed(f"The limit must be between 1 and {_PAGE_LIMIT}.")
    if offset < 0 or offset % limit:
        raise malformed("The offset must be divisible by the limit.")
    return limit, offset


def page(href: str, items: list[Any], total: int, limit: int, offset: int, q: str | None = None) -> dict[str, Any]:
    """Return the vendor's page envelope."""
    more = offset + len(items) < total
    suffix = f"&q={q}" if q else ""

    def link(rel: str, at: int) -> dict[str, str]:
        return {"rel": rel, "href": f"{href}?limit={limit}&offset={at}{suffix}"}

    links = [link("self", offset), link("first", 0)]
    if offset:
        links.append(link("prev", max(0, offset - limit)))
    if more:
        links.append(link("next", offset + limit))
    envelope = {"links": links, "count": len(items), "hasMore": more, "items": items}
    return {**envelope, "offset": offset, "totalResults": total}


def _balance(state: State, customer: str) -> Decimal:
    """Return what the customer owes on posted invoices."""
    owed = (
        r.data["amountRemaining"]
        for r in state.types["invoice"]
        if r.data["entity"] == customer and r.data["approvalStatus"] == "2"
    )
    return sum(owed, Decimal(0))
