"""Channels of a team."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import JSONResponse, Response

from accordant.simulators.teams import shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import bad_request, not_found
from accordant.simulators.teams.odata import root
from accordant.simulators.teams.rules import DELETED_NAME_DAYS, bound_user, check_channel, check_writable
from accordant.simulators.teams.state import Removed


async def list_channels(call: Call) -> Response:
    """Answer `GET /teams/{id}/channels`; all at once, without pages."""
    rows = [shapes.channel(c) for c in call.tenant.channels_of(call.team().id)]
    return JSONResponse({"@odata.context": f"{root(call.request)}/$metadata#channels", "value": rows})


async def create_channel(call: Call) -> Response:
    """Answer `POST /teams/{id}/channels`; a name that is taken, or was until lately, is refused."""
    team, body = call.team(), await call.body()
    check_writable(team.data)
    check_channel(call.tenant, team.id, body)
    members = body.pop("members", [])
    if body.get("membershipType", "standard") != "standard" and not any("owner" in m["roles"] for m in members):
        raise bad_request("A private or shared channel needs an owner in application context.")
    for member in members:
        bound_user(call.tenant, member.get("user@odata.bind"))
    channel = call.tenant.open_channel(team.id, body)
    collection = f"teams/{team.id}/channels"
    call.sim.events.changed("channel", "created", f"{collection}/{channel.id}", (collection,), shapes.channel(channel))
    return JSONResponse(shapes.channel(channel), 201)


async def primary_channel(call: Call) -> Response:
    """Answer `GET /teams/{id}/primaryChannel`: General."""
    channel = next(call.tenant.channels_of(call.team().id), None)
    if channel is None:
        raise not_found("Channel does not exist.")
    return JSONResponse(shapes.channel(channel))


async def get_channel(call: Call) -> Response:
    """Answer `GET /teams/{id}/channels/{channel}`."""
    return JSONResponse(shapes.channel(call.channel()))


async def delete_channel(call: Call) -> Response:
    """Answer `DELETE /teams/{id}/channels/{channel}`; its name stays blocked for a month."""
    channel = call.channel()
    if channel.data["displayName"] == "General":
        raise bad_request("The General channel cannot be deleted.")
    until = call.sim.now() + timedelta(days=DELETED_NAME_DAYS)
    call.tenant.blocked_names.append(Removed(channel.data["team"], channel.data["displayName"].casefold(), until))
    call.tenant.channels.remove(channel.id)
    return Response(status_code=204)
