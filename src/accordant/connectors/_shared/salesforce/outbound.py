"""Outbound messages as they arrive: SOAP text to notifications, and the answer that the org waits for.

The body comes from outside and is not signed: the parser takes no document type, no entity and no large text.
Source: "SOAP API Developer Guide", outbound messaging, read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from accordant.kernel import InvalidInput

ACKNOWLEDGE = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)
"""The answer to a message that was stored; any other answer makes the org send it again, for 24 hours."""

_LARGEST_BYTES = 2_000_000  # a hundred notifications are far below it
_OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
_OBJECTS = "urn:sobject.enterprise.soap.sforce.com"
_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification; its id stays the same when it is sent again."""

    id: str
    sobject: str
    record_id: str


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message: up to 100 notifications of one org."""

    organization_id: str
    notifications: tuple[Notification, ...]


def parse_outbound(body: bytes) -> OutboundMessage:
    """Read a message.

    Raises:
        InvalidInput: `hook.unreadable` when it is no outbound message or tries what XML should not.
    """
    if len(body) > _LARGEST_BYTES:
        raise _unreadable("it is too large")
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)  # noqa: FBT003 - expat takes it by position
    except expat.ExpatError as error:
        raise _unreadable(expat.ErrorString(error.code)) from error
    if not reader.organization_id or not reader.notifications:
        raise _unreadable("it names no organization or no notification")
    return OutboundMessage(reader.organization_id, tuple(reader.notifications))


class _Reader:
    """Follows the elements; only the text of the few that matter is kept."""

    def __init__(self) -> None:
        self.organization_id = ""
        self.notifications: list[Notification] = []
        self._way: list[str] = []
        self._text: list[str] = []
        self._id = self._sobject = self._record_id = ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse
        self.parser.ExternalEntityRefHandler = _refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._way.append(name)
        self._text.clear()
        if name == f"{_OUTBOUND} Notification":
            self._id = self._sobject = self._record_id = ""
        elif name == f"{_OUTBOUND} sObject":
            self._sobject = attributes.get(_TYPE, "").rpartition(":")[2]

    def _end(self, name: str) -> None:
        self._way.pop()
        parent = self._way[-1] if self._way else ""
        text = "".join(self._text).strip()
        self._text.clear()
        if name == f"{_OUTBOUND} OrganizationId":
            self.organization_id = text
        elif name == f"{_OUTBOUND} Id" and parent == f"{_OUTBOUND} Notification":
            self._id = text
        elif name == f"{_OBJECTS} Id" and parent == f"{_OUTBOUND} sObject":
            self._record_id = text
        elif name == f"{_OUTBOUND} Notification":
            self._keep()

    def _keep(self) -> None:
        if not (self._id and self._sobject and self._record_id):
            raise _unreadable("a notification lacks its id, its object or its record")
        self.notifications.append(Notification(self._id, self._sobject, self._record_id))


def _refuse(*_: object) -> NoReturn:
    raise _unreadable("it declares a document type or an entity")


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput(
        f"The message is not an outbound message of Salesforce: {why}.",
        code="hook.unreadable",
        remedy="See who calls this address.",
    )
