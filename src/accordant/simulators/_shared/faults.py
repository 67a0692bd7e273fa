"""Faults by name, the same names in every simulator; each hits the calls that its operation pattern matches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any

FAULTS: dict[str, str] = {
    "429": "refuses the call as throttled",
    "500": "fails before anything was kept",
    "timeout_before_commit": "keeps nothing and does not answer",
    "timeout_after_commit": "keeps the write and does not answer",
    "late_commit": "does not answer, and keeps the write after `delay_s`",
    "search_lag": "searches see a write only after `lag_s`",
    "partial_batch": "fails every `every`-th item of a batch",
    "duplicate": "sends an event twice",
    "out_of_order": "sends an event after its successor",
    "lost_event": "never sends the event",
    "drift": "renames `rename` or drops `drop` fields in the answer, and adds one nobody knows",
    "expired_token": "no longer accepts the token",
    "half_body": "breaks off in the middle of the answer",
    "html_error": "answers with a proxy's error page",
    "clock_skew": "stamps records with a clock that is `skew_s` off",
    "slow": "answers after `delay_s`",
}


@dataclass
class Fault:
    """One planned fault.

    Args:
        name: one of FAULTS.
        on: pattern of the operations it hits, as ``METHOD /path``, with ``*``; or an event name.
        times: how often it strikes; None for until it is removed.
        after: how many matching operations pass before it strikes.
        rate: share of the matching operations it strikes, 0–1 (seeded).
        options: `delay_s`, `lag_s`, `every`, `drop`, `rename`, `skew_s`, `hang_s`.
    """

    name: str
    on: str = "*"
    times: int | None = 1
    after: int = 0
    rate: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no fault is called {self.name!r}; there are: {', '.join(FAULTS)}")


class FaultPlan:
    """The faults that are armed, in the order they were added."""

    def __init__(self, seed: int = 1) -> None:
        self._armed: list[Fault] = []
        self._random = Random(seed)  # noqa: S311 - a seeded plan must repeat itself

    def arm(self, fault: Fault) -> Fault:
        """Add a fault."""
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault."""
        self._armed.clear()

    def take(self, operation: str, *names: str) -> Fault | None:
        """Return the first armed fault of these names that strikes the operation, and count the strike."""
        for fault in self._armed:
            if fault.name in names and fnmatchcase(operation, fault.on) and self._strikes(fault):
                return fault
        return None

    def option(self, name: str, option: str, default: float = 0.0) -> float:
        """Return an option of a standing fault (`search_lag`, `clock_skew`), or the default when none is armed."""
        for fault in self._armed:
            if fault.name == name:
                return float(fault.options.get(option, default))
        return default

    def as_json(self) -> list[dict[str, Any]]:
        """Return the armed faults and how often each struck."""
        return [asdict(f) for f in self._armed]

    def _strikes(self, fault: Fault) -> bool:
        if fault.times is not None and fault.struck >= fault.times:
            return False
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.rate < 1.0 and self._random.random() >= fault.rate:
            return False
        fault.struck += 1
        return True
