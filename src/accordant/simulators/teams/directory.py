"""Users and groups of the directory."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from accordant.simulators.teams import odata, shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import GraphError, bad_request, name_conflict, nickname_taken, no_resource
from accordant.simulators.teams.rules import BINDS_PER_GROUP, bound_user, check_display_name, check_nickname


async def list_users(call: Call) -> Response:
    """Answer `GET /users`."""
    test = _filter(call)
    rows = [row for row in map(shapes.user, call.tenant.users.search()) if test(row)]
    return JSONResponse(odata.page(call.request, rows, default=100, ceiling=999, context="users"))


async def get_user(call: Call) -> Response:
    """Answer `GET /users/{id or userPrincipalName}`."""
    person = call.tenant.person(call.path("id"))
    if person is None:
        raise no_resource(call.path("id"))
    return JSONResponse(odata.select(shapes.user(person), call.request.query_params.get("$select")))


async def list_groups(call: Call) -> Response:
    """Answer `GET /groups`; a search, so it may lag behind."""
    test = _filter(call)
    rows = [row for row in map(shapes.group, call.tenant.groups.search()) if test(row)]
    return JSONResponse(odata.page(call.request, rows, default=100, ceiling=999, context="groups"))


async def create_group(call: Call) -> Response:
    """Answer `POST /groups`; `mailNickname` is unique in the tenant."""
    body = await call.body()
    owners = body.pop("owners@odata.bind", [])
    members = body.pop("members@odata.bind", [])
    if len(owners) + len(members) > BINDS_PER_GROUP:
        raise bad_request(
            f"At most {BINDS_PER_GROUP} members and owners can be bound at creation.", "Request_BadRequest"
        )
    facts = _group_facts(body)
    if call.tenant.groups.find_by("mailNickname", facts["mailNickname"]):
        raise nickname_taken()
    owner_ids = [bound_user(call.tenant, url) for url in owners]
    member_ids = [bound_user(call.tenant, url) for url in members]
    group = call.tenant.groups.add(call.tenant.guid(), facts)
    for user_id in member_ids:
        call.tenant.join(group.id, user_id, owner=False)
    for user_id in owner_ids:
        call.tenant.join(group.id, user_id, owner=True)
    call.sim.events.changed("Group", "created", f"groups/{group.id}", ("groups",), shapes.group(group))
    return JSONResponse(shapes.group(group), 201)


async def validate_names(call: Call) -> Response:
    """Answer `POST /directoryObjects/validateProperties`; unlike a search it never lags."""
    body = await call.body()
    if body.get("entityType") != "Group":
        raise bad_request("The only supported entity type is Group.", "Request_BadRequest")
    if call.tenant.groups.find_by("mailNickname", check_nickname(body.get("mailNickname"))):
        raise name_conflict()
    return Response(status_code=204)


async def get_group(call: Call) -> Response:
    """Answer `GET /groups/{id}`."""
    return JSONResponse(odata.select(shapes.group(call.group()), call.request.query_params.get("$select")))


async def change_group(call: Call) -> Response:
    """Answer `PATCH /groups/{id}`."""
    group, body = call.group(), await call.body()
    taken = call.tenant.groups.find_by("mailNickname", body.get("mailNickname"))
    if taken and taken.id != group.id:
        raise nickname_taken()
    call.tenant.groups.change(group.id, **body)
    return Response(status_code=204)


async def delete_group(call: Call) -> Response:
    """Answer `DELETE /groups/{id}`; the team goes with it, and the nickname becomes free."""
    group = call.group()
    call.tenant.groups.remove(group.id)
    if call.tenant.teams.get(group.id):
        call.tenant.teams.remove(group.id)
    for membership in [m for m in call.tenant.members if m.data["group"] == group.id]:
        call.tenant.members.remove(membership.id)
    return Response(status_code=204)


async def list_members(call: Call) -> Response:
    """Answer `GET /groups/{id}/members`."""
    return _people(call, owners_only=False)


async def list_owners(call: Call) -> Response:
    """Answer `GET /groups/{id}/owners`."""
    return _people(call, owners_only=True)


async def add_member(call: Call) -> Response:
    """Answer `POST /groups/{id}/members/$ref`; a repeat is refused."""
    return await _add(call, owner=False)


async def add_owner(call: Call) -> Response:
    """Answer `POST /groups/{id}/owners/$ref`; a repeat is refused."""
    return await _add(call, owner=True)


async def _add(call: Call, *, owner: bool) -> Response:
    group, body = call.group(), await call.body()
    user_id = bound_user(call.tenant, str(body.get("@odata.id")).replace("/directoryObjects/", "/users/"))
    membership = call.tenant.member(group.id, user_id)
    if membership and membership.data["owner"] >= owner:
        kind = "owners" if owner else "members"
        text = f"One or more added object references already exist for the following modified properties: '{kind}'."
        raise GraphError(400, "Request_BadRequest", text)
    call.tenant.join(group.id, user_id, owner=owner)
    return Response(status_code=204)


def _people(call: Call, *, owners_only: bool) -> Response:
    memberships = call.tenant.members_of(call.group().id)
    ids = [m.data["user"] for m in memberships if m.data["owner"] or not owners_only]
    rows = [shapes.user(person) for person in map(call.tenant.users.get, ids) if person]
    return JSONResponse(odata.page(call.request, rows, default=100, ceiling=999, context="directoryObjects"))


def _group_facts(body: dict[str, Any]) -> dict[str, Any]:
    for needed in ("mailEnabled", "securityEnabled"):
        if not isinstance(body.get(needed), bool):
            raise bad_request(f"A value must be specified for property '{needed}'.", "Request_BadRequest")
    nickname = check_nickname(body.get("mailNickname"))
    return {
        **body,
        "displayName": check_display_name(body.get("displayName")),
        "mailNickname": nickname,
        "mail": f"{nickname}@meridian.example",
        "visibility": body.get("visibility", "Public"),
        "resourceProvisioningOptions": [],
    }


def _filter(call: Call) -> odata.Test:
    text = call.request.query_params.get("$filter")
    return odata.compile_filter(text) if text else lambda _: True
