"""What changed since: payments, by a keyset over the moments at which invoices were last written, with an overlap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from accordant.canonical import Payment
from accordant.connectors.tryton.mapping import PAYMENT
from accordant.connectors.tryton.payloads import INVOICE, Row
from accordant.connectors.tryton.reader import TrytonReader
from accordant.kernel import InvalidInput
from accordant.ports import FeedPage, Observation, PaymentFeed

_OVERLAP = timedelta(minutes=5)
"""How far back each new round looks: a record is stamped when its transaction begins and seen when it ends."""

_NO_MONEY = frozenset({"revenue", "expense", "write-off", "situation"})
"""Kinds of journals whose lines settle an invoice without a payment: credit notes, write-offs."""

_INVOICE_FIELDS = ("write_date", "currency", "currency.code", "payment_lines", "reconciliation_lines")
_LINE_FIELDS = (
    "debit",
    "credit",
    "second_currency",
    "amount_second_currency",
    "date",
    "move.journal.type",
    "move.description",
)


class Watermark(BaseModel):
    """Where a round of reading stands.

    Args:
        at: the newest moment that was seen.
        invoice: the last invoice of a full page; the next page begins after it. None begins a new round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    invoice: int | None = None

    def domain(self) -> list[Any]:
        """Return what the next page has to hold."""
        if self.invoice is None:
            return ["write_date", ">=", self.at - _OVERLAP]
        return ["OR", ["write_date", ">", self.at], [["write_date", "=", self.at], ["id", ">", self.invoice]]]


class TrytonChanges(TrytonReader, PaymentFeed):
    """Feeds of the database."""

    async def payments_since(self, watermark: str | None) -> FeedPage[Payment]:
        """Read payments of invoices that were written since; one observation per ledger line and invoice.

        A payment changes its invoice, so each changed invoice brings all its payments again. A payment that is taken
        off an invoice leaves no trace here; reconciliation shows it (README).
        """
        mark, limit = _parse(watermark), self.settings.page_size
        paid = ["OR", ["state", "=", "paid"], [["state", "=", "posted"], ["payment_lines", "!=", None]]]
        domain = [["type", "=", "out"], paid, *([mark.domain()] if mark else [])]
        order = [["write_date", "ASC"], ["id", "ASC"]]
        invoices = await self.client.search(
            INVOICE, domain, _INVOICE_FIELDS, operation="payments_since", limit=limit, order=order
        )
        lines = await self._lines(invoices)
        records = [record for invoice in invoices for record in _payments(invoice, lines)]
        more = len(invoices) == limit
        return FeedPage(
            observations=tuple(self._observe(record) for record in records),
            watermark=_after(invoices, mark, more=more),
            more=more,
            raw=json.dumps(records, default=str).encode(),
        )

    async def _lines(self, invoices: list[Row]) -> Mapping[int, Row]:
        ids = sorted({id for invoice in invoices for id in _line_ids(invoice)})
        if not ids:
            return {}
        rows = await self.client.search(
            "account.move.line", [["id", "in", ids]], _LINE_FIELDS, operation="payments_since"
        )
        return {row["id"]: row for row in rows}

    def _observe(self, record: Row) -> Observation[Payment]:
        read = PAYMENT.read(record, system=self.system)
        return Observation(read.ref, read.body, record["changed_at"], read.unknown)


def _line_ids(invoice: Row) -> list[int]:
    return list(dict.fromkeys([*invoice["payment_lines"], *invoice["reconciliation_lines"]]))


def _payments(invoice: Row, lines: Mapping[int, Row]) -> Iterator[Row]:
    """Return the invoice's payments as records of their own, in the invoice's currency."""
    for id in _line_ids(invoice):
        line = lines.get(id)
        if line is None or line["move.journal.type"] in _NO_MONEY:
            continue
        is_foreign = line["second_currency"] == invoice["currency"]
        amount = -line["amount_second_currency"] if is_foreign else line["credit"] - line["debit"]
        yield {
            "ref": f"{id}:{invoice['id']}",
            "invoice": invoice["id"],
            "amount": amount,
            "currency": invoice["currency.code"],
            "date": line["date"],
            "reference": line["move.description"],
            "changed_at": invoice["write_date"],
        }


def _after(invoices: list[Row], mark: Watermark | None, *, more: bool) -> str:
    if invoices:
        last = invoices[-1]
        return Watermark(at=last["write_date"], invoice=last["id"] if more else None).model_dump_json()
    return Watermark(at=mark.at).model_dump_json() if mark else ""


def _parse(text: str | None) -> Watermark | None:
    if not text:
        return None
    try:
        return Watermark.model_validate_json(text)
    except ValueError as error:
        raise InvalidInput(
            "The watermark of the payment feed cannot be read.",
            code="feed.watermark",
            remedy="Start the feed from the beginning; what is known already is recognized.",
        ) from error
