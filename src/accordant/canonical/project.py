"""Project: the engagement as work, with its work-breakdown structure. Owner: PSA."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field

from accordant.canonical.contract import BillingMethod
from accordant.canonical.model import CanonicalModel
from accordant.kernel import AssignmentId, ContractId, CurrencyCode, CustomerId, ProjectId, WorkerId


class Task(CanonicalModel):
    """One element of the work-breakdown structure."""

    code: str
    name: str
    is_billable: bool = True
    is_milestone: bool = False
    due_on: date | None = None


class Project(CanonicalModel):
    """A project with its tasks, as every system shall know it (R-CAN-04)."""

    id: ProjectId
    code: str = Field(description="The firm's project code: the same in PSA, ERP, chat and on the invoice.")
    name: str
    customer_id: CustomerId
    contract_id: ContractId
    contract_version: int = 1
    entity: str
    currency: CurrencyCode
    billing_method: BillingMethod
    start_on: date
    end_on: date | None = None
    template: str = Field(default="standard", description="Which work-breakdown template the policy chose.")
    tasks: tuple[Task, ...] = ()


class Assignment(CanonicalModel):
    """A worker staffed on a project in a role (R-CAN-07). Owner: PSA."""

    id: AssignmentId
    project_id: ProjectId
    worker_id: WorkerId
    role: str
    start_on: date
    end_on: date | None = None
    hours: Decimal | None = None
