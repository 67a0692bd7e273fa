"""One call as its handler sees it: who calls, what the path names, what the body says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from accordant.simulators._shared import Record
from accordant.simulators.teams.errors import bad_request, no_resource, no_team, not_found
from accordant.simulators.teams.state import Session, Tenant

if TYPE_CHECKING:
    from accordant.simulators.teams.simulator import TeamsSimulator


@dataclass(frozen=True, slots=True)
class Call:
    """A call that passed the door: its token is good and its permission suffices."""

    sim: TeamsSimulator
    request: Request
    session: Session

    @property
    def tenant(self) -> Tenant:
        """The records of the tenant."""
        return self.sim.tenant

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    async def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent; raises 400 on anything else."""
        try:
            body = json.loads(await self.request.body())
        except ValueError:
            raise bad_request("Unable to read JSON request payload.") from None
        if not isinstance(body, dict):
            raise bad_request("Unable to read JSON request payload.")
        return body

    def group(self) -> Record:
        """Return the group the path names; raises 404."""
        group = self.tenant.groups.get(self.path("id"))
        if group is None:
            raise no_resource(self.path("id"))
        return group

    def team(self) -> Record:
        """Return the team the path names; raises 404, also while it is being created."""
        team = self.tenant.team(self.path("id"))
        if team is None:
            raise no_team(self.path("id"))
        return team

    def channel(self) -> Record:
        """Return the channel the path names; raises 404."""
        channel = self.tenant.channels.get(self.path("channel"))
        if channel is None or channel.data["team"] != self.team().id:
            raise not_found("Channel does not exist.")
        return channel

    def message(self) -> Record:
        """Return the message the path names; raises 404."""
        message = self.tenant.messages.get(f"{self.channel().id}/{self.path('message')}")
        if message is None:
            raise not_found("Message does not exist in the thread.")
        return message
