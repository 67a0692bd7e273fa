"""Changes: doorbells from outbound messages, and the feed that finds what a lost doorbell did not announce."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accordant.canonical import Deal
from accordant.connectors._shared.salesforce import (
    ACKNOWLEDGE,
    Condition,
    Order,
    PlatformClient,
    Select,
    after,
    all_of,
    any_of,
    equals,
    is_set,
    parse_outbound,
    records_page,
)
from accordant.connectors.salesforce.mapping import DEAL
from accordant.connectors.salesforce.payloads import CONTRACT, OPPORTUNITY, deal_part
from accordant.connectors.salesforce.reader import observed
from accordant.connectors.salesforce.settings import SalesforceSettings
from accordant.kernel import ExternalId, InvalidInput, Rejected
from accordant.ports import DealDoorbell, DealFeed, Doorbell, FeedPage, Observation

# A record is stamped when it is written and seen when its transaction commits: each sweep looks back this far.
_OVERLAP = timedelta(minutes=5)
_STAMP = "SystemModstamp"
_ORG_ID = 15  # the id without its checksum


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far one sweep has come: the last stamp, and the last id within that second while pages follow."""

    at: str = ""
    last_id: str = ""

    def condition(self, stamp: str) -> Condition:
        """Return what selects the records after the cursor."""
        if not self.at:
            return is_set(stamp)
        at = datetime.fromisoformat(self.at)
        return any_of(after(stamp, at), all_of(equals(stamp, at), after("Id", self.last_id or "000000000000000")))

    def moved(self, rows: list[dict[str, Any]], stamps: list[str], *, is_full: bool) -> _Cursor:
        """Return the cursor after a page; at the end of a sweep it steps back by the overlap, once."""
        if is_full:
            return _Cursor(stamps[-1], rows[-1]["Id"])
        last = stamps[-1] if stamps else self.at if self.last_id else ""
        if not last:
            return self
        return _Cursor((datetime.fromisoformat(last) - _OVERLAP).isoformat())


class DealChanges(DealFeed, DealDoorbell):
    """Deals that changed: by outbound message, and by two sweeps, over opportunities and over their contracts.

    The second sweep is needed because an amended contract leaves its opportunity's stamp as it was.
    """

    system: str
    _client: PlatformClient
    _settings: SalesforceSettings

    def doorbells(self, body: bytes) -> tuple[Doorbell, ...]:
        """Read an outbound message of our org; answer it with `ACKNOWLEDGE` once it is stored.

        Raises:
            InvalidInput: it is no outbound message.
            Rejected: it comes from another org.
        """
        message = parse_outbound(body)
        if message.organization_id[:_ORG_ID] != self._settings.organization_id[:_ORG_ID]:
            raise Rejected(
                "The message comes from another Salesforce org.",
                code="hook.foreign_organization",
                remedy="Correct the outbound message's address, or the org's id in the estate.",
                system=self.system,
            )
        return tuple(
            Doorbell(n.id, ExternalId(system=self.system, type=n.sobject, value=n.record_id))
            for n in message.notifications
        )

    def acknowledgement(self) -> tuple[bytes, str]:
        """Return the answer that stops the org from ringing again."""
        return ACKNOWLEDGE, "text/xml"

    async def deals_behind(self, ref: ExternalId) -> tuple[str, ...]:
        """Return the ids of the deals to fetch for a doorbell: the opportunity itself, or those of the contract."""
        if ref.type == OPPORTUNITY:
            return (ref.value,)
        if ref.type != CONTRACT:
            return ()
        select = Select(OPPORTUNITY, ("Id",), equals("ContractId", ref.value), (Order("Id"),))
        return tuple(row["Id"] for row in await self._client.query(select, operation="deals_behind"))

    async def deals_since(self, watermark: str | None) -> FeedPage[Deal]:
        """Read a page of each sweep, deleted deals as tombstones; two calls.

        A deal whose contract changed comes again under its own, older stamp: fetch it to see the contract.
        """
        cursors = _parse(watermark)
        rows: list[tuple[str, dict[str, Any]]] = []
        raw: list[bytes] = []
        moved: dict[str, _Cursor] = {}
        more = False
        for stamp in (_STAMP, f"{CONTRACT}.{_STAMP}"):
            cursor = cursors.get(stamp, _Cursor())
            answer = await self._client.page(self._sweep(stamp, cursor), operation="deals_since", with_deleted=True)
            page = records_page(answer)["records"]
            stamps = [_stamp_of(row, stamp) for row in page]
            is_full = len(page) == self._settings.page_size
            moved[stamp] = cursor.moved(page, stamps, is_full=is_full)
            more = more or is_full
            rows += zip(stamps, page, strict=True)
            raw.append(answer.content)
        rows.sort(key=lambda row: row[0])
        text = json.dumps({stamp: [cursor.at, cursor.last_id] for stamp, cursor in moved.items()})
        return FeedPage(tuple(self._observation(row) for _, row in rows), text, more, b"\n".join(raw))

    def _sweep(self, stamp: str, cursor: _Cursor) -> Select:
        fields = dict.fromkeys([*DEAL.vendor_fields, "IsDeleted", stamp])
        order = (Order(stamp), Order("Id"))
        return Select(OPPORTUNITY, tuple(fields), cursor.condition(stamp), order, self._settings.page_size)

    def _observation(self, row: dict[str, Any]) -> Observation[Deal]:
        """Return the deal under its own stamp, also when its contract is what changed."""
        if row["IsDeleted"]:
            ref = ExternalId(system=self.system, type=OPPORTUNITY, value=row["Id"])
            return Observation(ref, None, datetime.fromisoformat(row[_STAMP]))
        return observed(DEAL.read(deal_part(row), system=self.system))


def _stamp_of(row: dict[str, Any], stamp: str) -> str:
    relation, _, field = stamp.rpartition(".")
    return str(row[relation][field] if relation else row[field])


def _parse(watermark: str | None) -> dict[str, _Cursor]:
    if watermark is None:
        return {}
    try:
        return {stamp: _Cursor(at, last_id) for stamp, (at, last_id) in json.loads(watermark).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "The watermark is none of this feed.", code="feed.watermark", remedy="Start the feed from the beginning."
        ) from error
