"""Capabilities of an HRIS and of a collaboration platform: who works here, and where they talk."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict

from accordant.canonical import Worker
from accordant.kernel import ExternalId
from accordant.ports.effect import EffectKind, LookUp, Written, effect
from accordant.ports.feed import FeedPage
from accordant.ports.port import Port


class WorkspaceRequest(BaseModel):
    """A workspace for one engagement. Members are mail addresses; they stay out of run inputs and events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    owners: tuple[str, ...]
    members: tuple[str, ...] = ()


class Card(BaseModel):
    """A message with facts and one link back to the console."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str
    facts: dict[str, str] = {}
    link: str = ""


class WorkerFeed(Port):
    """Workers, with both time axes."""

    @abstractmethod
    async def workers_since(self, watermark: str | None) -> FeedPage[Worker]:
        """Read worker segments entered since the watermark, future-dated and retroactive ones included."""


class DirectoryEntry(BaseModel):
    """A person as another system lists them; the mail address is personal and only used to match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: ExternalId
    email: str


class PeopleDirectory(Port):
    """The people that a system other than the HRIS knows, so that they can be matched to the firm's workers."""

    @abstractmethod
    async def people(self) -> tuple[DirectoryEntry, ...]:
        """Return everybody who has a mail address."""


class Workspaces(Port):
    """Places where the people of an engagement talk."""

    @effect(EffectKind.CREATE, look_up="find_workspaces")
    @abstractmethod
    async def create_workspace(self, request: WorkspaceRequest, *, key: str) -> Written:
        """Create the workspace with its people; facts carry `unknown_people`, the count of addresses not found."""

    @effect(EffectKind.ACT, look_up="find_workspaces", repeatable=True)
    @abstractmethod
    async def archive_workspace(self, workspace: ExternalId, *, key: str) -> Written:
        """Undo a creation."""

    @abstractmethod
    async def find_workspaces(self, keys: tuple[str, ...]) -> LookUp:
        """Look workspaces up by our keys; an archived one is found with `facts["withdrawn"] = True`."""

    @effect(EffectKind.CREATE, look_up="find_cards")
    @abstractmethod
    async def post_card(self, workspace: ExternalId, card: Card, *, key: str) -> Written:
        """Post a message; the same key never posts twice."""

    @abstractmethod
    async def find_cards(self, keys: tuple[str, ...]) -> LookUp:
        """Look messages up by our keys; keys begin with the workspace's own key, then `/`."""
