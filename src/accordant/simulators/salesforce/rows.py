"""Calls on single records: create, read, change, delete, upsert by external id, describes and change windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.salesforce.errors import Refusal, not_found, unknown_column, unreadable
from accordant.simulators.salesforce.metadata import Field, SObject, find_object
from accordant.simulators.salesforce.shapes import Reply, describe, global_describe, row, saved, stamp
from accordant.simulators.salesforce.state import Org

_ALLOW_SAVE = "sforce-duplicate-rule-header"
_WINDOW_DAYS = 30


@dataclass
class Call:
    """One call, plain or inside a composite: `path` is what follows `/services/data/vNN.0`."""

    method: str
    path: str
    version: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def root(self) -> str:
        """The path under which this version of the API lives."""
        return f"/services/data/{self.version}"

    @property
    def insists(self) -> bool:
        """Whether the caller wants to save a record that looks like a duplicate."""
        return "allowsave=true" in self.headers.get(_ALLOW_SAVE, "").replace(" ", "").lower()

    def fields(self) -> Mapping[str, Any]:
        """Return the body as the fields of one record."""
        if not isinstance(self.body, dict):
            raise unreadable("The HTTP entity body is required, but this request has no entity body.")
        return self.body


def require_object(name: str) -> SObject:
    """Return an object, or refuse a name that the org does not have."""
    sobject = find_object(name)
    if sobject is None:
        raise not_found()
    return sobject


class Rows:
    """The handlers of `/sobjects/…`; each takes the call and the parts of its path."""

    def __init__(self, org: Org, now: Callable[[], datetime]) -> None:
        self._org = org
        self._now = now

    def list_objects(self, call: Call) -> Reply:
        """Answer the list of objects."""
        return Reply(200, global_describe(call.version))

    def describe(self, call: Call, sobject: str) -> Reply:
        """Answer an object's description."""
        return Reply(200, describe(require_object(sobject), call.version))

    def create(self, call: Call, sobject: str) -> Reply:
        """Keep a new record."""
        target = require_object(sobject)
        id = self._org.create(target, call.fields(), allow_duplicate=call.insists)
        return Reply(201, saved(id), {"Location": f"{call.root}/sobjects/{target.name}/{id}"})

    def read(self, call: Call, sobject: str, id: str) -> Reply:
        """Answer a record by id."""
        target = require_object(sobject)
        return self._shown(call, target, self._org.get(target, id))

    def change(self, call: Call, sobject: str, id: str) -> Reply:
        """Change a record by id."""
        target = require_object(sobject)
        _require_unchanged(call, self._org.get(target, id))
        self._org.update(target, id, call.fields(), allow_duplicate=call.insists)
        return Reply(204)

    def delete(self, _: Call, sobject: str, id: str) -> Reply:
        """Move a record to the recycle bin."""
        self._org.delete(require_object(sobject), id)
        return Reply(204)

    def read_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        """Answer a record by external id; several are a choice of paths."""
        target = require_object(sobject)
        found = self._org.matches(target, external_id(target, key), value)
        if not found:
            raise not_found()
        return self._several(call, target, found) or self._shown(call, target, found[0])

    def upsert(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        """Change the record with this external id, or create it; several are a choice of paths."""
        target = require_object(sobject)
        id_field, given = external_id(target, key), call.fields()
        if id_field.name in given:
            message = f"The {id_field.name} field should not be specified in the sobject data."
            raise Refusal(400, "INVALID_FIELD", message)
        found = self._org.matches(target, id_field, value)
        if several := self._several(call, target, found):
            return several
        if found:
            _require_unchanged(call, found[0])
            self._org.update(target, found[0].id, given, allow_duplicate=call.insists)
            return Reply(200, saved(found[0].id) | {"created": False})
        if call.query.get("updateOnly", "").lower() == "true":
            raise not_found()
        id = self._org.create(target, {**given, id_field.name: value}, allow_duplicate=call.insists)
        location = f"{call.root}/sobjects/{target.name}/{id}"
        return Reply(201, saved(id) | {"created": True}, {"Location": location})

    def delete_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        """Move the record with this external id to the recycle bin."""
        target = require_object(sobject)
        found = self._org.matches(target, external_id(target, key), value)
        if not found:
            raise not_found()
        if several := self._several(call, target, found):
            return several
        self._org.delete(target, found[0].id)
        return Reply(204)

    def updated(self, call: Call, sobject: str) -> Reply:
        """Answer the ids that were created or changed in a window."""
        target = require_object(sobject)
        start, end = self._window(call)
        ids = [r.id for r in self._org.living(target) if start <= r.updated_at < end]
        return Reply(200, {"ids": ids, "latestDateCovered": stamp(end)})

    def deleted(self, call: Call, sobject: str) -> Reply:
        """Answer the ids that were deleted in a window."""
        target = require_object(sobject)
        start, end = self._window(call)
        gone = [r for r in self._org.tables[target.name] if r.data["IsDeleted"] and start <= r.updated_at < end]
        rows = [{"id": r.id, "deletedDate": stamp(r.updated_at)} for r in gone]
        earliest = stamp(self._now() - timedelta(days=_WINDOW_DAYS))
        return Reply(200, {"deletedRecords": rows, "earliestDateAvailable": earliest, "latestDateCovered": stamp(end)})

    def _shown(self, call: Call, target: SObject, record: Record) -> Reply:
        since = call.headers.get("if-modified-since")
        if since and record.updated_at.replace(microsecond=0) <= parsedate_to_datetime(since):
            return Reply(304)
        return Reply(200, row(target, record, call.version, wanted_fields(target, call.query.get("fields", ""))))

    def _several(self, call: Call, target: SObject, found: list[Record]) -> Reply | None:
        if len(found) < 2:
            return None
        return Reply(300, [f"{call.root}/sobjects/{target.name}/{record.id}" for record in found])

    def _window(self, call: Call) -> tuple[datetime, datetime]:
        try:
            start, end = (datetime.fromisoformat(call.query[name].replace(" ", "+")) for name in ("start", "end"))
        except (KeyError, ValueError):
            raise Refusal(400, "INVALID_REPLICATION_DATE", "start and end must be instants in ISO 8601 form") from None
        if start.tzinfo is None or end.tzinfo is None or start >= end:
            raise Refusal(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate")
        if start < self._now() - timedelta(days=_WINDOW_DAYS):
            raise Refusal(400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
        return start, min(end, self._now())


def external_id(sobject: SObject, name: str) -> Field:
    """Return the external id field of that name, or refuse."""
    found = sobject.field(name)
    if found is None or not found.external_id:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return found


def wanted_fields(sobject: SObject, listed: str) -> list[str] | None:
    """Return the proper names of the fields in a comma-separated list; None when it is empty."""
    if not listed:
        return None
    names = []
    for name in listed.split(","):
        found = sobject.field(name.strip())
        if found is None:
            raise unknown_column(sobject.name, name.strip())
        names.append(found.name)
    return ["Id", *(name for name in names if name != "Id")]


def _require_unchanged(call: Call, record: Record) -> None:
    since = call.headers.get("if-unmodified-since")
    if since and record.updated_at.replace(microsecond=0) > parsedate_to_datetime(since):
        message = "The request was not executed because one or more preconditions in the headers were not satisfied"
        raise Refusal(412, "PRECONDITION_FAILED", message)
