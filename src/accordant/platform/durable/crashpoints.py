"""Places where a drill may kill the process: named, counted, and nothing at all unless one is armed."""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "effect.before_intent",
    "effect.after_intent",
    "effect.in_flight",
    "effect.after_answer",
    "effect.after_outcome",
    "run.after_checkpoint",
    "run.in_resume",
    "events.in_sequencer",
)

_armed: dict[str, int] = {}
_passed: Counter[str] = Counter()


def arm(text: str) -> None:
    """Arm `point:nth` pairs, separated by commas: at the nth passage of the point the process dies by SIGKILL."""
    _armed.clear()
    for pair in filter(None, text.split(",")):
        point, _, nth = pair.partition(":")
        if point not in POINTS:
            raise ValueError(f"no crash point is called {point!r}; there are: {', '.join(POINTS)}")
        _armed[point] = int(nth or 1)


def reach(point: str) -> None:
    """Pass a point; dies here when the drill said so."""
    if point in _armed:
        _passed[point] += 1
        if _passed[point] == _armed[point]:
            os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("ACCORDANT_CRASH_AT", ""))
