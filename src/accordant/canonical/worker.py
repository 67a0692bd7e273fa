"""Worker: a person who works for the firm, as a segment with two time axes. Owner: HRIS."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from accordant.canonical.model import CanonicalModel
from accordant.kernel import WorkerId


class Worker(CanonicalModel):
    """What was true of a worker from a civil day on, as entered at an instant (R-CAN-06)."""

    id: WorkerId
    number: str = Field(description="Employee number: the key that other systems know.")
    name: str = Field(description="Personal.")
    email: str | None = Field(default=None, description="Work mail address. Personal.")
    entity: str
    cost_center: str | None = None
    manager_id: WorkerId | None = None
    role: str | None = Field(default=None, description="Role code that rate cards price: `CONS-SR`.")
    location: str | None = None
    is_active: bool = True
    hired_on: date | None = None
    left_on: date | None = None
    valid_from: date = Field(description="First civil day on which these facts hold.")
    entered_at: datetime = Field(description="The source's own entry moment: the second axis.")
