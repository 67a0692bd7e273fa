"""Several writes at once, and yet one gate at a time: a branch in trouble waits until its siblings are at rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Any

from accordant.platform.durable import Parked

_mine: ContextVar[_Branch | None]


class _Branch:
    """One of the works done together."""

    def __init__(self, group: _Group, place: int) -> None:
        self.group = group
        self.place = place
        self.is_working = True


class _Group:
    def __init__(self) -> None:
        self.branches: list[_Branch] = []
        self.changed = asyncio.Condition()
        self.is_parked = False

    async def rest(self, branch: _Branch, *, is_working: bool) -> None:
        async with self.changed:
            branch.is_working = is_working
            self.changed.notify_all()

    async def turn(self, branch: _Branch, waiting: list[int]) -> None:
        """Wait until every sibling rests and it is this branch's turn; then it alone goes on."""
        async with self.changed:
            await self.changed.wait_for(
                lambda: (
                    self.is_parked or (not any(b.is_working for b in self.branches) and min(waiting) == branch.place)
                )
            )
            if self.is_parked:
                raise Parked("a sibling waits at a gate")
            branch.is_working = True


_mine = ContextVar("together_branch", default=None)


class Together:
    """Runs works concurrently; `alone()` is asked for before anything that may park the run."""

    def __init__(self) -> None:
        self._waiting: list[int] = []

    async def run(self, works: tuple[Awaitable[Any], ...]) -> list[Any]:
        """Run all works to their ends and return their results; the first failure by place is raised afterwards.

        A branch that parks the run wins over failures of its siblings: they fail again at the replay.
        """
        group = _Group()
        group.branches = [_Branch(group, place) for place in range(len(works))]
        ends = await asyncio.gather(
            *(self._branch(b, work) for b, work in zip(group.branches, works, strict=True)), return_exceptions=True
        )
        failures = [end for end in ends if isinstance(end, BaseException)]
        for failure in sorted(failures, key=lambda f: not isinstance(f, Parked)):
            raise failure
        return list(ends)

    async def _branch(self, branch: _Branch, work: Awaitable[Any]) -> Any:
        token = _mine.set(branch)
        try:
            return await work
        except Parked:
            branch.group.is_parked = True
            raise
        finally:
            _mine.reset(token)
            await branch.group.rest(branch, is_working=False)

    async def alone(self) -> None:
        """Wait until this branch may open a gate; returns at once outside `run`."""
        branch = _mine.get()
        if branch is None:
            return
        self._waiting.append(branch.place)
        await branch.group.rest(branch, is_working=False)
        try:
            await branch.group.turn(branch, self._waiting)
        finally:
            self._waiting.remove(branch.place)
