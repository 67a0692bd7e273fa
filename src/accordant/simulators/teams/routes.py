"""The vendor's paths, the permission each needs, the bucket it is counted in, and the handler that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from accordant.simulators.teams import approvals, bot, channels, directory, messages, subscriptions, teamwork
from accordant.simulators.teams.batch import Batch
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import GraphError, missing_role

if TYPE_CHECKING:
    from accordant.simulators.teams.simulator import TeamsSimulator

Handler = Callable[[Call], Awaitable[Response]]

PERMISSIONS = (
    "ApprovalSolution.ReadWrite.All", "Channel.Create", "Channel.ReadBasic.All", "ChannelMessage.Read.All",
    "Group.ReadWrite.All", "Team.Create", "Team.ReadBasic.All", "TeamMember.ReadWrite.All",
    "TeamSettings.ReadWrite.All", "TeamsAppInstallation.ReadWriteForTeam.All", "User.Read.All",
)  # fmt: skip

_GROUPS = ("Group.ReadWrite.All",)
_USERS = ("User.Read.All",)
_CREATE = ("Team.Create", "Group.ReadWrite.All")
_READ = ("Team.ReadBasic.All", "TeamSettings.ReadWrite.All", "Group.ReadWrite.All")
_SETTINGS = ("TeamSettings.ReadWrite.All", "Group.ReadWrite.All")
_MEMBERS = ("TeamMember.ReadWrite.All", "Group.ReadWrite.All")
_CHANNEL = ("Channel.Create", "Group.ReadWrite.All")
_CHANNELS = ("Channel.ReadBasic.All", "Group.ReadWrite.All")
_READ_MESSAGE = ("ChannelMessage.Read.All",)
_APPS = ("TeamsAppInstallation.ReadWriteForTeam.All",)
_APPROVAL = ("ApprovalSolution.ReadWrite.All",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table below."""

    verb: str
    path: str
    bucket: str
    roles: tuple[str, ...]
    handler: Handler
    audience: str = "graph"


_TEAM = "/v1.0/teams/{id}"
_ONE_CHANNEL = _TEAM + "/channels/{channel}"
_ONE_MESSAGE = _ONE_CHANNEL + "/messages/{message}"
_APPROVALS = "/beta/solutions/approval/approvalItems"

