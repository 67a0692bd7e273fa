"""The demo: a simulated firm at work, the product beside it, the judge at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from accordant.kernel import InvalidInput
from accordant.platform.storage import Database, one, rows
from accordant.runtime.desk import Desk, month_ends
from accordant.runtime.house import Firm
from accordant.runtime.place import Place, open_place
from accordant.runtime.settings import Settings
from accordant.runtime.simulated import SimulatedFirm, free_ports, simulated_firm
from accordant.runtime.supervisor import Supervisor, supervised
from accordant.runtime.tryton_firm import tryton_in_place
from accordant.runtime.tryton_server import TrytonHome
from accordant.simulators.firm import Firm as PlayedFirm
from accordant.simulators.firm.story import Story

JUDGE = Path(__file__).parents[3] / "tools" / "judge.py"
_PLAY_S = 135.0  # a headless demo ends by itself within three minutes, start and judgement included
_COUNTS = """
select (select count(*) from engagement_state where state = 'sold') as sold,
       (select count(*) from engagement_state where state = 'ready_to_bill' and status = 'reached') as active,
       (select count(*) from effect where operation = 'post_time' and state = 'done') as lines,
       (select count(*) from run
        where flow = 'invoice-cycle' and state = 'done' and outcome ->> 'number' <> '') as invoices,
       (select count(*) from run where flow = 'payment-status' and state = 'done') as payments,
       (select count(*) from exception_case where state <> 'resolved') as cases,
       (select count(*) from run where state = 'running') as running,
       (select count(*) from time_claim) as claimed
"""


@dataclass(frozen=True)
class Plan:
    """What the demo shows."""

    erp: str = "netsuite"
    psa: str = "kantata"
    headless: bool = False
    engagements: int = 24
    lines: int = 5200
    seed: int = 7

    def play(self, today: str) -> PlayedFirm:
        """Return the firm that is played, as the simulated systems know it."""
        day = date.fromisoformat(today)
        return PlayedFirm.generate(self.seed, engagements=self.engagements, lines=self.lines, today=day)


@dataclass
class Result:
    """What came of it; `lost` and `doubled` are the judge's."""

    engagements: int = 0
    lines: int = 0
    invoices: int = 0
    payments: int = 0
    cases: int = 0
    money: dict[str, dict[str, str]] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0


def run_demo(plan: Plan, json_file: Path | None) -> int:
    """Run the demo; the exit code is 1 when the judge found something lost or doubled."""
    console = Console(stderr=True)
    settings = Settings(lease_s=10, workers=2, haste=10)
    settings = settings.model_copy(update={"data": Path("var") / f"demo-{settings.port}"})
    if plan.erp not in ("netsuite", "tryton") or plan.psa != "kantata":
        raise InvalidInput(
            f"This release has no demo with {plan.psa} and {plan.erp}.",
            remedy="ERP=netsuite or ERP=tryton; PSA=kantata.",
        )
    _require_free(settings)
    began = time.monotonic()
    console.print("[bold]Accordant demo[/]: starting the database and five simulated systems …")
    with open_place(settings, name=f"demo_{int(time.time())}") as place:
        size = ("--seed", str(plan.seed), "--engagements", str(plan.engagements), "--lines", str(plan.lines))
        arguments = (*size, "--hooks", f"http://{settings.host}:{settings.port}/hooks")
        ports = free_ports(settings.estate)
        with (
            simulated_firm(settings.estate, settings.data / "estate", arguments=arguments, ports=ports) as simulated,
            _erp(plan, settings, simulated) as firm,
        ):
            os.environ.update(firm.environment)
            ready = settings.model_copy(update={"estate": firm.estate})
            with supervised(ready, place, firm.environment) as supervisor:
                result = _perform(plan, ready, place, firm, supervisor, console)
                result.seconds = round(time.monotonic() - began, 1)
                _tell(result, json_file, console)
                if not plan.headless:
                    _stay(console, settings)
    return 1 if result.lost or result.doubled else 0


def _erp(plan: Plan, settings: Settings, firm: SimulatedFirm) -> AbstractContextManager[SimulatedFirm]:
    """Put a real Tryton in the ERP's place when the plan says so; nothing but the estate's configuration changes."""
    if plan.erp == "tryton":
        return tryton_in_place(TrytonHome(Path(".tryton")), settings.data / "tryton", firm, plan.play(firm.today))
    return nullcontext(firm)


def _perform(
    plan: Plan, settings: Settings, place: Place, firm: SimulatedFirm, supervisor: Supervisor, console: Console
) -> Result:
    for number in range(settings.workers):
        supervisor.worker(f"worker-{number + 1}")
    supervisor.doors()
    console.print(f"Open [bold]http://{settings.host}:{settings.port}[/] to watch it live.\n")
    database = Database(place.worker)
    try:
        show = _Show(plan, database, Desk(database, Firm.load(settings.estate).estate), supervisor)
        asyncio.run(show.play(firm))
        return _judged(show.result(), firm)
    finally:
        database.dispose()


