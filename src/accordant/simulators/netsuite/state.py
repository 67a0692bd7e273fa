"""The records of one account: ids per family, external ids, document numbers, applications of money, the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accordant.simulators._shared import Record, Records
from accordant.simulators.netsuite.errors import user_error
from accordant.simulators.netsuite.ledger import Posting
from accordant.simulators.netsuite.shapes import SCHEMAS

RECORD_PATH = "/services/rest/record/v1"

_FIRST_IDS = {"entity": 600, "transaction": 2000, "timeBill": 9000, "projectTask": 5000, "item": 40, "account": 100}
_NUMBERS = {"invoice": "INV", "creditMemo": "CM", "customerPayment": "PYMT", "journalEntry": "JE"}


class State:
    """Everything the account holds.

    Args:
        records: makes an empty set of records on the simulator's clock.
        now: the vendor's clock.
        origin: scheme and host that links start with.
    """

    def __init__(self, records: Callable[[], Records], now: Callable[[], datetime], origin: str) -> None:
        self.now = now
        self.origin = origin
        self.types: dict[str, Records] = {name: records() for name in SCHEMAS}
        self.postings: dict[str, list[Posting]] = {}
        self.applications: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
        self.billed_by: dict[str, str] = {}
        self.entity_names: dict[str, str] = {}
        self._families = {name: schema.family for name, schema in SCHEMAS.items()}
        self._next_id = {family: _FIRST_IDS.get(family, 1) for family in self._families.values()}
        self._next_number: defaultdict[str, int] = defaultdict(lambda: 1001)
        self._external: dict[tuple[str, str], tuple[str, str]] = {}

    # -- finding

    def get(self, type: str, id: str) -> Record | None:
        """Return a record by its internal id."""
        return self.types[type].get(id)

    def require(self, type: str, id: str) -> Record:
        """Return a record that a resolved reference points to."""
        record = self.types[type].get(id)
        if record is None:
            raise user_error(f"The {type} {id} was deleted.")
        return record

    def by_external_id(self, type: str, external_id: str) -> Record | None:
        """Return the record of the type with this external id."""
        found = self._external.get((self._families[type], external_id))
        return self.types[type].get(found[1]) if found and found[0] == type else None

    def resolve(self, types: tuple[str, ...], *, id: str | None, external_id: str | None) -> str | None:
        """Return the internal id of a reference, or None."""
        for type in types:
            record = self.types[type].get(id) if id is not None else self.by_external_id(type, str(external_id))
            if record is not None:
                return record.id
        return None

    # -- showing

    def name_of(self, types: tuple[str, ...], id: str) -> str:
        """Return the display name of the record, its id when it has none."""
        for type in types:
            record = self.types[type].get(id)
            if record is not None:
                return next((str(record.data[n]) for n in SCHEMAS[type].names if record.data.get(n)), id)
        return id

    def show(self, types: tuple[str, ...], id: str) -> dict[str, Any]:
        """Return the reference object."""
        type = next((t for t in types if self.types[t].get(id)), types[0])
        return {"links": [self.link(type, id)], "id": id, "refName": self.name_of((type,), id)}

    def link(self, type: str, *parts: str) -> dict[str, str]:
        """Return a link to a record or a part of it."""
        return {"rel": "self", "href": "/".join((f"{self.origin}{RECORD_PATH}/{type}", *parts))}

    # -- changing

    def require_free(self, type: str, external_id: str, own_id: str | None) -> None:
        """Refuse an external id that another record of the family carries."""
        holder = self._external.get((self._families[type], external_id))
        if holder is not None and holder[1] != own_id:
            noun = "entity" if self._families[type] == "entity" else "record"
            raise user_error(f"This {noun} already exists.", "externalId")

    def put(self, type: str, id: str | None, data: dict[str, Any]) -> Record:
        """Store a new record (id None) or replace the fields of an old one."""
        family = self._families[type]
        if id is None:
            id = str(self._next_id[family])
            self._next_id[family] += 1
            record = self.types[type].add(id, data)
        else:
            before = self.types[type].get(id)
            if before is not None and before.data.get("externalId") != data.get("externalId"):
                self._external.pop((family, str(before.data.get("externalId"))), None)
            record = self.types[type].change(id, **data)
        if external_id := data.get("externalId"):
            self._external[family, external_id] = (type, id)
        return record

    def remove(self, type: str, id: str) -> None:
        """Forget a record; its external id is free again."""
        external_id = self.require(type, id).data.get("externalId")
        self.types[type].remove(id)
        self._external.pop((self._families[type], str(external_id)), None)

    def next_number(self, type: str) -> str:
        """Return the next document number: `INV-1001`."""
        number = self._next_number[type]
        self._next_number[type] += 1
        return f"{_NUMBERS[type]}-{number}"

    def touch(self, type: str, id: str, **fields: Any) -> None:
        """Change what the system itself keeps on a record."""
        self.types[type].change(id, **fields)

    # -- small questions

    def currency_symbol(self, id: str | None) -> str:
        """Return the ISO code of a currency record."""
        record = self.types["currency"].get(id) if id else None
        return str(record.data["symbol"]) if record else ""

    def precision(self, currency_id: str) -> Decimal:
        """Return the smallest amount of the currency: 0.01, 1, 0.001."""
        return Decimal(1).scaleb(-int(self.require("currency", currency_id).data.get("currencyPrecision", 2)))

    def account(self, number: str) -> str:
        """Return the id of a general ledger account by its number."""
        record = self.by_external_id("account", number)
        if record is None:
            raise user_error(f"There is no account {number}.")
        return record.id

    def today(self) -> date:
        """Return the vendor's civil day."""
        return self.now().date()

    def ledger(self) -> Iterable[Posting]:
        """Yield every posting of every posted document."""
        return (line for lines in self.postings.values() for line in lines)
