"""The JSON doors: REST staffing, the query language, reports as a service."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators.workday import shapes, xml
from accordant.simulators.workday.errors import RestError, report_fault
from accordant.simulators.workday.state import Snapshot
from accordant.simulators.workday.xml import wd

if TYPE_CHECKING:
    from accordant.simulators.workday.simulator import WorkdaySimulator

Door = Callable[[Request], Awaitable[Response]]
Column = Callable[[Snapshot], str]

_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>[\w\s,]+?)\s+FROM\s+(?P<source>\w+)"
    r"(?:\s+WHERE\s+(?P<field>\w+)\s*=\s*'(?P<value>(?:[^']|'')*)')?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE,
)


def _reference(id: str, descriptor: str) -> dict[str, str]:
    return {"id": id, "descriptor": descriptor}


QUERY_FIELDS: dict[str, Callable[[Snapshot], Any]] = {
    "worker": lambda w: _reference(w.wid, w.name),
    "employeeID": lambda w: w.id,
    "hireDate": lambda w: w.facts["hire_on"].isoformat(),
    "company": lambda w: _reference(w.facts["company"], w.facts["company"]),
    "costCenter": lambda w: _reference(w.facts["cost_center"], w.facts["cost_center"]),
    "workerStatus": lambda w: "Active" if w.active else "Terminated",
}

REPORT_COLUMNS: dict[str, Column] = {
    "Employee_ID": lambda w: w.id,
    "First_Name": lambda w: w.facts["first_name"],
    "Last_Name": lambda w: w.facts["last_name"],
    "Email": lambda w: w.facts["email"],
    "Company": lambda w: w.facts["company"],
    "Cost_Center": lambda w: w.facts["cost_center"],
    "Manager_ID": lambda w: w.facts["manager"],
    "Job_Profile": lambda w: w.facts["job_profile"],
    "Location": lambda w: w.facts["location"],
    "Active": lambda w: "1" if w.active else "0",
    "Effective_Date": lambda w: w.job_since.isoformat(),
}


def rest_door(sim: WorkdaySimulator, scope: str, answer: Callable[[WorkdaySimulator, Request], Any]) -> Door:
    """Return an endpoint: token and functional area first, then the answer as JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            sim.login.require(request, scope)
            return JSONResponse(answer(sim, request))
        except RestError as refusal:
            return refusal.response()

    return endpoint


def list_workers(sim: WorkdaySimulator, request: Request) -> dict[str, Any]:
    """List workers as of today; those who left are not in it."""
    managers = _managers(sim)
    return _page(request, [shapes.rest_worker(sim.force, w, managers) for w in _today(sim) if w.active])


def get_worker(sim: WorkdaySimulator, request: Request) -> dict[str, Any]:
    """Return one worker by WID or by `Employee_ID=21001`."""
    id = request.path_params["id"]
    known = id.partition("=")[2] if "=" in id else sim.force.by_wid(id)
    worker = sim.force.snapshot(known or "", sim.now().date(), sim.now())
    if worker is None or not worker.active:
        raise RestError(404, "not found", "A404", "id")
    return shapes.rest_worker(sim.force, worker, _managers(sim))


def list_supervisory_organizations(sim: WorkdaySimulator, request: Request) -> dict[str, Any]:
    """List supervisory organizations."""
    places = [f for f in sim.force.organizations.values() if f["kind"] == "SUPERVISORY"]
    return _page(request, [{"id": f["wid"], "descriptor": f["name"]} for f in places])


def list_sources(_: WorkdaySimulator, request: Request) -> dict[str, Any]:
    """List what the query language can select from."""
    return _page(request, [{"id": "allWorkers", "alias": "allWorkers", "descriptor": "All Workers"}])


def run_query(sim: WorkdaySimulator, request: Request) -> dict[str, Any]:
    """Run `SELECT … FROM allWorkers [WHERE field = 'text'] [LIMIT n]`."""
    match = _QUERY.fullmatch(request.query_params.get("query", ""))
    if match is None or match["source"] != "allWorkers":
        raise RestError(400, "invalid query", "A400", "query")
    names = [name.strip() for name in match["fields"].split(",")]
    unknown = [name for name in [*names, match["field"] or names[0]] if name not in QUERY_FIELDS]
    if unknown:
        raise RestError(400, f"unknown field {unknown[0]}", "A400", "query")
    workers = list(_today(sim))
    if match["field"]:
        wanted = match["value"].replace("''", "'")
        workers = [w for w in workers if QUERY_FIELDS[match["field"]](w) == wanted]
    rows = [{name: QUERY_FIELDS[name](w) for name in names} for w in workers]
    return {"total": len(rows), "data": rows[: int(match["limit"] or 10_000)]}


def report(sim: WorkdaySimulator) -> Door:
    """Return the endpoint of custom reports: everything at once, in JSON or XML, with prompts as parameters."""

    async def endpoint(request: Request) -> Response:
        try:
            sim.login.require(request, "System", basic=True)
        except RestError as refusal:
            return report_fault(refusal.status, "invalid username or password")
        columns = sim.reports.get((request.path_params["owner"], request.path_params["report"]))
        if columns is None:
            return report_fault(404, "The report does not exist or is not enabled as a web service.")
        try:
            as_of = date.fromisoformat(request.query_params.get("Effective_Date", sim.now().date().isoformat())[:10])
        except ValueError:
            return report_fault(500, "Invalid value for prompt Effective_Date.")
        workers = sim.force.snapshots(as_of, sim.now())
        rows = [{name: REPORT_COLUMNS[column](w) for name, column in columns.items()} for w in workers]
        return _report_body(rows, request.query_params.get("format", "xml"))

    return endpoint


def _report_body(rows: list[dict[str, str]], form: str) -> Response:
    if form == "json":
        # Quirk(workday): an empty report may come without its key at all. Fact sheet, section 6.4.
        return JSONResponse({"Report_Entry": rows} if rows else {})
    entries = [wd("Report_Entry", *(wd(name, text) for name, text in row.items() if text)) for row in rows]
    return Response(xml.document(wd("Report_Data", *entries)), media_type="text/xml; charset=utf-8")


def _today(sim: WorkdaySimulator) -> list[Snapshot]:
    return list(sim.force.snapshots(sim.now().date(), sim.now()))


def _managers(sim: WorkdaySimulator) -> frozenset[str]:
    return frozenset(w.facts["manager"] for w in _today(sim))


def _page(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    limit = int(request.query_params.get("limit", _DEFAULT_LIMIT))
    offset = int(request.query_params.get("offset", 0))
    if not 1 <= limit <= _MAX_LIMIT:
        raise RestError(400, f"limit must be between 1 and {_MAX_LIMIT}", "A400", "limit")
    return {"data": rows[offset : offset + limit], "total": len(rows)}
