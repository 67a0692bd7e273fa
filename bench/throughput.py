"""Approved lines from the PSA to posted lines in the ERP, against the bare work on the same simulators.

One worker process takes pages in, enters the ledger, posts in batches and keeps intent, outcome, events and lineage
per line; `bench/bare.py` reads and sends the same and keeps nothing. Both run in turn; the ratio is the median of the
pairs. Prints one JSON object. Run: `python bench/throughput.py [lines] [repeats]`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import psutil
import structlog
from bare import transfer

from accordant.connectors.netsuite import NetSuiteConnector
from accordant.platform.durable import Starter
from accordant.platform.storage import one
from accordant.process import FlowRegistry, Intake
from accordant.runtime.house import FLOWS
from accordant.runtime.place import Place, open_place
from accordant.runtime.settings import Settings
from accordant.runtime.simulated import complete_estate, free_ports
from accordant.runtime.worker import Worker
from accordant.simulators.firm import Firm as PlayedFirm
from accordant.simulators.firm.story import Story

TARGETS = {"ratio": 0.33, "worker_us_per_line": 150, "postgres_us_per_line": 80}


@dataclass(frozen=True)
class Served:
    """The simulated firm's process and what it said."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    def order(self, **order: Any) -> dict[str, Any]:
        """Send an order and return the answer."""
        if not (self.process.stdin and self.process.stdout):
            raise RuntimeError("the firm's process has no pipes")
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def main(lines: int, repeats: int) -> None:
    """Measure on a fresh firm and print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="accordant-bench-") as data:
        Path(data).chmod(0o755)
        settings = Settings().model_copy(update={"data": Path(data), "haste": 1.0})
        ports = ",".join(map(str, free_ports(settings.estate)))
        server = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, Path(__file__).parent / "firm_server.py", ports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            said = json.loads(server.stdout.readline()) if server.stdout else {}
            complete_estate(settings.estate, Path(data) / "estate", said, server)
            os.environ.update(said["environment"])
            with open_place(settings) as place:
                ready = settings.model_copy(update={"estate": Path(data) / "estate"})
                figures = asyncio.run(measure(ready, place, Served(server, said), lines, repeats))
            print(json.dumps({"throughput": figures}, indent=2))
        finally:
            server.terminate()
            server.wait()


async def measure(settings: Settings, place: Place, firm: Served, lines: int, repeats: int) -> dict[str, Any]:
    """Activate one engagement per repeat, fill it with time, and take the time over, in turn with the bare script."""
    worker = Worker(settings, place.worker)
    await worker.engine.launch()
    projects = await _projects(worker, firm, repeats)
    pairs = []
    for workspace, job in projects:
        await asyncio.to_thread(firm.order, workspace=workspace, count=lines)
        ours = await _ours(worker, firm, settings, lines)
        bare = await _bare(worker, firm, workspace, job)
        pairs.append((ours, lines / bare))
    await worker.connections.aclose()
    await worker.engine.close()
    middle = {name: round(statistics.median(o[name] for o, _ in pairs), 2) for name in pairs[0][0]}
    ratios = [o["lines_per_s"] / bare for o, bare in pairs]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(r, 3) for r in ratios],
        "bare_lines_per_s": round(statistics.median(bare for _, bare in pairs)),
        **middle,
        "lines": lines,
        "repeats": repeats,
        "targets": TARGETS,
    }


async def _projects(worker: Worker, firm: Served, count: int) -> list[tuple[str, str]]:
    """Win deals and activate them; returns workspace and ERP project of those that bill by time."""
    played = PlayedFirm.generate(7, engagements=6, lines=20)
    story = Story.at(played, firm.said["addresses"], firm.said["logins"])
    for deal in played.deals:
        await story.seller.win(deal)
    await story.close()
    quiet = Intake(worker.firm.estate, FlowRegistry([]), Starter(worker.database))
    loud, worker.feeds._intake = worker.feeds._intake, quiet  # noqa: SLF001 - nothing may start by itself here
    crm = worker.connections.system("salesforce-main")
    await worker.feeds._workers(worker.connections.system("workday-main"))(None)  # noqa: SLF001
    await worker.feeds._people(worker.connections.system("kantata-main"))(None)  # noqa: SLF001
    for deal_id in dict.fromkeys(o.ref.value for o in (await crm.deals_since(None)).observations):
        await worker.feeds.fetch_deal(crm, deal_id)
    worker.feeds._intake = loud  # noqa: SLF001
    found = []
    for request in _requests(worker):
        if len(found) == count:
            break
        flow = FLOWS.newest("activate-project")
        with worker.database.begin() as connection:
            run_id = Starter(worker.database).open_only(connection, flow.start(request)).run_id
        done = await worker.engine.run_now("activate-project@1", run_id)
        if done and "psa_ref" in done:
            found.append((done["psa_ref"].split("/")[-1], done["erp_ref"].split("/")[-1]))
    return found


def _requests(worker: Worker) -> list[Any]:
    flow = FLOWS.newest("activate-project")
    with worker.database.begin() as connection:
        found = connection.exec_driver_sql(
            """select d.id, d.version, d.entity, d.body ->> 'contract_id' from record d
               join record c on c.id = d.body ->> 'contract_id'
               where d.kind = 'deal' and c.body ->> 'billing_method' in ('time_and_materials', 'capped')
               order by d.id"""
        ).all()
    return [
        flow.input_model(deal_id=id, deal_version=version, contract_id=contract, entity=entity)
        for id, version, entity, contract in found
    ]


async def _ours(worker: Worker, firm: Served, settings: Settings, lines: int) -> dict[str, float]:
    """Take the lines over and return rates and processor time per line."""
    before = _costs(worker, firm, settings)
    began = perf_counter()
    feed = worker.feeds._time(worker.connections.system("kantata-main"))  # noqa: SLF001
    more, mark = True, worker.feeds._watermark("time", "kantata-main")  # noqa: SLF001
    while more:
        mark, more = await feed(mark)
    while _posted(worker) < before["posted"] + lines:
        if perf_counter() - began > 300:
            raise RuntimeError(f"{_posted(worker) - before['posted']:.0f} of {lines} lines arrived in 300 s")
        await asyncio.sleep(0.05)
    seconds = perf_counter() - began
    after = _costs(worker, firm, settings)
    spent = {name: after[name] - before[name] for name in before}
    return {
        "lines_per_s": lines / seconds,
        "worker_us_per_line": spent["worker"] / lines * 1e6,
        "postgres_us_per_line": spent["postgres"] / lines * 1e6,
        "simulator_us_per_line": spent["simulator"] / lines * 1e6,
        "commits_per_line": spent["commits"] / lines,
        "worker_rss_mb": psutil.Process().memory_info().rss / 1e6,
    }


async def _bare(worker: Worker, firm: Served, workspace: str, job: str) -> float:
    erp: NetSuiteConnector = worker.connections.system("netsuite-main")
    token = (await erp.client._http._auth.headers(erp.client._http._client))["authorization"]  # type: ignore[union-attr]  # noqa: SLF001
    item = await erp.directory.id_of("item", erp.settings.service_item, operation="bench")
    with worker.database.begin() as connection:
        number = one(connection, "select body ->> 'number' n from record where kind = 'worker' limit 1").n
    record = {
        "employee": {"externalId": number},
        "customer": {"id": job},
        "item": {"id": item},
        "isBillable": True,
        "approvalStatus": {"id": "3"},
    }
    began = perf_counter()
    await asyncio.to_thread(
        transfer,
        firm.said["addresses"]["kantata-main"],
        firm.said["environment"]["KANTATA_MAIN_TOKEN"],
        firm.said["addresses"]["netsuite-main"],
        token.removeprefix("Bearer "),
        workspace,
        record,
    )
    return perf_counter() - began


def _posted(worker: Worker) -> float:
    with worker.database.begin() as connection:
        return float(
            one(connection, "select count(*) n from effect where operation = 'post_time' and state = 'done'").n
        )


def _costs(worker: Worker, firm: Served, settings: Settings) -> dict[str, float]:
    pid = int((settings.data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    server = psutil.Process(pid)
    postgres = sum(sum(p.cpu_times()[:2]) for p in [server, *server.children(recursive=True)])
    postgres += sum(server.cpu_times()[2:4])  # connections that have ended
    with worker.database.begin() as connection:
        commits = one(connection, "select sum(xact_commit) n from pg_stat_database").n
    return {
        "worker": process_time(),
        "postgres": postgres,
        "simulator": float(firm.order(cpu=True)["cpu"]),
        "commits": float(commits),
        "posted": _posted(worker),
    }


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3])) if len(sys.argv) > 2 else main(20_000, 3)
