"""Look-ups by our keys: workspaces by the nickname of their group, cards by the id of their first element."""

from __future__ import annotations

from collections.abc import Iterable

from accordant.connectors._shared.graph import Row
from accordant.connectors.teams.client import TeamsClient
from accordant.connectors.teams.payloads import (
    MESSAGE,
    NICKNAME,
    TEAM,
    card_keys,
    is_team,
    nickname,
    nickname_stem,
    split_key,
)
from accordant.connectors.teams.settings import TeamsSettings
from accordant.kernel import ExternalId, NotFound
from accordant.ports import Absent, Found, LookUp, Unsure, Workspaces, Written

Answer = Found | Absent | Unsure


class WorkspaceReader(Workspaces):
    """What is there under our keys."""

    system: str
    _client: TeamsClient
    _settings: TeamsSettings

    async def find_workspaces(self, keys: tuple[str, ...]) -> LookUp:
        """Look workspaces up by the nicknames that carry our keys.

        A group that is no team yet answers absent: creating the workspace again goes on where it stopped.
        One search per 15 keys, one call per key that was not found, one per workspace that was.
        """
        names = {key: nickname(key) for key in keys}
        by_name: dict[str, list[Row]] = {name: [] for name in names.values()}
        for group in await self._client.groups_named(list(by_name), operation="find_workspaces"):
            by_name.setdefault(str(group[NICKNAME]).lower(), []).append(group)
        return {key: await self._workspace(by_name[name], name) for key, name in names.items()}

    async def find_cards(self, keys: tuple[str, ...]) -> LookUp:
        """Look cards up in the workspaces whose own keys the cards' keys begin with."""
        homes = {key: _home_bases(key) for key in keys}
        stems = {nickname_stem(base): base for bases in homes.values() for base in bases}
        groups = await self._client.groups_beginning(list(stems), operation="find_cards") if stems else []
        cards: dict[str, dict[str, Answer]] = {}
        answers: dict[str, Answer] = {}
        for key in keys:
            own = [group for group in groups if _is_home(group, homes[key])]
            if not own:
                answers[key] = Unsure("the directory does not show the card's workspace")
                continue
            seen = []
            for group in own:
                if group["id"] not in cards:
                    cards[group["id"]] = await self.cards_in(group["id"], keys, operation="find_cards")
                seen.append(cards[group["id"]][key])
            answers[key] = _strongest(seen)
        return answers

    async def cards_in(self, team_id: str, keys: Iterable[str], *, operation: str) -> dict[str, Answer]:
        """Look cards up in one workspace, newest messages first."""
        try:
            channel_id = await self._client.primary_channel(team_id, operation=operation)
        except NotFound:
            return dict.fromkeys(keys, Unsure("the card's workspace is not there"))
        rows, is_all = await self._client.messages(
            team_id, channel_id, pages=self._settings.card_pages, operation=operation
        )
        ids: dict[str, list[str]] = {key: [] for key in keys}
        for row in rows:
            for key in card_keys(row, self._settings.client_id):
                if key in ids:
                    ids[key].append(f"{team_id}/{channel_id}/{row['id']}")
        missing: Answer = Absent() if is_all else Unsure(f"the channel holds more than {len(rows)} messages")
        return {key: self._card(found, missing) for key, found in ids.items()}

    async def _workspace(self, groups: list[Row], name: str) -> Answer:
        if not groups:
            taken = await self._client.is_taken(name, operation="find_workspaces")
            return Unsure("the group exists and the directory does not show it yet") if taken else Absent()
        if len(groups) > 1:
            return Unsure(f"{len(groups)} groups carry the key")
        if not is_team(groups[0]):
            return Absent()
        try:
            is_archived = await self._client.is_archived(groups[0]["id"], operation="find_workspaces")
        except NotFound:
            return Unsure("the team is being made")
        return self._found(groups[0]["id"], is_archived=is_archived)

    def _found(self, team_id: str, *, is_archived: bool) -> Found:
        ref = ExternalId(system=self.system, type=TEAM, value=team_id)
        return Found(Written(ref=ref, facts={"withdrawn": True} if is_archived else {}))

    def _card(self, ids: list[str], missing: Answer) -> Answer:
        if not ids:
            return missing
        if len(ids) > 1:
            return Unsure(f"{len(ids)} messages carry the key")
        return Found(Written(ref=ExternalId(system=self.system, type=MESSAGE, value=ids[0])))


def _home_bases(key: str) -> dict[str, str]:
    """Return what may be the key of a card's workspace: every beginning that ends before a slash, by its base.

    The value is the generation when the beginning names one; the base alone means any generation.
    """
    parts = key.split("/")
    return dict(split_key("/".join(parts[:end])) for end in range(1, len(parts)))


def _is_home(group: Row, bases: dict[str, str]) -> bool:
    name = str(group[NICKNAME]).lower()
    return any(
        name == nickname(f"{base}#{generation}") if generation else name.startswith(nickname_stem(base))
        for base, generation in bases.items()
    )


def _strongest(answers: list[Answer]) -> Answer:
    """Return what several workspaces say together: found beats unsure, unsure beats absent."""
    order = (Found, Unsure, Absent)
    return min(answers, key=lambda answer: order.index(type(answer)))
