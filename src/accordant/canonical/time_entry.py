"""Time entry and expense: what a worker did and spent for a project. Owner: PSA."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from accordant.canonical.model import CanonicalModel
from accordant.kernel import ExactDecimal, ExpenseId, Money, ProjectId, TimeEntryId, WorkerId


class ApprovalState(StrEnum):
    """Where a line stands with its approver."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class TimeEntry(CanonicalModel):
    """Hours of one worker on one civil day for one project (R-CAN-08)."""

    id: TimeEntryId
    project_id: ProjectId
    worker_id: WorkerId
    worked_on: date
    hours: ExactDecimal
    approval: ApprovalState
    is_billable: bool = True
    role: str | None = None
    task: str | None = Field(default=None, description="Id of the task in the source system, or its code.")
    rate: Money | None = Field(default=None, description="Price per hour that the PSA shows; the contract decides.")
    note: str | None = None
    changed_at: datetime | None = Field(default=None, description="The source's last change.")


class Expense(CanonicalModel):
    """Money a worker spent for a project (R-CAN-09)."""

    id: ExpenseId
    project_id: ProjectId
    worker_id: WorkerId
    spent_on: date
    category: str
    amount: Money
    tax: Money | None = None
    approval: ApprovalState
    is_billable: bool = True
    note: str | None = None
