"""Run the gates side by side and print what failed: format, lint, types, ladder, unit tests. Under a minute."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent
QUICK = ("tests/unit/kernel", "tests/unit/process", "tests/architecture")
GATES = {
    "format": [BIN / "ruff", "format", "--check", "-q", "."],
    "lint": [BIN / "ruff", "check", "-q", "."],
    "types": [BIN / "mypy"],
    "ladder": [BIN / "lint-imports", "--config", "importlinter.toml", "--no-cache"],
    "unit tests": [sys.executable, "-m", "pytest", "-q", "-x", *QUICK],
}


def run(name: str) -> tuple[str, int, str, float]:
    """Run one gate and return its name, exit code, output and seconds."""
    began = time.monotonic()
    done = subprocess.run([str(a) for a in GATES[name]], cwd=ROOT, capture_output=True, text=True, check=False)
    return name, done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main() -> int:
    """Run every gate; 1 when any failed."""
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, GATES))
    for name, code, output, seconds in results:
        print(f"{'ok  ' if code == 0 else 'FAIL'} {name:12}{seconds:6.1f} s")
        if code:
            print(output)
    return int(any(code for _, code, _, _ in results))


if __name__ == "__main__":
    sys.exit(main())
