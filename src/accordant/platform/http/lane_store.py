"""The shared lane's tables: one short transaction takes, renews or gives back a lease. No waiting is done here."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, TextClause, text

from accordant.platform.http.allotment import Demand, Grant, allot
from accordant.platform.http.lane import LaneStats, Limits
from accordant.platform.http.priority import FairShare, Priority
from accordant.platform.http.token_bucket import TokenBucket, seconds_to_midnight

_UNLIMITED = 1_000_000

_DECLARE = text("""
insert into lane (system, concurrency, requests, window_s, per_day)
values (:system, :concurrency, :requests, :window_s, :per_day)
on conflict (system) do update set concurrency = excluded.concurrency, requests = excluded.requests,
  window_s = excluded.window_s, per_day = excluded.per_day
""")

_PAUSE = text("""
update lane set paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => :seconds))
where system = :system
""")

# The row lock makes one process at a time divide the budget. What a server crash loses here is not worth a flush.
_LOCK = text("""
select level, refilled_at, day, used_today, paused_until, saved, set_config('synchronous_commit', 'off', true)
from lane where system = :system for update
""")

_LOOK = text("""
with instant as materialized (select clock_timestamp() as now)
select now, holder, tier, wanted, nullif(deadline, 'infinity') as deadline, exposure, since,
  (select coalesce(sum(slots), 0) from lane_lease
    where system = :system and holder <> :me and expires_at > now) as held,
  exists (select from lane_lease where system = :system and holder = :me and expires_at > now) as mine_lasts
from instant left join lane_wait on system = :system and holder <> :me and expires_at > now
""")

_WRITE = text("""
with budget as (
  update lane set level = :level, refilled_at = :now, day = :day, used_today = :used_today, saved = :saved
  where system = :system),
lease as (
  insert into lane_lease
  select :system, :me, :slots, :calls, :in_use, :now + make_interval(secs => :lease_s) where :slots > 0
  on conflict (system, holder) do update set slots = excluded.slots, calls = excluded.calls,
    in_use = excluded.in_use, expires_at = excluded.expires_at),
no_lease as (
  delete from lane_lease
  where system = :system and case when holder = :me then :slots = 0 else expires_at <= :now end),
no_wait as (
  delete from lane_wait
  where system = :system and case when holder = :me then tier <> all (:tiers) else expires_at <= :now end)
insert into lane_wait
select :system, :me, tier, wanted, deadline, exposure, since, :now + make_interval(secs => :wait_s)
from json_to_recordset(:waits) as w (tier int, wanted int, deadline timestamptz, exposure numeric, since timestamptz)
on conflict (system, holder, tier) do update set wanted = excluded.wanted, deadline = excluded.deadline,
  exposure = excluded.exposure, since = excluded.since, expires_at = excluded.expires_at
""")

_STATS = text("""
select system, per_day, case when day = (clock_timestamp() at time zone 'UTC')::date then used_today else 0 end as used,
  greatest(0, extract(epoch from paused_until - clock_timestamp())) as paused_s,
  (select coalesce(sum(in_use), 0) from lane_lease l where l.system = lane.system and expires_at > clock_timestamp())
    as in_flight,
  (select coalesce(sum(wanted), 0) from lane_wait w where w.system = lane.system and expires_at > clock_timestamp())
    as waiting
