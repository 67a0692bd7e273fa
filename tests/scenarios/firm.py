"""A simulated firm with the product at work in it, in one process: what scenarios and the step × fault matrix play on.

Everything is the product's own code: the estate's files, the connectors over HTTP, the worker with its engine and its
feeds, the people at their desks. Only the systems are simulated. They and the worker live on one event loop in a
thread of their own, so that a scenario reads as plain steps: given, when, then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import judge
import uvicorn
import yaml
from sqlalchemy import URL

from accordant import cases, ledger
from accordant.platform.storage import WORKER, Database, as_role, one, rows
from accordant.runtime.desk import Desk
from accordant.runtime.house import build_answers
from accordant.runtime.settings import Settings
from accordant.runtime.worker import Worker
from accordant.simulators._shared import Fault, Simulator
from accordant.simulators.firm import Firm, SimulatedEstate
from accordant.simulators.firm.desks import KantataDesk, NetSuiteDesk, SalesforceDesk
from accordant.simulators.firm.estate import ADDRESSES
from accordant.simulators.firm.model import Approval, Deal, RateLine, TimeLine
from accordant.simulators.firm.people import Client, Resourcer, Seller
from accordant.simulators.firm.time_office import Approver, Consultant, Sheet, TimeOffice

DEMO = Path(__file__).parents[2] / "estates/demo"
PATIENCE_S = float(os.environ.get("ACCORDANT_TEST_PATIENCE_S", "60"))  # for a busy machine; a scenario needs a few
SETTLE_S = 1  # the systems' longest server time here: faults hang for less
HANG_S = 0.3  # how long a simulated system lets its caller wait before a gateway answers
CRM, PSA, ERP, CHAT = "salesforce-main", "kantata-main", "netsuite-main", "teams-main"

T = TypeVar("T")


def a_firm(*, deals: Sequence[int] = (0,), seed: int = 7) -> Firm:
    """A firm that sells the deals at these positions of the demo's order; nobody has booked time yet.

    0 time and materials in uk01, 1 capped in us01, 2 fixed fee in de01, 3 milestones in uk01, 4 retainer in us01,
    5 managed service in de01, won without its practice.
    """
    whole = Firm.generate(seed, engagements=max(6, *(n + 1 for n in deals)), lines=12)
    return replace(whole, deals=tuple(whole.deals[n] for n in deals), lines=())


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Awaitable[T], within_s: float = PATIENCE_S) -> T:
        """Do async work there and return its result."""

        async def awaited() -> T:
            return await asyncio.wait_for(work, within_s)

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(within_s + 5)

    def close(self) -> None:
        """End the loop and its thread."""
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self.loop).result(PATIENCE_S)
        self.do(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Systems:
    """The simulated systems, served on loopback."""

    def __init__(self, firm: Firm, loop: Loop) -> None:
        self._loop = loop
        self._places = {name: _place() for name in ADDRESSES}
        addresses = {name: f"http://127.0.0.1:{_port(place)}" for name, place in self._places.items()}
        self.estate = SimulatedEstate(firm, addresses)
        self._servers: dict[str, tuple[uvicorn.Server, asyncio.Task[None]]] = {}
        for name in addresses:
            self.up(name)

    def __getitem__(self, name: str) -> Simulator:
        return self.estate.simulators[name]

    def up(self, name: str) -> None:
        """Let a system answer."""
        self._loop.do(self._serve(name))

    def down(self, name: str) -> None:
        """Let nobody answer at a system's address."""
        self._loop.do(self._stop(name))

    async def _serve(self, name: str) -> None:
        config = uvicorn.Config(self[name].app, log_level="critical", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]  # not the main thread
        door = _place(_port(self._places[name]))
        self._servers[name] = server, asyncio.create_task(server.serve(sockets=[door]))
        while not server.started:  # noqa: ASYNC110 - the server has a flag, no event
            await asyncio.sleep(0.005)

    async def _stop(self, name: str) -> None:
        server, task = self._servers.pop(name)
        server.should_exit = server.force_exit = True
        await task

    def fault(self, system: str, name: str, *, on: str = "*", times: int | None = 1, **facts: Any) -> Fault:
        """Arm a fault."""
        options = {"hang_s": HANG_S, "delay_s": HANG_S, **facts.pop("options", {})}
        return self[system].faults.arm(Fault(name, on, times, options=options, **facts))

    def books(self, system: str, kind: str) -> list[Any]:
        """Return the documents of a kind that a system holds."""
        return [d for d in self[system].books.documents() if d.kind == kind]

    def close(self) -> None:
        """Stop serving."""
        for name in [*self._servers]:
            self.down(name)
        for place in self._places.values():
            place.close()


