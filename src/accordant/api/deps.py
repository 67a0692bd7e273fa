"""What the API is handed by whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.governance import Estate
from accordant.kernel import Clock
from accordant.platform.durable import Starter
from accordant.platform.storage import Database
from accordant.process import Answers, FlowRegistry
from accordant.runtime.connections import Connections


@dataclass(frozen=True)
class ApiDeps:
    """The API's dependencies.

    Args:
        door: opened as `accordant_door`: row-level security applies, nothing can be written.
        worker: opened as `accordant_worker`, for the few writes.
        answers: the one way in which a person's word reaches a run.
        starter: starts runs.
        flows: the flows of this installation.
        estate: entities, systems, people.
        connections: the connected systems.
        clock: the present.
    """

    door: Database
    worker: Database
    answers: Answers
    starter: Starter
    flows: FlowRegistry
    estate: Estate
    connections: Connections
    clock: Clock
