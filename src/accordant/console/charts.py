"""Geometry of charts: numbers in, coordinates and the same numbers as a table out; templates only draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accordant.console import words

_WIDTH, _HEIGHT, _LEFT, _TOP = 760, 244, 46, 36
_UNDER_LABEL = 5  # bars that the label of the last value stands above


@dataclass(frozen=True)
class Part:
    """One stacked part of a bar."""

    y: float
    height: float
    color: str


@dataclass(frozen=True)
class Bar:
    """One day."""

    x: float
    middle: float
    title: str
    parts: tuple[Part, ...]
    label: str


@dataclass(frozen=True)
class Line:
    """A grid line, or the label of the last value."""

    y: float
    label: str


@dataclass(frozen=True)
class Bars:
    """Stacked bars per day, for `charts.bars`."""

    id: str
    title: str
    finding: str
    width: int
    height: int
    bar_width: float
    grid: tuple[Line, ...]
    bars: tuple[Bar, ...]
    last: Line | None
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Step:
    """A column of the funnel; `losses` are (name, amount, address)."""

    name: str
    says: str
    figure: str
    px: float
    color: str
    lost_px: float = 0
    losses: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Node:
    """A step of a flow graph; state is done, wait or none."""

    name: str
    detail: str
    state: str
    href: str
    x: int
    y: int
    width: int = 148
    is_selected: bool = False


@dataclass(frozen=True)
class Edge:
    """A line between two steps; `path` is SVG, state is '' or done."""

    path: str
    state: str = ""


@dataclass(frozen=True)
class Graph:
    """A flow from left to right, for `charts.graph`; `says` is the finding for those who do not see it."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    says: str


@dataclass(frozen=True)
class Span:
    """A bar of a track, in per cent of the whole; kind is '', wait or try."""

    x: float
    share: float
    kind: str = ""


@dataclass(frozen=True)
class Track:
    """A row of the Gantt chart."""

    name: str
    kind: str
    tries: str
    took: str
    bars: tuple[Span, ...]
    href: str = ""
    is_selected: bool = False


def spark(values: Sequence[Decimal | int]) -> str:
    """Return the path of a sparkline in a 200 × 28 box, the last ten points; '' when there is nothing to see.

    >>> spark([1, 3, 2])
    '0.0,25.0 100.0,3.0 200.0,14.0'
    """
    points = list(values)[-10:]
    if len(points) < 2:
        return ""
    low, high = min(points), max(points)
    reach = (high - low) or 1
    step = 200 / (len(points) - 1)
    return " ".join(f"{i * step:.1f},{25 - float((p - low) / reach) * 22:.1f}" for i, p in enumerate(points))


def nice_ceiling(value: Decimal) -> Decimal:
    """Return the smallest of 1, 2 or 5 times a power of ten that is not below a value.

    >>> [int(nice_ceiling(Decimal(v))) for v in (7, 130, 1_310_000)]
    [10, 200, 2000000]
    """
    if value <= 0:
        return Decimal(1)
    power = Decimal(10) ** (value.adjusted())
    return next(power * m for m in (1, 2, 5, 10) if power * m >= value)


def stacked_bars(
    id: str,
    title: str,
    finding: str,
    days: Sequence[tuple[date, tuple[Decimal, ...]]],
    *,
    heads: tuple[str, ...],
    colors: tuple[str, ...],
    last_label: str = "",
) -> Bars:
    """Return bars per day, each stacked from its parts, the first part at the bottom; amounts start at zero."""
    top = max((sum(parts, Decimal(0)) for _, parts in days), default=Decimal(0))
    unit = nice_ceiling(top / 2)
    scale = (_HEIGHT - _TOP) / float(max(top, Decimal(1)))
    pitch = (_WIDTH - _LEFT) / max(len(days), 1)
    width = round(pitch - 4, 1)
    bars = []
    for at, (day, parts) in enumerate(days):
        x, y, stack = _LEFT + at * pitch, float(_HEIGHT), []
        for value, color in zip(parts, colors, strict=True):
            height = float(value) * scale
            y -= height
            stack.append(Part(round(y, 1), round(max(height - 1, 0), 1), color))
        says = ", ".join(f"{head} {words.number(p)}" for head, p in zip(heads, parts, strict=True))
        label = "today" if at == len(days) - 1 else words.day(day, year=False) if at % 5 == 0 else ""
        label = "" if len(days) - 4 < at < len(days) - 1 else label
        title_ = f"{words.day(day, year=False)}: {says}"
        bars.append(Bar(round(x, 1), round(x + width / 2, 1), title_, tuple(stack), label))
    grid = tuple(
        Line(round(_HEIGHT - float(unit * n) * scale, 1), words.short_amount(unit * n))
        for n in range(3)
        if unit * n <= top or n == 0
    )
    last = Line(min(bar.parts[-1].y for bar in bars[-_UNDER_LABEL:]) - 8, last_label) if bars and last_label else None
    rows = tuple(
        (words.day(day, year=False), *(words.number(part) for part in (sum(parts, Decimal(0)), *parts[:-1])))
        for day, parts in reversed(days)
    )
    table_heads = ("In all", *heads[:-1])
    return Bars(id, title, finding, _WIDTH, _HEIGHT, width, grid, tuple(bars), last, table_heads, rows)
