"""Calls to the tenant: people and groups of the directory, teams, channels and messages, and the bot service."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from accordant.connectors._shared.graph import TAKEN, GraphClient, Row, any_of, one_of, starts_with
from accordant.connectors.teams.errors import lost_answer
from accordant.connectors.teams.payloads import GROUP_FIELDS, NICKNAME, user_bind
from accordant.kernel import KeyConflict
from accordant.platform.http import HttpClient, Response

_VALUES = 15  # of one filter
_STEMS = 10
_MESSAGES = 50  # the vendor's largest page


class TeamsClient:
    """One tenant, through Graph and through its bot service."""

    def __init__(self, graph: GraphClient, bot: HttpClient) -> None:
        self._graph = graph
        self._bot = bot

    async def people(self, addresses: Sequence[str], *, operation: str) -> dict[str, str]:
        """Return the user id of each address that is a mail or principal name here; addresses in lower case."""
        found: dict[str, str] = {}
        for chunk in _chunks(addresses, _VALUES):
            for field in ("mail", "userPrincipalName"):
                rows = await self._graph.list(
                    "/users", operation=operation, select=f"id,{field}", where=one_of(field, chunk)
                )
                found = {str(row[field]).lower(): row["id"] for row in rows} | found
        return found

    async def groups_named(self, nicknames: Sequence[str], *, operation: str) -> list[Row]:
        """Search groups by mail nickname."""
        rows: list[Row] = []
        for chunk in _chunks(nicknames, _VALUES):
            where = one_of(NICKNAME, chunk)
            rows += await self._graph.list("/groups", operation=operation, select=GROUP_FIELDS, where=where)
        return rows

    async def groups_beginning(self, stems: Sequence[str], *, operation: str) -> list[Row]:
        """Search groups by the beginning of their mail nickname."""
        rows: list[Row] = []
        for chunk in _chunks(stems, _STEMS):
            where = any_of(*(starts_with(NICKNAME, stem) for stem in chunk))
            rows += await self._graph.list("/groups", operation=operation, select=GROUP_FIELDS, where=where)
        return rows

    async def is_taken(self, nickname: str, *, operation: str) -> bool:
        """Say whether a group has this nickname; unlike a search the answer is never late."""
        body = {"entityType": "Group", NICKNAME: nickname}
        try:
            await self._graph.ask("/directoryObjects/validateProperties", body, operation=operation)
        except KeyConflict as error:
            if error.code != TAKEN:
                raise
            return True
        return False

    async def create_group(self, body: Row, *, key: str) -> str:
        """Create a group; KeyConflict when its nickname is taken."""
        answer = await self._graph.send("POST", "/groups", body, operation="create_workspace", key=key)
        return _named(answer, "id", key)

    async def members(self, group_id: str, *, operation: str) -> set[str]:
        """Return the user ids of a group's members and owners."""
        rows = [
            row
            for kind in ("members", "owners")
            for row in await self._graph.list(f"/groups/{quote(group_id)}/{kind}", operation=operation, select="id")
        ]
        return {row["id"] for row in rows}

    async def add_member(self, group_id: str, user_id: str, *, key: str) -> None:
        """Add a person to a group; KeyConflict when they are there already."""
        path, body = f"/groups/{quote(group_id)}/members/$ref", {"@odata.id": user_bind(user_id)}
        await self._graph.send("POST", path, body, operation="create_workspace", key=key)

    async def open_team(self, group_id: str, *, key: str) -> None:
        """Make a group a team; NotFound while Teams does not see the group, KeyConflict when it is a team."""
        await self._graph.send("PUT", f"/groups/{quote(group_id)}/team", {}, operation="create_workspace", key=key)

    async def is_archived(self, team_id: str, *, operation: str) -> bool:
        """Say whether a team is archived; NotFound when it is not there, or not there yet."""
        team = await self._graph.get(f"/teams/{quote(team_id)}", operation=operation, select="id,isArchived")
        return bool(team.get("isArchived"))

    async def archive(self, team_id: str, *, key: str) -> None:
        """Order a team to be archived; it happens later."""
        await self._graph.send("POST", f"/teams/{quote(team_id)}/archive", {}, operation="archive_workspace", key=key)

    async def primary_channel(self, team_id: str, *, operation: str) -> str:
        """Return the channel every team has."""
        channel = await self._graph.get(f"/teams/{quote(team_id)}/primaryChannel", operation=operation, select="id")
        return str(channel["id"])

    async def messages(self, team_id: str, channel_id: str, *, pages: int, operation: str) -> tuple[list[Row], bool]:
        """Return the newest messages of a channel, and whether those were all."""
        path: str | None = f"/teams/{quote(team_id)}/channels/{quote(channel_id)}/messages"
        rows: list[Row] = []
        while path is not None and pages > 0:
            more, path = await self._graph.page(path, operation=operation, top=_MESSAGES)
            rows += more
            pages -= 1
        return rows, path is None

    async def install_app(self, team_id: str, app_id: str, *, key: str) -> None:
        """Install a Teams app in a team; KeyConflict when it is there already."""
        body = {"teamsApp@odata.bind": f"https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/{quote(app_id)}"}
        path = f"/teams/{quote(team_id)}/installedApps"
        await self._graph.send("POST", path, body, operation="post_card", key=key)

    async def start_thread(self, channel_id: str, activity: Row, *, key: str) -> str:
        """Post a bot's message as a new thread of a channel; returns the message's id."""
        body = {"isGroup": True, "channelData": {"channel": {"id": channel_id}}, "activity": activity}
        answer = await self._bot.write("POST", "/v3/conversations", operation="post_card", key=key, json=body)
        return _named(answer, "activityId", key)

    async def one_group(self, *, operation: str) -> None:
        """Read one group, whichever."""
        await self._graph.page("/groups", operation=operation, select="id", top=1)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._graph.aclose()
        await self._bot.aclose()


def _named(answer: Response, field: str, key: str) -> str:
    """Return the id of what a write made; UnknownOutcome when the answer does not hold it."""
    body = answer.json() if answer.content else None
    if not isinstance(body, dict) or not body.get(field):
        raise lost_answer(answer, key)
    return str(body[field])


def _chunks(values: Sequence[str], size: int) -> list[Sequence[str]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
