"""Places where a drill may kill the process: named, counted, and nothing at all unless one is armed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

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


async def during(point: str, work: Coroutine[Any, Any, T]) -> T:
    """Await work; when the point is armed, pass it while the work is under way."""
    if point not in _armed:
        return await work
    task = asyncio.create_task(work)
    await asyncio.sleep(0.01)
    reach(point)
    return await task


arm(os.environ.get("ACCORDANT_CRASH_AT", ""))
