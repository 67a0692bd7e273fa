"""The bot service, by which a program posts to a channel, and the Workflows webhook, which proves nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Record
from accordant.simulators.teams import shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import GraphError, bad_request, forbidden, not_found
from accordant.simulators.teams.messages import announce
from accordant.simulators.teams.rules import check_card, check_writable
from accordant.simulators.teams.state import Session

if TYPE_CHECKING:
    from accordant.simulators.teams.simulator import TeamsSimulator


async def start_conversation(call: Call) -> Response:
    """Answer `POST /v3/conversations`: a new thread in a channel, with its first activity."""
    body = await call.body()
    channel_id = ((body.get("channelData") or {}).get("channel") or {}).get("id", "")
    message = _say(call, channel_id, body.get("activity") or {}, None)
    thread = f"{channel_id};messageid={message.data['message']}"
    return JSONResponse({"id": thread, "activityId": message.data["message"]}, 201)


async def send_activity(call: Call) -> Response:
    """Answer `POST /v3/conversations/{conversation}/activities`: a reply in a thread, or a new one in a channel."""
    channel_id, _, root = call.path("conversation").partition(";messageid=")
    message = _say(call, channel_id, await call.body(), root or None)
    return JSONResponse({"id": message.data["message"]}, 201)


async def update_activity(call: Call) -> Response:
    """Answer `PUT /v3/conversations/{conversation}/activities/{activity}`: replace what the bot said."""
    channel_id = call.path("conversation").partition(";messageid=")[0]
    message = call.tenant.messages.get(f"{channel_id}/{call.path('activity')}")
    if message is None or message.data["from"].get("application", {}).get("id") != call.session.app_id:
        raise not_found("Activity not found.", "ActivityNotFoundInConversation")
    call.tenant.messages.change(message.id, **_facts(call, await call.body()))
    announce(call, message, "updated")
    return JSONResponse({"id": message.data["message"]})


def workflow_webhook(sim: TeamsSimulator) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a Workflows webhook: 202 whatever becomes of the message."""

    async def invoke(request: Request) -> Response:
        if request.query_params.get("sig") != sim.webhook_signature:
            refusal = GraphError(401, "DirectApiAuthorizationRequired", "The request must be signed.")
            return refusal.response(request, sim.now())
        call = Call(sim, request, Session("workflows", None, "workflow", sim.now()))
        channel = sim.tenant.channels.get(call.path("channel"))
        if channel:
            sender = {"application": {"id": "workflows", "displayName": "Workflows", "applicationIdentityType": "bot"}}
            try:
                sim.tenant.say(channel, sender, _facts(call, await call.body()))
            except GraphError:
                return Response(status_code=202)  # the flow fails later, where its caller cannot see it
        return Response(status_code=202)

    return invoke


def _say(call: Call, channel_id: str, activity: dict[str, Any], reply_to: str | None) -> Record:
    channel = call.tenant.channels.get(channel_id)
    if channel is None:
        raise not_found("Conversation not found.", "ConversationNotFound")
    team = call.tenant.team(channel.data["team"])
    if team is None or not call.tenant.bot_is_in(team.id, call.sim.catalog_app_id):
        raise forbidden("The bot is not part of the conversation roster.", "BotNotInConversationRoster")
    check_writable(team.data)
    identity = {"id": call.session.app_id, "displayName": "Accounts", "applicationIdentityType": "bot"}
    facts = {**_facts(call, activity), "replyToId": reply_to}
    message = call.tenant.say(channel, {"application": identity}, facts)
    announce(call, message, "created")
    return message


def _facts(call: Call, activity: dict[str, Any]) -> dict[str, Any]:
    attachments = activity.get("attachments") or []
    if activity.get("type") != "message" or not (activity.get("text") or attachments):
        raise bad_request("Activity must be a message with text or attachments.", "BadSyntax")
    for attachment in attachments:
        check_card(attachment.get("content"))
    return shapes.activity_as_message(activity, call.tenant.guid())
