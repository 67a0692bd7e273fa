"""Workers, organizations, locations and job profiles in the shapes of the SOAP services and of REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from accordant.simulators.workday.rules import Window
from accordant.simulators.workday.state import Snapshot, Transaction, Workforce
from accordant.simulators.workday.xml import maybe, reference, wd

# what each part of the answer needs: the flag in the request, and the domain the user must be granted
PARTS = {
    "Personal_Data": ("Include_Personal_Information", "Personal"),
    "Employment_Data": ("Include_Employment_Information", "Employment"),
    "Compensation_Data": ("Include_Compensation", "Compensation"),
    "Organization_Data": ("Include_Organizations", "Organizations"),
    "Management_Chain_Data": ("Include_Management_Chain_Data", "Management_Chain"),
    "Transaction_Log_Entry_Data": ("Include_Transaction_Log_Data", "Transaction_Log"),
}
BY_DEFAULT = ("Personal_Data", "Employment_Data", "Compensation_Data", "Organization_Data")
DOMAINS = frozenset(domain for _, domain in PARTS.values())


def worker_reference(name: str, worker: Snapshot) -> Element:
    """Return a reference to a worker."""
    return reference(name, worker.name, WID=worker.wid, **{worker.id_type: worker.id})


def personal(worker: Snapshot) -> Element:
    """Return names and work mail."""
    facts = worker.facts
    detail = wd(
        "Name_Detail_Data",
        wd("First_Name", facts["first_name"]),
        wd("Last_Name", facts["last_name"]),
        Formatted_Name=worker.name,
        Reporting_Name=f"{facts['last_name']}, {facts['first_name']}",
    )
    kind = wd("Type_Data", reference("Type_Reference", Communication_Usage_Type_ID="WORK"), Primary=True)
    mail = wd("Email_Address_Data", wd("Email_Address", facts["email"]), wd("Usage_Data", kind, Public=True))
    contact = wd("Contact_Data", mail) if facts["email"] else None
    return wd("Personal_Data", wd("Name_Data", wd("Legal_Name_Data", detail)), contact)


def employment(force: Workforce, worker: Snapshot) -> Element:
    """Return the primary job and the status."""
    return wd("Employment_Data", wd("Worker_Job_Data", _position(force, worker), Primary_Job=True), _status(worker))


def compensation(worker: Snapshot) -> Element | None:
    """Return hourly pay."""
    facts = worker.facts
    if facts["hourly_rate"] is None:
        return None
    hourly = wd(
        "Summary_Data_in_Hourly_Frequency",
        wd("Total_Base_Pay", facts["hourly_rate"]),
        reference("Currency_Reference", Currency_ID=facts["currency"]),
    )
    return wd("Compensation_Data", wd("Employee_Compensation_Summary_Data", hourly))


def organizations(force: Workforce, worker: Snapshot) -> Element:
    """Return the organizations the worker belongs to: company, cost center, supervisory."""
    facts = worker.facts
    ids = [facts[name] for name in ("company", "cost_center", "supervisory_org") if facts[name]]
    return wd("Organization_Data", *(_membership(force, id) for id in ids))


def management(force: Workforce, worker: Snapshot) -> Element | None:
    """Return the chain of managers, the top first; the worker's own manager is the last."""
    chain: list[Element] = []
    manager_id = worker.facts["manager"]
    while manager_id and len(chain) < 20:
        manager = force.snapshot(manager_id, worker.as_of, worker.known_at)
        if manager is None:
            break
        organization = reference("Organization_Reference", Organization_Reference_ID=worker.facts["supervisory_org"])
        chain.insert(0, wd("Management_Chain_Data", organization, worker_reference("Manager_Reference", manager)))
        manager_id = manager.facts["manager"]
    if not chain:
        return None
    return wd("Management_Chain_Data", wd("Worker_Supervisory_Management_Chain_Data", *chain))


def transaction_log(force: Workforce, entries: list[Transaction], known_at: datetime) -> Element:
    """Return the log of a worker without the entries that only corrected or rescinded another."""
    rows = [wd("Transaction_Log_Entry", *_entry(force, t, known_at)) for t in entries if t.changes is None]
    return wd("Transaction_Log_Entry_Data", *rows)


