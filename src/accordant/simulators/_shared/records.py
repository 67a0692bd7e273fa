"""Records of a simulated system: by id, with vendor timestamps, and with search that may lag behind writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Record:
    """One record: its fields under the vendor's names, and when searches begin to see it."""

    id: str
    data: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    searchable_at: datetime


class Records:
    """The records of one object type.

    Args:
        now: the vendor's clock.
        lag_s: how long a write stays invisible to searches (the `search_lag` fault); reads by id see it at once.
    """

    def __init__(self, now: Callable[[], datetime], lag_s: Callable[[], float] = lambda: 0.0) -> None:
        self._now = now
        self._lag_s = lag_s
        self._rows: dict[str, Record] = {}
        self._indexes: dict[str, dict[Any, str]] = {}

    def index(self, field: str) -> None:
        """Keep a unique index on a field, for `find_by`."""
        self._indexes[field] = {r.data[field]: r.id for r in self._rows.values() if r.data.get(field) is not None}

    def add(self, id: str, data: dict[str, Any]) -> Record:
        """Store a new record."""
        now = self._now()
        record = Record(id, data, now, now, now + timedelta(seconds=self._lag_s()))
        self._rows[id] = record
        self._reindex(record)
        return record

    def change(self, id: str, **fields: Any) -> Record:
        """Change fields of a record and stamp it."""
        record = self._rows[id]
        self._unindex(record)
        record.data.update(fields)
        record.updated_at = self._now()
        self._reindex(record)
        return record

    def remove(self, id: str) -> None:
        """Forget a record."""
        self._unindex(self._rows.pop(id))

    def get(self, id: str) -> Record | None:
        """Return the record with this id; a read by id never lags."""
        return self._rows.get(id)

    def find_by(self, field: str, value: Any) -> Record | None:
        """Return the record with this value of an indexed field; never lags (the vendor's own unique key)."""
        id = self._indexes[field].get(value)
        return None if id is None else self._rows[id]

    def search(self, where: Callable[[Record], bool] = lambda _: True) -> Iterator[Record]:
        """Yield records that a search sees now, in order of creation."""
        now = self._now()
        return (r for r in list(self._rows.values()) if r.searchable_at <= now and where(r))

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def _unindex(self, record: Record) -> None:
        for field, index in self._indexes.items():
            if index.get(record.data.get(field)) == record.id:
                del index[record.data[field]]

    def _reindex(self, record: Record) -> None:
        for field, index in self._indexes.items():
            value = record.data.get(field)
            if value is not None:
                index[value] = record.id
