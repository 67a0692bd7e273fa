"""Calls to the Human_Resources service: the tenant's clock, and workers as of a day and a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from accordant.connectors.workday.payloads import NAMESPACE, Page, moment, page_in, parse
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.kernel import ContractDrift
from accordant.platform.http import HttpClient, Response

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_STATE = (
    "Include_Reference",
    "Include_Personal_Information",
    "Include_Employment_Information",
    "Include_Organizations",
    "Include_Management_Chain_Data",
)
_LOG = (
    "Include_Reference",
    "Include_Transaction_Log_Data",
    "Include_Subevents_for_Corrected_Transaction",
    "Include_Subevents_for_Rescinded_Transaction",
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """Both moments of a question; the second stays the same through all pages, or rows would shift."""

    day: date
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Entered:
    """Transactions that were entered within a span, both ends included."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Effective:
    """Transactions that hold from a day within a span, both ends included."""

    start: date
    end: date


class WorkdayClient:
    """One tenant's Human_Resources service, version pinned."""

    def __init__(self, http: HttpClient, settings: WorkdaySettings) -> None:
        self._http = http
        self._version = settings.api_version
        self._path = f"/ccx/service/{settings.tenant}/Human_Resources/{settings.api_version}"
        self.page_size = settings.page_size

    async def now(self, *, operation: str) -> datetime:
        """Return the tenant's clock, from which watermarks are taken."""
        answer = await self._call(_wd("Server_Timestamp_Get"), operation)
        text = _root(answer).findtext(f".//{NAMESPACE}Server_Timestamp_Data")
        try:
            return moment(text or "")
        except ValueError as error:
            raise _drift(answer, "no clock") from error

    async def workers(
        self, as_of: AsOf, page: int, *, operation: str, matching: Entered | Effective | None = None
    ) -> tuple[Page, bytes]:
        """Return references of workers that exist as of the day: all, or those with a matching transaction."""
        request = _wd("Get_Workers_Request")
        if matching is not None:
            _add_window(request, matching)
        _add_filter(request, as_of, page, self.page_size)
        _add_group(request, ("Include_Reference",))
        return await self._page(request, operation)

    async def logs(self, keys: Sequence[str], as_of: AsOf, *, operation: str) -> tuple[Page, bytes]:
        """Return the whole transaction logs of some workers, at most a page of them."""
        return await self._of(keys, as_of, _LOG, operation)

    async def states(self, keys: Sequence[str], as_of: AsOf, *, operation: str) -> tuple[Page, bytes]:
        """Return some workers as of a day, at most a page of them; those who are not there are left out."""
        return await self._of(keys, as_of, _STATE, operation)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _of(self, keys: Sequence[str], as_of: AsOf, group: Iterable[str], operation: str) -> tuple[Page, bytes]:
        request = _wd("Get_Workers_Request")
        references = SubElement(request, f"{NAMESPACE}Request_References")
        references.set(f"{NAMESPACE}Skip_Non_Existing_Instances", "1")
        for key in keys:
            kind, _, value = key.partition("=")
            reference = SubElement(references, f"{NAMESPACE}Worker_Reference")
            id = SubElement(reference, f"{NAMESPACE}ID", {f"{NAMESPACE}type": kind})
            id.text = value
        _add_filter(request, as_of, 1, max(1, len(keys)))
        _add_group(request, group)
        return await self._page(request, operation)

    async def _page(self, request: Element, operation: str) -> tuple[Page, bytes]:
        answer = await self._call(request, operation)
        try:
            return page_in(_root(answer)), answer.content
        except ValueError as error:
            raise _drift(answer, str(error)) from error

    async def _call(self, request: Element, operation: str) -> Response:
        request.set(f"{NAMESPACE}version", self._version)
        envelope = Element(f"{_SOAP}Envelope")
        SubElement(envelope, f"{_SOAP}Body").append(request)
        headers = {"content-type": "text/xml; charset=utf-8", "accept": "text/xml"}
        content = tostring(envelope, encoding="utf-8", xml_declaration=True)
        return await self._http.read("POST", self._path, operation=operation, content=content, headers=headers)


def _wd(name: str) -> Element:
    return Element(f"{NAMESPACE}{name}")


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, f"{NAMESPACE}{name}").text = text


def _add_window(request: Element, window: Entered | Effective) -> None:
    criteria = SubElement(request, f"{NAMESPACE}Request_Criteria")
    log = SubElement(criteria, f"{NAMESPACE}Transaction_Log_Criteria_Data")
    span = SubElement(log, f"{NAMESPACE}Transaction_Date_Range_Data")
    if isinstance(window, Entered):
        _add(span, "Updated_From", window.start.isoformat())
        _add(span, "Updated_Through", window.end.isoformat())
    else:
        _add(span, "Effective_From", f"{window.start.isoformat()}T00:00:00Z")
        _add(span, "Effective_Through", f"{window.end.isoformat()}T23:59:59Z")


def _add_filter(request: Element, as_of: AsOf, page: int, count: int) -> None:
    where = SubElement(request, f"{NAMESPACE}Response_Filter")
    _add(where, "As_Of_Effective_Date", as_of.day.isoformat())
    _add(where, "As_Of_Entry_DateTime", as_of.known_at.isoformat())
    _add(where, "Page", str(page))
    _add(where, "Count", str(count))


def _add_group(request: Element, names: Iterable[str]) -> None:
    group = SubElement(request, f"{NAMESPACE}Response_Group")
    for name in names:
        _add(group, name, "1")


def _root(answer: Response) -> Element:
    try:
        return parse(answer.content)
    except ParseError as error:
        raise _drift(answer, "no XML") from error


def _drift(answer: Response, what: str) -> ContractDrift:
    return ContractDrift(
        f"Workday answered in an unknown shape: {what}.",
        code="workday.shape",
        remedy="Compare the service's version with the one the connector names.",
        system=answer.system,
        operation=answer.operation,
    )