from lane order by system
""")


@dataclass(frozen=True)
class Ask:
    """What a process tells when it asks.

    Args:
        in_use: calls under way.
        unused: calls of the lease that were not made.
        demands: by tier: the most urgent that waits, how many wait, and for how many seconds the first of them.
        lease_s: how long the new lease lasts.
        wait_s: how long the demand counts if it is not repeated.
        batch: calls that one lease may hold.
    """

    in_use: int
    unused: int
    demands: tuple[tuple[Priority, int, float], ...]
    lease_s: float
    wait_s: float
    batch: int


class LaneStore:
    """One process's hand on a lane's rows; blocking, to be called from threads.

    Args:
        engine: opens connections to the database, in the schema of the lane tables.
        system: instance id.
        limits: what the system allows; written to the lane when this process first asks.
    """

    def __init__(self, engine: Engine, system: str, limits: Limits) -> None:
        self.holder = uuid.uuid4().hex
        self.round_trips = 0
        self._engine = engine
        self._system = system
        self._limits = limits
        self._declared = False

    def renew(self, ask: Ask) -> tuple[Grant, float]:
        """Exchange the lease for a new one; also return the seconds in which no more can be had."""
        self._declare()
        self.round_trips += 1
        me = {"system": self._system, "me": self.holder}
        with self._engine.begin() as connection:
            books = _Books(connection.execute(_LOCK, me).one(), self._limits)
            seen = connection.execute(_LOOK, me).all()
            books.turn_to(seen[0].now)
            if seen[0].mine_lasts:
                books.charge(-ask.unused)
            own = [Demand(self.holder, *_since(books.now, *demand)) for demand in ask.demands]
            others = [_demand_of(row) for row in seen if row.holder is not None]
            grant = allot(
                self.holder,
                own + others,
                free_slots=self._limits.concurrency - seen[0].held - ask.in_use,
                free_calls=books.free_calls(),
                batch=ask.batch if own or ask.in_use else 0,
                fair=books.fair,
            )
            books.charge(grant.calls)
            connection.execute(_WRITE, self._row(ask, own, grant) | books.as_row())
        return grant, books.blocked_s()

    def pause(self, seconds: float) -> None:
        """Let no process call for so long."""
        self._declare()
        self._execute(_PAUSE, seconds=seconds)

    def stats(self) -> LaneStats:
        """Return the state of the lane, over all processes."""
        self._declare()
        return list_lanes(self._engine)[self._system]

    def _row(self, ask: Ask, own: list[Demand], grant: Grant) -> dict[str, Any]:
        left = [(demand, demand.wanted - grant.turns.get(demand.urgent.tier, 0)) for demand in own]
        waits = [_wait_row(demand, wanted) for demand, wanted in left if wanted > 0]
        return {
            "system": self._system,
            "me": self.holder,
            "slots": ask.in_use + grant.slots,
            "calls": grant.calls,
            "in_use": ask.in_use + sum(grant.turns.values()),
            "lease_s": ask.lease_s,
            "wait_s": ask.wait_s,
            "tiers": [wait["tier"] for wait in waits],
            "waits": json.dumps(waits),
        }

    def _declare(self) -> None:
        if not self._declared:
            self._execute(_DECLARE, **self._limits.model_dump())
            self._declared = True

    def _execute(self, statement: TextClause, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement, {"system": self._system, **values})


class _Books:
    """The lane's row while it is locked: what window and day have left, and what the tiers saved."""

    def __init__(self, row: Row[Any], limits: Limits) -> None:
        at = row.refilled_at.timestamp() if row.refilled_at else None
        self.bucket = TokenBucket(limits.requests, limits.window_s, row.level, at)
        self.fair = FairShare({int(tier): saved for tier, saved in row.saved.items()})
        self.now = datetime.now(UTC)
        self._per_day = limits.per_day
        self._day: date = row.day
        self._used_today: int = row.used_today
        self._paused_until: datetime | None = row.paused_until

    def turn_to(self, now: datetime) -> None:
        """Bring the books up to this instant of the database's clock."""
        self.now = now
        self.bucket.refill(now.timestamp())
        today = now.astimezone(UTC).date()
        if today != self._day:
            self._day, self._used_today = today, 0

    def charge(self, calls: int) -> None:
        """Use calls, or put unused ones back when negative."""
        self.bucket.take(calls)
        self._used_today = max(0, self._used_today + calls)

    def free_calls(self) -> int:
        """Return the calls that may be granted now."""
        if self._pause_s() > 0:
            return 0
        window = self.bucket.free()
        return max(0, min(_UNLIMITED if window is None else window, self._left_today()))

    def blocked_s(self) -> float:
        """Return the seconds in which nothing can be granted."""
        quota_s = seconds_to_midnight(self.now) if self._left_today() <= 0 else 0.0
        return max(self._pause_s(), self.bucket.ready_in_s(), quota_s)

    def as_row(self) -> dict[str, Any]:
        """Return the values to write."""
        return {
            "now": self.now,
            "level": self.bucket.level,
            "day": self._day,
            "used_today": self._used_today,
            "saved": json.dumps(self.fair.saved),
        }

    def _left_today(self) -> int:
        return _UNLIMITED if self._per_day is None else self._per_day - self._used_today

    def _pause_s(self) -> float:
        return max(0.0, (self._paused_until - self.now).total_seconds()) if self._paused_until else 0.0


def _since(now: datetime, urgent: Priority, wanted: int, age_s: float) -> tuple[Priority, int, datetime]:
    return urgent, wanted, now - timedelta(seconds=age_s)


def _demand_of(row: Row[Any]) -> Demand:
    return Demand(row.holder, Priority(row.tier, row.deadline, row.exposure), row.wanted, row.since)


def _wait_row(demand: Demand, wanted: int) -> dict[str, Any]:
    urgent = demand.urgent
    return {
        "tier": urgent.tier,
        "wanted": wanted,
        "deadline": urgent.deadline.isoformat() if urgent.deadline else "infinity",
        "exposure": str(urgent.exposure),
        "since": demand.since.isoformat(),
    }


def list_lanes(engine: Engine) -> dict[str, LaneStats]:
    """Return the state of every lane by system, over all workers; one query."""
    with engine.connect() as connection:
        found = connection.execute(_STATS).all()
    return {
        row.system: LaneStats(
            in_flight=row.in_flight,
            waiting=row.waiting,
            used_today=row.used,
            left_today=None if row.per_day is None else row.per_day - row.used,
            paused_s=float(row.paused_s or 0),
        )
        for row in found
    }
