"""Serve a simulated firm as a process of its own: `python -m accordant.simulators.firm --seed 7`.

The first line on the standard output is JSON: addresses, environment, settings and the people's logins.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from accordant.simulators.firm.estate import ADDRESSES, SimulatedEstate, choose, read_addresses
from accordant.simulators.firm.firm import Firm


def main(arguments: list[str] | None = None) -> None:
    """Build the firm, say how to reach it, and serve it until interrupted."""
    given = _parser().parse_args(arguments)
    firm = Firm.generate(given.seed, engagements=given.engagements, lines=given.lines)
    estate = SimulatedEstate(firm, _addresses(given))
    if given.hooks:
        estate.ring(given.hooks)
    said = {
        "addresses": estate.addresses,
        "environment": estate.environment,
        "settings": estate.settings,
        "logins": estate.logins,
        "today": firm.today.isoformat(),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(estate.serve())


def _parser() -> argparse.ArgumentParser:
    names = ",".join(ADDRESSES)
    parser = argparse.ArgumentParser(prog="python -m accordant.simulators.firm", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engagements", type=int, default=24)
    parser.add_argument("--lines", type=int, default=5200, help="lines of time")
    parser.add_argument("--systems", default=names, help=f"which ones to play, of {names}")
    parser.add_argument("--ports", help="one for each system, in the same order")
    parser.add_argument("--hooks", help="where notifications go, each system to `<address>/<system>`")
    parser.add_argument("--estate", type=Path, help="an estate file: serve what it calls simulated, where it says")
    return parser


def _addresses(given: argparse.Namespace) -> dict[str, str]:
    if given.estate:
        return read_addresses(given.estate)
    systems = given.systems.split(",")
    ports = [int(port) for port in given.ports.split(",")] if given.ports else range(8401, 8401 + len(systems))
    return choose(systems, list(ports))


if __name__ == "__main__":
    main()
