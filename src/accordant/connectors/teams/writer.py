"""Writes: workspaces with their people, built so that a second call goes on where the first stopped; cards."""

from __future__ import annotations

from accordant.connectors._shared.graph import BOT_ABSENT, TAKEN, Row
from accordant.connectors.teams.errors import (
    bot_arriving,
    no_owner,
    not_replicated,
    not_visible_yet,
    still_archiving,
    wrong_object,
)
from accordant.connectors.teams.payloads import BINDS, MESSAGE, TEAM, card_activity, group_body, is_team, nickname
from accordant.connectors.teams.reader import WorkspaceReader
from accordant.kernel import ExternalId, KeyConflict, NotFound, Rejected, Retryable
from accordant.ports import Card, Found, WorkspaceRequest, Written


class WorkspaceWriter(WorkspaceReader):
    """Workspaces and cards under our keys."""

    async def create_workspace(self, request: WorkspaceRequest, *, key: str) -> Written:
        """Create the group with its people, then make it a team; the tenant itself keeps the group's nickname unique.

        The team comes last, so that a workspace that is found has its people. Facts tell `unknown_people`.

        Raises:
            Retryable: the directory or Teams does not see the group yet; a second call goes on from there.
            Rejected: no owner has an account, or the tenant refuses a name.
        """
        owners, members, unknown_count = await self._people(request)
        written = Written(
            ref=ExternalId(system=self.system, type=TEAM, value=await self._group(request, owners, members, key)),
            facts={"unknown_people": unknown_count},
        )
        try:
            await self._client.open_team(written.ref.value, key=key)
        except NotFound as error:
            raise not_replicated() from error
        except KeyConflict:
            return written  # it is a team already
        return written

    async def archive_workspace(self, workspace: ExternalId, *, key: str) -> Written:
        """Archive the team; one that is archived or gone is left as it is.

        Raises:
            UnknownOutcome: the tenant took the order and has not done it yet.
        """
        team_id = self._own(workspace, TEAM)
        done = Written(ref=workspace, facts={"withdrawn": True})
        try:
            if await self._client.is_archived(team_id, operation="archive_workspace"):
                return done
            await self._client.archive(team_id, key=key)
            if not await self._is_archived_now(team_id, key):
                raise still_archiving(key)
        except NotFound:
            return done
        return done

    async def _is_archived_now(self, team_id: str, key: str) -> bool:
        """Look whether the order was carried out; the order stands, even when nobody answers now."""
        try:
            return await self._client.is_archived(team_id, operation="archive_workspace")
        except Retryable as error:
            raise still_archiving(key) from error

    async def post_card(self, workspace: ExternalId, card: Card, *, key: str) -> Written:
        """Post the card by our bot in the team's first channel, unless it is there; the bot is installed on demand."""
        team_id = self._own(workspace, TEAM)
        there = (await self.cards_in(team_id, (key,), operation="post_card"))[key]
        if isinstance(there, Found):
            return there.written
        channel_id = await self._client.primary_channel(team_id, operation="post_card")
        message_id = await self._say(team_id, channel_id, card_activity(card, key), key)
        value = f"{team_id}/{channel_id}/{message_id}"
        return Written(ref=ExternalId(system=self.system, type=MESSAGE, value=value))

    async def _people(self, request: WorkspaceRequest) -> tuple[list[str], list[str], int]:
        """Return the ids of owners and of members, each person once, and the count of addresses not found."""
        addresses = list(dict.fromkeys(address.lower() for address in (*request.owners, *request.members)))
        ids = await self._client.people(addresses, operation="create_workspace") if addresses else {}
        owners = [ids[a] for a in dict.fromkeys(a.lower() for a in request.owners) if a in ids]
        if not owners:
            raise no_owner()
        members = [id for address in addresses if (id := ids.get(address)) and id not in owners]
        return owners, members, len(addresses) - sum(address in ids for address in addresses)

    async def _group(self, request: WorkspaceRequest, owners: list[str], members: list[str], key: str) -> str:
        """Return the group's id with everybody in it, created now or found from before."""
        known = await self._client.groups_named([nickname(key)], operation="create_workspace")
        bound = members[: max(0, BINDS - len(owners))]
        if known and is_team(known[0]):
            return str(known[0]["id"])
        if known:
            group_id = str(known[0]["id"])
            present = await self._client.members(group_id, operation="create_workspace")
            missing = [id for id in (*owners, *members) if id not in present]
        else:
            group_id = await self._create_group(request, owners[:BINDS], bound, key)
            missing = [*owners[BINDS:], *members[len(bound) :]]
        for user_id in missing:
            await self._join(group_id, user_id, key)
        return group_id

    async def _create_group(self, request: WorkspaceRequest, owners: list[str], members: list[str], key: str) -> str:
        body = group_body(request, key=key, visibility=self._settings.visibility, owners=owners, members=members)
        try:
            return await self._client.create_group(body, key=key)
        except KeyConflict as error:
            if error.code != TAKEN:
                raise
            raise not_visible_yet() from error

    async def _join(self, group_id: str, user_id: str, key: str) -> None:
        try:
            await self._client.add_member(group_id, user_id, key=key)
        except KeyConflict:
            return  # a reader of members may lag behind: they were there

    async def _say(self, team_id: str, channel_id: str, activity: Row, key: str) -> str:
        """Post as our bot; where it is not installed nothing was posted, so it is installed and posts then."""
        try:
            return await self._client.start_thread(channel_id, activity, key=key)
        except Rejected as error:
            if error.code != BOT_ABSENT:
                raise
        await self._install(team_id, key)
        try:
            return await self._client.start_thread(channel_id, activity, key=key)
        except Rejected as error:
            raise (bot_arriving() if error.code == BOT_ABSENT else error) from error

    async def _install(self, team_id: str, key: str) -> None:
        try:
            await self._client.install_app(team_id, self._settings.teams_app_id, key=key)
        except KeyConflict:
            return  # it is installed, and the bot service learns of it late

    def _own(self, ref: ExternalId, wanted: str) -> str:
        if ref.system != self.system or ref.type != wanted:
            raise wrong_object(str(ref), wanted)
        return ref.value
