"""Capabilities of a PSA: staffing and approved time. Project set-up is shared with the ERP."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from accordant.canonical import Project, TimeEntry
from accordant.kernel import ExternalId
from accordant.ports.effect import EffectKind, LookUp, Written, effect
from accordant.ports.feed import FeedPage, Observation
from accordant.ports.port import Port


class StaffingRequest(BaseModel):
    """A demand for people on a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    hours: Decimal
    start_on: date
    end_on: date | None = None


class ProjectSetup(Port):
    """Projects with their work-breakdown structure, in a PSA or an ERP."""

    @effect(EffectKind.CREATE, look_up="find_projects")
    @abstractmethod
    async def create_project(self, project: Project, *, customer: ExternalId, key: str) -> Written:
        """Create the project and its tasks under our key; facts carry `code` and the tasks' ids by code."""

    @effect(EffectKind.ACT, look_up="find_projects", repeatable=True)
    @abstractmethod
    async def withdraw_project(self, project: ExternalId, *, key: str) -> Written:
        """Undo a creation: archive or inactivate the project. A project with booked time is refused (Rejected)."""

    @abstractmethod
    async def find_projects(self, keys: tuple[str, ...]) -> LookUp:
        """Look projects up by our keys; a withdrawn one is found with `facts["withdrawn"] = True`."""


class Staffing(Port):
    """Requests for people."""

    @effect(EffectKind.CREATE, look_up="find_staffing_requests")
    @abstractmethod
    async def request_staffing(self, request: StaffingRequest, *, project: ExternalId, key: str) -> Written:
        """Ask for people in one role."""

    @effect(EffectKind.ACT, look_up="find_staffing_requests", repeatable=True)
    @abstractmethod
    async def withdraw_staffing(self, request: ExternalId, *, key: str) -> Written:
        """Take the request back."""

    @abstractmethod
    async def find_staffing_requests(self, keys: tuple[str, ...]) -> LookUp:
        """Look requests up by our keys; a withdrawn one is found with `facts["withdrawn"] = True`."""


class TimeFeed(Port):
    """Time entries as the PSA holds them."""

    @abstractmethod
    async def time_since(self, watermark: str | None) -> FeedPage[TimeEntry]:
        """Read entries changed since the watermark, all approval states, oldest change first."""

    @abstractmethod
    async def fetch_time(self, entry_ids: tuple[str, ...]) -> tuple[Observation[TimeEntry], ...]:
        """Read entries by the PSA's ids; one that is gone comes as a tombstone."""
