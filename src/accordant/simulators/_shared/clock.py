"""The clock of a simulated system: the machine's, moved by an offset and bent by the `clock_skew` fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Tell the vendor's time; `offset` moves it (month-end in a second), it never stands still."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """Return the vendor's current instant in UTC."""
        return datetime.now(UTC) + self.offset
