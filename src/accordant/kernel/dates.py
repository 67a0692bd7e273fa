"""Civil dates and periods: days in an entity's own calendar, never converted between zones."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Period(BaseModel):
    """A span of civil days, both ends inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_on: date
    end_on: date

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_on < self.start_on:
            raise ValueError(f"a period cannot end ({self.end_on}) before it starts ({self.start_on})")
        return self

    @classmethod
    def month_of(cls, day: date) -> Self:
        """Return the calendar month that contains the day."""
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
        return cls(start_on=first, end_on=after - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        return self.start_on <= day <= self.end_on

    def __str__(self) -> str:
        return f"{self.start_on.isoformat()}..{self.end_on.isoformat()}"
