"""A breaker whose state all workers share: one opens it, every one stays away, and only one probes."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from accordant.platform.http.breaker import BreakerChange, Circuit, LocalBreaker, State

_LOOK = text("""
select state, extract(epoch from open_until - clock_timestamp())::float8 as left_s
from breaker where system = :system and operation = :operation
""")

_CLAIM = text("""
update breaker set state = 'half_open', open_until = clock_timestamp() + make_interval(secs => :seconds),
  changed_at = clock_timestamp(), changed_by = :me
where system = :system and operation = :operation and state <> 'closed' and open_until <= clock_timestamp()
returning operation
""")

_MOVE = text("""
insert into breaker (system, operation, state, open_until, changed_by)
values (:system, :operation, :state, clock_timestamp() + make_interval(secs => :seconds), :me)
on conflict (system, operation) do update set state = excluded.state, open_until = excluded.open_until,
  changed_at = clock_timestamp(), changed_by = excluded.changed_by
""")

_LIST = text("""
select system, operation, state, changed_at,
  greatest(0, extract(epoch from open_until - clock_timestamp()))::float8 as left_s
from breaker order by system, operation
""")


@dataclass(frozen=True)
class BreakerStats:
    """The last change of a breaker, for the console; `left_s` seconds remain until the next probe."""

    system: str
    operation: str
    state: State
    changed_at: datetime
    left_s: float


class SharedBreaker(LocalBreaker):
    """A `LocalBreaker` that writes each change to the database and looks there every few seconds.

    Failures are counted per process; the state is common. Instants in the table are the database's. When the database
    cannot be asked the breaker works with what this process knows: it must never hide how a call ended.

    Args:
        engine: opens connections to the database, in the schema of the table `breaker`; used from threads.
        system: instance id.
        refresh_s: how old the knowledge of the other processes' changes may be.
        threshold: see `LocalBreaker`.
        cool_down_s: see `LocalBreaker`; also how long a probe may take before another process probes instead.
        on_change: told the changes that this process makes.
        clock: see `LocalBreaker`.
    """

    def __init__(
        self,
        engine: Engine,
        system: str,
        *,
        refresh_s: float = 3.0,
        threshold: int = 5,
        cool_down_s: float = 30.0,
        on_change: Callable[[BreakerChange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(system, threshold=threshold, cool_down_s=cool_down_s, on_change=on_change, clock=clock)
        self.refresh_s = refresh_s
        self._me = uuid.uuid4().hex
        self._engine = engine

    async def _look(self, operation: str, circuit: Circuit) -> None:
        if self._clock() - circuit.looked_at < self.refresh_s:
            return
        circuit.looked_at = self._clock()
        try:
            row = await asyncio.to_thread(self._execute, _LOOK, operation)
        except SQLAlchemyError:
            return
        if row and row.state != "closed":
            circuit.state, circuit.open_until = row.state, self._clock() + row.left_s
        elif circuit.state != "closed":
            circuit.state, circuit.open_until, circuit.failures = "closed", 0.0, 0

    async def _claim_probe(self, operation: str, circuit: Circuit) -> bool:
        if self._clock() < circuit.open_until:
            return False
        if await self._is_granted_probe(operation):
            await super()._move(operation, circuit, "half_open", self._clock() + self.cool_down_s)
            return True
        circuit.looked_at = -math.inf
        await self._look(operation, circuit)
        return False

    async def _move(self, operation: str, circuit: Circuit, state: State, open_until: float) -> None:
        await super()._move(operation, circuit, state, open_until)
        seconds = max(0.0, open_until - self._clock())
        with contextlib.suppress(SQLAlchemyError):
            await asyncio.to_thread(self._execute, _MOVE, operation, state=state, seconds=seconds)

    async def _is_granted_probe(self, operation: str) -> bool:
        try:
            return bool(await asyncio.to_thread(self._execute, _CLAIM, operation, seconds=self.cool_down_s))
        except SQLAlchemyError:
            return True

    def _execute(self, statement: TextClause, operation: str, **values: Any) -> Row[Any] | None:
        names = {"system": self.system, "operation": operation, "me": self._me, **values}
        with self._engine.begin() as connection:
            found = connection.execute(statement, names)
            return found.first() if found.returns_rows else None


def list_breakers(engine: Engine) -> list[BreakerStats]:
    """Return every breaker that ever changed, over all workers; one query."""
    with engine.connect() as connection:
        return [BreakerStats(**row) for row in connection.execute(_LIST).mappings()]
