"""What the console is handed by whoever starts it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from accordant.governance import Estate
from accordant.kernel import Clock, Money
from accordant.platform.storage import Database
from accordant.process import Answers


@dataclass(frozen=True)
class ConsoleDeps:
    """The console's dependencies.

    Args:
        door: opened as `accordant_door`: row-level security applies, nothing can be written.
        worker: opened as `accordant_worker`, for the few writes that go through `answers`.
        answers: the one way in which a person's word reaches a run.
        estate: entities, systems, people.
        clock: the present.
        to_group: what an amount is in the group's currency, at the rates of the day.
        session_key: signs session cookies; several processes behind one address need the same. A fresh one signs
            everybody out.
        release: as shown at the foot of the rail.
    """

    door: Database
    worker: Database
    answers: Answers
    estate: Estate
    clock: Clock
    to_group: Callable[[Money], Money]
    session_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    release: str = ""

    @property
    def is_simulated(self) -> bool:
        """Tell whether every connected system is a simulator: only then may a person be chosen from a list."""
        return all(system.simulated for system in self.estate.systems.values())
