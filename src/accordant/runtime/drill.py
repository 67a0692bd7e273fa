"""The crash drill: workers with work in hand are killed at placed points; then the systems' own books are judged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import structlog

from accordant import ledger
from accordant.platform.durable import POINTS
from accordant.platform.effects import Controls
from accordant.platform.storage import Database, one, rows
from accordant.runtime.demo import JUDGE
from accordant.runtime.desk import Desk, month_ends
from accordant.runtime.house import Firm
from accordant.runtime.place import Place, open_place
from accordant.runtime.settings import Settings
from accordant.runtime.simulated import SimulatedFirm, free_ports, simulated_firm
from accordant.runtime.supervisor import Child, Supervisor, supervised
from accordant.simulators.firm import Firm as PlayedFirm
from accordant.simulators.firm.story import Story

log = structlog.get_logger(__name__)

LEASE_S = 4.0
_PATIENCE_S = 8.0  # a worker that does not come by its point in this time is killed where it stands
_EVERYWHERE = "anywhere"


@dataclass(frozen=True)
class CrashPlan:
    """What the drill does.

    Args:
        kills: how many workers die; at least four at each placed point when there are enough.
        seed: of the firm and of the order of kills.
        without: protections that are switched off, to see the damage they prevent.
        engagements: deals that are won meanwhile.
        lines: lines of time that are logged meanwhile.
        points: the placed points, all by default.
        limit_s: when the drill ends at the latest.
    """

    kills: int = 40
    seed: int = 1
    without: str = ""
    engagements: int = 16
    lines: int = 400
    points: tuple[str, ...] = POINTS
    limit_s: float = 420.0


@dataclass
class CrashReport:
    """What came of it."""

    kills: int = 0
    histogram: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    unfinished: int = 0
    invariants_broken: int = 0
    slowest_recovery_s: float = 0.0
    three_leases_s: float = 3 * LEASE_S
    runs: int = 0
    effects: int = 0
    adopted: int = 0
    money: Any = None
    without: str = ""
    seconds: float = 0.0

    @property
    def damage(self) -> int:
        """How much went wrong: nothing, unless a protection was off."""
        return self.lost + self.doubled + self.wrong + self.unfinished + self.invariants_broken

    def as_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps({**asdict(self), "damage": self.damage}, indent=2)


def run_crash_drill(plan: CrashPlan, data: Path) -> CrashReport:
    """Play a firm while its workers are killed, let the survivors finish, and judge."""
    Controls.without(plan.without)  # a wrong name is refused before anything starts
    began = time.monotonic()
    settings = Settings().model_copy(update={"data": data, "lease_s": LEASE_S, "haste": 20.0})
    arguments = ("--seed", str(plan.seed), "--engagements", str(plan.engagements), "--lines", str(plan.lines))
    quick = {name: {"settle_s": 1.0} for name in ("salesforce-main", "kantata-main", "netsuite-main", "teams-main")}
    with (
        open_place(settings, name=f"drill_{int(time.time() * 1000)}") as place,
        simulated_firm(
            settings.estate, data / "estate", arguments=arguments, ports=free_ports(settings.estate), settings=quick
        ) as firm,
    ):
        ready = settings.model_copy(update={"estate": firm.estate})
        with supervised(ready, place, {**firm.environment, "ACCORDANT_DRILL_WITHOUT": plan.without}) as supervisor:
            database = Database(place.worker)
            drill = _CrashDrill(plan, place, firm, supervisor, database, Firm.load(firm.estate))
            asyncio.run(drill.play())
            report = drill.report()
            database.dispose()
    report.seconds = round(time.monotonic() - began, 1)
    return report


class _CrashDrill:
    """One drill under way."""

    def __init__(
        self,
        plan: CrashPlan,
        place: Place,
        firm: SimulatedFirm,
        supervisor: Supervisor,
        database: Database,
        house: Firm,
    ) -> None:
        self._plan = plan
        self._place = place
        self._firm = firm
        self._supervisor = supervisor
        self._database = database
        self._desk = Desk(database, house.estate)
        self._random = Random(plan.seed)  # noqa: S311 - a drill must repeat itself
        self._schedule = self._shuffled()
        self._histogram: Counter[str] = Counter()
        self._armed: dict[str, str] = {}
        self._born: dict[str, float] = {}
        self._hurt: dict[str, float] = {}
        self._recovered: list[float] = []
        self._until = time.monotonic() + plan.limit_s

    def _shuffled(self) -> list[str]:
        points = [self._plan.points[i % len(self._plan.points)] for i in range(self._plan.kills)]
        self._random.shuffle(points)
        return points

    async def play(self) -> None:
        """Let the firm live while workers die; then let it come to rest with workers that stay."""
        today = date.fromisoformat(self._firm.today)
        played = PlayedFirm.generate(
            self._plan.seed, engagements=self._plan.engagements, lines=self._plan.lines, today=today
        )
        story = Story.at(played, self._firm.addresses, self._firm.logins)
        workers = [self._begin() for _ in range(2)]
        killing = asyncio.create_task(self._kill(workers))
        desk = asyncio.create_task(self._keep_desk(played, today))
        pace = min(4.0, 0.12 * self._plan.kills)
        await story.play(pace, patience_s=60.0)
        await killing
        await self._rest(story)
        desk.cancel()
        await asyncio.gather(desk, return_exceptions=True)
        await story.close()

    # ---------------------------------------------------------------- killing

    def _begin(self) -> Child:
        """Start a worker that will die at the next point of the schedule, or one that stays when all is done."""
        if not self._schedule:
            return self._supervisor.worker("worker")
        point = self._schedule.pop()
        child = self._supervisor.worker("worker", ACCORDANT_CRASH_AT=f"{point}:{self._random.randint(1, 3)}")
        self._armed[child.pid_text] = point
        return child

    def _note_births(self) -> None:
        """Note since when workers work: a start may take long on a busy machine, and kills nothing in hand."""
        with self._database.begin() as connection:
            for row in rows(connection, "select id from executor where reaped_at is null"):
                self._born.setdefault(row.id.split("-")[-2], time.monotonic())

    async def _kill(self, workers: list[Child]) -> None:
        while sum(self._histogram.values()) < self._plan.kills and time.monotonic() < self._until:
            for place, child in enumerate(workers):
                point = self._armed.get(child.pid_text, "")
                born = self._born.get(child.pid_text)
                if child.is_alive and point and born and time.monotonic() - born > _PATIENCE_S:
                    child.kill()
                    point = _EVERYWHERE
                if not child.is_alive:
                    await asyncio.to_thread(self._mark, child.pid, point or _EVERYWHERE)
                    self._supervisor.children.remove(child)
                    workers[place] = self._begin()
            await asyncio.to_thread(self._note_births)
            await asyncio.to_thread(self._watch_recovery)
            await asyncio.sleep(0.05)

    def _mark(self, pid: int, point: str) -> None:
        """Count a kill and note which runs were in the dead worker's hands."""
        self._histogram[point] += 1
        with self._database.begin() as connection:
            hurt = rows(
                connection, "select id from run where state = 'running' and executor like :who", who=f"%-{pid}-%"
            )
        now = time.monotonic()
        self._hurt.update({row.id: now for row in hurt})

    def _watch_recovery(self) -> None:
        """Note how long hurt runs took until they ended, parked, or were in living hands beyond where they died."""
        if not self._hurt:
            return
        with self._database.begin() as connection:
            ended = rows(
                connection, "select id from run where id = any(:ids) and state <> 'running'", ids=list(self._hurt)
            )
        for row in ended:
            self._recovered.append(time.monotonic() - self._hurt.pop(row.id))

    # ---------------------------------------------------------------- living

    async def _keep_desk(self, played: PlayedFirm, today: date) -> None:
        first = min((line.worked_on for line in played.lines), default=today).replace(day=1) - timedelta(days=1)
        ends = month_ends(first, today)
        asked = time.monotonic()
        while True:
            await asyncio.to_thread(self._desk.approve_all)
            await asyncio.to_thread(self._desk.settle_matches)
            await asyncio.to_thread(self._desk.retry_cases, "run.failed", "effect.unsure", older_than_s=1.0)
            if ends and time.monotonic() - asked > 4:
                asked = time.monotonic()
                await asyncio.to_thread(self._desk.bill, ends.pop(0))
            await asyncio.sleep(0.5)

    async def _rest(self, story: Story) -> None:
        """Let clients pay and wait until nothing runs and nothing is fresh, or until time is up."""
        await story.pay(0.3, looks=3)
        quiet = time.monotonic()
        while time.monotonic() < self._until and time.monotonic() - quiet < 3 * LEASE_S:
            await asyncio.to_thread(self._watch_recovery)
            with self._database.begin() as connection:
                busy = one(connection, "select count(*) n from run where state = 'running'").n
            if not busy and time.monotonic() - quiet > LEASE_S:
                return
            if busy and "reaper" not in self._plan.without:
                quiet = time.monotonic()
            await asyncio.sleep(0.2)

    # ---------------------------------------------------------------- judging

    def report(self) -> CrashReport:
        """Judge the books and our own tables."""
        verdict = self._verdict()
        with self._database.begin() as connection:
            counts = one(
                connection,
                """select (select count(*) from run) runs,
                          (select count(*) from run where state in ('running', 'failed')) unfinished,
                          (select count(*) from effect) effects, (select count(*) from effect where adopted) adopted""",
            )
            broken = len(ledger.invariants(connection))
        return CrashReport(
            kills=sum(self._histogram.values()),
            histogram=dict(sorted(self._histogram.items())),
            lost=int(verdict["lost"]),
            doubled=int(verdict["doubled"]),
            wrong=int(verdict.get("wrong", 0)),
            unfinished=int(counts.unfinished),
            invariants_broken=broken,
            slowest_recovery_s=round(max(self._recovered, default=0.0), 1),
            runs=int(counts.runs),
            effects=int(counts.effects),
            adopted=int(counts.adopted),
            money=verdict.get("money"),
            without=self._plan.without,
        )

    def _verdict(self) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, str(JUDGE), "--json", "--pending-ok", *self._firm.addresses.values()],
            capture_output=True,
            text=True,
            check=False,
        )
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict
