"""Teams, their asynchronous operations, their members and their installed apps."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Record
from accordant.simulators.teams import odata, shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import GraphError, bad_request, no_team, not_found
from accordant.simulators.teams.rules import (
    MEMBERS_PER_ADD,
    bound_group,
    bound_user,
    check_display_name,
    check_writable,
)

_GROUP_TAKES_NAMES = ("displayName", "description", "visibility")


async def create_team(call: Call) -> Response:
    """Answer `POST /teams` with 202 and two relative locations; display names are not unique."""
    body = await call.body()
    if "teamsTemplates(" not in str(body.get("template@odata.bind")):
        raise bad_request("Invalid bind property name template in request.")
    if "group@odata.bind" in body:
        return _from_group(call, body)
    name = check_display_name(body.get("displayName"))
    owners = [m for m in body.get("members", []) if m.get("roles") == ["owner"]]
    if len(owners) != 1 or len(body["members"]) != 1:
        raise bad_request("A team owner must be provided when creating a team in application context.")
    owner_id = bound_user(call.tenant, owners[0].get("user@odata.bind"))
    group = call.tenant.groups.add(call.tenant.guid(), _directory_facts(call, name, body))
    call.tenant.join(group.id, owner_id, owner=True)
    return _accepted(call, group, "createTeam")


async def teamify(call: Call) -> Response:
    """Answer `PUT /groups/{id}/team`: 404 until the group has replicated, 409 when it is a team already."""
    group = call.tenant.groups.get(call.path("id"))
    if group is None or not call.tenant.replicated(group):
        raise no_team(call.path("id"))
    _check_can_become_team(call, group)
    team = call.tenant.open_team(group, call.tenant.begin(group.id, "teamifyGroup"))
    return JSONResponse(shapes.team(call.tenant, team), 201)


async def get_team(call: Call) -> Response:
    """Answer `GET /teams/{id}`."""
    body = shapes.team(call.tenant, call.team())
    return JSONResponse(odata.select(body, call.request.query_params.get("$select")))


async def change_team(call: Call) -> Response:
    """Answer `PATCH /teams/{id}`."""
    team, body = call.team(), await call.body()
    check_writable(team.data)
    named = {key: value for key, value in body.items() if key in _GROUP_TAKES_NAMES}
    call.tenant.groups.change(team.id, **named)
    return Response(status_code=204)


async def archive(call: Call) -> Response:
    """Answer `POST /teams/{id}/archive`."""
    return _set_archived(call, "archiveTeam", archived=True)


async def unarchive(call: Call) -> Response:
    """Answer `POST /teams/{id}/unarchive`."""
    return _set_archived(call, "unarchiveTeam", archived=False)


async def get_operation(call: Call) -> Response:
    """Answer `GET /teams/{id}/operations/{operation}`."""
    operation = call.tenant.operations.get(call.path("operation"))
    if operation is None or operation.data["team"] != call.path("id"):
        raise not_found("Operation not found.")
    return JSONResponse(shapes.operation(operation, call.sim.now()))


async def list_members(call: Call) -> Response:
    """Answer `GET /teams/{id}/members`."""
    rows = [shapes.member(call.tenant, m) for m in call.tenant.members_of(call.team().id)]
    return JSONResponse(odata.page(call.request, rows, default=100, ceiling=999, context="members"))


async def add_member(call: Call) -> Response:
    """Answer `POST /teams/{id}/members`; a repeat is a conflict."""
    team, body = call.team(), await call.body()
    check_writable(team.data)
    user_id = bound_user(call.tenant, body.get("user@odata.bind"))
    if call.tenant.member(team.id, user_id):
        raise GraphError(409, "Conflict", "The member already exists in the team.")
    membership = call.tenant.join(team.id, user_id, owner="owner" in body.get("roles", []))
    _announce(call, membership, "created")
    return JSONResponse(shapes.member(call.tenant, membership), 201)


async def add_members(call: Call) -> Response:
    """Answer `POST /teams/{id}/members/add`: 200 when all were added, 207 when some were; repeats pass."""
    team, body = call.team(), await call.body()
    check_writable(team.data)
    wanted = body.get("values") or []
    if not 1 <= len(wanted) <= MEMBERS_PER_ADD:
        raise bad_request(f"Between 1 and {MEMBERS_PER_ADD} members can be added at once.")
    partial = call.sim.faults.take(f"POST {call.request.url.path}", "partial_batch")
    every = int(partial.options.get("every", 2)) if partial else 0
    rows = [_add_one(call, team, one, fail=bool(every) and n % every == 0) for n, one in enumerate(wanted, start=1)]
    status = 207 if any(row["error"] for row in rows) else 200
    return JSONResponse({"value": rows}, status)


async def change_member(call: Call) -> Response:
    """Answer `PATCH /teams/{id}/members/{member}`; roles only."""
    membership = _membership(call)
    owner = "owner" in (await call.body()).get("roles", [])
    if not owner:
        _check_not_last_owner(call, membership)
    call.tenant.members.change(membership.id, owner=owner)
    return JSONResponse(shapes.member(call.tenant, membership))


async def remove_member(call: Call) -> Response:
    """Answer `DELETE /teams/{id}/members/{member}`; the last owner stays."""
    membership = _membership(call)
    _check_not_last_owner(call, membership)
    call.tenant.members.remove(membership.id)
    _announce(call, membership, "deleted")
    return Response(status_code=204)


async def list_apps(call: Call) -> Response:
    """Answer `GET /teams/{id}/installedApps`; the catalog id comes with `$expand=teamsApp`."""
    team_id = call.team().id
    rows = [
        {"id": app.id, "teamsApp": {"id": app.data["app"], "distributionMethod": "organization"}}
        for app in call.tenant.apps
        if app.data["team"] == team_id
    ]
    return JSONResponse(odata.page(call.request, rows, default=100, ceiling=999, context="installedApps"))


async def install_app(call: Call) -> Response:
    """Answer `POST /teams/{id}/installedApps`; a repeat is a conflict."""
    team, body = call.team(), await call.body()
    app_id = str(body.get("teamsApp@odata.bind")).rpartition("/")[2]
    if app_id != call.sim.catalog_app_id:
        raise not_found(f"App with identifier '{app_id}' was not found in the catalog.")
    if any(app.data == {"team": team.id, "app": app_id} for app in call.tenant.apps):
        raise GraphError(409, "Conflict", "Duplicate app installation: the app is already installed in the team.")
    call.tenant.apps.add(call.tenant.guid(), {"team": team.id, "app": app_id})
    return Response(status_code=201)


def _from_group(call: Call, body: dict[str, Any]) -> Response:
    if any(name in body for name in _GROUP_TAKES_NAMES):
        raise bad_request("The names of the team come from its group and must not be sent.")
    group_id = bound_group(body["group@odata.bind"])
    group = call.tenant.groups.get(group_id)
    if group is None or not call.tenant.replicated(group):
        raise no_team(group_id)
    _check_can_become_team(call, group)
    return _accepted(call, group, "createTeam")


def _check_can_become_team(call: Call, group: Record) -> None:
    team = call.tenant.teams.get(group.id)
    if team and not team.data["error"]:
        raise GraphError(409, "Conflict", f"Team with Group Id {group.id} already exists.")
    if not call.tenant.owners_of(group.id):
        raise bad_request("Team owner not found. A group needs an owner to become a team.")


def _accepted(call: Call, group: Record, kind: str) -> Response:
    operation = call.tenant.begin(group.id, kind)
    call.tenant.open_team(group, operation)
    where = f"/teams('{group.id}')"
    headers = {"Location": f"{where}/operations('{operation.id}')", "Content-Location": where}
    return Response(status_code=202, headers=headers)


def _set_archived(call: Call, kind: str, *, archived: bool) -> Response:
    team = call.team()
    operation = call.tenant.begin(team.id, kind)
    if not operation.data["error"]:
        call.tenant.teams.change(team.id, archiving=(archived, operation.data["ready_at"]))
    return Response(status_code=202, headers={"Location": f"/teams('{team.id}')/operations('{operation.id}')"})


def _directory_facts(call: Call, name: str, body: dict[str, Any]) -> dict[str, Any]:
    stem = "".join(c for c in name if c.isascii() and c.isalnum()) or "team"
    nickname, number = stem[:50], 1
    while call.tenant.groups.find_by("mailNickname", nickname):
        number += 1
        nickname = f"{stem[:50]}{number}"
    return {
        "displayName": name,
        "description": body.get("description"),
        "mailNickname": nickname,
        "groupTypes": ["Unified"],
        "mailEnabled": True,
        "securityEnabled": False,
        "visibility": body.get("visibility", "Public").capitalize(),
        "resourceProvisioningOptions": [],
    }


def _add_one(call: Call, team: Record, one: dict[str, Any], *, fail: bool) -> dict[str, Any]:
    try:
        user_id = bound_user(call.tenant, one.get("user@odata.bind"))
    except GraphError as refusal:
        return shapes.added(None, {"code": "NotFound", "message": refusal.message})
    if fail:
        return shapes.added(user_id, {"code": "InternalServerError", "message": "Failed to add the member."})
    if call.tenant.member(team.id, user_id) is None:
        membership = call.tenant.join(team.id, user_id, owner="owner" in one.get("roles", []))
        _announce(call, membership, "created")
    return shapes.added(user_id, None)


def _membership(call: Call) -> Record:
    team = call.team()
    for membership in call.tenant.members_of(team.id):
        if shapes.member_id(membership) == call.path("member"):
            return membership
    raise not_found("Member does not exist in the team.")


def _check_not_last_owner(call: Call, membership: Record) -> None:
    if membership.data["owner"] and len(call.tenant.owners_of(membership.data["group"])) == 1:
        raise bad_request("The last owner of a team cannot be removed.")


def _announce(call: Call, membership: Record, change: str) -> None:
    collection = f"teams/{membership.data['group']}/members"
    body = shapes.member(call.tenant, membership)
    call.sim.events.changed("conversationMember", change, f"{collection}/{body['id']}", (collection,), body)
