"""Durable runs: opened once per piece of work, surviving any crash, parked as rows, taken by one process at a time.

No business word belongs here; flows are written against `process`.
"""

from accordant.platform.durable.crashpoints import POINTS, arm, during, reach
from accordant.platform.durable.engine import QUEUES, Body, Engine, Queue, Starter, current_step, migrate_engine
from accordant.platform.durable.gates import Gate, Parked, resolve
from accordant.platform.durable.leases import Lease, new_executor_id
from accordant.platform.durable.runs import (
    FREEING,
    Fenced,
    Opened,
    Overtaking,
    RunState,
    Start,
    Taken,
    end_run,
    note,
    open_run,
    require_hold,
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
    "Opened",
    "Overtaking",
    "Parked",
    "Queue",
    "RunState",
    "Start",
    "Starter",
    "Taken",
    "arm",
    "current_step",
    "during",
    "end_run",
    "migrate_engine",
    "new_executor_id",
    "note",
    "open_run",
    "reach",
    "require_hold",
    "resolve",
]
