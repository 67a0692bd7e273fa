"""The commands, as a menu; the work is done in `runtime` and the rooms below."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from accordant.kernel import AccordantError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Accordant: every system agrees, from signed contract to collected cash.",
)
drill_app = typer.Typer(no_args_is_help=True, help="Break things on purpose and judge the books afterwards.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail.")
app.add_typer(drill_app, name="drill")
app.add_typer(audit_app, name="audit")

Json = Annotated[Path | None, typer.Option("--json", help="Write the result as JSON to this file; `-` for the screen.")]


def main() -> None:
    """Run a command; an error is told in one sentence with its remedy."""
    from accordant.platform.telemetry import configure_logging

    configure_logging()
    try:
        app(standalone_mode=False)
    except AccordantError as error:
        print(f"accordant: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"           {error.remedy}", file=sys.stderr)
        sys.exit(2)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        raise


@app.command()
def demo(
    *,
    erp: Annotated[str, typer.Option(help="netsuite (simulated) or tryton (a real one).")] = "netsuite",
    psa: Annotated[str, typer.Option(help="kantata.")] = "kantata",
    headless: Annotated[bool, typer.Option("--headless", help="Play the story, judge the books, end.")] = False,
    engagements: Annotated[int, typer.Option(help="How many deals are won.")] = 24,
    lines: Annotated[int, typer.Option(help="How many lines of time are logged.")] = 5200,
    seed: Annotated[int, typer.Option(help="Of the generated firm.")] = 7,
    json: Json = None,
) -> None:
    """Bring up a simulated firm and show its work, from won deals to paid invoices."""
    from accordant.runtime.demo import Plan, run_demo

    plan = Plan(erp=erp, psa=psa, headless=headless, engagements=engagements, lines=lines, seed=seed)
    sys.exit(run_demo(plan, json))


@app.command()
def check(estate: Annotated[Path, typer.Argument(help="Folder of the estate.")] = Path("estates/demo")) -> None:
    """Validate an estate without calling any system; every finding says where and what to do."""
    from accordant.runtime.checks import check_estate

    findings = check_estate(estate)
    for finding in findings:
        print(finding)
    print(f"{estate}: {'no findings' if not findings else f'{len(findings)} findings'}")
    sys.exit(1 if findings else 0)


@app.command()
def connectors() -> None:
    """Show what each connector may do, as its contract tests have shown, and what is missing for more."""
    from accordant.runtime.connections import CONNECTORS
    from accordant.runtime.permissions import standing_of

    for name in sorted(CONNECTORS):
        standing = standing_of(name)
        print(f"{name:12}{standing.permission}")
        for line in standing.missing:
            print(f"{'':12}missing: {line}")
        for reason in standing.not_applicable:
            print(f"{'':12}not applicable: {reason}")


@app.command()
def worker() -> None:
    """Run flows and read feeds until stopped; start as many as you like on one database."""
    from accordant.runtime.settings import Settings
    from accordant.runtime.worker import run_worker

    url = os.environ.get("ACCORDANT_WORKER_URL") or Settings().database_url
    if not url:
        print("accordant: a worker needs ACCORDANT_DATABASE_URL, or `accordant serve` to start it.", file=sys.stderr)
        sys.exit(2)
    asyncio.run(run_worker(Settings(), url))


@app.command()
def serve(
    *,
    attached: Annotated[
        bool, typer.Option("--attached", hidden=True, help="Only the doors; a supervisor has the rest.")
    ] = False,
) -> None:
    """Run the product: the embedded database unless one is given, workers, API and console."""
    from accordant.cli.serve import serve_all, serve_doors

    serve_doors() if attached else serve_all()


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(help="Of the generated firm.")] = 7,
    engagements: Annotated[int, typer.Option(help="Deals.")] = 24,
    lines: Annotated[int, typer.Option(help="Lines of time.")] = 5200,
    systems: Annotated[str, typer.Option(help="Comma-separated; all by default.")] = "",
) -> None:
    """Serve the simulated vendor systems alone, for connector authors."""
    from accordant.simulators.firm.__main__ import main as serve_firm

    chosen = ["--systems", systems] if systems else []
    serve_firm(["--seed", str(seed), "--engagements", str(engagements), "--lines", str(lines), *chosen])


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="File to write.")]) -> None:
    """Write a consistent copy of the database to one file, while the product goes on."""
    from accordant.platform.storage import backup as write
    from accordant.runtime.place import open_place
    from accordant.runtime.settings import Settings

    with open_place(Settings()) as place:
        write(place.owner, target)
    print(f"{target}: {target.stat().st_size:,} bytes")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="File that `accordant backup` wrote.")],
    name: Annotated[str, typer.Option(help="Database to fill; it must be empty.")] = "accordant_restored",
) -> None:
    """Fill an empty database from a backup."""
    from accordant.runtime.recovery import restore_into
    from accordant.runtime.settings import Settings

    counts = restore_into(Settings(), source, name)
    for table, count in counts.items():
        print(f"{table:24}{count:>12,}")


@audit_app.command("verify")
def audit_verify() -> None:
    """Recompute every sealed batch of the audit trail and compare it with the seals outside the database."""
    from accordant.platform.audit import sealing_key, verify
    from accordant.platform.storage import Database
    from accordant.runtime.place import open_place
    from accordant.runtime.settings import Settings

    settings = Settings()
    with open_place(settings) as place:
        found = verify(Database(place.worker), sealing_key(settings.data), settings.data)
    print(found)
    sys.exit(0 if found.is_intact else 1)


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="overhead, throughput, mapping, ledger, waiting, events.")
    ] = None,
    *,
    json: Json = None,
) -> None:
    """Measure speed and memory as ratios against the bare work in the same run."""
    from accordant.runtime.benches import run_benches

    run_benches(names or [], json)


@drill_app.command("crash")
def drill_crash(
    *,
    kills: Annotated[int, typer.Option(help="Workers to kill.")] = 40,
    seed: Annotated[int, typer.Option(help="Of firm and kills.")] = 1,
    without: Annotated[str, typer.Option(help="Switch protections off: lookup, intent, dedupe, lock, reaper.")] = "",
    engagements: Annotated[int, typer.Option(help="Deals won meanwhile.")] = 16,
    lines: Annotated[int, typer.Option(help="Lines of time logged meanwhile.")] = 400,
    points: Annotated[str, typer.Option(help="Only these placed points, comma-separated.")] = "",
    json: Json = None,
) -> None:
    """Kill workers with work in hand, then judge the systems' own books: lost 0, doubled 0."""
    import tempfile

    from accordant.platform.durable import POINTS
    from accordant.runtime.drill import CrashPlan, run_crash_drill

    chosen = tuple(points.split(",")) if points else POINTS
    plan = CrashPlan(kills, seed, without, engagements, lines, chosen)
    with tempfile.TemporaryDirectory(prefix="accordant-drill-") as data:
        Path(data).chmod(0o755)
        report = run_crash_drill(plan, Path(data))
    if json is not None and str(json) != "-":
        json.write_text(report.as_json() + "\n")
    print(report.as_json())
    sys.exit(1 if report.damage else 0)


if __name__ == "__main__":
    main()
