"""Run the benches of this checkout one after the other and put their figures into one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from accordant.kernel import InvalidInput

FOLDER = Path(__file__).parents[3] / "bench"
BENCHES = ("overhead", "throughput", "mapping", "ledger", "waiting", "events")


def run_benches(names: list[str], target: Path | None) -> None:
    """Run the named benches, all when none is named; one that fails is told and ends the run."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown or not FOLDER.exists():
        raise InvalidInput(
            f"There is no bench called {', '.join(unknown)}." if unknown else "Benches run from a checkout only.",
            code="bench.unknown",
            remedy=f"There are: {', '.join(BENCHES)}.",
        )
    console, figures = Console(stderr=True), dict[str, Any]()
    for name in names or BENCHES:
        with console.status(f"bench {name} …"):
            done = subprocess.run(  # noqa: S603 - our own programs
                [sys.executable, FOLDER / f"{name}.py"], capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise InvalidInput(f"The bench {name} failed: {done.stderr.strip()[-600:]}", code="bench.failed")
        said = json.loads(done.stdout)
        figures[name] = said.get(name, said)
        console.print(f"[bold]{name}[/] {json.dumps(figures[name])}")
    text = json.dumps(figures, indent=2)
    if target is not None and str(target) != "-":
        target.write_text(text + "\n")
    else:
        print(text)  # noqa: T201 - the command's answer
