"""What a key figure means: one definition beside the one function that computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self


@dataclass(frozen=True)
class Definition:
    """A key figure in words.

    Args:
        id: stable name, as the API and BI know it.
        question: what it answers, as a person asks it.
        formula: how it is computed, in words and signs.
        unit: of the result.
        cut_off: as of when.
        sources: tables of the ledger of record that it is read from.
        owner: role that answers for the definition.
    """

    id: str
    question: str
    formula: str
    unit: str
    cut_off: str
    sources: tuple[str, ...]
    owner: str


@dataclass(frozen=True)
class Spread:
    """How spans are spread: the one in the middle, the one that nine of ten do not exceed, and how many there are."""

    median: timedelta
    p90: timedelta
    count: int

    @classmethod
    def of(cls, spans: Sequence[timedelta]) -> Self | None:
        """Return the spread, each value one that occurred (nearest rank); None when nothing was measured.

        >>> hours = [timedelta(hours=h) for h in (1, 2, 3, 4, 50)]
        >>> s = Spread.of(hours); int(s.median.total_seconds() / 3600), int(s.p90.total_seconds() / 3600), s.count
        (3, 50, 5)
        """
        if not spans:
            return None
        ordered = sorted(spans)
        rank = [-(-len(ordered) * share // 100) - 1 for share in (50, 90)]
        return cls(ordered[rank[0]], ordered[rank[1]], len(ordered))
