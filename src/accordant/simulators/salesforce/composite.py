"""Several things in one call: `/composite` with references between its parts, and collections of up to 200 records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from accordant.simulators._shared import FaultPlan
from accordant.simulators.salesforce.errors import Refusal, halted, locked, malformed_id, unreadable
from accordant.simulators.salesforce.ids import long_form
from accordant.simulators.salesforce.metadata import OBJECTS, SObject
from accordant.simulators.salesforce.rows import Call, external_id, require_object, wanted_fields
from accordant.simulators.salesforce.shapes import Reply, row, saved
from accordant.simulators.salesforce.state import Org

_MOST_PARTS = 25
_MOST_QUERIES = 5
_MOST_RECORDS = 200
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])+)\}")
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."
Dispatch = Callable[[Call], Reply]
One = Callable[[Mapping[str, Any]], dict[str, Any]]


class _RolledBack(Exception):
    """A part failed and the whole must not be kept."""


class Composite:
    """The handlers of `/composite` and `/composite/sobjects`."""

    def __init__(self, org: Org, faults: FaultPlan, dispatch: Dispatch) -> None:
        self._org = org
        self._faults = faults
        self._dispatch = dispatch

    # /composite

    def run(self, call: Call) -> Reply:
        """Do up to 25 calls in order; a later one may use what an earlier one answered."""
        request = call.fields()
        parts = request.get("compositeRequest") or []
        _require_size(parts)
        results: list[dict[str, Any]] = []
        try:
            with self._org.transaction():
                self._run_parts(call, parts, results, all_or_none=bool(request.get("allOrNone")))
        except _RolledBack:
            done = {r["referenceId"] for r in results}
            results += [_result(p, Reply(400)) for p in parts if p["referenceId"] not in done]
            for result in results:
                if result["httpStatusCode"] < 400 or result["body"] is None:
                    result |= {"body": halted(_ROLLED_BACK).body(), "httpHeaders": {}, "httpStatusCode": 400}
        return Reply(200, {"compositeResponse": results})

    def _run_parts(self, call: Call, parts: list[Any], results: list[dict[str, Any]], *, all_or_none: bool) -> None:
        answered: dict[str, Any] = {}
        for part in parts:
            try:
                reply = self._dispatch(_part_call(call, _resolved(part, answered)))
            except Refusal as refusal:
                reply = Reply(refusal.status, refusal.body())
            results.append(_result(part, reply))
            if reply.status < 400:
                answered[part["referenceId"]] = reply.body
            elif all_or_none:
                raise _RolledBack

    # /composite/sobjects

    def create_all(self, call: Call) -> Reply:
        """Create records of any objects."""

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            return saved(self._org.create(_type_of(record), record, allow_duplicate=call.insists))

        return self._each(call, call.fields().get("records"), one)

    def change_all(self, call: Call) -> Reply:
        """Change records by id."""

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            sobject, id = _type_of(record), _value(record, "id")
            given = {name: value for name, value in record.items() if name.lower() != "id"}
            self._org.update(sobject, id, given, allow_duplicate=call.insists)
            return saved(long_form(id) or id)

        return self._each(call, call.fields().get("records"), one)

    def upsert_all(self, call: Call, sobject: str, key: str) -> Reply:
        """Create or change records of one object by an external id."""
        target = require_object(sobject)
        field = external_id(target, key)

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            found = self._org.matches(target, field, _value(record, field.name))
            if len(found) > 1:
                ids = ", ".join(r.id for r in found)
                message = f"{field.name}: more than one record found: [{ids}]"
                raise Refusal(300, "DUPLICATE_EXTERNAL_ID", message, [field.name])
            if not found:
                return saved(self._org.create(target, record, allow_duplicate=call.insists)) | {"created": True}
            self._org.update(target, found[0].id, record, allow_duplicate=call.insists)
            return saved(found[0].id) | {"created": False}

        return self._each(call, call.fields().get("records"), one)

    def delete_all(self, call: Call) -> Reply:
        """Delete records by id, of any objects."""

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            id = record["id"]
            sobject = next((o for o in OBJECTS.values() if id.startswith(o.prefix)), None)
            if sobject is None:
                raise malformed_id("id", id)
            self._org.delete(sobject, id)
            return saved(id)

        ids = [{"id": id} for id in call.query.get("ids", "").split(",") if id]
        all_or_none = call.query.get("allOrNone", "").lower() == "true"
        return self._each(call, ids, one, all_or_none=all_or_none)

    def read_all(self, call: Call, sobject: str) -> Reply:
        """Read records by id; one that is not there is null in its place."""
        target = require_object(sobject)
        ids = call.query.get("ids", "").split(",")
        fields = wanted_fields(target, call.query.get("fields", ""))
        found = (self._org.find(target, long_form(id) or "") for id in ids)
        return Reply(200, [None if r is None else row(target, r, call.version, fields) for r in found])

    def _each(self, call: Call, records: Any, one: One, *, all_or_none: bool | None = None) -> Reply:
        """Do one thing per record, each in its own transaction unless all of them must succeed."""
        if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
            raise unreadable("a list of records is required")
        if len(records) > _MOST_RECORDS:
            message = f"record limit reached. cannot submit more than {_MOST_RECORDS} records into this call"
            raise Refusal(400, "EXCEEDED_ID_LIMIT", message)
        strict = bool(call.fields().get("allOrNone")) if all_or_none is None else all_or_none
        fault = self._faults.take(f"{call.method} {call.root}{call.path}", "partial_batch")
        every = int(fault.options.get("every", 2)) if fault else 0
        outcomes: list[dict[str, Any]] = []
        with suppress(_RolledBack), self._org.transaction():
            for number, record in enumerate(records, 1):
                outcomes.append(self._outcome(one, record, fails=bool(every) and number % every == 0))
                if strict and not outcomes[-1]["success"]:
                    outcomes = _undone(outcomes, len(records))
                    raise _RolledBack
        return Reply(200, outcomes)

    def _outcome(self, one: One, record: Mapping[str, Any], *, fails: bool) -> dict[str, Any]:
        try:
            if fails:
                raise locked([""])
            with self._org.transaction():
                return one(record)
        except Refusal as refusal:
            return refusal.item()


def _undone(outcomes: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the outcomes of records undone, or never done, because the last one failed."""
    undone = Refusal(
        400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid"
    ).item()
    return [undone] * (len(outcomes) - 1) + [outcomes[-1]] + [undone] * (count - len(outcomes))


