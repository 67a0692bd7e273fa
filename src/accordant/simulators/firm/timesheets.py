"""What the consultants write into their time sheets, with the mistakes that people make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from accordant.simulators.firm.model import Approval, Deal, Mistake, TimeLine, Worker
from accordant.simulators.firm.names import NOTES

WEEKS = 12  # ending now
_QUARTER = 15
_HABIT_DAYS = 4
_LATE_RATE, _NEVER_RATE = 0.12, 0.02
_MISTAKE_RATES = {
    Mistake.CORRECTED: 0.012,
    Mistake.DUPLICATE: 0.006,
    Mistake.WRONG_PROJECT: 0.005,
    Mistake.LONG_DAY: 0.0008,
    Mistake.NO_WORK: 0.0008,
}
_LONG_DAY_MINUTES = (13 * 60, 12 * 60)

_Slot = tuple[Worker, date, tuple[Deal, ...]]


def fill_time_sheets(
    count: int, today: date, deals: Sequence[Deal], workers: Sequence[Worker], random: Random
) -> tuple[TimeLine, ...]:
    """Return at least that many lines, by day of work; duplicates and second halves of long days come on top."""
    slots = list(_slots(today, deals, workers))
    rest = count % len(slots)
    busy = set(random.sample(range(len(slots)), rest))
    lines = [
        line
        for position, slot in enumerate(slots)
        for line in _day(slot, count // len(slots) + (position in busy), random)
    ]
    marked = _spoil(lines, deals, random)
    marked.sort(key=lambda line: (line.worked_on, line.worker))
    return tuple(replace(line, id=f"T{number:05}") for number, line in enumerate(marked, 1))


def _slots(today: date, deals: Sequence[Deal], workers: Sequence[Worker]) -> Iterator[_Slot]:
    staffed: dict[str, list[Deal]] = defaultdict(list)
    for deal in deals:
        for number in deal.team:
            staffed[number].append(deal)
    for days_ago in range(WEEKS * 7, 0, -1):
        day = today - timedelta(days=days_ago)
        if day.weekday() >= 5:
            continue
        for worker in workers:
            known = tuple(deal for deal in staffed[worker.number] if deal.start_on <= day)
            # Old habits: for some days after its end, people still book on a project.
            if active := tuple(deal for deal in known if day <= deal.end_on + timedelta(days=_HABIT_DAYS)):
                yield worker, day, active


def _day(slot: _Slot, count: int, random: Random) -> Iterator[TimeLine]:
    """Yield the lines of one person on one day: seven to nine hours, in quarters."""
    worker, day, deals = slot
    if not count:
        return
    quarters = random.randrange(28, 37)
    cuts = sorted(random.sample(range(1, quarters), count - 1))
    for start, end in zip((0, *cuts), (*cuts, quarters), strict=True):
        deal = random.choice(deals)
        approval = random.choices(list(Approval), (1 - _LATE_RATE - _NEVER_RATE, _LATE_RATE, _NEVER_RATE))[0]
        mistake = Mistake.AFTER_END if day > deal.end_on else Mistake.NONE
        minutes, note = (end - start) * _QUARTER, random.choice(NOTES)
        yield TimeLine("", deal.code, worker.number, worker.role, day, minutes, note, approval, mistake)


def _spoil(lines: list[TimeLine], deals: Sequence[Deal], random: Random) -> list[TimeLine]:
    """Return the lines with mistakes, each kind at least once."""
    sound = [position for position, line in enumerate(lines) if line.mistake is Mistake.NONE]
    random.shuffle(sound)
    spoiled = list(lines)
    for mistake, rate in _MISTAKE_RATES.items():
        for _ in range(max(1, round(len(lines) * rate))):
            position = sound.pop()
            spoiled[position], *more = _SPOILERS[mistake](lines[position], deals, random)
            spoiled.extend(more)
    return spoiled


def _corrected(line: TimeLine, _: Sequence[Deal], __: Random) -> tuple[TimeLine, ...]:
    fewer = max(_QUARTER, line.minutes - 2 * _QUARTER) if line.minutes > _QUARTER else 2 * _QUARTER
    return (replace(line, approval=Approval.ON_TIME, mistake=Mistake.CORRECTED, corrected_minutes=fewer),)


def _duplicate(line: TimeLine, _: Sequence[Deal], __: Random) -> tuple[TimeLine, ...]:
    return line, replace(line, mistake=Mistake.DUPLICATE)


def _wrong_project(line: TimeLine, deals: Sequence[Deal], random: Random) -> tuple[TimeLine, ...]:
    """Book on a project of the same entity that the person is not staffed on but that sells the role."""
    own = next(deal for deal in deals if deal.code == line.deal)
    others = [d for d in deals if line.worker not in d.team and d.entity == own.entity and line.role in d.rates]
    if not others:  # a firm too small to mistake one project for another
        return (line,)
    return (replace(line, deal=random.choice(others).code, mistake=Mistake.WRONG_PROJECT),)


def _long_day(line: TimeLine, _: Sequence[Deal], __: Random) -> tuple[TimeLine, ...]:
    return tuple(replace(line, minutes=minutes, mistake=Mistake.LONG_DAY) for minutes in _LONG_DAY_MINUTES)


def _no_work(line: TimeLine, _: Sequence[Deal], __: Random) -> tuple[TimeLine, ...]:
    return (replace(line, minutes=1, mistake=Mistake.NO_WORK),)


_SPOILERS = {
    Mistake.CORRECTED: _corrected,
    Mistake.DUPLICATE: _duplicate,
    Mistake.WRONG_PROJECT: _wrong_project,
    Mistake.LONG_DAY: _long_day,
    Mistake.NO_WORK: _no_work,
}
