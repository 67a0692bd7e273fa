"""Who goes first when a system's budget is short: order by tier, deadline and exposure, and no tier starves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

NO_DEADLINE = datetime.max.replace(tzinfo=UTC)

TIERS = 4
"""Tiers are numbered 0 (first) to 3 (last)."""

RESERVED_SHARES: tuple[float, ...] = (0.0, 0.15, 0.10, 0.05)
"""Share of the calls that a tier gets for certain while it waits; what is not reserved goes to the first in order."""


@dataclass(frozen=True)
class Priority:
    """The place of a call in the queue of a lane.

    Args:
        tier: 0 (first) to 3 (last).
        deadline: aware; earlier goes first, none goes last.
        exposure: money at stake in the firm's currency; more goes first.
    """

    tier: int = 2
    deadline: datetime | None = None
    exposure: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not 0 <= self.tier < TIERS:
            raise ValueError(f"tier must be 0 to {TIERS - 1}, not {self.tier}")

    @property
    def rank(self) -> tuple[int, datetime, Decimal]:
        """Return the sort key; smaller goes first."""
        return self.tier, self.deadline or NO_DEADLINE, -self.exposure


call_priority: ContextVar[Priority] = ContextVar("call_priority", default=Priority())  # noqa: B039 - it is frozen
"""Set by the process layer around a run; read by the lane."""


class FairShare:
    """Decide which waiting tier is served next, so that order holds and no tier starves.

    A waiting tier saves its reserved share of every call that is granted; whoever saved a whole call goes first and
    pays it. A tier that does not wait saves nothing.
    """

    def __init__(self, saved: Mapping[int, float] | None = None) -> None:
        self.saved: dict[int, float] = dict(saved or {})

    def choose(self, waiting: Iterable[int]) -> int:
        """Return the tier to serve next; `waiting` must not be empty."""
        tiers = sorted(waiting)
        return next((tier for tier in reversed(tiers) if self.saved.get(tier, 0.0) >= 1.0), tiers[0])

    def charge(self, waiting: Iterable[int], served: int, calls: int = 1) -> None:
        """Count calls granted to a tier while the tiers `waiting` waited, itself among them."""
        self.saved = {tier: self.saved.get(tier, 0.0) + RESERVED_SHARES[tier] * calls for tier in waiting}
        self.saved[served] = max(0.0, self.saved.get(served, 0.0) - calls)
