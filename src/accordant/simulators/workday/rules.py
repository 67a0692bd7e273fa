"""What a Get_Workers request selects, and the limits it must keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from xml.etree.ElementTree import Element

from accordant.simulators.workday import xml
from accordant.simulators.workday.errors import invalid, invalid_id
from accordant.simulators.workday.state import Snapshot, Transaction, Workforce

MAX_COUNT = 999
DEFAULT_COUNT = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """The response filter: both axes and the page."""

    as_of: date
    known_at: datetime
    page: int
    count: int


@dataclass(frozen=True, slots=True)
class Window:
    """One transaction log criterion: entered within, effective within, of these kinds; None for no bound."""

    entered: tuple[datetime, datetime] | None
    effective: tuple[datetime, datetime] | None
    kinds: frozenset[str]

    def holds(self, entry: Transaction) -> bool:
        """Say whether an entry of the log matches; both ends are inclusive."""
        day = entry.effective_on
        return (
            (self.entered is None or self.entered[0] <= entry.entered_at <= self.entered[1])
            and (self.effective is None or self.effective[0].date() <= day <= self.effective[1].date())
            and (not self.kinds or entry.kind in self.kinds)
        )


def read_filter(request: Element, now: datetime) -> Filter:
    """Read the response filter; raises a validation fault on a page or count out of range."""
    as_of = xml.value(request, "Response_Filter/As_Of_Effective_Date")
    known_at = xml.value(request, "Response_Filter/As_Of_Entry_DateTime")
    page = int(xml.value(request, "Response_Filter/Page") or 1)
    count = int(xml.value(request, "Response_Filter/Count") or DEFAULT_COUNT)
    if page < 1:
        raise invalid("Page must be 1 or greater.")
    if not 1 <= count <= MAX_COUNT:
        raise invalid(f"Count must be between 1 and {MAX_COUNT}.")
    try:
        today = xml.day(as_of) if as_of else now.date()
        return Filter(today, xml.moment(known_at) if known_at else now, page, count)
    except ValueError:
        raise invalid("Invalid date in Response_Filter.") from None


def read_windows(request: Element, now: datetime) -> list[Window]:
    """Read the transaction log criteria; raises a validation fault on half a pair or a future end."""
    return [_window(c, now) for c in xml.find_all(request, "Request_Criteria/Transaction_Log_Criteria_Data")]


def _window(criteria: Element, now: datetime) -> Window:
    entered = _range(criteria, "Updated")
    if entered and entered[1] > now:
        raise invalid("Updated_Through must not be later than the current moment.")
    types = xml.find_all(criteria, "Transaction_Type_References/Transaction_Type_Reference")
    kinds = frozenset(xml.typed_id(reference)[1] for reference in types)
    return Window(entered, _range(criteria, "Effective"), kinds)


def _range(criteria: Element, axis: str) -> tuple[datetime, datetime] | None:
    ends = [xml.value(criteria, f"Transaction_Date_Range_Data/{axis}_{end}") for end in ("From", "Through")]
    if not any(ends):
        return None
    if not all(ends):
        raise invalid(f"{axis}_From and {axis}_Through must be given together.")
    try:
        return xml.moment(ends[0]), xml.moment(ends[1])
    except ValueError:
        raise invalid(f"Invalid date in {axis}_From or {axis}_Through.") from None


def select(force: Workforce, request: Element, where: Filter, windows: list[Window]) -> list[Snapshot]:
    """Return the workers the request asks for; raises a validation fault on a reference to nobody."""
    references = xml.find(request, "Request_References")
    criteria = xml.find(request, "Request_Criteria")
    if references is not None and criteria is not None:
        raise invalid("Only one of Request_References and Request_Criteria may be given.")
    if references is not None:
        return list(_referenced(force, references, where))
    found = force.snapshots(where.as_of, where.known_at)
    return [s for s in found if _wanted(s, criteria) and _logged(force, s, where, windows)]


def _referenced(force: Workforce, references: Element, where: Filter) -> Iterable[Snapshot]:
    skip = references.get(f"{{{xml.WD}}}Skip_Non_Existing_Instances") in ("1", "true")
    for number, reference in enumerate(xml.find_all(references, "Worker_Reference"), start=1):
        kind, id = xml.typed_id(reference)
        known = force.by_wid(id) if kind == "WID" else id
        snapshot = force.snapshot(known, where.as_of, where.known_at) if known else None
        if snapshot and kind in ("WID", snapshot.id_type):
            yield snapshot
        elif not skip:
            path = f"/ns0:Get_Workers_Request[1]/ns0:Request_References[1]/ns0:Worker_Reference[{number}]/ns0:ID[1]"
            raise invalid_id(kind, id, path)


def _wanted(snapshot: Snapshot, criteria: Element | None) -> bool:
    facts = snapshot.facts
    places = {facts["company"], facts["cost_center"], facts["supervisory_org"]}
    organizations = [xml.typed_id(o)[1] for o in xml.find_all(criteria, "Organization_Reference")]
    employee = facts["worker_type"] == "Employee"
    return (
        (snapshot.active or not xml.flag(criteria, "Exclude_Inactive_Workers"))
        and not (employee and xml.flag(criteria, "Exclude_Employees"))
        and (employee or not xml.flag(criteria, "Exclude_Contingent_Workers"))
        and (not organizations or bool(places.intersection(organizations)))
    )


def _logged(force: Workforce, snapshot: Snapshot, where: Filter, windows: list[Window]) -> bool:
    if not windows:
        return True
    log = [t for t in force.log_of(snapshot.id) if t.entered_at <= where.known_at]
    return any(window.holds(entry) for window in windows for entry in log)
