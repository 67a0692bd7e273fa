"""The business processes that change a worker: hire, change of job, termination; pending unless completed at once."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from accordant.simulators.workday import xml
from accordant.simulators.workday.errors import invalid, invalid_id, missing
from accordant.simulators.workday.state import Transaction
from accordant.simulators.workday.xml import reference, wd

if TYPE_CHECKING:
    from accordant.simulators.workday.simulator import WorkdaySimulator

_ORGANIZATION_FACT = {"COMPANY": "company", "COST_CENTER": "cost_center", "SUPERVISORY": "supervisory_org"}


def hire_employee(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Hire_Employee; a second hire under the id of an active worker is a validation fault."""
    hiring = _required(request, "Hire_Employee_Data")
    event = _required(hiring, "Hire_Employee_Event_Data")
    worker_id = xml.value(event, "Employee_ID") or sim.next_employee_id()
    on = _day(hiring, "Hire_Date", sim.now().date())
    known = sim.force.snapshot(worker_id, on, sim.now())
    if known and known.active:
        raise invalid(f"The ID '{worker_id}' is already in use by an active worker.")
    facts = _job(sim, _required(event, "Position_Details")) | _name(hiring) | _organizations(sim, hiring)
    return _run(sim, request, "Hire_Employee", worker_id, on, facts)


def change_job(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Change_Job."""
    change = _required(request, "Change_Job_Data")
    worker_id = _worker(sim, change, "Worker_Reference")
    detail = _required(change, "Change_Job_Detail_Data")
    _required(detail, "Reason_Reference")
    job = xml.find(detail, "Job_Details_Data")
    facts = (_job(sim, job) if job is not None else {}) | _organizations(sim, change)
    return _run(sim, request, "Change_Job", worker_id, _day(change, "Effective_Date", None), facts)


def terminate_employee(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Terminate_Employee."""
    ending = _required(request, "Terminate_Employee_Data")
    worker_id = _worker(sim, ending, "Employee_Reference")
    _required(_required(ending, "Terminate_Event_Data"), "Primary_Reason_Reference")
    last_day = _day(ending, "Termination_Date", None)
    return _run(sim, request, "Terminate_Employee", worker_id, last_day, {"terminated_on": last_day})


def _run(
    sim: WorkdaySimulator, request: Element, kind: str, worker_id: str, on: date, facts: dict[str, Any]
) -> Element:
    """Complete at once, or leave the process waiting for its approvals; only then are references returned."""
    name = f"{kind}_Event_Response" if kind != "Change_Job" else "Change_Job_Response"
    complete = partial(_complete, sim, kind, worker_id, on, facts)
    if not xml.flag(request, "Business_Process_Parameters/Auto_Complete"):
        sim.force.pending.append(complete)
        return wd(name, reference("Event_Reference", WID=sim.force.wid()), version=xml.VERSION)
    event = reference("Event_Reference", WID=complete().id)
    employee = reference("Employee_Reference", Employee_ID=worker_id) if kind == "Hire_Employee" else None
    return wd(name, event, employee, version=xml.VERSION)


def _complete(sim: WorkdaySimulator, kind: str, worker_id: str, on: date, facts: dict[str, Any]) -> Transaction:
    if kind == "Hire_Employee":
        return sim.force.hire(worker_id, on, **facts)
    if kind == "Terminate_Employee":
        return sim.force.terminate(worker_id, on)
    return sim.force.change(worker_id, on, **facts)


def _required(parent: Element | None, name: str) -> Element:
    found = xml.find(parent, name)
    if found is None:
        raise missing(name, "" if parent is None else parent.tag.rpartition("}")[2])
    return found


def _day(parent: Element, name: str, default: date | None) -> date:
    written = xml.value(parent, name)
    try:
        if written:
            return xml.day(written)
    except ValueError:
        raise invalid(f"Invalid date in {name}.") from None
    if default is None:
        raise missing(name, parent.tag.rpartition("}")[2])
    return default


def _worker(sim: WorkdaySimulator, parent: Element, name: str) -> str:
    kind, id = xml.typed_id(_required(parent, name))
    known = sim.force.by_wid(id) if kind == "WID" else id
    if known not in sim.force.ids():
        raise invalid_id(kind, id, f"/ns0:{name}[1]/ns0:ID[1]")
    return str(known)


def _job(sim: WorkdaySimulator, details: Element) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, fact, known in (
        ("Job_Profile_Reference", "job_profile", sim.force.job_profiles),
        ("Location_Reference", "location", sim.force.locations),
    ):
        element = xml.find(details, name)
        if element is None:
            continue
        kind, id = xml.typed_id(element)
        if id not in known:
            raise invalid_id(kind, id, f"/ns0:{name}[1]/ns0:ID[1]")
        facts[fact] = id
    if title := xml.value(details, "Business_Title"):
        facts["business_title"] = title
    return facts


def _name(hiring: Element) -> dict[str, Any]:
    applicant = _required(hiring, "Applicant_Data")
    detail = _required(applicant, "Personal_Data/Name_Data/Legal_Name_Data/Name_Detail_Data")
    mail = xml.value(applicant, "Personal_Data/Contact_Data/Email_Address_Data/Email_Address")
    return {"first_name": xml.value(detail, "First_Name"), "last_name": xml.value(detail, "Last_Name"), "email": mail}


def _organizations(sim: WorkdaySimulator, parent: Element) -> dict[str, Any]:
    facts = {}
    for element in parent.iter(f"{{{xml.WD}}}Organization_Reference"):
        kind, id = xml.typed_id(element)
        if id not in sim.force.organizations:
            raise invalid_id(kind, id, "/ns0:Organization_Reference[1]/ns0:ID[1]")
        facts[_ORGANIZATION_FACT[sim.force.organizations[id]["kind"]]] = id
    return facts
