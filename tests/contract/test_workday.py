"""What the Workday connector promises whatever goes wrong: our segments say of every day what the tenant says.

R-SYS-06, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accordant.canonical import Worker
from accordant.connectors.workday import WorkdayConnector
from accordant.connectors.workday.settings import WorkdaySettings
from accordant.kernel import AccordantError
from accordant.platform.http import in_process
from accordant.platform.http.factory import InProcessTransport
from accordant.simulators._shared import Fault, FaultPlan
from accordant.simulators.workday import WorkdaySimulator
from accordant.testing.faults import WIRE_FAULTS, DisturbedTransport

SYSTEM = "workday-main"
FAULTS = ("429", "500", "expired_token", "timeout_before_commit", "timeout_after_commit", "half_body", "html_error")
FIRST_DAY = date(2025, 1, 1)
LAST_DAY = FIRST_DAY + timedelta(days=60)
NAMES = ("O'Brien", "=HYPERLINK(1)", "A|B", "\u202eשלום", "🦊")


class World:
    """A tenant, our connector, and a consumer that keeps the newest word about each worker and day."""

    def __init__(self) -> None:
        self.sim = WorkdaySimulator()
        self.force = self.sim.force
        self.plan = FaultPlan()
        for id, kind in (("UK01", "COMPANY"), ("CC-1", "COST_CENTER"), ("CC-2", "COST_CENTER")):
            self.force.organization(id, id, kind)
        for id in ("LON", "BER"):
            self.force.location(id, id)
        self.force.job_profile("CONS", "Consultant")
        self.watermark: str | None = None
        self.kept: dict[tuple[str, date], tuple[datetime, Worker]] = {}

    def hire(self, number: int, on: date, at: datetime | None = None) -> Any:
        facts = {"first_name": "Ada", "last_name": NAMES[number % len(NAMES)], "company": "UK01"}
        facts |= {"cost_center": "CC-1", "location": "LON", "job_profile": "CONS", "email": ""}
        return self.force.hire(f"2100{number}", on, at=at, **facts)

    def read(self, *, stubborn: bool = False) -> None:
        """Read to the end; when stubborn, go on from the last watermark after each error."""

        async def whole() -> None:
            connection = WorkdaySettings(
                url="http://hris.example",
                tenant=self.sim.login.tenant,
                client_id=self.sim.login.client_id,
                client_secret=self.sim.login.client_secret,
                refresh_token=self.sim.login.refresh_token,
                history_from=FIRST_DAY,
                page_size=2,
            )
            wire = DisturbedTransport(InProcessTransport(self.sim.app), self.plan)
            connector = WorkdayConnector(SYSTEM, connection, in_process(self.sim.app, timeout_s=30, transport=wire))
            more = True
            while more:
                try:
                    page = await connector.workers_since(self.watermark)
                except AccordantError:
                    if not stubborn:
                        raise
                    continue
                for seen in page.observations:
                    assert seen.body is not None
                    self._keep(seen.changed_at, seen.body)
                self.watermark, more = page.watermark, page.more
            await connector.aclose()

        asyncio.run(whole())

    def _keep(self, at: datetime, worker: Worker) -> None:
        place = (worker.number, worker.valid_from)
        if place not in self.kept or self.kept[place][0] <= at:
            self.kept[place] = (at, worker)

    def ours(self, number: str, day: date) -> tuple[str | None, str | None] | None:
        """What our segments say of a worker on a day; None for one who does not work here."""
        days = [valid_from for id, valid_from in self.kept if id == number and valid_from <= day]
        worker = self.kept[number, max(days)][1] if days else None
        return (worker.cost_center, worker.location) if worker and worker.is_active else None

    def theirs(self, number: str, day: date) -> tuple[str, str] | None:
        """What the tenant itself says."""
        found = self.force.snapshot(number, day, self.sim.now())
        return (found.facts["cost_center"], found.facts["location"]) if found and found.active else None

    def require_agreement(self) -> None:
        for number in self.force.ids():
            for offset in range((LAST_DAY - FIRST_DAY).days + 10):
                day = FIRST_DAY + timedelta(days=offset)
                assert self.ours(number, day) == self.theirs(number, day), (number, day)


def a_firm() -> World:
    world = World()
    entered = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(3):
        world.hire(number, FIRST_DAY + timedelta(days=number), at=entered)
    world.force.change("21001", FIRST_DAY + timedelta(days=20), location="BER", at=entered)
    world.force.terminate("21002", FIRST_DAY + timedelta(days=30), at=entered)
    return world


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("fault", FAULTS)
class TestFeedUnderFault:
    def test_ends_with_the_tenants_truth_whichever_call_fails(self, fault, place):
        world = a_firm()
        plan = world.plan if fault in WIRE_FAULTS else world.sim.faults
        plan.arm(Fault(fault, on="POST *", after=place, times=4))

        world.read(stubborn=True)
        world.plan.clear()
        world.sim.faults.clear()

        world.require_agreement()


days = st.integers(0, 60).map(lambda offset: FIRST_DAY + timedelta(days=offset))
steps = st.one_of(
    st.tuples(st.just("hire"), st.integers(0, 2), days),
    st.tuples(st.just("change"), st.integers(0, 2), days, st.sampled_from(["CC-1", "CC-2"])),
    st.tuples(st.just("move"), st.integers(0, 2), days, st.sampled_from(["LON", "BER"])),
    st.tuples(st.just("terminate"), st.integers(0, 2), days),
    st.tuples(st.just("rescind"), st.integers(0, 20)),
    st.tuples(st.just("correct"), st.integers(0, 20), days),
    st.tuples(st.just("read")),
)


class TestAnyHistory:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(story=st.lists(steps, max_size=12))
    def test_ends_with_the_tenants_truth(self, story):
        world = World()
        for number in range(3):
            world.hire(number, FIRST_DAY + timedelta(days=number))

        for step in story:
            play(world, *step)
        world.sim.clock.offset += timedelta(minutes=6)
        world.read()

        world.require_agreement()


def play(world: World, verb: str, *arguments: Any) -> None:
    """Let one thing happen in the tenant; changes of what is gone already are left out."""
    open_changes = [t for t in world.force.transactions if t.voided_at is None and not t.is_rescind]
    match verb, arguments:
        case "read", ():
            world.read()
        case "hire", (number, day):
            world.hire(number, day)
        case "change", (number, day, center):
            world.force.change(f"2100{number}", day, cost_center=center)
        case "move", (number, day, location):
            world.force.change(f"2100{number}", day, location=location)
        case "terminate", (number, day):
            world.force.terminate(f"2100{number}", day)
        case "rescind", (index,):
            chosen = open_changes[index % len(open_changes)]
            if chosen.kind != "Hire_Employee":
                world.force.rescind(chosen)
        case "correct", (index, day):
            chosen = open_changes[index % len(open_changes)]
            if chosen.kind == "Change_Job":
                world.force.correct(chosen, on=day)
