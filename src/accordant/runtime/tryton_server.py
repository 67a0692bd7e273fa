"""A real Tryton server beside the product: a process of its own, on loopback, over its own copy of a database.

Tryton is free software under the GPL; it lives in an environment of its own (`make tryton`) and is never imported.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from accordant.kernel import NotFound, Unavailable

_READY_S = 40.0
_PAUSE_S = 0.05
_HINT = "Run `make tryton` once; it takes about a minute."


@dataclass(frozen=True)
class TrytonHome:
    """What `make tryton` has built.

    Args:
        folder: `.tryton`.
    """

    folder: Path

    def require(self) -> TrytonHome:
        """Return self; NotFound when nothing is built there."""
        if not self.template.exists() or not self.program.exists():
            raise NotFound(f"There is no Tryton in {self.folder}.", code="tryton.not_installed", remedy=_HINT)
        return self

    @property
    def program(self) -> Path:
        """The server."""
        return self.folder / "venv/bin/trytond"

    @property
    def template(self) -> Path:
        """A database with the modules and nothing else."""
        return self.folder / "template.sqlite"

    @property
    def version(self) -> str:
        """What tells one build from another."""
        return (self.folder / "built").read_text(encoding="utf-8")

    @property
    def admin_password(self) -> str:
        """The password of the user `admin` in every copy of the template."""
        return (self.folder / "admin-password").read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class TrytonServer:
    """A running server.

    Attributes:
        url: `http://127.0.0.1:8406`.
        database: the name of its one database.
        file: the database.
        log: what the server says.
        process: stop it through `tryton_server`.
    """

    url: str
    database: str
    file: Path
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def tryton_server(
    home: TrytonHome, folder: Path, *, port: int, source: Path | None = None, database: str = "firm"
) -> Iterator[TrytonServer]:
    """Serve a fresh copy of a database until the block ends.

    Args:
        home: what `make tryton` has built.
        folder: for the copy, the configuration and the log; made when missing.
        port: on loopback.
        source: the database to copy; the empty template by default.
        database: its name.

    Raises:
        NotFound: `tryton.not_installed`.
        Unavailable: `tryton.not_ready`, with the end of the log.
    """
    home.require()
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / f"{database}.sqlite", folder / "server.log"
    for leftover in folder.glob(f"{file.name}*"):  # a journal of another database would be replayed into the copy
        leftover.unlink()
    shutil.copyfile(source or home.template, file)
    conf = folder / "trytond.conf"
    conf.write_text(
        f"[database]\nuri = sqlite://\npath = {folder.resolve()}\n[web]\nlisten = 127.0.0.1:{port}\n", encoding="utf-8"
    )
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - the program that `make tryton` installed
            [home.program.resolve(), "-c", conf, "-d", database],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = TrytonServer(f"http://127.0.0.1:{port}", database, file, log, process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: TrytonServer) -> None:
    """Wait until the server knows its database: an unknown user is then refused instead of failing."""
    call = {"id": 1, "method": "common.db.login", "params": ["nobody", {"password": ""}]}
    until = time.monotonic() + _READY_S
    with httpx2.Client(timeout=_READY_S) as client:
        while time.monotonic() < until and server.process.poll() is None:
            try:
                answer = client.post(f"{server.url}/{server.database}/rpc/", json=call)
            except httpx2.TransportError:
                time.sleep(_PAUSE_S)
                continue
            if answer.status_code == httpx2.codes.UNAUTHORIZED:
                return
            time.sleep(_PAUSE_S)
    said = server.log.read_text(encoding="utf-8", errors="replace")[-1500:]
    raise Unavailable(
        "The Tryton server did not start.",
        code="tryton.not_ready",
        remedy="Read the end of its log; the port may be in use.",
        detail={"log": json.dumps(said)},
    )
