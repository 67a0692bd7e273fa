"""Arithmetic of call budgets over time: windows and days. Pure; the instants come from whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class TokenBucket:
    """Calls per window, so that no window of that length ever sees more than its limit.

    A bucket of C that refills at rate r lets at most C + r·window through in a window. C is a tenth of the limit and r
    makes the sum stay under the next whole call. Worked example: 100 in 60 s gives bursts of 10 and 1.515 calls per
    second: 10 + 1.515 · 60 = 100.9, so at most 100.

    Args:
        requests: calls per window; None for no limit.
        window_s: seconds.
        level: calls that may be made at once.
        at: the instant of `level`, in seconds of any clock; None before the first use.
    """

    requests: int | None
    window_s: float
    level: float = 0.0
    at: float | None = None

    @property
    def burst(self) -> int:
        """Return the calls that may be made at once after a rest."""
        return max(1, (self.requests or 0) // 10)

    @property
    def rate(self) -> float:
        """Return the calls per second that come back."""
        return ((self.requests or 0) - self.burst + 0.9) / self.window_s

    def refill(self, now: float) -> None:
        """Bring the level up to the instant `now`."""
        if self.at is None:
            self.level, self.at = float(self.burst), now
        elif now > self.at:
            self.level, self.at = min(float(self.burst), self.level + (now - self.at) * self.rate), now

    def take(self, calls: int = 1) -> None:
        """Use calls; the level must hold them."""
        if self.requests is not None:
            self.level -= calls

    def free(self) -> int | None:
        """Return the calls that may be made now; None for no limit."""
        return None if self.requests is None else int(self.level + 1e-9)

    def ready_in_s(self) -> float:
        """Return the seconds until a call may be made."""
        return 0.0 if self.requests is None else max(0.0, (1.0 - self.level) / self.rate)


def seconds_to_midnight(now: datetime) -> float:
    """Return the seconds from `now` to the next midnight UTC."""
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return (datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC) - now).total_seconds()
