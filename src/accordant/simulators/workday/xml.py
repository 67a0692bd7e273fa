"""XML as the SOAP services read and write it: one namespace, references with typed ids, dates with an offset."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, register_namespace, tostring

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WD = "urn:com.workday/bsvc"
VERSION = "v44.2"

# Quirk(workday): dates and instants come with the tenant's offset, `2024-05-01-08:00`. Fact sheet, section 11.
_TENANT_ZONE = timezone(timedelta(hours=-8))

register_namespace("SOAP-ENV", SOAP)
register_namespace("wd", WD)


class _NoDoctype(TreeBuilder):
    """Refuse entities and everything else that a document type can bring along."""

    def doctype(self, name: str, *_: object) -> None:
        raise ParseError(f"document type {name} is not allowed")


def parse(text: bytes) -> Element:
    """Return the root of a document; raises ParseError."""
    parser = XMLParser(target=_NoDoctype())  # noqa: S314 - without a document type there is nothing to expand
    parser.feed(text)
    root: Element = parser.close()
    return root


def wd(name: str, *parts: object, **attributes: object) -> Element:
    """Build an element of Workday's namespace: children are appended, None is left out, anything else is its text."""
    element = Element(f"{{{WD}}}{name}", {f"{{{WD}}}{key}": text(value) for key, value in attributes.items()})
    for part in parts:
        if isinstance(part, Element):
            element.append(part)
        elif part is not None:
            element.text = text(part)
    return element


def maybe(name: str, value: object) -> Element | None:
    """Build an element, or nothing when there is no value: Workday leaves empty elements out."""
    return None if value is None or value == "" else wd(name, value)


def reference(name: str, descriptor: str = "", **ids: str) -> Element:
    """Build a reference: one `ID` for each typed id."""
    element = wd(name, *(wd("ID", value, type=kind) for kind, value in ids.items()))
    if descriptor:
        element.set(f"{{{WD}}}Descriptor", descriptor)
    return element


def text(value: object) -> str:
    """Write a value as the services do: booleans as 1 and 0, dates and instants with the tenant's offset."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.astimezone(_TENANT_ZONE).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return f"{value.isoformat()}-08:00"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def find(element: Element | None, path: str) -> Element | None:
    """Return the element at a path of names without prefix, `Response_Filter/Page`."""
    return None if element is None else element.find("/".join(f"{{{WD}}}{name}" for name in path.split("/")))


def find_all(element: Element | None, path: str) -> list[Element]:
    """Return all elements at a path."""
    return [] if element is None else element.findall("/".join(f"{{{WD}}}{name}" for name in path.split("/")))


def value(element: Element | None, path: str) -> str:
    """Return the text at a path, empty when there is none."""
    found = find(element, path)
    return (found.text or "").strip() if found is not None else ""


def flag(element: Element | None, path: str) -> bool:
    """Return a boolean at a path; absent is false."""
    return value(element, path) in ("1", "true")


def typed_id(element: Element | None) -> tuple[str, str]:
    """Return type and value of the first id in a reference, both empty when there is none."""
    found = find(element, "ID")
    return ("", "") if found is None else (found.get(f"{{{WD}}}type", ""), (found.text or "").strip())


def day(written: str) -> date:
    """Read a date, with or without offset; raises ValueError."""
    return date.fromisoformat(written[:10])


def moment(written: str) -> datetime:
    """Read an instant; without offset it is in the tenant's zone; raises ValueError."""
    at = datetime.fromisoformat(written)
    return at if at.tzinfo else at.replace(tzinfo=_TENANT_ZONE)


def envelope(*body: Element) -> bytes:
    """Return the SOAP 1.1 envelope around a body."""
    root = Element(f"{{{SOAP}}}Envelope")
    inside = Element(f"{{{SOAP}}}Body")
    inside.extend(body)
    root.append(inside)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)


def document(root: Element) -> bytes:
    """Return a document of its own."""
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)
