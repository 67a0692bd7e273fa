"""A gate stands alone: what a run has open beside it would act outside the run, and again when it goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from accordant.kernel import Bug
from accordant.platform.durable import Engine, Start, open_run
from accordant.platform.durable.runs import take_run
from accordant.platform.effects import Effects
from accordant.platform.storage import rows
from accordant.policies import PolicySet
from accordant.process import FlowRegistry, House, Run


class Answer(BaseModel):
    n: int


@pytest.fixture
def run(database):
    """A run in the hands of an engine that was never launched: gates are rows, and need no more."""
    engine = Engine(database, "boot-1")
    with database.begin() as connection:
        taken = take_run(connection, open_run(connection, Start("wait", 1, "con_1", {})).run_id, "boot-1")
    house = House(
        engine=engine,
        starter=None,
        effects=Effects(database),
        policies=PolicySet({}, ()),
        find_port=lambda *_: None,
        flows=FlowRegistry([]),
        snapshot="",
        zone_of=lambda _: ZoneInfo("UTC"),
        country_of=lambda _: "GB",
        to_group=lambda money: money,
        deadline_of=lambda _: None,
        people_of=lambda *_: (),
        approver_of=lambda role, *_: role,
    )
    yield Run(house, taken)
    asyncio.run(engine.close())


async def slow_question():
    await asyncio.sleep(0.1)
    return Answer(n=1)


def test_a_gate_beside_an_open_step_is_refused(run, database):
    async def story():
        asking = asyncio.create_task(run.ask("slow", slow_question, Answer))
        await asyncio.sleep(0.02)
        try:
            await run.wait_until(datetime.now(UTC) + timedelta(hours=1), why="payroll")
        finally:
            await asking

    with pytest.raises(Bug, match="gates stand alone"):
        asyncio.run(story())

    with database.begin() as connection:
        assert rows(connection, "select 1 from gate") == []
        assert [row.state for row in rows(connection, "select state from run")] == ["running"]
