"""The bench of a contract suite: a connector, the system behind it, and a hand on that system.

A bench is opened fresh for every check. A simulated system is new each time; a real one is shared, which is why every
key comes from `Bench.key` and books are compared by what a key stands for, never by the system's own ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, ClassVar, Self

import pytest

from accordant.kernel import ExternalId
from accordant.platform.http import HttpFactory, in_process
from accordant.platform.http.factory import InProcessTransport
from accordant.ports import FeedPage
from accordant.simulators._shared import Document, Fault, FaultPlan, Simulator
from accordant.testing.faults import WIRE_FAULTS, DisturbedTransport

NOT_APPLICABLE = "not applicable: "
"""How the reason of a skipped check begins when the system cannot be brought into the situation at all."""

_NEVER_S = 30.0  # time-outs come from faults, never from a busy machine


class Bench(ABC):
    """A connector with its system.

    Attributes:
        connector: under test.
        lacks: what the system cannot do or cannot be made to do → why; checks that need it are listed, not run.
        calls: pattern of the calls that faults strike, `METHOD /path`; leaves out the login.
        enforces_keys: the system itself refuses a second record under one key, so that a write may be sent again.
        in_parts: writes that take several calls and may stop half-way; what is half done counts as absent.
        secrets: texts that must never appear in an error.
    """

    connector: Any
    lacks: ClassVar[Mapping[str, str]] = {}
    calls: ClassVar[str] = "*"
    enforces_keys: ClassVar[bool] = False
    in_parts: ClassVar[frozenset[str]] = frozenset()
    secrets: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connector.aclose()

    def require(self, *needs: str) -> None:
        """Leave the check out, with the reason, when the system lacks something it needs."""
        for need in needs:
            if need in self.lacks:
                pytest.skip(f"{NOT_APPLICABLE}{self.lacks[need]}")

    def key(self, name: str) -> str:
        """Return a key for this bench: the same for the same name, and nobody else's."""
        return f"{name}#1"

    def plain(self, text: str) -> str:
        """Return a key or text without what tells this bench from others."""
        return text

    @abstractmethod
    def fault(self, name: str, on: str = "", **plan: Any) -> Fault:
        """Arm a fault on the calls of a pattern, `calls` by default; the plan is `times`, `after` … as in `Fault`."""

    @abstractmethod
    def calm(self) -> None:
        """Remove every fault."""

    @abstractmethod
    async def commit_late(self) -> int:
        """Let requests that a `late_commit` held back happen now; returns how many."""

    @abstractmethod
    async def books(self) -> list[Document]:
        """Return what the system holds, read past the connector; `key` is ours, as the connector was given it."""

    async def document(self, kind: str, key: str) -> Document:
        """Return the one document of a kind under a key."""
        (found,) = [d for d in await self.books() if (d.kind, d.key) == (kind, key)]
        return found

    async def audit(self) -> None:
        """Raise AssertionError when the system's own ledger does not balance; most systems have none."""
        return


class SimulatedBench(Bench):
    """A bench over a simulator in this process.

    Args:
        sim: with whatever the story needs loaded.
        connect: builds the connector from the factory of its HTTP clients.
    """

    def __init__(self, sim: Simulator, connect: Callable[[HttpFactory], Any]) -> None:
        self.sim: Any = sim
        self._plan = FaultPlan()
        self._wire = DisturbedTransport(InProcessTransport(sim.app), self._plan)
        self.connector = connect(in_process(sim.app, timeout_s=_NEVER_S, transport=self._wire))

    def ref(self, type: str, value: str) -> ExternalId:
        """Name a record of the system."""
        return ExternalId(system=self.connector.system, type=type, value=value)

    def fault(self, name: str, on: str = "", **plan: Any) -> Fault:
        """Arm a fault; those of the wire strike on the way, all others in the simulator, in its vendor's words."""
        plans = self._plan if name in WIRE_FAULTS else self.sim.faults
        return plans.arm(Fault(name, on=on or self.calls, **plan))

    def calm(self) -> None:
        """Remove every fault."""
        self._plan.clear()
        self.sim.faults.clear()

    async def commit_late(self) -> int:
        """Let late requests happen now."""
        return await self._wire.commit_late()

    async def books(self) -> list[Document]:
        """Return the simulator's books."""
        return list(self.sim.books.documents())

    async def pass_time(self, span: timedelta) -> None:
        """Move the system's clock."""
        self.sim.clock.offset += span


class ErpBench(Bench):
    """A bench of an ERP, in which one legal entity bills one engagement.

    Attributes:
        entity: legal entity; `currency` is its own, `today` lies in an open period.
        locks_time: posted time is approved there and no longer changes.
        tax_code: of the country's standard rate.
        tax_rate: of that code, as a share.
        worker_number: an employee who may book time.
        closing_day: a day of a period before that of today, which may be drafted into until `close`.
    """

    entity: str = "uk01"
    currency: str = "GBP"
    locks_time: ClassVar[bool] = False
    tax_code: str
    tax_rate: Decimal = Decimal("0.20")
    worker_number: str
    today: date
    closing_day: date

    @abstractmethod
    async def engagement(self, currency: str = "") -> tuple[ExternalId, ExternalId]:
        """Return a customer, billable in the currency, and his project with a task `T/1` and agreed billing rules."""

    @abstractmethod
    async def close(self) -> None:
        """Close the accounting period of `closing_day`."""

    async def reopen(self) -> None:
        """Open that period again."""
        raise AssertionError(f"{type(self).__name__} cannot open a period: name `reopen` in `lacks`")

    @abstractmethod
    async def pay(self, invoice: ExternalId, amount: Decimal) -> None:
        """Let the client pay an amount of a posted invoice."""


class FeedBench(Bench):
    """A bench of a system that feeds us records of one kind.

    Attributes:
        page_size: how many records the connector reads per page; as few as it lets.
        overlap: how far back a new round looks; records older than that do not come again.
        start: where reading begins; later than the beginning where a real system holds the records of other benches.
    """

    page_size: ClassVar[int] = 2
    overlap: ClassVar[timedelta] = timedelta(minutes=5)
    start: str | None = None

    @abstractmethod
    async def page(self, watermark: str | None) -> FeedPage[Any]:
        """Read one page of the feed under test."""

    @abstractmethod
    async def add(self, name: str) -> str:
        """Let a record appear that shows the name wherever it can; returns the value of the observation's ref."""

    @abstractmethod
    async def touch(self, id: str) -> None:
        """Change the record."""

    async def remove(self, id: str) -> None:
        """Delete the record."""
        raise AssertionError(f"{type(self).__name__} cannot delete {id}: name `deletions` in `lacks`")

    @abstractmethod
    def name_of(self, body: Any) -> str:
        """Return the name that the record was added with, from its canonical body."""

    @abstractmethod
    async def pass_time(self, span: timedelta) -> None:
        """Move the system's clock."""
