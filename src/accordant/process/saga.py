"""Undo in reverse order what a run did before its pivot, durably and visibly; a failed undo is a top-tier case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from accordant.kernel import AccordantError
from accordant.platform.durable import Fenced, Parked
from accordant.ports import Written

if TYPE_CHECKING:
    from accordant.process.run import Run


class Compensated(AccordantError):
    """The run took back what it had done; its cause is kept."""

    default_code = "run.compensated"


@dataclass(frozen=True, slots=True)
class _Undo:
    operation: Callable[..., Awaitable[Written]]
    written: Written
    key: str
    of: Callable[..., Awaitable[Written]]


class Saga:
    """`async with run.saga() as saga:` — effects inside are taken back when a later one is given up.

    Parked and Fenced pass through: waiting is no failure. After `pivot()` a run only goes forward.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._undos: list[_Undo] = []

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
        self._undos.append(_Undo(undo, written, key, operation))
        return written

    def pivot(self) -> None:
        """Declare that from here on nothing is taken back: a wrong document is corrected by a new one."""
        self._undos.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, Parked | Fenced):
            return
        for undo in reversed(self._undos):
            await self._run.undo(undo.operation, undo.written, key=undo.key, of=undo.of)
        raise Compensated(
            f"The work was taken back: {error}",
            remedy=getattr(error, "remedy", ""),
            correlation_id=self._run.subject,
            detail={"cause": error.as_dict() if isinstance(error, AccordantError) else {"message": str(error)}},
        ) from error
