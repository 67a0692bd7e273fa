"""The simulated firm beside the product: its systems as a process of their own, and an estate that points to them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


@dataclass(frozen=True)
class SimulatedFirm:
    """A running simulated firm.

    Attributes:
        estate: folder of an estate whose systems are the simulated ones.
        environment: secrets, under the names that the estate refers to.
        addresses: by system.
        logins: of the firm's own people, for the actors.
        today: the firm's day.
    """

    estate: Path
    environment: dict[str, str]
    addresses: dict[str, str]
    logins: dict[str, dict[str, str]]
    today: str
    process: subprocess.Popen[str]


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
        _complete(source, target, said, settings or {})
        yield SimulatedFirm(target, said["environment"], said["addresses"], said["logins"], said["today"], process)
    finally:
        process.terminate()
        process.wait(timeout=10)


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
