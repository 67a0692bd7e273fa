"""A problem as the code that meets it tells it; the run adds engagement, stage, money and deadline to make a case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from accordant.cases import Action, Stage
from accordant.kernel import AccordantError, Money

TELL_AND_ANSWER = (Action.RETRY, Action.REPROCESS, Action.DISMISS)
REFUSED_WRITE = (Action.RETRY, Action.REPROCESS, Action.DONE_BY_HAND, Action.COMPENSATE, Action.DISMISS)


@dataclass(frozen=True)
class Problem:
    """What stopped, in words a client would understand.

    Args:
        code: dotted and stable.
        sentence: what cannot happen and the one reason, at most 28 words (cases.build_sentence).
        remedy: what to do next.
        about: what it is about; with the code it tells one problem from another.
        role: who can act.
        stage: where in the business; the run's own stage when None.
        exposure: money that waits; the stage's when None.
        editable: fields that an edit may touch, as `contract.po_number`.
    """

    code: str
    sentence: str
    about: str
    remedy: str = ""
    role: str = "integration_support"
    stage: Stage | None = None
    exposure: Money | None = None
    client: str = ""
    project_id: str | None = None
    invoice_id: str | None = None
    actions: tuple[Action, ...] = TELL_AND_ANSWER
    editable: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: AccordantError, *, about: str, actions: tuple[Action, ...] = REFUSED_WRITE) -> Self:
        """Tell an error as a problem."""
        return cls(
            code=error.code,
            sentence=error.message,
            about=about,
            remedy=error.remedy,
            role=_ROLES.get(error.code.split(".")[0], "integration_support"),
            actions=actions,
            details={"system": error.system, "operation": error.operation, **error.detail},
        )


_ROLES = {"erp": "finance_operations", "psa": "delivery", "crm": "account_team", "customer": "steward"}
"""Who can act on an error, by the first word of its code (R-EXC-04)."""
