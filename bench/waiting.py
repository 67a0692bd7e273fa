"""What waiting costs: memory, processor and wake-up of parked runs, in one worker process; prints one JSON object.

Every run records a step, parks at a gate of its own, and is done after its answer. Idle is measured twice: before there
is a run, and while all of them wait. Run: `python bench/waiting.py [runs]`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from accordant.platform.durable import (
    Engine,
    Gate,
    RunState,
    Start,
    Starter,
    Taken,
    end_run,
    migrate_engine,
    new_executor_id,
    record_step,
    resolve,
)
from accordant.platform.storage import (
    WORKER,
    Database,
    EmbeddedPostgres,
    as_role,
    create_database,
    migrate,
    one,
)

_MIGRATIONS = Path(__file__).parent.parent / "src/accordant/runtime/migrations"
_IDLE_S = 10.0
_TARGETS = {"added_mb": 30, "added_idle_cpu_percent": 2, "resumes_per_s": 50, "first_steps_repeated": 0}


def main(runs: int) -> None:
    """Run on a fresh server and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        owner = server.start()
        try:
            url = create_database(owner, "bench")
            migrate(url, _MIGRATIONS)
            migrate_engine(url, WORKER)
            database = Database(as_role(url, WORKER))
            figures = asyncio.run(_measure(database, runs))
            database.dispose()
        finally:
            server.stop()
    print(json.dumps(figures, indent=2))


async def _measure(database: Database, runs: int) -> dict[str, Any]:
    engine = Engine(database, new_executor_id())
    engine.register("wait@1", _body(engine))
    await engine.launch()
    try:
        await _started(database, 50)  # warm up: imports, pools, plans
        await _answered(database)
        empty_mb, empty_cpu = _memory_mb(), await _idle_cpu()
        parking_s = await _started(database, runs)
        waiting_mb, waiting_cpu = _memory_mb(), await _idle_cpu()
        resuming_s = await _answered(database)
    finally:
        await engine.close()
    with database.begin() as connection:
        steps = one(connection, "select count(*) as n from run_step").n
    return {
        "runs": runs,
        "process_mb": round(waiting_mb),
        "added_mb": round(waiting_mb - empty_mb, 1),
        "idle_cpu_percent": round(waiting_cpu, 1),
        "added_idle_cpu_percent": round(waiting_cpu - empty_cpu, 1),
        "parked_per_s": round(runs / parking_s),
        "resumes_per_s": round(runs / resuming_s),
        "first_steps_repeated": steps - runs - 50,
        "targets": _TARGETS,
    }


def _body(engine: Engine) -> Callable[[Taken], Any]:
    def record(taken: Taken) -> None:
        with engine.database.begin() as connection:
            record_step(connection, taken, f"first:{taken.attempt}", 1)

    def end(taken: Taken) -> None:
        with engine.database.begin() as connection:
            end_run(connection, taken.run_id, RunState.DONE)

    async def body(taken: Taken) -> dict[str, Any]:
        if not taken.steps:
            await asyncio.to_thread(record, taken)
        await engine.pass_gate(taken, Gate("approval:1", "approval", topic=taken.run_id))
        await asyncio.to_thread(end, taken)
        return {}

    return body


async def _started(database: Database, runs: int) -> float:
    """Start runs and wait until all of them are parked; returns the seconds."""
    starter = Starter(database)
    began = perf_counter()
    with database.begin() as connection:
        for number in range(runs):
            starter.start_in(connection, Start("wait", 1, f"{runs}:{number}", {}))
    await _until(database, "select count(*) as n from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')")
    return perf_counter() - began


async def _answered(database: Database) -> float:
    """Answer every gate and wait until all runs are done; returns the seconds."""
    began = perf_counter()
    with database.begin() as connection:
        for topic in connection.exec_driver_sql("select topic from gate where resolved_at is null").scalars().all():
            resolve(connection, topic, {})
    await _until(database, "select count(*) as n from run where state <> 'done'")
    return perf_counter() - began


async def _until(database: Database, left: str) -> None:
    while True:
        with database.begin() as connection:
            if not one(connection, left).n:
                return
        await asyncio.sleep(0.05)


def _memory_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 2**20)


async def _idle_cpu() -> float:
    """Return what share of one core this process uses while nothing happens."""
    await asyncio.sleep(1)
    before, began = sum(psutil.Process().cpu_times()[:2]), perf_counter()
    await asyncio.sleep(_IDLE_S)
    return 100 * (sum(psutil.Process().cpu_times()[:2]) - before) / (perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