def corrected_and_rescinded(
    force: Workforce, entries: list[Transaction], known_at: datetime, *, corrections: bool, rescinds: bool
) -> Element | None:
    """Return the entries that corrected or rescinded another, beside what they changed."""
    rows = []
    for entry in entries:
        if entry.changes is None or not (rescinds if entry.is_rescind else corrections):
            continue
        main = force.ordinary(entry)
        subevent = wd(
            "Correction_Or_Rescind_Data",
            reference("Transaction_Log_Reference", WID=entry.id),
            wd("Transaction_Log_Description", _describe(entry)),
            wd("Is_Correction", not entry.is_rescind),
            wd("Is_Rescind", entry.is_rescind),
            wd("Prior_Effective_Moment", entry.prior_effective_on),
            wd("Transaction_Entry_Moment", entry.entered_at),
        )
        both = [wd("Main_Transaction_Data", *_entry(force, main, known_at)), subevent]
        rows.append(wd("Corrected_Or_Rescinded_Transaction_Log_Data", *both))
    return wd("Transaction_Log_Corrected_And_Rescinded_Data", *rows) if rows else None


def matching(force: Workforce, worker: Snapshot, windows: list[Window], known_at: datetime) -> list[Transaction]:
    """Return the entries of a worker's log that the criteria select; all of them without criteria."""
    log = [t for t in force.log_of(worker.id) if t.entered_at <= known_at]
    return [t for t in log if not windows or any(window.holds(t) for window in windows)]


def organization(id: str, facts: dict[str, Any]) -> Element:
    """Return an organization; the spelling of its availability date is the vendor's."""
    return wd(
        "Organization",
        reference("Organization_Reference", facts["name"], WID=facts["wid"], Organization_Reference_ID=id),
        wd(
            "Organization_Data",
            wd("Reference_ID", id),
            wd("Name", facts["name"]),
            reference("Organization_Type_Reference", Organization_Type_ID=facts["kind"]),
            wd("Availibility_Date", facts["updated_at"]),
            wd("Last_Updated_DateTime", facts["updated_at"]),
            wd("Inactive", "0"),
        ),
    )


def cost_center(id: str, facts: dict[str, Any]) -> Element:
    """Return a cost center of Financial_Management."""
    about = wd("Organization_Data", wd("ID", id), wd("Organization_Name", facts["name"]))
    return wd(
        "Cost_Center",
        reference("Cost_Center_Reference", facts["name"], WID=facts["wid"], Cost_Center_Reference_ID=id),
        wd("Cost_Center_Data", about),
    )


def location(id: str, facts: dict[str, Any]) -> Element:
    """Return a location."""
    about = wd("Location_Data", wd("Location_Name", facts["name"]), wd("Inactive", "0"))
    return wd("Location", reference("Location_Reference", facts["name"], WID=facts["wid"], Location_ID=id), about)


def job_profile(id: str, facts: dict[str, Any]) -> Element:
    """Return a job profile with its family."""
    family = wd("Job_Family_Data", reference("Job_Family_Reference", Job_Family_ID=facts["family"]))
    basic = wd("Job_Profile_Basic_Data", wd("Inactive", "0"), wd("Job_Title", facts["title"]), family)
    return wd(
        "Job_Profile",
        reference("Job_Profile_Reference", facts["title"], WID=facts["wid"], Job_Profile_ID=id),
        wd("Job_Profile_Data", wd("Job_Code", id), basic),
    )


def rest_worker(force: Workforce, worker: Snapshot, managers: frozenset[str]) -> dict[str, Any]:
    """Return a worker as REST lists it; `managers` are the ids of those who manage somebody."""
    facts = worker.facts
    place = force.organizations.get(facts["supervisory_org"], {"name": "", "wid": ""})
    return {
        "id": worker.wid,
        "descriptor": worker.name,
        "href": f"/workers/{worker.wid}",
        "workerId": worker.id,
        "businessTitle": facts["business_title"] or _profile(force, facts)["title"],
        "primaryWorkEmail": facts.get("email"),
        "isManager": worker.id in managers,
        "primarySupervisoryOrganization": {"id": place["wid"], "descriptor": place["name"]},
    }


