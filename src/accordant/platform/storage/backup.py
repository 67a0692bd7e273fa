"""Backup and restore of one database, with PostgreSQL's own programs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url

from accordant.kernel import InvalidInput
from accordant.platform.storage.embedded import run_tool


def _plain(url: URL | str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def backup(url: URL | str, target: Path) -> Path:
    """Write a consistent copy of the database to one file, while workers go on."""
    run_tool("pg_dump", "--format=custom", f"--file={target}", _plain(url))
    return target


def restore(url: URL | str, source: Path) -> None:
    """Fill an empty database from a backup; InvalidInput when the file is missing or unreadable."""
    if not source.exists():
        raise InvalidInput(f"There is no backup at {source}.", code="storage.backup_missing")
    run_tool("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={_plain(url)}", str(source))
