"""What the simulated account holds: tables with the orders and look-ups that the vendor answers quickly."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from accordant.kernel.money import exponent_of
from accordant.simulators._shared import Record, Records
from accordant.simulators.kantata.events import EventLog
from accordant.simulators.kantata.kinds import KINDS, Kind, Link
from accordant.simulators.kantata.shapes import stamp

_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥"}
_POINTS_BACK = {"external_references", "custom_field_values"}
_INDEXED = _POINTS_BACK | {"workspaces"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token stands for: permissions follow the user, there are no scopes."""

    user_id: str
    financial: bool = True
    admin: bool = True


class Timeline:
    """Records by (updated_at, id), the order of a watermark read; a page costs its own length."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, int, Record]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: Record) -> None:
        """Put a record into its place, which nearly always is the end."""
        row = (record.updated_at.timestamp(), int(record.id), record)
        if not self._rows or self._rows[-1] < row:
            self._rows.append(row)
        else:
            insort(self._rows, row)

    def extend(self, records: Iterable[Record]) -> None:
        """Add many records at once."""
        self._rows.extend((r.updated_at.timestamp(), int(r.id), r) for r in records)
        self._rows.sort()

    def discard(self, record: Record) -> None:
        """Take a record out, before its stamp changes."""
        at = bisect_left(self._rows, (record.updated_at.timestamp(), int(record.id)))
        if at < len(self._rows) and self._rows[at][2] is record:
            del self._rows[at]

    def between(self, after: datetime | None, before: datetime | None) -> tuple[int, int]:
        """Return the positions of the records updated in the open interval."""
        low = bisect_right(self._rows, (after.timestamp(), float("inf"))) if after else 0
        high = bisect_left(self._rows, (before.timestamp(),)) if before else len(self._rows)
        return low, max(low, high)

    def cut(self, low: int, high: int) -> list[Record]:
        """Return the records at these positions."""
        return [row[2] for row in self._rows[low:high]]


class Table(Records):
    """The records of one collection; stamps have whole seconds, as the vendor shows them."""

    def __init__(self, kind: Kind, now: Callable[[], datetime], lag_s: Callable[[], float]) -> None:
        super().__init__(now, lag_s)
        self.kind = kind
        self.timeline = Timeline()
        self.approved = Timeline()
        self._ids = count(1)
        self._searchable_at: datetime | None = None

    def at(self, id: str) -> Record:
        """Return the record with this id, which must exist."""
        return self._rows[id]

    def insert(self, data: Mapping[str, Any]) -> Record:
        """Store a new record under the next id."""
        record = self._new(data)
        self.timeline.add(record)
        if record.data.get("approved"):
            self.approved.add(record)
        return record

    def load(self, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Store many records; a row may bring its own `updated_at` and `created_at`."""
        records = [self._new(row) for row in rows]
        self.timeline.extend(records)
        self.approved.extend(r for r in records if r.data.get("approved"))
        return records

    def change(self, id: str, **fields: Any) -> Record:
        """Change fields, stamp the record and move it to its new place."""
        record = self._rows[id]
        self._take_out(record)
        super().change(id, **fields)
        record.updated_at = record.updated_at.replace(microsecond=0)
        record.data["updated_at"] = stamp(record.updated_at)
        self.timeline.add(record)
        if record.data.get("approved"):
            self.approved.add(record)
        return record

    def remove(self, id: str) -> None:
        """Forget a record."""
        self._take_out(self._rows[id])
        super().remove(id)

    def is_lagging(self) -> bool:
        """Say whether a search does not yet see everything."""
        return self._searchable_at is not None and self._searchable_at > self._now()

    def _new(self, data: Mapping[str, Any]) -> Record:
        id = str(next(self._ids))
        record = self.add(id, {"id": id, **self.kind.fields, **data})
        own = record.data
        record.created_at = _instant(own.get("created_at"), record.created_at)
        record.updated_at = _instant(own.get("updated_at"), record.created_at)
        own["created_at"], own["updated_at"] = stamp(record.created_at), stamp(record.updated_at)
        if self._searchable_at is None or record.searchable_at > self._searchable_at:
            self._searchable_at = record.searchable_at
        return record

    def _take_out(self, record: Record) -> None:
        self.timeline.discard(record)
        self.approved.discard(record)


def _instant(given: datetime | None, otherwise: datetime) -> datetime:
    return (given or otherwise).replace(microsecond=0)


