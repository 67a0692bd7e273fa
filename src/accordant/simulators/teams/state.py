"""What the simulated tenant holds: people, groups, teams, memberships, channels, messages, subscriptions, approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from accordant.simulators._shared import Record, Simulator


@dataclass(slots=True)
class Session:
    """What an access token stands for: the app, the person if delegated, the audience, and its end."""

    app_id: str
    user_id: str | None
    audience: str
    expires_at: datetime


@dataclass(slots=True)
class Timing:
    """How long the tenant takes; zero everywhere unless a test or the demo says otherwise.

    Args:
        replication_s: until Teams sees a new group (the vendor: up to 15 minutes).
        operation_s: until an asynchronous team operation ends (the vendor: seconds to minutes).
        membership_s: until a member is visible to readers (the vendor: minutes to 24 hours).
        bot_s: until an installed bot can speak in the team.
    """

    replication_s: float = 0.0
    operation_s: float = 0.0
    membership_s: float = 0.0
    bot_s: float = 0.0


@dataclass(slots=True)
class Removed:
    """A channel name that is still blocked after its channel was deleted."""

    team_id: str
    name: str
    until: datetime


@dataclass
class Tenant:
    """The records of one tenant; every list is computed from them."""

    simulator: Simulator
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        sim = self.simulator
        self._random = Random(sim.seed)  # noqa: S311 - a simulated firm must repeat itself
        self.users = sim.records()
        self.groups = sim.records()
        self.groups.index("mailNickname")
        self.teams = sim.records()
        self.members = sim.records()
        self.channels = sim.records()
        self.messages = sim.records()
        self.operations = sim.records()
        self.apps = sim.records()
        self.subscriptions = sim.records()
        self.approvals = sim.records()
        self.conversations = sim.records()
        self.blocked_names: list[Removed] = []
        self.failing_operations: list[tuple[str, str]] = []
        self._last_message_ms = 0

    def guid(self) -> str:
        """Return a fresh id that repeats itself for the same seed."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def person(self, key: str) -> Record | None:
        """Return a user by id or by user principal name, as Graph accepts both in a path."""
        wanted = key.casefold()
        return self.users.get(key) or next(
            (u for u in self.users if u.data["userPrincipalName"].casefold() == wanted), None
        )

    def team(self, id: str) -> Record | None:
        """Return a team once its creation has ended well."""
        team, now = self.teams.get(id), self.simulator.now()
        if team is None or team.data["ready_at"] > now or team.data["error"]:
            return None
        is_archived, since = team.data["archiving"]
        if since <= now:
            team.data["isArchived"] = is_archived
        return team

    def replicated(self, group: Record) -> bool:
        """Say whether Teams sees the group yet."""
        return group.created_at + timedelta(seconds=self.timing.replication_s) <= self.simulator.now()

    def bot_is_in(self, team_id: str, app_id: str) -> bool:
        """Say whether the bot of an app can speak in a team."""
        since = self.simulator.now() - timedelta(seconds=self.timing.bot_s)
        return any(a.data == {"team": team_id, "app": app_id} and a.created_at <= since for a in self.apps)

    def join(self, group_id: str, user_id: str, *, owner: bool) -> Record:
        """Add a person to a group, or make a member an owner."""
        id = f"{group_id}#{user_id}"
        existing = self.members.get(id)
        if existing:
            return self.members.change(id, owner=owner or existing.data["owner"])
        visible_at = self.simulator.now() + timedelta(seconds=self.timing.membership_s)
        return self.members.add(id, {"group": group_id, "user": user_id, "owner": owner, "visible_at": visible_at})

    def member(self, group_id: str, user_id: str) -> Record | None:
        """Return the membership of a person in a group."""
        return self.members.get(f"{group_id}#{user_id}")

    def members_of(self, group_id: str) -> Iterator[Record]:
        """Yield the memberships of a group that readers see now."""
        now = self.simulator.now()
        return self.members.search(lambda m: m.data["group"] == group_id and m.data["visible_at"] <= now)

    def owners_of(self, group_id: str) -> list[Record]:
        """Return the memberships of owners as the tenant's own rules see them: at once."""
        return [m for m in self.members if m.data["group"] == group_id and m.data["owner"]]

    def channels_of(self, team_id: str) -> Iterator[Record]:
        """Yield the channels of a team."""
        return (c for c in self.channels if c.data["team"] == team_id)

    def messages_of(self, channel_id: str, reply_to: str | None = None) -> Iterator[Record]:
        """Yield root messages of a channel, or the replies to one, as a search sees them."""
        return self.messages.search(lambda m: m.data["channel"] == channel_id and m.data["replyToId"] == reply_to)

    def message_id(self) -> str:
        """Return the next message id: its instant in milliseconds, never twice."""
        now_ms = int(self.simulator.now().timestamp() * 1000)
        self._last_message_ms = max(now_ms, self._last_message_ms + 1)
        return str(self._last_message_ms)

    def begin(self, team_id: str, kind: str) -> Record:
        """Start an asynchronous operation; it fails when a failure was asked for."""
        error = self.failing_operations.pop(0) if self.failing_operations else None
        ready_at = self.simulator.now() + timedelta(seconds=self.timing.operation_s)
        return self.operations.add(
            self.guid(), {"team": team_id, "operationType": kind, "ready_at": ready_at, "error": error}
        )

    def open_team(self, group: Record, operation: Record, **facts: Any) -> Record:
        """Put a team on a group, with its General channel; it becomes visible when the operation ends."""
        data = {
            "internalId": f"19:{group.id.replace('-', '')}@thread.tacv2",
            "isArchived": False,
            "archiving": (False, operation.data["ready_at"]),
            "ready_at": operation.data["ready_at"],
            "error": operation.data["error"],
            **facts,
        }
        team = self.teams.add(group.id, data)
        if not operation.data["error"]:
            self.groups.change(group.id, resourceProvisioningOptions=["Team"])
            self.open_channel(group.id, {"displayName": "General", "membershipType": "standard"}, data["internalId"])
        return team

    def open_channel(self, team_id: str, facts: dict[str, Any], id: str = "") -> Record:
        """Add a channel to a team."""
        channel_id = id or f"19:{self.guid().replace('-', '')}@thread.tacv2"
        data = {"description": None, "membershipType": "standard", "isFavoriteByDefault": None, **facts}
        return self.channels.add(channel_id, {**data, "team": team_id})

    def say(self, channel: Record, sender: dict[str, Any], facts: dict[str, Any]) -> Record:
        """Add a message to a channel; ids are unique within the channel only."""
        id = self.message_id()
        data = {"replyToId": None, "importance": "normal", "attachments": [], "mentions": [], **facts}
        data |= {"message": id, "channel": channel.id, "team": channel.data["team"], "from": sender}
        return self.messages.add(f"{channel.id}/{id}", data)
