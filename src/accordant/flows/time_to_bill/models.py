"""A batch of approved lines, what is known about it, and what became of each line."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.canonical import ApprovalState, Contract, Project, TimeEntry
from accordant.process import FlowInput, FlowOutput


class TimeToBill(FlowInput):
    """One batch of up to 500 approved lines of one project; the lines are claimed under its number."""

    project_id: str
    batch: int
    entity: str


class TimeBilled(FlowOutput):
    """What became of the lines of the batch; every line is counted once."""

    in_ledger: int
    in_erp: int
    refused: int
    over_billed: int
    withdrawn: int = 0


@dataclass(frozen=True)
class Terms:
    """Under which project and contract the lines are billed."""

    project: Project
    contract: Contract


@dataclass(frozen=True)
class Line:
    """One line of the batch: the entry as accepted, its version, and where it came from."""

    entry: TimeEntry
    version: int
    source_ref: str

    @property
    def is_approved(self) -> bool:
        """Whether the line may be billed, as far as its approver is concerned."""
        return self.entry.approval is ApprovalState.APPROVED

    @property
    def id(self) -> str:
        """The canonical id of the entry."""
        return self.entry.id


@dataclass(frozen=True)
class Doubt:
    """Why a line cannot be billed as it is."""

    line: Line
    cause: str
    remedy: str
