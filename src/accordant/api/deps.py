"""What the API is handed by whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass, field

from accordant.api.clients import Callers
from accordant.api.settings import ApiSettings
from accordant.governance import Estate
from accordant.kernel import Clock
from accordant.platform.durable import Starter
from accordant.platform.storage import Database
from accordant.policies import PolicySet
from accordant.process import Answers, FlowRegistry, Intake
from accordant.runtime.connections import Connections


@dataclass(frozen=True)
class ApiDeps:
    """The API's dependencies.

    Args:
        door: opened as `accordant_door`: row-level security applies, nothing can be written.
        worker: opened as `accordant_worker`, for the few writes.
        answers: the one way in which a person's word reaches a run.
        starter: starts runs.
        intake: accepts what an operation read from a connected system.
        flows: the flows of this installation.
        estate: entities, systems, people.
        policies: the firm's decision tables.
        callers: who may call: people and service clients.
        connections: the connected systems.
        clock: the present.
        key: signs the tokens issued here; the same for every process behind one address.
        event_hosts: where events may be sent by https, beside this machine.
        settings: of tokens and limits.
    """

    door: Database
    worker: Database
    answers: Answers
    starter: Starter
    intake: Intake
    flows: FlowRegistry
    estate: Estate
    policies: PolicySet
    callers: Callers
    connections: Connections
    clock: Clock
    key: bytes = field(repr=False)
    event_hosts: tuple[str, ...] = ()
    settings: ApiSettings = field(default_factory=ApiSettings)

    @property
    def is_simulated(self) -> bool:
        """Tell whether every connected system is a simulator: only then is this machine a place like any other."""
        return all(system.simulated for system in self.estate.systems.values())