class House:
    """The product beside the firm's systems, and the people of the firm.

    Args:
        url: the owner's URL of a migrated, empty database.
        folder: where the completed estate is written.
        firm: who plays.
        haste: how much more often than by default feeds are read.
        is_open: whether the product works from the start; `work` opens it later.
    """

    def __init__(self, url: URL, folder: Path, firm: Firm, *, haste: float = 25, is_open: bool = True) -> None:
        self.firm = firm
        self.loop = Loop()
        self.systems = Systems(firm, self.loop)
        os.environ.update(self.systems.estate.environment)
        self._complete(folder / "estate")
        self.url = url
        self.settings = Settings(estate=folder / "estate", data=folder, lease_s=60, haste=haste)
        self.database = Database(as_role(url, WORKER))
        self.worker: Worker | None = None
        self._sheets: dict[str, Sheet] = {}
        self.answers = build_answers(self.database)
        self._hire()
        if is_open:
            self.work()

    def _complete(self, target: Path) -> None:
        """Write the demo estate with what only running systems know."""
        shutil.copytree(DEMO, target)
        file = target / "accordant.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, system in document["systems"].items():
            system["url"] = self.systems.estate.addresses[name] + urlsplit(system["url"]).path
            system["settings"] = {**system.get("settings", {}), **self.systems.estate.settings[name]}
            if name in (CRM, PSA, ERP, CHAT):
                system["settings"]["settle_s"] = SETTLE_S
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def _hire(self) -> None:
        at, logins = self.systems.estate.addresses, self.systems.estate.logins
        self.seller = Seller(SalesforceDesk.at(at[CRM], logins[CRM]), self.firm)
        self.office = TimeOffice(KantataDesk.at(at[PSA], logins[PSA]), self.firm)
        self.consultant, self.approver = Consultant(self.office), Approver(self.office)
        self.resourcer = Resourcer(self.office.desk)
        self.client = Client(NetSuiteDesk.at(at[ERP], logins[ERP]), self.firm)

    # ---------------------------------------------------------------- the product

    def work(self) -> None:
        """Start a worker."""

        async def start() -> Worker:
            worker = Worker(self.settings, self.database.url_text)
            await worker.start()
            return worker

        self.worker = self.loop.do(start())
        self.desk = Desk(self.database, self.worker.firm.estate)

    def rest(self) -> None:
        """Stop the worker in good order."""
        if self.worker is not None:
            self.loop.do(self.worker.stop())
            self.worker = None

    def close(self) -> None:
        """Send everybody home."""
        self.rest()
        for desk in (self.seller.desk, self.office.desk, self.client.desk):
            self.loop.do(desk.close())
        self.systems.close()
        self.database.dispose()
        self.loop.close()

    # ---------------------------------------------------------------- what people do

    def win(self, *deals: Deal) -> None:
        """Close deals as won, each with its contract activated."""
        for deal in deals or self.firm.deals:
            self.loop.do(self.seller.win(deal))

    def book(
        self, deal: Deal, *hours: float, days_ago: int = 3, rates: dict[str, str] | None = None, **facts: Any
    ) -> Sheet:
        """Enter lines of time on an active deal and hand them in; one line per number of hours.

        Args:
            deal: that is active.
            hours: of each line; the team takes turns.
            days_ago: when they were worked, or the Friday before.
            rates: price of roles that the PSA knows and the contract does not.
            facts: what else a line says: `worker`, `role`, `worked_on`.
        """
        if deal.code not in self._sheets:
            self._sheets[deal.code] = self.sheet(deal)
        sheet = self._sheets[deal.code]
        more = tuple(RateLine(role, Decimal(rate), Decimal(0)) for role, rate in (rates or {}).items())
        sheet.deal = replace(sheet.deal, rate_lines=(*sheet.deal.rate_lines, *more))
        made = len(sheet.lines)
        day = self.weekday(days_ago)
        workers = [w for w in self.firm.workers if w.number in deal.team]
        new = tuple(
            TimeLine(
                **{
                    "id": f"L{made + n:03}",
                    "deal": deal.code,
                    "worker": workers[(made + n) % len(workers)].number,
                    "role": workers[(made + n) % len(workers)].role,
                    "worked_on": day,
                    "minutes": round(h * 60),
                    "note": f"Work {made + n}",
                    "approval": Approval.ON_TIME,
                    **facts,
                }
            )
            for n, h in enumerate(hours)
        )
        sheet.lines += new
        self.loop.do(self.consultant.log(sheet, new))
        self.loop.do(self.consultant.submit(sheet, new))
        return sheet

    def approve(self, sheet: Sheet, *lines: TimeLine) -> None:
        """Let the delivery lead approve lines; all of the sheet by default."""
        self.loop.do(self.approver.approve(sheet, lines or sheet.lines))

    def sheet(self, deal: Deal) -> Sheet:
        """Return the PSA's time sheet of an active deal."""

        def look() -> Sheet | None:
            codes = self.loop.do(self.seller.project_codes())
            return self.loop.do(self.office.open(deal, codes[deal.name])) if deal.name in codes else None

        return self.until(look, f"{deal.name} has a project")

    def weekday(self, days_ago: int) -> date:
        """Return a working day about that many days ago."""
        day = self.firm.today - timedelta(days=days_ago)
        return day - timedelta(days=max(0, day.weekday() - 4))

    def bill(self, until_on: date | None = None) -> int:
        """Ask for invoices."""
        return self.desk.bill(until_on or self.firm.today)

    def pay(self) -> int:
        """Let the clients pay what is posted, each by its habit."""
        return self.loop.do(self.client.pay())

    # ---------------------------------------------------------------- what one sees

    def until(self, look: Callable[[], T], what: str, within_s: float = PATIENCE_S, every_s: float = 0.05) -> T:
        """Look until there is something, and return it."""
        deadline = time.monotonic() + within_s
        while True:
            if found := look():
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"never happened: {what}\n{self.story()}")
            time.sleep(every_s)

    def rows(self, sql: str, **facts: Any) -> list[Any]:
        """Read our own tables."""
        with self.database.begin() as connection:
            return rows(connection, sql, **facts)

    def count(self, sql: str, **facts: Any) -> int:
        """Count in our own tables: `select count(*) as n …`."""
        with self.database.begin() as connection:
            return int(one(connection, sql, **facts).n)

    def runs(self, flow: str = "%") -> dict[str, str]:
        """Return the state of each run of a flow."""
        return {r.id: r.state for r in self.rows("select id, state from run where flow like :f order by id", f=flow)}

    def run_ends(self, flow: str, count: int = 1, *, state: str = "done") -> list[Any]:
        """Wait until so many runs of a flow ended in a state."""
        sql = "select id, outcome, subject from run where flow = :flow and state = :state order by id"

        def look() -> list[Any] | None:
            found = self.rows(sql, flow=flow, state=state)
            return found if len(found) >= count else None

        return self.until(look, f"{count} × {flow} {state}")

    def case(self, code: str) -> Any:
        """Wait for an open case and return its row."""
        sql = "select * from exception_case where code = :code and state <> 'resolved' order by opened_at"
        return self.until(lambda: self.rows(sql, code=code), f"a case {code}")[0]

    def open_cases(self) -> dict[str, str]:
        """Return the sentence of each open case, by code."""
        found = self.rows("select code, sentence from exception_case where state <> 'resolved'")
        return {row.code: row.sentence for row in found}

    def approval(self) -> Any:
        """Wait for an open approval and return its row."""
        return self.until(lambda: self.rows("select * from approval where state = 'open'"), "an approval")[0]

    def actor(self, role: str, entity: str) -> Any:
        """Return somebody who has a role in an entity."""
        assert self.worker is not None
        return next(iter(self.worker.firm.estate.access.actors_in(role, entity)))

    def answer(self, case_id: str, resolution: cases.Resolution, *, role: str, entity: str) -> None:
        """Resolve a case as somebody who may."""
        with self.database.begin() as connection:
            self.answers.resolve(connection, case_id, resolution, actor=self.actor(role, entity))

    def retry(self, *codes: str) -> None:
        """Let the runs of open cases try again."""
        self.until(lambda: self.desk.retry_cases(*codes), f"a case {codes} to retry")

    def decide(self, approval: Any, decision: cases.Decision, *, actor: Any = None, reason: str = "") -> None:
        """Decide an approval as somebody who may."""
        who = actor or self.actor(approval.role, approval.entity)
        with self.database.begin() as connection:
            self.answers.decide(
                connection, approval.id, actor=who, decision=decision, view_hash=approval.view_hash, reason=reason
            )

    def is_at_rest(self) -> bool:
        """Whether nothing is under way: no run works or waits for time, no doorbell is open."""
        busy = """select (select count(*) from run where state = 'running')
                       + (select count(*) from gate where kind = 'date' and passed_at is null)
                       + (select count(*) from gate g join run r on r.id = g.run_id
                          where g.resolved_at is not null and g.passed_at is null and r.state in ('parked', 'failed'))
                       + (select count(*) from envelope where state = 'open') as n"""
        return not self.count(busy)

    def comes_to_rest(self) -> None:
        """Wait until nothing is under way."""
        self.until(self.is_at_rest, "everything at rest")

    # ---------------------------------------------------------------- the verdict

    def findings(self) -> list[str]:
        """Return what the judge finds in the systems' own books."""
        books = judge.read_books(self.systems.estate.addresses.values(), PSA)
        return [f"{f.verdict}: {f.sentence}" for f in judge.judge(books)]

    def agrees(self, *, but: Sequence[str] = ()) -> None:
        """Wait for rest; then nothing is lost, doubled or wrong, in the systems' books and in our ledger.

        Args:
            but: parts of findings that this story explains: a line that waits for its case.
        """
        self.comes_to_rest()
        self.until(lambda: self._unexplained(but) == [], f"the books agree: {self._unexplained(but)}", within_s=15)
        with self.database.begin() as connection:
            assert ledger.invariants(connection) == []

    def _unexplained(self, but: Sequence[str]) -> list[str]:
        return [found for found in self.findings() if not any(part in found for part in but)]

    def totals(self, system: str, kind: str) -> Counter[str]:
        """Count a system's documents of a kind by state."""
        return Counter(d.state for d in self.systems.books(system, kind))

    def story(self) -> str:
        """Tell where everything stands, for the reader of a failed test."""
        said = ["runs:", *(f"  {r.id} {r.state} {r.outcome}" for r in self.rows("select id, state, outcome from run"))]
        said += ["cases:", *(f"  {code}: {sentence}" for code, sentence in self.open_cases().items())]
        effects = self.rows(
            "select system, operation, base, generation, state, calls, error from effect where state <> 'done'"
        )
        said += ["effects not done:", *(f"  {tuple(e)}" for e in effects)]
        gates = self.rows("select run_id, name, due_at, resolved_at from gate where passed_at is null")
        return "\n".join([*said, "gates:", *(f"  {tuple(g)}" for g in gates)])


@contextmanager
def open_house(url: URL, folder: Path, firm: Firm | None = None, **options: Any) -> Iterator[House]:
    """Open a house and send everybody home at the end."""
    before = dict(os.environ)
    house = House(url, folder, firm or a_firm(), **options)
    try:
        yield house
    finally:
        house.close()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]


async def _cancel_the_rest() -> None:
    """End what still runs on this loop, as `asyncio.run` does."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _place(port: int = 0) -> socket.socket:
    """Bind a port; as long as one such socket is held, the port is ours whether somebody listens or not."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    return place


def _port(place: socket.socket) -> int:
    return int(place.getsockname()[1])
