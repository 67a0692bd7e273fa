"""Estates by content: the hash that a run stores, and the files behind it for a later retry.

Only the files that describe the firm belong in it; whatever else lies in the folder, secrets above all, does not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection

from accordant.kernel import NotFound
from accordant.platform.storage import execute, rows

SUFFIXES = frozenset({".csv", ".xlsx", ".yaml"})


def content_of(folder: Path) -> str:
    """Return the hash of the estate's files, names and bytes."""
    return _hash(_files(folder))


def store_snapshot(connection: Connection, folder: Path) -> str:
    """Keep the estate's files under their hash, once, and return the hash."""
    files = _files(folder)
    hash_ = _hash(files)
    execute(
        connection,
        """insert into estate_file (hash, path, body)
           select :hash, path, body from unnest(cast(:paths as text[]), cast(:bodies as bytea[])) as f(path, body)
           on conflict (hash, path) do nothing""",
        hash=hash_,
        paths=list(files),
        bodies=list(files.values()),
    )
    return hash_


def write_snapshot(connection: Connection, hash_: str, target: Path) -> None:
    """Write the files of a stored estate into an empty folder, ready for `load`; NotFound when it was never stored."""
    found = rows(connection, "select path, body from estate_file where hash = :h", h=hash_)
    if not found:
        raise NotFound(
            f"No estate with the hash {hash_[:12]} is kept here.",
            code="estate.unknown_snapshot",
            remedy="Reprocess on the current estate instead.",
        )
    for row in found:
        file = target / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(row.body)


def _files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    named = {file.relative_to(folder): file for file in found}
    return {
        path.as_posix(): named[path].read_bytes()
        for path in sorted(named)
        if not any(part.startswith(".") for part in path.parts)
    }


def _hash(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, body in files.items():
        digest.update(f"{path}\0{hashlib.sha256(body).hexdigest()}\n".encode())
    return digest.hexdigest()
