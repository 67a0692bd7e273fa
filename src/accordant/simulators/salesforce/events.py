"""Outbound messages: SOAP notifications to a listener, sent in the background until it acknowledges them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any
from xml.sax.saxutils import escape

import httpx2

from accordant.simulators._shared import FaultPlan
from accordant.simulators.salesforce.metadata import WON, SObject
from accordant.simulators.salesforce.state import Change, Org, system_value

_BATCH = 100
_KEPT_S = 24 * 3600.0
_LONGEST_WAIT_S = 2 * 3600.0
_TIMEOUT_S = 60.0
_ACK = re.compile(r"<(?:[\w.-]+:)?Ack>\s*true\s*</(?:[\w.-]+:)?Ack>")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The administrator chose which fields each message carries.
_CARRIED = {
    "Opportunity": ("AccountId", "Accordant_Id__c", "ContractId", "Name", "StageName", "SystemModstamp"),
    "Contract": ("AccountId", "Accordant_Id__c", "Status", "SystemModstamp", "Version__c"),
}


@dataclass
class Notification:
    """One notification: its id stays the same however often it is sent."""

    id: str
    event: str
    sobject: SObject
    record_id: str
    queued_at: float
    due_at: float
    attempts: int = 0
    copies: int = 1
    held: bool = False


@dataclass
class Delivery:
    """One POST to the listener, as it went."""

    event: str
    notification_ids: list[str]
    acknowledged: bool
    status: int


def events_of(change: Change) -> Iterator[str]:
    """Yield the names of the messages that a change triggers."""
    before, after = change.before or {}, change.after
    if after.get("IsDeleted"):
        return
    if change.sobject.name == "Opportunity" and after["StageName"] == WON != before.get("StageName"):
        yield "opportunity.closed_won"
    if change.sobject.name == "Contract" and after["Status"] == "Activated":
        if before.get("Status") != "Activated":
            yield "contract.activated"
        elif (after.get("Version__c") or 0) > (before.get("Version__c") or 0):
            yield "contract.amended"


@dataclass
class OutboundMessages:
    """The queue of notifications and its background sender.

    Without a listener nothing is queued. A notification that is not acknowledged is sent again after `first_retry_s`,
    then after twice as long each time, for 24 hours; then it is dead.

    Args:
        org: read when a notification is sent, so that it carries the record as it is then.
        faults: asked for `duplicate`, `out_of_order` and `lost_event` by event name.
    """

    org: Org
    faults: FaultPlan
    url: str = ""
    transport: httpx2.AsyncBaseTransport | None = None
    first_retry_s: float = 5.0
    deliveries: list[Delivery] = field(default_factory=list)
    dead: list[Notification] = field(default_factory=list)
    _queue: list[Notification] = field(default_factory=list)
    _sender: asyncio.Task[None] | None = None
    _action_ids: dict[str, str] = field(default_factory=dict)

    def committed(self, changes: list[Change]) -> None:
        """Queue what the changes of a transaction trigger, and let the sender run."""
        if not self.url:
            return
        for change in changes:
            for event in events_of(change):
                self._announce(event, change)
        self._wake()

    async def drain(self) -> None:
        """Wait until nothing is queued; for tests and the end of a story."""
        self._wake()
        if self._sender is not None:
            await self._sender

    def _announce(self, event: str, change: Change) -> None:
        if self.faults.take(event, "lost_event"):
            return
        now = monotonic()
        fresh = Notification(self.org.ids.next("04l"), event, change.sobject, change.id, now, now)
        if self.faults.take(event, "duplicate"):
            fresh.copies = 2
        if fault := self.faults.take(event, "out_of_order"):
            fresh.held = True
            fresh.due_at = now + float(fault.options.get("delay_s", 2.0))
        else:
            self._release(event)
        self._queue.append(fresh)

    def _release(self, successor: str) -> None:
        """Let held notifications follow the successor: they are due, behind it in the queue."""
        kind = successor.partition(".")[0]
        for held in [n for n in self._queue if n.held and n.event.partition(".")[0] == kind]:
            held.held, held.due_at = False, monotonic() + 0.01

    def _wake(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop yet: what is queued goes out with the next call that runs in one
        if self._queue and (self._sender is None or self._sender.done()):
            self._sender = loop.create_task(self._run())

    async def _run(self) -> None:
        async with httpx2.AsyncClient(transport=self.transport, timeout=_TIMEOUT_S) as client:
            while self._queue:
                batch = self._due()
                if batch:
                    await self._send(client, batch)
                else:
                    wait_s = min(n.due_at for n in self._queue) - monotonic()
                    await asyncio.sleep(min(max(wait_s, 0.005), 0.05))

    def _due(self) -> list[Notification]:
        now = monotonic()
        due = sorted((n for n in self._queue if n.due_at <= now), key=lambda n: n.due_at)
        return [n for n in due if n.event == due[0].event][:_BATCH]

    async def _send(self, client: httpx2.AsyncClient, batch: list[Notification]) -> None:
        body = self._envelope(batch)
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        try:
            answer = await client.post(self.url, content=body, headers=headers)
            status, acknowledged = answer.status_code, answer.status_code == 200 and bool(_ACK.search(answer.text))
        except httpx2.HTTPError:
            status, acknowledged = 0, False
        self.deliveries.append(Delivery(batch[0].event, [n.id for n in batch], acknowledged, status))
        for notification in batch:
            self._settle(notification, acknowledged=acknowledged)

    def _settle(self, notification: Notification, *, acknowledged: bool) -> None:
        notification.attempts += 1
        if acknowledged:
            notification.copies -= 1
            if notification.copies <= 0:
                self._queue.remove(notification)
        elif monotonic() - notification.queued_at > _KEPT_S:
            self._queue.remove(notification)
            self.dead.append(notification)
        else:
            wait_s = min(self.first_retry_s * 2 ** (notification.attempts - 1), _LONGEST_WAIT_S)
            notification.due_at = monotonic() + wait_s

    def _envelope(self, batch: list[Notification]) -> bytes:
        event = batch[0].event
        action_id = self._action_ids.setdefault(event, self.org.ids.next("04k"))
        notifications = "".join(self._notification(n) for n in batch)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
            f"<OrganizationId>{self.org.organization_id}</OrganizationId><ActionId>{action_id}</ActionId>"
            '<SessionId xsi:nil="true"/>'
            "<EnterpriseUrl>https://crm.example/services/Soap/c/59.0</EnterpriseUrl>"
            "<PartnerUrl>https://crm.example/services/Soap/u/59.0</PartnerUrl>"
            f"{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
        ).encode()

    def _notification(self, notification: Notification) -> str:
        name = notification.sobject.name
        record = self.org.tables[name].get(notification.record_id)
        values = {"Id": notification.record_id}
        if record is not None:
            values |= {f: _text(v) for f in _CARRIED[name] if (v := system_value(record, f)) is not None}
        fields = "".join(f"<sf:{f}>{escape(_NO_XML.sub('', v))}</sf:{f}>" for f, v in values.items())
        return (
            f'<Notification><Id>{notification.id}</Id><sObject xsi:type="sf:{name}" '
            f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>'
        )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return str(float(value))
    return str(value)
