"""What changed since: payments, by a keyset over the vendor's own instants with an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from accordant.canonical import Payment
from accordant.connectors.netsuite.mapping import PAYMENT
from accordant.connectors.netsuite.payloads import instant_of
from accordant.connectors.netsuite.reader import NetSuiteReader
from accordant.connectors.netsuite.suiteql import (
    Condition,
    Select,
    above,
    all_of,
    any_of,
    as_date,
    as_instant,
    at,
    column,
    equals,
)
from accordant.kernel import InvalidInput
from accordant.ports import FeedPage, Observation, PaymentFeed

_OVERLAP = timedelta(minutes=5)
"""How far back each new round looks: a record is stamped when its save begins and seen when it ends."""

_APPLIED = Select(
    table="transaction p",
    columns=(
        column("p.id", "id"),
        column("l.previousdoc", "invoice"),
        column("l.foreignamount", "amount"),
        column("c.symbol", "currency"),
        as_date("p.trandate", "paid_on"),
        as_instant("p.lastmodifieddate", "lm"),
        column("p.memo", "memo"),
    ),
    joins=(("nexttransactionlink l", "l.nextdoc", "p.id"), ("currency c", "c.id", "p.currency")),
    where=(equals("p.type", "CustPymt"),),
    order=("p.lastmodifieddate", "p.id", "l.previousdoc"),
)


class Watermark(BaseModel):
    """Where a round of reading stands.

    Args:
        at: the newest instant that was seen, as the account shows it.
        payment: with `invoice`: the last row of a full page; the next page begins after it. None begins a new round.
        invoice: see `payment`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    payment: str | None = None
    invoice: str | None = None

    def condition(self) -> Condition:
        """Return what the next page has to hold."""
        changed = "p.lastmodifieddate"
        if self.payment is None or self.invoice is None:
            return at(changed, ">=", self.at - _OVERLAP)
        same_payment = all_of(equals("p.id", self.payment), above("l.previousdoc", self.invoice))
        same_instant = all_of(at(changed, "=", self.at), any_of(above("p.id", self.payment), same_payment))
        return any_of(at(changed, ">", self.at), same_instant)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the feed's query."""

    values: dict[str, str]

    def mark(self, *, more: bool) -> Watermark:
        moment = datetime.fromisoformat(self.values["lm"])
        if more:
            return Watermark(at=moment, payment=self.values["id"], invoice=self.values["invoice"])
        return Watermark(at=moment)

    def record(self, zone: ZoneInfo) -> dict[str, Any]:
        changed_at = instant_of(self.values["lm"], zone)
        pair = f"{self.values['id']}:{self.values['invoice']}"
        return {**self.values, "ref": pair, "changed_at": changed_at.isoformat()}


class NetSuiteChanges(NetSuiteReader, PaymentFeed):
    """Feeds of the account."""

    async def payments_since(self, watermark: str | None) -> FeedPage[Payment]:
        """Read payments applied to invoices; one observation per payment and invoice, oldest change first.

        A payment that is taken off an invoice again leaves no trace here; reconciliation shows it (README).
        """
        mark = _parse(watermark)
        select = _APPLIED if mark is None else _APPLIED.that(mark.condition())
        page, raw = await self.client.page(select, operation="payments_since", limit=self.settings.page_size)
        rows = [_Row({name: v for name, v in row.items() if name != "links"}) for row in page["items"]]
        more = bool(page["hasMore"]) and bool(rows)
        after = rows[-1].mark(more=more) if rows else _rested(mark)
        return FeedPage(
            observations=tuple(self._observe(row) for row in rows),
            watermark=after.model_dump_json() if after else "",
            more=more,
            raw=raw,
        )

    def _observe(self, row: _Row) -> Observation[Payment]:
        read = PAYMENT.read(row.record(ZoneInfo(self.settings.time_zone)), system=self.system)
        assert read.changed_at is not None  # noqa: S101 - the declaration names it
        return Observation(read.ref, read.body, read.changed_at, read.unknown)


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


def _rested(mark: Watermark | None) -> Watermark | None:
    """Return the mark of a new round after one that ended with an empty page."""
    return None if mark is None else Watermark(at=mark.at)
