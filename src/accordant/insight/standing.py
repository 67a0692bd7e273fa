"""Where a business state stands once live cases are looked at too: what stops it makes it blocked."""

from __future__ import annotations

from collections.abc import Collection

from accordant.cases import Stage

STOPS = {
    "activated": frozenset({Stage.CONTRACT_VALIDATION, Stage.PROJECT_CREATION, Stage.MASTER_DATA}),
    "ready_to_bill": frozenset({Stage.TIME_CAPTURE, Stage.BILLING, Stage.ERP_POSTING}),
}
"""Stages whose live cases stop a business state."""


def standing(state: str, status: str, stages: Collection[str]) -> str:
    """Return the status of a state, given the stages of the engagement's live cases.

    >>> standing("ready_to_bill", "reached", ["billing"]), standing("sold", "reached", ["billing"])
    ('blocked', 'reached')
    """
    return "blocked" if STOPS.get(state, frozenset()) & set(stages) else status