class _Show:
    """The story, the people at the desk, and the bars that move."""

    def __init__(self, plan: Plan, database: Database, desk: Desk, supervisor: Supervisor) -> None:
        self._plan = plan
        self._database = database
        self._desk = desk
        self._supervisor = supervisor
        self._until = time.monotonic() + _PLAY_S

    async def play(self, firm: SimulatedFirm) -> None:
        """Play the firm's three months, bill each of them, let clients pay, and wait until all is at rest."""
        played = self._plan.play(firm.today)
        story = Story.at(played, firm.addresses, firm.logins)
        first = min((line.worked_on for line in played.lines), default=played.today)
        await self._ready()
        with _bars() as bars:
            desk = asyncio.create_task(self._keep_desk(bars))
            await story.play(0.0, patience_s=25.0)
            await self._rest("lines", quiet_s=2.0)
            for end in month_ends(first.replace(day=1) - timedelta(days=1), played.today):
                await asyncio.to_thread(self._desk.bill, end)
                await self._rest("invoices", quiet_s=1.0)
            await story.pay(0.5, looks=4)
            await self._rest("payments", quiet_s=3.0)
            desk.cancel()
            await asyncio.gather(desk, return_exceptions=True)
            self._draw(bars)
        await story.close()

    async def _ready(self) -> None:
        """Wait until a worker works: the clock of the story starts then."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with self._database.begin() as connection:
                if one(connection, "select count(*) n from executor where reaped_at is null").n:
                    break
            await asyncio.sleep(0.1)
        self._until = time.monotonic() + _PLAY_S

    async def _keep_desk(self, bars: Any) -> None:
        while True:
            await asyncio.to_thread(self._desk.approve_all)
            await asyncio.to_thread(self._desk.settle_matches)
            await asyncio.to_thread(self._supervisor.watch)
            self._draw(bars)
            await asyncio.sleep(0.25)

    async def _rest(self, what: str, *, quiet_s: float) -> None:
        """Wait until the count stands still and nothing runs, or until time is up."""
        before, since = -1, time.monotonic()
        while time.monotonic() < self._until:
            counts = await asyncio.to_thread(self._counts)
            if getattr(counts, what) != before or counts.running:
                before, since = getattr(counts, what), time.monotonic()
            elif time.monotonic() - since > quiet_s:
                return
            await asyncio.sleep(0.2)

    def _counts(self) -> Any:
        with self._database.begin() as connection:
            return one(connection, _COUNTS)

    def _draw(self, bars: Any) -> None:
        counts = self._counts()
        totals = {"sold": self._plan.engagements, "active": counts.sold, "lines": counts.claimed}
        for task in bars.tasks:
            name = task.fields["name"]
            value = getattr(counts, name)
            bars.update(task.id, completed=value, total=max(totals.get(name, value), value, 1))

    def result(self) -> Result:
        """Return what our own tables say."""
        counts = self._counts()
        with self._database.begin() as connection:
            money = rows(
                connection,
                """select entity, currency, sum(approved_m) a, sum(billed_m - credited_m) b from ledger_line
                   group by entity, currency order by entity, currency""",
            )
        from accordant.kernel import Money  # noqa: PLC0415

        return Result(
            engagements=counts.active,
            lines=counts.lines,
            invoices=counts.invoices,
            payments=counts.payments,
            cases=counts.cases,
            money={
                f"{row.entity} {row.currency}": {
                    "approved": str(Money.from_minor(int(row.a), row.currency).amount),
                    "billed": str(Money.from_minor(int(row.b), row.currency).amount),
                }
                for row in money
            },
        )


def _bars() -> Progress:
    bars = Progress(
        TextColumn("{task.description:>22}"),
        BarColumn(bar_width=44),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    for name, words in (
        ("sold", "deals won"),
        ("active", "projects activated"),
        ("lines", "time lines in the ERP"),
        ("invoices", "invoices posted"),
        ("payments", "payments told"),
        ("cases", "cases open"),
    ):
        bars.add_task(words, total=1, name=name)
    return bars


def _judged(result: Result, firm: SimulatedFirm) -> Result:
    """Let the judge compare the systems' own books."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(JUDGE), "--json", "--pending-ok", *firm.judge_arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        verdict = json.loads(done.stdout)
    except ValueError as error:
        raise InvalidInput(f"The judge gave no verdict: {done.stderr.strip()[-300:]}", code="judge.silent") from error
    result.lost, result.doubled = int(verdict["lost"]), int(verdict["doubled"])
    return result


def _tell(result: Result, json_file: Path | None, console: Console) -> None:
    if json_file is not None:
        text = json.dumps(result.__dict__, indent=2)
        if str(json_file) == "-":
            print(text)  # noqa: T201 - asked for on the screen
        else:
            json_file.write_text(text + "\n")
    console.print(
        f"\n[bold]{result.engagements}[/] engagements active, [bold]{result.lines:,}[/] lines in the ERP, "
        f"[bold]{result.invoices}[/] invoices posted, [bold]{result.payments}[/] payments told, "
        f"[bold]{result.cases}[/] cases wait for a person. {result.seconds:.0f} s."
    )
    for place, sums in result.money.items():
        console.print(f"  {place}: approved {sums['approved']}, billed {sums['billed']}")
    verdict = (
        "[green]lost 0, doubled 0[/]"
        if not (result.lost or result.doubled)
        else (f"[red]lost {result.lost}, doubled {result.doubled}[/]")
    )
    console.print(f"The judge, from the systems' own books: {verdict}")


def _require_free(settings: Settings) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((settings.host, settings.port)) == 0:
            raise InvalidInput(
                f"Something answers on {settings.host}:{settings.port} already.",
                code="demo.port_taken",
                remedy="Stop the other demo, or set ACCORDANT_PORT.",
            )


def _stay(console: Console, settings: Settings) -> None:
    console.print(f"\nThe console stays at http://{settings.host}:{settings.port}. Ctrl-C ends the demo.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping.")
