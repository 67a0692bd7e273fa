"""What the product adds to one activation: its time against the sequential round trips it cannot do without.

The simulators answer after 50 ms a call. Round trips are counted from their own logs: the longest chain of calls of
which each began after the one before had ended. Prints one JSON object. Run: `python bench/overhead.py [repeats]`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import urllib.request
from pathlib import Path
from time import perf_counter, time
from typing import Any

import structlog

from accordant.platform.durable import Starter
from accordant.platform.storage import rows
from accordant.process import FlowRegistry, Intake
from accordant.runtime.house import FLOWS
from accordant.runtime.place import open_place
from accordant.runtime.settings import Settings
from accordant.runtime.simulated import SimulatedFirm, free_ports, simulated_firm
from accordant.runtime.worker import Worker
from accordant.simulators.firm import Firm as PlayedFirm
from accordant.simulators.firm.story import Story

LATENCY_S = 0.05
SYSTEMS = ("salesforce-main", "kantata-main", "netsuite-main")
TARGETS = {"one": 1.3, "ten": 2.0, "round_trips": 9}


def main(repeats: int) -> None:
    """Measure on a fresh firm and print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="accordant-bench-") as data:
        Path(data).chmod(0o755)
        settings = Settings().model_copy(update={"data": Path(data), "haste": 0.01})
        deals = 10 + repeats + 2
        arguments = ("--engagements", str(deals), "--lines", "10")
        with (
            open_place(settings) as place,
            simulated_firm(
                settings.estate, Path(data) / "estate", arguments=arguments, ports=free_ports(settings.estate)
            ) as firm,
        ):
            os.environ.update(firm.environment)
            ready = settings.model_copy(update={"estate": firm.estate})
            print(json.dumps(asyncio.run(measure(ready, place.worker, firm, deals, repeats)), indent=2))


async def measure(settings: Settings, url: str, firm: SimulatedFirm, deals: int, repeats: int) -> dict[str, Any]:
    """Win every deal, then activate them directly: some one by one, ten at once."""
    worker = Worker(settings, url)
    await worker.engine.launch()
    run_ids = await _won(worker, firm, deals)
    await _activate(worker, run_ids[:1])  # logs in, reads directories
    _latency(firm, LATENCY_S)
    singles = [await _timed(worker, firm, [run_id]) for run_id in run_ids[1 : repeats + 1]]
    trips = statistics.median(trips for _, trips in singles)
    one = statistics.median(seconds / (count * LATENCY_S) for seconds, count in singles)
    seconds, _ = await _timed(worker, firm, run_ids[repeats + 1 : repeats + 11])
    await worker.connections.aclose()
    await worker.engine.close()
    return {
        "overhead": {
            "one": round(one, 2),
            "ten": round(seconds / (trips * LATENCY_S), 2),
            "round_trips": trips,
            "seconds_one": round(statistics.median(s for s, _ in singles), 3),
            "seconds_ten": round(seconds, 3),
            "repeats": repeats,
            "targets": TARGETS,
        }
    }


async def _won(worker: Worker, firm: SimulatedFirm, deals: int) -> list[str]:
    """Win the deals, record them without starting anything, and open the runs that can go through without a person."""
    played = PlayedFirm.generate(7, engagements=deals, lines=10)
    story = Story.at(played, firm.addresses, firm.logins)
    for deal in played.deals:
        await story.seller.win(deal)
        if deal.lacks:
            await story.seller.complete(deal)
    await story.close()
    worker.feeds._intake = Intake(worker.firm.estate, FlowRegistry([]), Starter(worker.database))  # noqa: SLF001
    crm = worker.connections.system("salesforce-main")
    page = await crm.deals_since(None)
    for deal_id in dict.fromkeys(o.ref.value for o in page.observations):
        await worker.feeds.fetch_deal(crm, deal_id)
    flow = FLOWS.newest("activate-project")
    with worker.database.begin() as connection:
        found = rows(connection, "select id, version, entity, body from record where kind = 'deal' order by id")
        starter = Starter(worker.database)
        opened = []
        for row in found:
            request = flow.input_model(
                deal_id=row.id,
                deal_version=row.version,
                contract_id=row.body["contract_id"],
                entity=row.body["entity"] or "",
            )
            opened.append(starter.open_only(connection, flow.start(request)).run_id)
    return opened


async def _timed(worker: Worker, firm: SimulatedFirm, run_ids: list[str]) -> tuple[float, int]:
    began = time()
    started = perf_counter()
    await _activate(worker, run_ids)
    seconds = perf_counter() - started
    return seconds, _chain(firm, began, began + seconds)


async def _activate(worker: Worker, run_ids: list[str]) -> None:
    await asyncio.gather(*(worker.engine.run_now("activate-project@1", run_id) for run_id in run_ids))


def _chain(firm: SimulatedFirm, began: float, ended: float) -> int:
    """Return the length of the longest chain of calls that could not overlap."""
    calls = [
        (call["start"], call["end"])
        for system in SYSTEMS
        for call in json.load(urllib.request.urlopen(f"{firm.addresses[system]}/_calls"))  # noqa: S310 - loopback
        if began <= call["start"] <= ended
    ]
    length, free_at = 0, 0.0
    for start, end in sorted(calls, key=lambda c: c[1]):
        if start >= free_at:
            length, free_at = length + 1, end
    return length


def _latency(firm: SimulatedFirm, seconds: float) -> None:
    for address in firm.addresses.values():
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{address}/_latency", data=json.dumps({"seconds": seconds}).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()  # noqa: S310


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
