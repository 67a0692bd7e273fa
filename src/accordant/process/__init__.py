"""What flows and intake see: @flow, Run, saga, gates, intake; it joins the rooms below and decides nothing itself.

A business story belongs in `flows`, a table's meaning in its own room.
"""

from accordant.process.answers import Answers
from accordant.process.execution import body_of
from accordant.process.flow import Accepted, Flow, FlowInput, FlowOutput, FlowRegistry, Trigger, flow
from accordant.process.intake import Intake, Outcome, Page
from accordant.process.people import match_people
from accordant.process.problem import Problem
from accordant.process.run import Approved, House, Run
from accordant.process.saga import Compensated, Dismissed, Saga

__all__ = [
    "Accepted",
    "Answers",
    "Approved",
    "Compensated",
    "Dismissed",
    "Flow",
    "FlowInput",
    "FlowOutput",
    "FlowRegistry",
    "House",
    "Intake",
    "Outcome",
    "Page",
    "Problem",
    "Run",
    "Saga",
    "Trigger",
    "body_of",
    "flow",
    "match_people",
]
