"""Durable runs: opened once per piece of work, surviving any crash, parked as rows, taken by one process at a time.

No business word belongs here; flows are written against `process`.
"""

from accordant.platform.durable.crashpoints import POINTS, arm, during, reach
from accordant.platform.durable.engine import QUEUES, Body, Engine, Queue, Starter, migrate_engine
from accordant.platform.durable.gates import Gate, Parked, open_gate, resolve, wait_for_answer
from accordant.platform.durable.leases import Lease, new_executor_id
from accordant.platform.durable.retention import retain
from accordant.platform.durable.runs import (
    FREEING,
    Fenced,
    Note,
    Opened,
    Overtaking,
    RunState,
    Start,
    Taken,
    end_run,
    open_run,
    record_step,
    replace_run,
    require_hold,
    write_notes,
)

__all__ = [
    "FREEING",
    "POINTS",
    "QUEUES",
    "Body",
    "Engine",
    "Fenced",
    "Gate",
    "Lease",
    "Note",
    "Opened",
    "Overtaking",
    "Parked",
    "Queue",
    "RunState",
    "Start",
    "Starter",
    "Taken",
    "arm",
    "during",
    "end_run",
    "migrate_engine",
    "new_executor_id",
    "open_gate",
    "open_run",
    "reach",
    "record_step",
    "replace_run",
    "require_hold",
    "resolve",
    "retain",
    "wait_for_answer",
    "write_notes",
]
