"""The SOAP services: login, version, dispatch, and the reading operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError

from starlette.requests import Request
from starlette.responses import Response

from accordant.simulators.workday import rules, shapes, staffing, xml
from accordant.simulators.workday.errors import SoapFault, bad_login, bad_version, malformed, not_authorized
from accordant.simulators.workday.state import Snapshot
from accordant.simulators.workday.xml import wd

if TYPE_CHECKING:
    from accordant.simulators.workday.simulator import WorkdaySimulator

Operation = Callable[["WorkdaySimulator", Element], Element]

_VERSION = re.compile(r"v\d{2}\.\d")


class SoapDoor:
    """Answer `POST /ccx/service/{tenant}/{service}/{version}`."""

    def __init__(self, sim: WorkdaySimulator) -> None:
        self._sim = sim

    async def answer(self, request: Request) -> Response:
        """Log in, find the operation, answer in an envelope; every refusal is a fault under HTTP 500."""
        try:
            document = xml.parse(await request.body())
            self._log_in(request, document)
            body = document.find(f"{{{xml.SOAP}}}Body")
            if body is None or len(body) != 1:
                raise malformed("the body must hold one request")
            answer = self._operation(request, body[0])(self._sim, body[0])
            return Response(xml.envelope(answer), media_type="text/xml; charset=utf-8")
        except ParseError as error:
            return malformed(str(error)).response()
        except SoapFault as fault:
            return fault.response()

    def _log_in(self, request: Request, document: Element) -> None:
        login = self._sim.login
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer and login.is_live(bearer):
            return
        user = document.find(f".//{{{xml.WSSE}}}Username")
        password = document.find(f".//{{{xml.WSSE}}}Password")
        if user is None or password is None or request.path_params["tenant"] != login.tenant:
            raise bad_login()
        if (user.text, password.text) != (login.user, login.password):
            raise bad_login()

    def _operation(self, request: Request, body: Element) -> Operation:
        name = body.tag.rpartition("}")[2]
        service, version = request.path_params["service"], request.path_params["version"]
        operation = SERVICES.get(service, {}).get(name)
        if operation is None or not _VERSION.fullmatch(version):
            raise bad_version()
        if name.removesuffix("_Request") in self._sim.denied:
            raise not_authorized()
        return operation


def get_workers(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Get_Workers: the state as of both moments, parts by response group and by grant."""
    now = sim.now()
    where, windows = rules.read_filter(request, now), rules.read_windows(request, now)
    found = rules.select(sim.force, request, where, windows)
    group = xml.find(request, "Response_Group")
    return _page(
        "Get_Workers_Response", where, found, lambda worker: _worker(sim, worker, group, windows, where.known_at)
    )


def get_server_timestamp(sim: WorkdaySimulator, _: Element) -> Element:
    """Answer Get_Server_Timestamp: the clock that watermarks are taken from."""
    return wd("Server_Timestamp", wd("Server_Timestamp_Data", sim.now()), version=xml.VERSION)


def get_organizations(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Get_Organizations, by type if one is named."""
    kind = xml.typed_id(xml.find(request, "Request_Criteria/Organization_Type_Reference"))[1]
    rows = [(id, facts) for id, facts in sim.force.organizations.items() if kind in ("", facts["kind"])]
    return _listing(sim, request, "Get_Organizations_Response", rows, shapes.organization)


def get_cost_centers(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Get_Cost_Centers of Financial_Management."""
    rows = [(id, facts) for id, facts in sim.force.organizations.items() if facts["kind"] == "COST_CENTER"]
    return _listing(sim, request, "Get_Cost_Centers_Response", rows, shapes.cost_center)


def get_locations(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Get_Locations."""
    return _listing(sim, request, "Get_Locations_Response", list(sim.force.locations.items()), shapes.location)


def get_job_profiles(sim: WorkdaySimulator, request: Element) -> Element:
    """Answer Get_Job_Profiles."""
    rows = list(sim.force.job_profiles.items())
    return _listing(sim, request, "Get_Job_Profiles_Response", rows, shapes.job_profile)


SERVICES: dict[str, dict[str, Operation]] = {
    "Human_Resources": {
        "Get_Workers_Request": get_workers,
        "Get_Organizations_Request": get_organizations,
        "Get_Locations_Request": get_locations,
        "Get_Job_Profiles_Request": get_job_profiles,
        "Server_Timestamp_Get": get_server_timestamp,
    },
    "Staffing": {
        "Hire_Employee_Request": staffing.hire_employee,
        "Change_Job_Request": staffing.change_job,
        "Terminate_Employee_Request": staffing.terminate_employee,
    },
    "Financial_Management": {"Get_Cost_Centers_Request": get_cost_centers},
}


def _worker(
    sim: WorkdaySimulator, worker: Snapshot, group: Element | None, windows: list[rules.Window], known_at: Any
) -> Element:
    wanted = [
        part
        for part, (wish, domain) in shapes.PARTS.items()
        if domain in sim.granted and (part in shapes.BY_DEFAULT if group is None else xml.flag(group, wish))
    ]
    log = shapes.matching(sim.force, worker, windows, known_at)
    builders: dict[str, Callable[[], Element | None]] = {
        "Personal_Data": lambda: shapes.personal(worker),
        "Employment_Data": lambda: shapes.employment(sim.force, worker),
        "Compensation_Data": lambda: shapes.compensation(worker),
        "Organization_Data": lambda: shapes.organizations(sim.force, worker),
        "Management_Chain_Data": lambda: shapes.management(sim.force, worker),
        "Transaction_Log_Entry_Data": lambda: shapes.transaction_log(sim.force, log, known_at),
    }
    parts = [builders[part]() for part in wanted]
    if "Transaction_Log_Entry_Data" in wanted:
        parts.append(_subevents(sim, group, log, known_at))
    about = wd("Worker_Data", wd("Worker_ID", worker.id), *parts)
    return wd(
        "Worker", shapes.worker_reference("Worker_Reference", worker), wd("Worker_Descriptor", worker.name), about
    )


def _subevents(sim: WorkdaySimulator, group: Element | None, log: list[Any], known_at: Any) -> Element | None:
    return shapes.corrected_and_rescinded(
        sim.force,
        log,
        known_at,
        corrections=xml.flag(group, "Include_Subevents_for_Corrected_Transaction"),
        rescinds=xml.flag(group, "Include_Subevents_for_Rescinded_Transaction"),
    )


def _listing(
    sim: WorkdaySimulator,
    request: Element,
    name: str,
    rows: Iterable[tuple[str, dict[str, Any]]],
    shape: Callable[[str, dict[str, Any]], Element],
) -> Element:
    where = rules.read_filter(request, sim.now())
    return _page(name, where, list(rows), lambda row: shape(*row))


def _page(name: str, where: rules.Filter, found: Sequence[Any], shape: Callable[[Any], Element]) -> Element:
    pages = -(-len(found) // where.count)
    start = (where.page - 1) * where.count
    rows = found[start : start + where.count]
    results = wd(
        "Response_Results",
        wd("Total_Results", len(found)),
        wd("Total_Pages", pages),
        wd("Page_Results", len(rows)),
        wd("Page", where.page),
    )
    # Quirk(workday): without hits there is no Response_Data at all. Fact sheet, section 6.2.
    body = wd("Response_Data", *(shape(row) for row in rows)) if rows else None
    return wd(name, results, body, version=xml.VERSION)