TABLE = (
    Entry("GET", "/v1.0/users", "read", _USERS, directory.list_users),
    Entry("GET", "/v1.0/users/{id}", "read", _USERS, directory.get_user),
    Entry("GET", "/v1.0/groups", "read", _GROUPS, directory.list_groups),
    Entry("POST", "/v1.0/groups", "write", _GROUPS, directory.create_group),
    Entry("POST", "/v1.0/directoryObjects/validateProperties", "read", _GROUPS, directory.validate_names),
    Entry("GET", "/v1.0/groups/{id}", "read", _GROUPS, directory.get_group),
    Entry("PATCH", "/v1.0/groups/{id}", "write", _GROUPS, directory.change_group),
    Entry("DELETE", "/v1.0/groups/{id}", "write", _GROUPS, directory.delete_group),
    Entry("GET", "/v1.0/groups/{id}/members", "read", _GROUPS, directory.list_members),
    Entry("GET", "/v1.0/groups/{id}/owners", "read", _GROUPS, directory.list_owners),
    Entry("POST", "/v1.0/groups/{id}/members/$ref", "write", _GROUPS, directory.add_member),
    Entry("POST", "/v1.0/groups/{id}/owners/$ref", "write", _GROUPS, directory.add_owner),
    Entry("PUT", "/v1.0/groups/{id}/team", "write-team", _CREATE, teamwork.teamify),
    Entry("POST", "/v1.0/teams", "write-team", _CREATE, teamwork.create_team),
    Entry("GET", _TEAM, "read-team", _READ, teamwork.get_team),
    Entry("PATCH", _TEAM, "write", _SETTINGS, teamwork.change_team),
    Entry("POST", _TEAM + "/archive", "write", _SETTINGS, teamwork.archive),
    Entry("POST", _TEAM + "/unarchive", "write", _SETTINGS, teamwork.unarchive),
    Entry("GET", _TEAM + "/operations/{operation}", "read", _READ, teamwork.get_operation),
    Entry("GET", _TEAM + "/members", "read-team", _MEMBERS, teamwork.list_members),
    Entry("POST", _TEAM + "/members", "write", _MEMBERS, teamwork.add_member),
    Entry("POST", _TEAM + "/members/add", "write", _MEMBERS, teamwork.add_members),
    Entry("PATCH", _TEAM + "/members/{member}", "write", _MEMBERS, teamwork.change_member),
    Entry("DELETE", _TEAM + "/members/{member}", "write", _MEMBERS, teamwork.remove_member),
    Entry("GET", _TEAM + "/installedApps", "read", _APPS, teamwork.list_apps),
    Entry("POST", _TEAM + "/installedApps", "write", _APPS, teamwork.install_app),
    Entry("GET", _TEAM + "/channels", "read-team", _CHANNELS, channels.list_channels),
    Entry("POST", _TEAM + "/channels", "write", _CHANNEL, channels.create_channel),
    Entry("GET", _TEAM + "/primaryChannel", "read-team", _CHANNELS, channels.primary_channel),
    Entry("GET", _ONE_CHANNEL, "read-team", _CHANNELS, channels.get_channel),
    Entry("DELETE", _ONE_CHANNEL, "write", _CHANNEL, channels.delete_channel),
    Entry("GET", _ONE_CHANNEL + "/messages", "read-message", _READ_MESSAGE, messages.list_messages),
    Entry("POST", _ONE_CHANNEL + "/messages", "write-message", (), messages.post_message),
    Entry("GET", _ONE_CHANNEL + "/messages/delta", "read-message", _READ_MESSAGE, messages.delta),
    Entry("GET", _ONE_MESSAGE, "read-message", _READ_MESSAGE, messages.get_message),
    Entry("GET", _ONE_MESSAGE + "/replies", "read-message", _READ_MESSAGE, messages.list_replies),
    Entry("POST", _ONE_MESSAGE + "/replies", "write-message", (), messages.post_reply),
    Entry("POST", _ONE_MESSAGE + "/softDelete", "write-message", (), messages.soft_delete),
    Entry("GET", "/v1.0/subscriptions", "read", (), subscriptions.list_subscriptions),
    Entry("POST", "/v1.0/subscriptions", "write", (), subscriptions.subscribe),
    Entry("PATCH", "/v1.0/subscriptions/{id}", "write", (), subscriptions.renew),
    Entry("POST", "/v1.0/subscriptions/{id}/reauthorize", "write", (), subscriptions.reauthorize),
    Entry("DELETE", "/v1.0/subscriptions/{id}", "write", (), subscriptions.unsubscribe),
    Entry("POST", _APPROVALS, "write", _APPROVAL, approvals.create),
    Entry("GET", _APPROVALS + "/{id}", "read", _APPROVAL, approvals.get),
    Entry("POST", _APPROVALS + "/{id}/cancel", "write", _APPROVAL, approvals.cancel),
    Entry("GET", _APPROVALS + "/{id}/responses", "read", _APPROVAL, approvals.list_responses),
    Entry("POST", _APPROVALS + "/{id}/responses", "write", (), approvals.respond),
    Entry("GET", "/beta/solutions/approval/operations/{id}", "read", _APPROVAL, approvals.get_operation),
    Entry("POST", "/v3/conversations", "write", (), bot.start_conversation, "bot"),
    Entry("POST", "/v3/conversations/{conversation}/activities", "write", (), bot.send_activity, "bot"),
    Entry("PUT", "/v3/conversations/{conversation}/activities/{activity}", "write", (), bot.update_activity, "bot"),
)


def teams_routes(sim: TeamsSimulator) -> list[BaseRoute]:
    """Return every route of the tenant, batch and the two doors without a token included."""
    routes: list[BaseRoute] = [Route(e.path, _answer(sim, e), methods=[e.verb]) for e in TABLE]
    batch = Entry("POST", "/v1.0/$batch", "read", (), Batch(list(routes)))
    return [
        Route("/common/discovery/v2.0/keys", lambda _: JSONResponse({"keys": [sim.events.key.as_dict(private=False)]})),
        Route("/{tenant}/oauth2/v2.0/token", sim.identity.token, methods=["POST"]),
        Route("/workflows/{channel}/invoke", bot.workflow_webhook(sim), methods=["POST"]),
        Route(batch.path, _answer(sim, batch), methods=["POST"]),
        *routes,
    ]


def _answer(sim: TeamsSimulator, entry: Entry) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint: token, permission and bucket first, then the handler; refusals in Graph's form."""

    async def endpoint(request: Request) -> Response:
        try:
            session = sim.identity.session(request, entry.audience)
            if entry.roles and not sim.identity.roles.intersection(entry.roles):
                raise missing_role(entry.roles)
            sim.buckets.take(entry.bucket, sim.now(), _team_of(request))
            return await entry.handler(Call(sim, request, session))
        except GraphError as refusal:
            return refusal.response(request, sim.now())

    return endpoint


def _team_of(request: Request) -> str:
    return str(request.path_params.get("id", "")) if "/teams/" in request.url.path else ""
