"""The tenant's XML as nested dictionaries under the vendor's names, and the parts of it that code touches.

An element with parts becomes a dictionary, attributes beside them; a reference becomes its ids by type. Elements that
may stand several times are always lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

WORKER = "Worker"
NAMESPACE = "{urn:com.workday/bsvc}"
Record = dict[str, Any]

_LISTS = frozenset(
    {
        "Worker", "Worker_Job_Data", "Email_Address_Data", "Usage_Data", "Worker_Organization_Data",
        "Management_Chain_Data", "Manager_Reference", "Transaction_Log_Entry", "Leave_Status_Data",
        "Transaction_Log_Corrected_And_Rescinded_Data", "Corrected_Or_Rescinded_Transaction_Log_Data",
        "Main_Transaction_Data", "Correction_Or_Rescind_Data",
    }
)  # fmt: skip
_ONE_DAY = timedelta(days=1)
_WORKER_IDS = ("Employee_ID", "Contingent_Worker_ID")


class _NoDoctype(TreeBuilder):
    """Refuse entities and everything else that a document type can bring along."""

    def doctype(self, name: str, *_: object) -> None:
        raise ParseError(f"document type {name} is not allowed")


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: its code, its text, and the places in the request that it names."""

    code: str
    text: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a worker's transaction log: the day it is about, and the instant it was entered."""

    on: date
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of Get_Workers."""

    workers: tuple[Record, ...]
    total_pages: int


def parse(content: bytes) -> Element:
    """Return the root of a document; raises ParseError."""
    parser = XMLParser(target=_NoDoctype())  # noqa: S314 - without a document type there is nothing to expand
    parser.feed(content)
    root: Element = parser.close()
    return root


def fault_in(content: bytes) -> Fault | None:
    """Return the fault of an answer; None when it holds none, or is no XML."""
    try:
        root = parse(content)
    except ParseError:
        return None
    code, text = root.findtext(".//faultcode"), root.findtext(".//faultstring")
    if code is None and text is None:
        return None
    return Fault(code or "", text or "", tuple(e.text or "" for e in root.iter(f"{NAMESPACE}Xpath")))


def page_in(root: Element) -> Page:
    """Return the workers of an answer; there is no data at all when nobody was found. Raises ValueError."""
    response = root.find(f".//{NAMESPACE}Get_Workers_Response")
    if response is None:
        raise ValueError("no Get_Workers_Response")
    pages = response.findtext(f"{NAMESPACE}Response_Results/{NAMESPACE}Total_Pages")
    if pages is None:
        raise ValueError("no Total_Pages")
    workers = response.iterfind(f"{NAMESPACE}Response_Data/{NAMESPACE}Worker")
    return Page(tuple(as_record(worker) for worker in workers), int(pages))


def as_record(element: Element) -> Record:
    """Return an element with its parts as a dictionary."""
    record: Record = {_local(name): value for name, value in element.attrib.items()}
    for part in element:
        name = _local(part.tag)
        value = _value(part)
        if name in _LISTS and not _is_whole_chain(part):
            record.setdefault(name, []).append(value)
        else:
            record[name] = value
    return record


def worker_key(record: Record) -> str:
    """Return the id of a worker, `Employee_ID=21001`: employees and contingent workers may share numbers."""
    reference = record.get("Worker_Reference") or {}
    return str(reference.get("Worker_Key") or "")


def changes_in(record: Record) -> tuple[Change, ...]:
    """Return a worker's transaction log; a correction counts on the day it left and on the day it went to.

    It counts on the days after, too: what was corrected or rescinded may have been a last day of work.
    Raises KeyError or ValueError on an entry without its moments.
    """
    data = record["Worker_Data"]
    log = data.get("Transaction_Log_Entry_Data") or {}
    found = [_change(entry["Transaction_Log_Data"]) for entry in log.get("Transaction_Log_Entry", [])]
    for part in data.get("Transaction_Log_Corrected_And_Rescinded_Data", []):
        for both in part.get("Corrected_Or_Rescinded_Transaction_Log_Data", []):
            days = [_change(main["Transaction_Log_Data"]).on for main in both.get("Main_Transaction_Data", [])]
            for subevent in both.get("Correction_Or_Rescind_Data", []):
                at = moment(subevent["Transaction_Entry_Moment"])
                prior = subevent.get("Prior_Effective_Moment")
                touched = {*days, *([civil_date(prior)] if prior else [])}
                found += [Change(day, at) for day in touched | {day + _ONE_DAY for day in touched}]
    return tuple(found)


def status_of(record: Record) -> Record:
    """Return the status part of a worker; empty when it was not shown."""
    employment = record["Worker_Data"].get("Employment_Data") or {}
    status: Record = employment.get("Worker_Status_Data") or {}
    return status


def civil_date(text: str) -> date:
    """Read a date; the offset behind it belongs to the tenant's servers, not to the day."""
    return date.fromisoformat(text[:10])


def moment(text: str) -> datetime:
    """Read an instant in UTC; raises ValueError when it has no offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without offset")
    return at.astimezone(UTC)


def _change(data: Record) -> Change:
    return Change(civil_date(data["Transaction_Effective_Moment"]), moment(data["Transaction_Entry_Moment"]))


def _value(element: Element) -> Any:
    ids = element.findall(f"{NAMESPACE}ID")
    if ids:
        return _reference(element, ids)
    if len(element):
        return as_record(element)
    return (element.text or "").strip()


def _reference(element: Element, ids: list[Element]) -> Record:
    reference: Record = {id.get(f"{NAMESPACE}type", ""): (id.text or "").strip() for id in ids}
    for kind in _WORKER_IDS:
        if kind in reference:
            reference["Worker_Key"] = f"{kind}={reference[kind]}"
    if descriptor := element.get(f"{NAMESPACE}Descriptor"):
        reference["Descriptor"] = descriptor
    return reference


def _is_whole_chain(element: Element) -> bool:
    """Say whether this is the part of the answer, whose links carry the same name as itself."""
    return element.find(f"{NAMESPACE}Worker_Supervisory_Management_Chain_Data") is not None


def _local(name: str) -> str:
    return name.rpartition("}")[2]