def _require_size(parts: Any) -> None:
    if not isinstance(parts, list) or not parts or not all(_is_part(part) for part in parts):
        raise unreadable("compositeRequest must be a list of subrequests with method, url and referenceId")
    queries = sum("/query" in part["url"] or "/composite/sobjects" in part["url"] for part in parts)
    if len(parts) > _MOST_PARTS or queries > _MOST_QUERIES:
        message = f"Limit of {_MOST_PARTS} subrequests, {_MOST_QUERIES} of them queries or collections, reached"
        raise Refusal(400, "LIMIT_EXCEEDED", message)


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and all(isinstance(part.get(name), str) for name in ("method", "url", "referenceId"))


def _part_call(call: Call, part: Mapping[str, Any]) -> Call:
    url = urlsplit(part["url"])
    path = url.path
    if not path.startswith(call.root + "/"):
        raise Refusal(400, "NOT_FOUND", "The requested resource does not exist")
    own = {name.lower(): value for name, value in (part.get("httpHeaders") or {}).items()}
    headers = {**call.headers, **own}
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Call(part["method"].upper(), path.removeprefix(call.root), call.version, query, headers, part.get("body"))


def _result(part: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    return {
        "body": reply.body,
        "httpHeaders": reply.headers,
        "httpStatusCode": reply.status,
        "referenceId": part["referenceId"],
    }


def _resolved(value: Any, answered: Mapping[str, Any]) -> Any:
    """Replace `@{reference.path}` by what the earlier part answered."""
    if isinstance(value, dict):
        return {name: _resolved(inner, answered) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, answered) for inner in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _looked_up(match, answered), value)
    return value


def _looked_up(match: re.Match[str], answered: Mapping[str, Any]) -> str:
    name, path = match.groups()
    try:
        value: Any = answered[name]
        for step in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            value = value[step[0]] if step[0] else value[int(step[1])]
    except (KeyError, IndexError, TypeError):
        raise halted(f"Invalid reference specified. No value for {name}{path} found in {name}") from None
    return str(value)


def _type_of(record: Mapping[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        message = "Missing entity type information. sObject requires a separate 'type' field"
        raise Refusal(400, "INVALID_INPUT", message, [])
    return require_object(name)


def _value(record: Mapping[str, Any], name: str) -> str:
    for given, value in record.items():
        if given.lower() == name.lower() and isinstance(value, str):
            return value
    raise Refusal(400, "MISSING_ARGUMENT", f"{name} not specified", [])
