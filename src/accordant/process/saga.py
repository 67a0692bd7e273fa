"""Undo in reverse order what a run did before its pivot, durably and visibly; a failed undo is a top-tier case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from accordant.kernel import AccordantError, KeyConflict, Rejected
from accordant.ports import Written

if TYPE_CHECKING:
    from accordant.process.run import Run


class Compensated(AccordantError):
    """The run took back what it had done; its cause is kept."""

    default_code = "run.compensated"


class Dismissed(AccordantError):
    """A person decided that this work shall not go on."""

    default_code = "run.dismissed"


class Saga:
    """`async with run.saga() as saga:` — what was done inside is taken back when the work is given up.

    It is given up when a person dismisses it, or when the flow raises Rejected: no answer can mend that. Waiting is no
    failure, and after an unexpected error a person decides first. After `pivot()` a run only goes forward.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._undos: list[Callable[[], Awaitable[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def effect(
        self,
        operation: Callable[..., Awaitable[Written]],
        *arguments: Any,
        key: str,
        undo: Callable[..., Awaitable[Written]],
        **named: Any,
    ) -> Written:
        """Perform an effect and register its undo, which takes the written record and a key."""
        written = await self._run.effect(operation, *arguments, key=key, **named)
        self.when_given_up(partial(self._run.undo, undo, written, key=key, of=operation))
        return written

    def when_given_up(self, take_back: Callable[[], Awaitable[None]]) -> None:
        """Register what takes a change of our own tables back; it happens once, however often it is called."""
        self._undos.append(take_back)

    def pivot(self) -> None:
        """Declare that from here on nothing is taken back: a wrong document is corrected by a new one."""
        self._undos.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._run.is_given_up(error):
            return
        for take_back in reversed(self._undos):
            await take_back()
        raise Compensated(
            f"The work was taken back: {error}",
            remedy=getattr(error, "remedy", ""),
            correlation_id=self._run.subject,
            detail={"cause": error.as_dict() if isinstance(error, AccordantError) else {"message": str(error)}},
        ) from error


def gives_up(error: BaseException | None) -> bool:
    """Say whether an error means that the work shall not go on, as against: not now, or nobody knows yet."""
    return isinstance(error, Dismissed | Rejected) and not isinstance(error, KeyConflict)
