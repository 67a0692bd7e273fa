"""Queries answered: the tree of soql.py against the org's records, in pages behind a locator."""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from accordant.simulators._shared import Record
from accordant.simulators.salesforce import soql
from accordant.simulators.salesforce.errors import Refusal, malformed_query, unknown_column
from accordant.simulators.salesforce.ids import long_form
from accordant.simulators.salesforce.metadata import OBJECTS, Field, SObject, children_of, find_object
from accordant.simulators.salesforce.shapes import attributes, wire
from accordant.simulators.salesforce.state import Org, system_value

_OPEN_LOCATORS = 10
_QUOTED_TYPES = frozenset(["string", "textarea", "picklist", "email", "phone", "url", "id", "reference"])
_ID_TYPES = frozenset(["id", "reference"])
Read = Callable[[Record], Any]
Test = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class _Cursor:
    rows: list[dict[str, Any]]
    size: int


class Queries:
    """Answer queries and hand out their further pages; an eleventh open cursor closes the oldest."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()

    def start(self, text: str, version: str, size: int, *, with_deleted: bool) -> dict[str, Any]:
        """Return the first page of a query."""
        select = soql.parse(text)
        sobject = find_object(select.source)
        if sobject is None:
            message = f"sObject type '{select.source}' is not supported."
            raise Refusal(400, "INVALID_TYPE", message)
        run = _Run(self._org, version, with_deleted=with_deleted)
        if select.counts:
            return {"totalSize": len(run.records(select, sobject)), "done": True, "records": []}
        rows = run.rows(select, sobject)
        locator = self._org.ids.next("01g")
        if len(rows) > size:
            self._cursors[locator] = _Cursor(rows, size)
            while len(self._cursors) > _OPEN_LOCATORS:
                self._cursors.popitem(last=False)
        return _page(rows, 0, size, version, locator)

    def next(self, locator: str, version: str) -> dict[str, Any]:
        """Return the page at a locator, `01g…-2000`."""
        name, _, place = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or not place.isdigit():
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(cursor.rows, int(place), cursor.size, version, name)


def _page(rows: list[dict[str, Any]], start: int, size: int, version: str, locator: str) -> dict[str, Any]:
    end = start + size
    page: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{end}"
    return page | {"records": rows[start:end]}


class _Run:
    """One query at work: it reads paths, tests conditions and builds rows."""

    def __init__(self, org: Org, version: str, *, with_deleted: bool) -> None:
        self._org = org
        self._version = version
        self._with_deleted = with_deleted

    def rows(self, select: soql.Select, sobject: SObject) -> list[dict[str, Any]]:
        return self._build(select, sobject, self.records(select, sobject))

    def records(self, select: soql.Select, sobject: SObject, among: Iterable[Record] | None = None) -> list[Record]:
        """Return the records that match, in order, cut to limit and offset."""
        test = self._test(select.where, sobject)
        candidates = self._candidates(select, sobject) if among is None else among
        found = [r for r in candidates if (self._with_deleted or not r.data["IsDeleted"]) and test(r)]
        for key in reversed(select.order):
            read, _ = self._comparing(sobject, key.path)
            found.sort(key=_sort_key(read, key), reverse=key.descending)
        end = None if select.limit is None else select.offset + select.limit
        return found[select.offset : end]

    def _candidates(self, select: soql.Select, sobject: SObject) -> Iterator[Record]:
        """Yield the records to test: by id where the condition names ids, otherwise all that a search sees now."""
        table = self._org.tables[sobject.name]
        wanted = _named_ids(select.where)
        if wanted is None:
            return table.search()
        found = (table.get(long_form(id) or "") for id in dict.fromkeys(wanted))
        return (record for record in found if record is not None)

    def _build(self, select: soql.Select, sobject: SObject, records: list[Record]) -> list[dict[str, Any]]:
        paths = [*sobject.fields] if select.all_fields else []
        writers = [self._writer(sobject, path.split(".")) for path in [*paths, *select.paths]]
        rows = []
        for record in records:
            row: dict[str, Any] = {"attributes": attributes(sobject, record.id, self._version)}
            for write in writers:
                write(record, row)
            rows.append(row)
        for child in select.children:
            self._add_children(child, sobject, records, rows)
        return rows

    def _add_children(
        self, select: soql.Select, parent: SObject, parents: list[Record], rows: list[dict[str, Any]]
    ) -> None:
        relationship = children_of(parent.name).get(select.source)
        if relationship is None:
            message = f"Didn't understand relationship '{select.source}' in FROM part of query call."
            raise Refusal(400, "INVALID_TYPE", message)
        sobject, reference = relationship
        mine: defaultdict[str, list[Record]] = defaultdict(list)
        wanted = {p.id for p in parents}
        for record in self._org.tables[sobject.name].search(lambda r: r.data.get(reference.name) in wanted):
            mine[record.data[reference.name]].append(record)
        for record, row in zip(parents, rows, strict=True):
            found = self._build(select, sobject, self.records(select, sobject, mine[record.id]))
            row[select.source] = {"totalSize": len(found), "done": True, "records": found} if found else None

    def _writer(self, sobject: SObject, path: list[str]) -> Callable[[Record, dict[str, Any]], None]:
        """Return what copies one selected path into a row, building nested records on the way."""
        head, *rest = path
        if not rest:
            field = sobject.field(head)
            if field is None:
                raise unknown_column(sobject.name, head)
            name = field.name
            return lambda record, row: row.__setitem__(name, wire(system_value(record, name)))
        reference, target = self._hop(sobject, head)
        deeper = self._writer(target, rest)

        def write(record: Record, row: dict[str, Any]) -> None:
            related = self._follow(record, reference, target)
            if related is None:
                row[reference.relationship] = None
                return
            heading = {"attributes": attributes(target, related.id, self._version)}
            deeper(related, row.setdefault(reference.relationship, heading))

        return write

    def _read(self, sobject: SObject, path: str) -> tuple[Read, Field]:
        """Return what reads a path from a record, and the field at its end."""
        head, _, rest = path.partition(".")
        if not rest:
            field = sobject.field(head)
            if field is None:
                raise unknown_column(sobject.name, head)
            return (lambda record: system_value(record, field.name)), field
        reference, target = self._hop(sobject, head)
        deeper, field = self._read(target, rest)

        def read(record: Record) -> Any:
            related = self._follow(record, reference, target)
            return None if related is None else deeper(related)

        return read, field

    def _hop(self, sobject: SObject, relationship: str) -> tuple[Field, SObject]:
        reference = sobject.reference(relationship)
        if reference is None:
            message = f"Didn't understand relationship '{relationship}' in field path."
            raise Refusal(400, "INVALID_FIELD", message)
        return reference, OBJECTS[reference.refers_to]

    def _follow(self, record: Record, reference: Field, target: SObject) -> Record | None:
        id = system_value(record, reference.name)
        return None if id is None else self._org.tables[target.name].get(id)

    def _test(self, condition: soql.Condition | None, sobject: SObject) -> Test:
        if condition is None:
            return lambda _: True
        if isinstance(condition, soql.Comparison):
            return self._comparison(condition, sobject)
        if isinstance(condition, soql.Not):
            denied = self._test(condition.part, sobject)
            return lambda record: not denied(record)
        tests = [self._test(part, sobject) for part in condition.parts]
        join = all if isinstance(condition, soql.All) else any
        return lambda record: join(test(record) for test in tests)

    def _comparing(self, sobject: SObject, path: str) -> tuple[Read, Field]:
        """Return what reads a path in the form that is compared: text without case, ids with it."""
        read, field = self._read(sobject, path)
        if field.type in _ID_TYPES:
            return read, field
        return (lambda record: v.casefold() if isinstance(v := read(record), str) else v), field

    def _comparison(self, comparison: soql.Comparison, sobject: SObject) -> Test:
        read, field = self._comparing(sobject, comparison.path)
        if isinstance(comparison.value, tuple):
            wanted = {_comparable(field, value) for value in comparison.value}
            negative = comparison.operator == "NOT IN"
            return lambda record: (read(record) in wanted) is not negative
        if comparison.operator == "LIKE":
            if not isinstance(comparison.value, str):
                raise malformed_query("LIKE needs a string")
            pattern = _like(comparison.value)
            return lambda record: isinstance(v := read(record), str) and pattern.fullmatch(v) is not None
        value = _comparable(field, comparison.value)
        operator = comparison.operator
        if operator == "=":
            return lambda record: bool(read(record) == value)
        if operator == "!=":
            return lambda record: bool(read(record) != value)
        compare = {"<": _less, ">": _greater, "<=": _at_most, ">=": _at_least}[operator]
        return lambda record: (v := read(record)) is not None and value is not None and compare(v, value)


def _named_ids(condition: soql.Condition | None) -> list[str] | None:
    """Return the ids to which the condition narrows the query, or None when it does not."""
    parts = condition.parts if isinstance(condition, soql.All) else (condition,)
    for part in parts:
        if isinstance(part, soql.Comparison) and part.path.lower() == "id" and part.operator in ("=", "IN"):
            values = part.value if isinstance(part.value, tuple) else (part.value,)
            return [value for value in values if isinstance(value, str)]
    return None


def _comparable(field: Field, value: soql.Literal) -> Any:
    """Return a literal in the form that records compare in, or refuse one that does not fit the field."""
    if value is None:
        return None
    if isinstance(value, str):
        return _text_value(field, value)
    fits = {
        "boolean": isinstance(value, bool),
        "datetime": isinstance(value, datetime),
        "date": isinstance(value, date) and not isinstance(value, datetime),
    }.get(field.type, isinstance(value, Decimal) and field.type not in _QUOTED_TYPES)
    if not fits:
        message = f"value of filter criterion for field '{field.name}' must be of type {field.type}"
        raise Refusal(400, "INVALID_FIELD", message)
    return value.isoformat() if field.type == "date" and isinstance(value, date) else value


def _text_value(field: Field, value: str) -> str:
    if field.type not in _QUOTED_TYPES:
        message = (
            f"value of filter criterion for field '{field.name}' must be of type {field.type} "
            "and should not be enclosed in quotes"
        )
        raise Refusal(400, "INVALID_FIELD", message)
    if field.type in _ID_TYPES:
        id = long_form(value)
        if id is None:
            raise Refusal(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return id
    return value.casefold()


def _less(one: Any, other: Any) -> bool:
    return bool(one < other)


def _greater(one: Any, other: Any) -> bool:
    return bool(one > other)


def _at_most(one: Any, other: Any) -> bool:
    return bool(one <= other)


def _at_least(one: Any, other: Any) -> bool:
    return bool(one >= other)


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.IGNORECASE | re.DOTALL)


def _sort_key(read: Read, key: soql.Order) -> Any:
    """Order by value, with nulls at the wanted end; `reverse` of a descending sort is undone for the nulls."""
    nulls_first = key.nulls_last is key.descending

    def compare(one: Any, other: Any) -> int:
        if one is None or other is None:
            return ((other is None) - (one is None)) * (1 if nulls_first else -1)
        return int(one > other) - int(one < other)

    by_value = cmp_to_key(compare)
    return lambda record: by_value(read(record))
