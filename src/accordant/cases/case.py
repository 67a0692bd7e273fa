"""The case: an exception with a price, a deadline and someone who can act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accordant.kernel import Money

PERSONAL = frozenset(
    {"address", "bank_account", "birth_date", "email", "iban", "note", "phone", "salary", "worker_name"}
)
"""Keys of details whose values never enter a case, at any depth."""

MASK = "•••"


class Stage(StrEnum):
    """Where in the business it stopped (R-EXC-07)."""

    CONTRACT_VALIDATION = "contract validation"
    PROJECT_CREATION = "project creation"
    STAFFING = "staffing"
    TIME_CAPTURE = "time capture"
    BILLING = "billing"
    ERP_POSTING = "ERP posting"
    COLLECTION = "collection"
    MASTER_DATA = "master data"
    PEOPLE_CHANGE = "people change"
    WORKSPACE = "workspace"
    CONNECTION = "connection"


class CaseState(StrEnum):
    """The tab it stands in."""

    OPEN = "open"
    WAITING = "waiting"
    REPLAYING = "replaying"
    RESOLVED = "resolved"


class Action(StrEnum):
    """How a case can be resolved."""

    RETRY = "retry"
    REPROCESS = "reprocess"
    EDIT = "edit"
    ADD_MAPPING = "add_mapping"
    DONE_BY_HAND = "done_by_hand"
    COMPENSATE = "compensate"
    DISMISS = "dismiss"


class Case(BaseModel):
    """An exception to open. With the same cause and subject it is the same problem, seen again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(description="Dotted, stable: `erp.invoice.period_closed`.")
    sentence: str = Field(min_length=1, description="See `build_sentence`.")
    stage: Stage
    role: str = Field(description="Role that can act.")
    cause_key: str = Field(description="Equal for all cases that one fix would mend: `mapping:cost_center:DE-4410`.")
    subject: str = Field(description="What it is about: `invoice:inv_…`, `run:activate-project:con_…#1`.")
    remedy: str = ""
    entity: str = ""
    client_id: str | None = None
    client: str = ""
    project_id: str | None = None
    contract_id: str | None = None
    contract_version: int | None = None
    engagement: str = ""
    invoice_id: str | None = None
    billing_cycle: str = Field(default="", description="Month of billing, `2026-11`.")
    exposure: Money | None = Field(default=None, description="What cannot be billed or collected; None: no money.")
    group_exposure: Money | None = Field(default=None, description="The same in the group's currency.")
    deadline: datetime | None = None
    tier: int = Field(default=2, ge=1, le=3, description="1 is gravest: a failed undo, an unsure posting.")
    actions: tuple[Action, ...] = Field(default=(Action.RETRY, Action.REPROCESS, Action.DISMISS), min_length=1)
    editable: tuple[str, ...] = Field(default=(), description="Fields that an edit may touch: `contract.po_number`.")
    replay_roles: tuple[str, ...] = Field(default=(), description="Roles that may retry and reprocess, no more.")
    run_id: str | None = None
    effect_key: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, description="Facts for the page; masked when stored.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.exposure is not None and self.group_exposure is None:
            raise ValueError("a case with an exposure needs it in the group's currency too, or it cannot be sorted")
        if Action.EDIT in self.actions and not self.editable:
            raise ValueError("a case that can be edited names the fields that may be edited")
        return self


class CaseView(Case):
    """A case as it stands.

    Args:
        seen_count: how often this very problem was met.
        same_count: how many live cases have the same cause, itself included.
        severity: group exposure in minor units per day that is left (at least one day); what the queue is sorted by.
    """

    id: str
    state: CaseState
    owner: str
    tags: tuple[str, ...]
    seen_count: int
    same_count: int
    severity: int
    opened_at: datetime
    seen_at: datetime
    escalated_at: datetime | None
    waits_until: datetime | None
    proposal: dict[str, Any] | None
    resolution: dict[str, Any] | None
    closed_at: datetime | None
    closed_by: str | None
    root_cause: str | None
    previous_id: str | None


def masked(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details with every personal value replaced, at any depth."""
    return {key: MASK if key in PERSONAL and value is not None else _masked(value) for key, value in details.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