def _profile(force: Workforce, facts: dict[str, Any]) -> dict[str, Any]:
    return force.job_profiles.get(facts["job_profile"], {"title": facts["job_profile"], "family": "", "wid": ""})


def _position(force: Workforce, worker: Snapshot) -> Element:
    facts = worker.facts
    profile = _profile(force, facts)
    site = force.locations.get(facts["location"], {"name": facts["location"], "wid": ""})
    # Quirk(workday): a business title equal to the profile's name is stored blank. Fact sheet, section 7.1.
    title = facts["business_title"] if facts["business_title"] != profile["title"] else ""
    return wd(
        "Position_Data",
        reference("Position_Reference", Position_ID=f"P-{worker.id}"),
        wd("Position_ID", f"P-{worker.id}"),
        wd("Position_Title", profile["title"]),
        maybe("Business_Title", title),
        wd("Start_Date", facts["hire_on"]),
        reference("Worker_Type_Reference", **{f"{facts['worker_type']}_Type_ID": "Regular"}),
        reference("Position_Time_Type_Reference", Position_Time_Type_ID=facts["time_type"]),
        wd("Scheduled_Weekly_Hours", facts["weekly_hours"]),
        wd("Full_Time_Equivalent_Percentage", facts["fte"]),
        wd(
            "Job_Profile_Summary_Data",
            reference("Job_Profile_Reference", profile["title"], Job_Profile_ID=facts["job_profile"]),
            wd("Job_Profile_Name", profile["title"]),
            reference("Job_Family_Reference", Job_Family_ID=profile["family"]),
        ),
        wd(
            "Business_Site_Summary_Data",
            reference("Location_Reference", site["name"], Location_ID=facts["location"]),
            wd("Name", site["name"]),
        ),
        Effective_Date=worker.job_since,
    )


def _status(worker: Snapshot) -> Element:
    facts = worker.facts
    leave = wd("Leave_Status_Data", wd("On_Leave", "1")) if facts["on_leave"] else None
    return wd(
        "Worker_Status_Data",
        wd("Active", worker.active),
        wd("Hire_Date", facts["hire_on"]),
        wd("Original_Hire_Date", facts["original_hire_on"]),
        wd("Terminated", not worker.active),
        maybe("Termination_Date", facts["terminated_on"]),
        leave,
        wd("Rehire", facts["rehire"]),
    )


def _membership(force: Workforce, id: str) -> Element:
    facts = force.organizations[id]
    typed = {"Organization_Reference_ID": id}
    if facts["kind"] == "COST_CENTER":
        typed["Cost_Center_Reference_ID"] = id
    return wd(
        "Worker_Organization_Data",
        reference("Organization_Reference", facts["name"], WID=facts["wid"], **typed),
        wd(
            "Organization_Data",
            wd("Organization_Reference_ID", id),
            wd("Organization_Code", id),
            wd("Organization_Name", facts["name"]),
            reference("Organization_Type_Reference", Organization_Type_ID=facts["kind"]),
        ),
    )


def _entry(force: Workforce, entry: Transaction, known_at: datetime) -> list[Element]:
    voided = entry.voided_at is not None and entry.voided_at <= known_at
    rescinded = entry.is_rescind or (voided and entry.was_rescinded)
    corrected = (entry.changes is not None and not entry.is_rescind) or (voided and not entry.was_rescinded)
    midnight = datetime.combine(force.effective_day(entry, known_at), datetime.min.time()).isoformat(
        timespec="milliseconds"
    )
    about = wd(
        "Transaction_Log_Data",
        wd("Transaction_Log_Description", _describe(entry)),
        wd("Transaction_Effective_Moment", f"{midnight}-08:00"),
        wd("Transaction_Entry_Moment", entry.entered_at),
        reference("Transaction_Log_Type_Reference", Business_Process_Type=entry.kind),
        wd("Is_Rescind_Or_Rescinded", rescinded),
        wd("Is_Correction_Or_Corrected", corrected),
    )
    return [reference("Transaction_Log_Reference", WID=entry.id), about]


def _describe(entry: Transaction) -> str:
    verb = "Rescind" if entry.is_rescind else "Correct" if entry.changes else ""
    return f"{verb} {entry.kind.replace('_', ' ')}".strip()
