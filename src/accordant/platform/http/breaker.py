"""Circuit breakers: after several failures in a row an operation of a system is left alone for a while."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from accordant.kernel import AccordantError, Unavailable, UnknownOutcome
from accordant.platform.http.lane import LANE_FULL, LANE_LOST

BREAKER_OPEN = "call.breaker_open"
"""Code of the refusal of an open breaker; no call was made."""

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerChange:
    """A change of state, for the console and for tests."""

    system: str
    operation: str
    state: State


class Breaker(Protocol):
    """Guard the calls of one system."""

    def call(self, operation: str) -> AbstractAsyncContextManager[None]:
        """Let one call pass and learn from how it ends.

        Raises:
            Unavailable: the breaker is open; code `call.breaker_open`, `retry_after_s` in the detail.
        """
        ...


@dataclass
class Circuit:
    """What one process knows about one operation; instants are seconds of `time.monotonic`."""

    state: State = "closed"
    failures: int = 0
    open_until: float = 0.0
    looked_at: float = -math.inf


class LocalBreaker:
    """A breaker per operation, in one process.

    Business refusals and throttling do not count: a system that says no is alive.

    Args:
        system: instance id.
        threshold: failures in a row that open it.
        cool_down_s: how long it stays open before one call probes.
        on_change: told each change of state.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        system: str,
        *,
        threshold: int = 5,
        cool_down_s: float = 30.0,
        on_change: Callable[[BreakerChange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.system = system
        self.threshold = threshold
        self.cool_down_s = cool_down_s
        self._on_change = on_change
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}

    def state(self, operation: str) -> State:
        """Return the state of an operation as this process knows it."""
        return self._circuit(operation).state

    @asynccontextmanager
    async def call(self, operation: str) -> AsyncIterator[None]:
        """Let one call pass and learn from how it ends; see `Breaker.call`."""
        circuit = self._circuit(operation)
        await self._look(operation, circuit)
        probing = circuit.state != "closed" and await self._claim_probe(operation, circuit)
        if circuit.state != "closed" and not probing:
            raise self._refusal(operation, circuit)
        ended_well: bool | None = None
        try:
            yield
            ended_well = True
        except AccordantError as error:
            ended_well = _is_alive(error)
            raise
        finally:
            await self._learn(operation, circuit, ended_well, probing=probing)

    async def _learn(self, operation: str, circuit: Circuit, ended_well: bool | None, *, probing: bool) -> None:  # noqa: FBT001
        if ended_well is None:
            if probing:
                await self._move(operation, circuit, "open", self._clock())
        elif ended_well:
            circuit.failures = 0
            if probing:
                await self._move(operation, circuit, "closed", 0.0)
        else:
            circuit.failures += 1
            if probing or (circuit.state == "closed" and circuit.failures >= self.threshold):
                await self._move(operation, circuit, "open", self._clock() + self.cool_down_s)

    async def _look(self, operation: str, circuit: Circuit) -> None:
        """Learn what other processes know; there are none."""

    async def _claim_probe(self, operation: str, circuit: Circuit) -> bool:
        """Become the one caller that probes, when the time has come; may learn that the circuit is closed again."""
        if circuit.state == "half_open" or self._clock() < circuit.open_until:
            return False
        await self._move(operation, circuit, "half_open", 0.0)
        return True

    async def _move(self, operation: str, circuit: Circuit, state: State, open_until: float) -> None:
        circuit.state, circuit.open_until, circuit.failures = state, open_until, 0
        if self._on_change:
            self._on_change(BreakerChange(self.system, operation, state))

    def _circuit(self, operation: str) -> Circuit:
        return self._circuits.setdefault(operation, Circuit())

    def _refusal(self, operation: str, circuit: Circuit) -> Unavailable:
        wait_s = round(max(circuit.open_until - self._clock(), 1.0), 1)
        return Unavailable(
            "The system did not answer lately; it is left alone for a while.",
            code=BREAKER_OPEN,
            remedy="The work continues when the system answers again.",
            system=self.system,
            operation=operation,
            detail={"retry_after_s": wait_s},
        )


def _is_alive(error: AccordantError) -> bool | None:
    """Say whether an error shows that the system answers; None when it was not asked at all."""
    if error.code in {LANE_FULL, LANE_LOST}:
        return None
    return not isinstance(error, Unavailable | UnknownOutcome)
