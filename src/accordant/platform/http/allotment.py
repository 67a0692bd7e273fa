"""How a shared budget is divided among the processes that want it; pure, so that every process computes the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from accordant.platform.http.priority import NO_DEADLINE, FairShare, Priority


@dataclass(frozen=True)
class Demand:
    """Calls of one tier that wait in one process.

    Args:
        holder: the process.
        urgent: the place of the first of them.
        wanted: how many wait, at least one.
        since: when the first of them came; among equals the longest waiting goes first.
    """

    holder: str
    urgent: Priority
    wanted: int
    since: datetime


@dataclass(frozen=True)
class Grant:
    """What one process gets beyond the calls it has under way.

    Args:
        slots: calls at a time.
        calls: calls in all.
        turns: how many of its waiting calls have their turn, by tier.
        others_wait: another process waits for the same budget.
    """

    slots: int
    calls: int
    turns: Mapping[int, int]
    others_wait: bool


def allot(
    me: str, demands: Sequence[Demand], *, free_slots: int, free_calls: int, batch: int, fair: FairShare
) -> Grant:
    """Divide what is free among all who wait, first in order first, and return the part of `me`.

    The parts of the others are left for them to fetch. Only when nobody else waits does `me` get more than it asked
    for: half of the rest, up to `batch`, so that its next calls need not ask.

    Args:
        me: holder that asks.
        demands: of all holders.
        free_slots: concurrent calls nobody holds.
        free_calls: calls that window and quota allow.
        batch: calls that one grant may hold.
        fair: savings of the tiers; charged for what `me` gets.
    """
    waiting = list(demands)
    forecast = FairShare(fair.saved)
    turns: Counter[int] = Counter()
    while waiting and free_slots > 0 and free_calls > 0:
        tiers = {demand.urgent.tier for demand in waiting}
        tier = forecast.choose(tiers)
        forecast.charge(tiers, tier)
        first = min((d for d in waiting if d.urgent.tier == tier), key=lambda d: (d.urgent.rank, d.since))
        if first.holder == me:
            fair.charge(tiers, tier)
            turns[tier] += 1
        waiting.remove(first)
        if first.wanted > 1:
            waiting.append(replace(first, wanted=first.wanted - 1, since=NO_DEADLINE))
        free_slots, free_calls = free_slots - 1, free_calls - 1
    mine = turns.total()
    others_wait = any(demand.holder != me for demand in demands)
    spare_calls = 0 if others_wait else min(max(0, batch - mine), (free_calls + 1) // 2)
    spare_slots = min(spare_calls, free_slots // 2)
    return Grant(mine + spare_slots, mine + spare_calls, turns, others_wait)
