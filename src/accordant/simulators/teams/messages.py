"""Messages of a channel: posted by people only, read with the protected permission, followed by delta."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Record
from accordant.simulators.teams import odata, shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import bad_request, forbidden, resync_required
from accordant.simulators.teams.rules import check_message, check_writable

_LONG_AGO = "0001-01-01T00:00:00+00:00"


async def list_messages(call: Call) -> Response:
    """Answer `GET …/messages`, newest first."""
    rows = [shapes.message(m) for m in call.tenant.messages_of(call.channel().id)]
    return JSONResponse(odata.page(call.request, rows[::-1], default=20, ceiling=50, context="messages"))


async def get_message(call: Call) -> Response:
    """Answer `GET …/messages/{message}`."""
    return JSONResponse(shapes.message(call.message()))


async def list_replies(call: Call) -> Response:
    """Answer `GET …/messages/{message}/replies`."""
    message = call.message()
    rows = [shapes.message(m) for m in call.tenant.messages_of(message.data["channel"], message.data["message"])]
    return JSONResponse(odata.page(call.request, rows[::-1], default=20, ceiling=50, context="replies"))


async def post_message(call: Call) -> Response:
    """Answer `POST …/messages`; an app of its own may not."""
    return await _post(call, None)


async def post_reply(call: Call) -> Response:
    """Answer `POST …/messages/{message}/replies`."""
    return await _post(call, call.message().data["message"])


async def soft_delete(call: Call) -> Response:
    """Answer `POST …/messages/{message}/softDelete`."""
    message = call.message()
    if message.data["from"].get("user", {}).get("id") != call.session.user_id:
        raise forbidden("Only the sender may delete a message.")
    empty = {"contentType": "html", "content": ""}
    call.tenant.messages.change(message.id, deletedDateTime=shapes.instant(call.sim.now()), body=empty, attachments=[])
    announce(call, message, "deleted")
    return Response(status_code=204)


async def delta(call: Call) -> Response:
    """Answer `GET …/messages/delta`: what changed since the token, then a new token; 410 when it is too old."""
    channel, query = call.channel(), call.request.query_params
    since = _since(call, query.get("$deltatoken"))
    changed = sorted((m for m in call.tenant.messages_of(channel.id) if m.updated_at > since), key=_changed_at)
    rows = [shapes.message(m) for m in changed]
    body = odata.page(call.request, rows, default=20, ceiling=50, context="messages")
    if "@odata.nextLink" not in body:
        last = max([since, *map(_changed_at, changed)]).isoformat()
        body["@odata.deltaLink"] = f"{_plain_url(call)}?$deltatoken={call.sim.delta_epoch}_{last}".replace("+", "%2B")
    return JSONResponse(body)


def announce(call: Call, message: Record, change: str) -> None:
    """Tell subscribers of the channel, and of all channels of the team, about a message."""
    team, channel = message.data["team"], message.data["channel"]
    collection = f"teams/{team}/channels/{channel}/messages"
    everywhere = (collection, f"teams/{team}/channels/getAllMessages", "teams/getAllMessages")
    resource = f"teams('{team}')/channels('{channel}')/messages('{message.data['message']}')"
    call.sim.events.changed("chatMessage", change, resource, everywhere, shapes.message(message))


async def _post(call: Call, reply_to: str | None) -> Response:
    channel, body = call.channel(), await call.body()
    if call.session.user_id is None:
        text = "An application may import only. API requires one of 'Teamwork.Migrate.All'."
        raise forbidden(text)
    check_writable(call.team().data)
    check_message(body)
    person = call.tenant.users.get(call.session.user_id)
    name = person.data["displayName"] if person else None
    sender = {"user": {"id": call.session.user_id, "displayName": name, "userIdentityType": "aadUser"}}
    wanted = ("subject", "importance", "body", "attachments", "mentions", "summary")
    facts = {key: body[key] for key in wanted if key in body}
    message = call.tenant.say(channel, sender, {**facts, "replyToId": reply_to})
    announce(call, message, "created")
    return JSONResponse(shapes.message(message), 201)


def _since(call: Call, token: str | None) -> datetime:
    if token is None:
        return datetime.fromisoformat(_LONG_AGO)
    epoch, _, instant = token.partition("_")
    if epoch != str(call.sim.delta_epoch):
        raise resync_required(_plain_url(call))
    try:
        return datetime.fromisoformat(instant)
    except ValueError:
        raise bad_request("Badly formed token.") from None


def _plain_url(call: Call) -> str:
    return str(call.request.url).split("?")[0]


def _changed_at(message: Record) -> datetime:
    return message.updated_at
