"""The vendor's paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from accordant.simulators.workday import errors, rest
from accordant.simulators.workday.soap import SoapDoor

if TYPE_CHECKING:
    from accordant.simulators.workday.simulator import WorkdaySimulator

Door = Callable[[Request], Awaitable[Response]]

_STAFFING = "/ccx/api/staffing/v6/{tenant}"
_QUERY = "/ccx/api/wql/v1/{tenant}"


def workday_routes(sim: WorkdaySimulator) -> list[BaseRoute]:
    """Return every route of the tenant; all of them close during maintenance."""
    doors: list[tuple[str, str, Door]] = [
        ("POST", "/ccx/oauth2/{tenant}/token", sim.login.token),
        ("GET", "/ccx/service/customreport2/{tenant}/{owner}/{report}", rest.report(sim)),
        ("POST", "/ccx/service/{tenant}/{service}/{version}", SoapDoor(sim).answer),
        ("GET", _STAFFING + "/workers", rest.rest_door(sim, "Staffing", rest.list_workers)),
        ("GET", _STAFFING + "/workers/{id}", rest.rest_door(sim, "Staffing", rest.get_worker)),
        (
            "GET",
            _STAFFING + "/supervisoryOrganizations",
            rest.rest_door(sim, "Staffing", rest.list_supervisory_organizations),
        ),
        ("GET", _QUERY + "/data", rest.rest_door(sim, "System", rest.run_query)),
        ("GET", _QUERY + "/dataSources", rest.rest_door(sim, "System", rest.list_sources)),
    ]
    return [Route(path, _unless_closed(sim, door), methods=[verb]) for verb, path, door in doors]


def _unless_closed(sim: WorkdaySimulator, door: Door) -> Door:
    async def endpoint(request: Request) -> Response:
        return errors.maintenance() if sim.maintenance else await door(request)

    return endpoint
