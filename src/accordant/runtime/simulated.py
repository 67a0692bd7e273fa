"""The simulated firm beside the product: its systems as a process of their own, and an estate that points to them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from accordant.kernel import InvalidInput


@dataclass(frozen=True)
class SimulatedFirm:
    """A running simulated firm.

    Attributes:
        estate: folder of an estate whose systems are the simulated ones.
        environment: secrets, under the names that the estate refers to.
        addresses: by system.
        logins: of the firm's own people, for the actors.
        today: the firm's day.
        judge_arguments: how the judge is told where the books are.
    """

    estate: Path
    environment: dict[str, str]
    addresses: dict[str, str]
    logins: dict[str, dict[str, str]]
    today: str
    process: subprocess.Popen[str]
    judge_arguments: tuple[str, ...] = ()


def free_ports(source: Path) -> tuple[int, ...]:
    """Return ports for the estate's simulated systems: its own, or free ones when any of these is taken."""
    systems = yaml.safe_load((source / "accordant.yaml").read_text(encoding="utf-8"))["systems"]
    wanted = [urlsplit(row["url"]).port or 0 for row in systems.values() if row.get("simulated")]
    if not any(_answers(port) for port in wanted):
        return tuple(wanted)
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in wanted]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def simulated_firm(
    source: Path,
    target: Path,
    *,
    arguments: tuple[str, ...] = (),
    ports: tuple[int, ...] = (),
    settings: dict[str, dict[str, Any]] | None = None,
) -> Iterator[SimulatedFirm]:
    """Start the simulated systems that an estate names and write an estate that knows them.

    Args:
        source: the estate's folder.
        target: where the completed estate is written.
        arguments: for the firm: `--seed`, `--engagements`, `--lines`, `--systems`.
        ports: other ports than the estate's, for tests side by side.
        settings: what the estate shall say besides, by system.
    """
    chosen = ("--ports", ",".join(map(str, ports))) if ports else ("--estate", str(source / "accordant.yaml"))
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "accordant.simulators.firm", *chosen, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        said = json.loads(process.stdout.readline()) if process.stdout else {}
        _wait(process, said["addresses"])
        _complete(source, target, said, settings or {})
        yield SimulatedFirm(
            target,
            said["environment"],
            said["addresses"],
            said["logins"],
            said["today"],
            process,
            judge_arguments=tuple(said["addresses"].values()),
        )
    finally:
        process.terminate()
        process.wait(timeout=10)


def complete_estate(source: Path, target: Path, said: dict[str, Any], process: subprocess.Popen[str]) -> None:
    """Write the estate of a simulated firm that somebody else started, once all its systems answer."""
    _wait(process, said["addresses"])
    _complete(source, target, said, {})


def _wait(process: subprocess.Popen[str], addresses: dict[str, str]) -> None:
    """Wait until every system answers; InvalidInput when the firm's process ended instead."""
    deadline = time.monotonic() + 30
    for address in addresses.values():
        while not _answers(urlsplit(address).port or 0):
            if process.poll() is not None or time.monotonic() > deadline:
                raise InvalidInput(
                    f"The simulated system at {address} did not start.",
                    code="simulated.not_started",
                    remedy="Look at the message above; a port of it may be taken.",
                )
            time.sleep(0.05)


def _complete(source: Path, target: Path, said: dict[str, Any], more: dict[str, dict[str, Any]]) -> None:
    """Copy the estate and add what only the running systems know: addresses, tenants, certificates."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    file = target / "accordant.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, system in document["systems"].items():
        if name in said["addresses"]:
            system["url"] = said["addresses"][name] + urlsplit(system["url"]).path
            system["settings"] = {**system.get("settings", {}), **said["settings"].get(name, {}), **more.get(name, {})}
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
