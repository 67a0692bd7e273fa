"""The books: what a system accepted, by business key and amount, for the judge to read at `/_books`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    """One accepted business document.

    Args:
        kind: what it is in plain words: ``customer, project, time_entry, time_bill, invoice, payment, workspace``.
        id: the system's own id.
        key: the business key it was written under by its client (external id), empty if none.
        source: where the content came from, as the client declared it: ``kantata-main/9001``; empty if none.
        parent: id of the document it belongs to (the invoice of a line, the project of a time entry).
        entity: legal entity or subsidiary, as the system names it.
        currency: ISO 4217 code, empty for a document without money.
        amount: in major units, exact; None for a document without money.
        quantity: hours, or None.
        state: the system's own state in plain words: ``draft, approved, posted, paid, void``.
    """

    kind: str
    id: str
    key: str = ""
    source: str = ""
    parent: str = ""
    entity: str = ""
    currency: str = ""
    amount: Decimal | None = None
    quantity: Decimal | None = None
    state: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form; amounts and quantities as text, so that no digit is lost."""
        row = asdict(self)
        row["amount"] = None if self.amount is None else format(self.amount, "f")
        row["quantity"] = None if self.quantity is None else format(self.quantity, "f")
        return row


class Books:
    """The documents of one system, read from its records when asked, so that the two cannot disagree."""

    def __init__(self) -> None:
        self._chapters: list[Any] = []

    def chapter(self, read: Any) -> None:
        """Add a source of documents: a function without arguments that yields `Document`s."""
        self._chapters.append(read)

    def documents(self) -> Iterable[Document]:
        """Yield every document of every chapter."""
        for read in self._chapters:
            yield from read()