class Account:
    """The simulated account: every table, who points to whom, and the events that changes leave."""

    def __init__(self, now: Callable[[], datetime], lag_s: Callable[[], float], events: EventLog) -> None:
        self.now = now
        self.events = events
        self.tables = {name: Table(kind, now, lag_s) for name, kind in KINDS.items()}
        self.version = 0
        self.archived: set[str] = set()
        self.foreign: set[str] = set()
        self._pointing: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._refs: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def get(self, name: str, id: Any) -> Record | None:
        """Return a record by id, None when it does not exist."""
        return self.tables[name].get(str(id))

    def at(self, name: str, id: Any) -> Record:
        """Return a record by id, which must exist."""
        return self.tables[name].at(str(id))

    def add(self, name: str, by: str, /, **fields: Any) -> Record:
        """Store a new record, with its event."""
        record = self.tables[name].insert(fields)
        self._index(name, record)
        self._announce(name, "created", record, by, None)
        return record

    def change(self, name: str, record: Record, by: str, /, **fields: Any) -> Record:
        """Change a record, with its event."""
        before = dict(record.data)
        self.tables[name].change(record.id, **fields)
        self._index(name, record)
        self._announce(name, "updated", record, by, before)
        return record

    def remove(self, name: str, record: Record, user_id: str) -> None:
        """Remove a record, with its event."""
        self.tables[name].remove(record.id)
        if name in _POINTS_BACK:
            self._pointing[_back(name, record)].remove(record.id)
        if name == "external_references":
            self._refs[_ref(record)].remove(record.id)
        self._announce(name, "deleted", record, user_id, dict(record.data))

    def load(self, name: str, rows: Iterable[Mapping[str, Any]]) -> list[Record]:
        """Store many records at once, without events."""
        self.version += 1
        records = self.tables[name].load(rows)
        if name in _INDEXED:
            for record in records:
                self._index(name, record)
        return records

    def pointing(self, name: str, subject: str, id: str) -> list[Record]:
        """Return the external references or custom field values of a subject."""
        return [self.tables[name].at(i) for i in self._pointing.get((name, subject, id), ())]

    def references(self, subject: str, refs: Sequence[str]) -> list[Record]:
        """Return the external references of a subject type that carry one of these external ids."""
        table = self.tables["external_references"]
        found = (table.get(id) for ref in refs for id in self._refs.get((subject, ref), ()))
        return [record for record in found if record is not None]

    def linked(self, kind: Kind, record: Record, link: Link) -> list[str]:
        """Return the ids that an association leads to."""
        if link.via == "subject":
            return [r.id for r in self.pointing(link.to, kind.subject, record.id)]
        if link.via:
            rows = self.tables[link.to]
            return [r.id for r in rows if record.id == r.data[link.via] or record.id in (r.data[link.via] or ())]
        value = record.data.get(link.key)
        return list(value) if isinstance(value, list) else [value] if value else []

    def put_reference(self, subject: str, id: str, user_id: str, given: Mapping[str, Any]) -> Record:
        """Create or update: a subject has one reference per service, a reference may have many subjects."""
        fields = {**given, "subject_type": subject, "subject_id": id, "last_synced_at": stamp(self.now())}
        fields["service_model_ref"] = str(fields["service_model_ref"])
        for record in self.pointing("external_references", subject, id):
            if record.data["service_name"] == fields["service_name"]:
                self._refs[_ref(record)].remove(record.id)
                return self.change("external_references", record, user_id, **fields)
        return self.add("external_references", user_id, **fields)

    def put_value(self, subject: str, id: str, field_id: str, user_id: str, value: Any) -> Record:
        """Set a custom field; setting it again overwrites it."""
        for record in self.pointing("custom_field_values", subject, id):
            if record.data["custom_field_id"] == field_id:
                return self.change(
                    "custom_field_values", record, user_id, value=value, display_value=str(value), setter_id=user_id
                )
        custom_field = self.tables["custom_fields"].get(field_id)
        name = custom_field.data["name"] if custom_field else None
        return self.add(
            "custom_field_values", user_id, subject_type=subject, subject_id=id, custom_field_id=field_id,
            custom_field_name=name, value=value, display_value=str(value), setter_id=user_id,
        )  # fmt: skip

    def value_of(self, subject: str, id: str, name: str) -> str:
        """Return the value of a custom field by its name, empty when it is not set."""
        for record in self.pointing("custom_field_values", subject, id):
            if record.data["custom_field_name"] == name:
                return str(record.data["value"] or "")
        return ""

    def key_of(self, subject: str, id: str) -> str:
        """Return the business key a subject was written under: its first external reference."""
        references = self.pointing("external_references", subject, id)
        return str(references[0].data["service_model_ref"]) if references else ""

    def _index(self, name: str, record: Record) -> None:
        self.version += 1
        if name in _POINTS_BACK and record.id not in self._pointing[_back(name, record)]:
            self._pointing[_back(name, record)].append(record.id)
        if name == "external_references":
            self._refs[_ref(record)].append(record.id)
        elif name == "workspaces":
            (self.archived.add if record.data["archived"] else self.archived.discard)(record.id)
            (self.foreign.discard if record.data["on_my_account"] else self.foreign.add)(record.id)

    def _announce(self, name: str, verb: str, record: Record, user_id: str, before: Mapping[str, Any] | None) -> None:
        self.version += 1
        kind = KINDS[name]
        if kind.events:
            after = None if verb == "deleted" else record.data
            self.events.record(f"{kind.one}:{verb}", (kind.subject, name, record.id), user_id, before, after)


def _back(name: str, record: Record) -> tuple[str, str, str]:
    return name, record.data["subject_type"], record.data["subject_id"]


def _ref(record: Record) -> tuple[str, str]:
    return record.data["subject_type"], record.data["service_model_ref"]


def currency_fields(currency: str) -> dict[str, Any]:
    """Return the three currency fields; the base unit of JPY is 1, of KWD 1000."""
    return {
        "currency": currency,
        "currency_symbol": _SYMBOLS.get(currency, currency),
        "currency_base_unit": 10 ** exponent_of(currency),
    }


def worth(entry: Mapping[str, Any]) -> int:
    """Return rate × time in subunits, half away from zero: 20000 × 90 minutes → 30000."""
    rate, minutes = int(entry["rate_in_cents"]), int(entry["time_in_minutes"])
    return (2 * rate * minutes + 60) // 120
