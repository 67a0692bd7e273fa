"""What lies outside the database: the key, and the file to which each seal is appended before it counts."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from accordant.kernel import InvalidInput
from accordant.platform.audit.chain import Seal

KEY_FILE = "audit.key"
SEAL_FILE = "audit-seals.jsonl"


def sealing_key(folder: Path) -> bytes:
    """Return the key of the seals in the data folder; made at the first call, readable by this user only.

    Raises:
        InvalidInput: seals exist and their key is gone, or others may read the key.
    """
    path = folder / KEY_FILE
    if not path.exists():
        if (folder / SEAL_FILE).exists():
            raise InvalidInput(
                f"The audit trail is sealed, and its key {path} is gone.",
                code="audit.key_missing",
                remedy="Put the key back from where you keep your secrets; a new key cannot verify the old seals.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        _write_key(path)
    if path.stat().st_mode & 0o077:
        raise InvalidInput(
            f"Others than its owner may read {path}.", code="audit.key_open", remedy=f"Run `chmod 600 {path}`."
        )
    return bytes.fromhex(path.read_text().strip())


def _write_key(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def read_seals(folder: Path) -> list[Seal]:
    """Return the seals of the file, oldest first; a half line at the end was never completed and does not count.

    Raises:
        InvalidInput: a line in the midst is no seal.
    """
    path = folder / SEAL_FILE
    if not path.exists():
        return []
    *complete, _ = path.read_text().split("\n")
    seals = []
    for number, line in enumerate(complete, 1):
        try:
            seals.append(Seal(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"Line {number} of {path} is no seal.",
                code="audit.seal_file",
                remedy="Restore the file from where its copies are kept, then verify again.",
            ) from error
    return seals


def last_seal(folder: Path) -> Seal | None:
    """Return the newest seal of the file, without reading the rest; None before the first."""
    path = folder / SEAL_FILE
    lines = _tail(path).split(b"\n")[:-1] if path.exists() else []
    return Seal(**json.loads(lines[-1])) if lines else None


def append_seal(folder: Path, seal: Seal) -> None:
    """Append one seal; it is on the disk when this returns."""
    path = folder / SEAL_FILE
    with path.open("r+b" if path.exists() else "w+b") as file:
        half_line = _tail(path).rpartition(b"\n")[2]  # a crash in the midst of a line: it was never completed
        file.seek(-len(half_line), os.SEEK_END)
        file.truncate()
        file.write(seal.as_line().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _tail(path: Path, size: int = 4096) -> bytes:
    """Return the end of the file: a few lines, of which the first may be cut."""
    with path.open("rb") as file:
        file.seek(-min(size, path.stat().st_size), os.SEEK_END)
        return file.read()
