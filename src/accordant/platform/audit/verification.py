"""Verifying the audit trail against the seals outside the database, from the first batch to the first broken one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import InvalidInput
from accordant.platform.audit.chain import Seal, fingerprint, leaves_of, merkle_root
from accordant.platform.audit.seal_file import read_seals
from accordant.platform.storage import Database, one, rows


@dataclass(frozen=True, slots=True)
class Broken:
    """The first batch that does not hold, the ids it covers (both inclusive), and in which way it does not."""

    batch: int
    first_id: int
    last_id: int
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found: `batches` and `rows` that hold, `unsealed` rows after the last seal, the first break."""

    batches: int
    rows: int
    unsealed: int
    broken: Broken | None = None

    @property
    def is_intact(self) -> bool:
        """Whether every seal holds."""
        return self.broken is None


def verify(database: Database, key: bytes, folder: Path) -> Verification:
    """Recompute every batch and compare it with the seals in the file and in the database.

    The file has the last word: a chain that was recomputed inside the database does not match it.

    Raises:
        InvalidInput: the file is no seal file, or was sealed with another key.
    """
    outside = {seal.batch: seal for seal in read_seals(folder)}
    _require_key(key, outside)
    with database.begin() as connection:
        inside = {row.batch: row for row in rows(connection, "select * from audit_seal order by batch")}
        count, previous = 0, None
        batches = range(1, max([*outside, *inside], default=0) + 1)
        for batch in batches:
            broken = _break(connection, key, previous, batch, outside, inside)
            if broken:
                return Verification(batch - 1, count, 0, broken)
            previous = outside[batch]
            count += previous.rows
        unsealed = one(
            connection, "select count(*) as n from audit where id > :last", last=previous.last_id if previous else 0
        ).n
    return Verification(len(batches), count, unsealed)


def _require_key(key: bytes, outside: dict[int, Seal]) -> None:
    last = outside[max(outside)] if outside else None
    if last and last.key != fingerprint(key):
        raise InvalidInput(
            "The audit trail was sealed with another key.",
            code="audit.other_key",
            remedy="Use the key that lies beside the seal file of this installation.",
        )


def _break(
    connection: Connection,
    key: bytes,
    previous: Seal | None,
    batch: int,
    outside: dict[int, Seal],
    inside: dict[int, Any],
) -> Broken | None:
    """Say how a batch does not hold; None when it does."""
    seal, stored = outside.get(batch), inside.get(batch)
    if seal is None:
        first, last = _extent(previous, stored, [outside[b] for b in sorted(outside) if b > batch])
        return Broken(batch, first, last, "its seal is missing in the seal file")
    if not seal.follows(key, previous):
        return Broken(batch, seal.first_id, seal.last_id, "its line in the seal file was changed")
    found = leaves_of(connection, key, seal.first_id, seal.last_id)
    if merkle_root(found) != seal.root:
        why = (
            "a row was changed" if len(found) == seal.rows else f"{seal.rows} rows were sealed, {len(found)} are there"
        )
        return Broken(batch, seal.first_id, seal.last_id, why)
    # Only the very last seal may be missing inside: the file is written first, and the next sealing enters it again.
    if (stored is None and batch < max(outside)) or (stored is not None and _differ(seal, stored)):
        return Broken(batch, seal.first_id, seal.last_id, "its seal in the database is not the one in the seal file")
    return None


def _extent(previous: Seal | None, stored: Any | None, later: list[Seal]) -> tuple[int, int]:
    """Say which ids a seal must have covered that is not there."""
    first = previous.last_id + 1 if previous else 1
    if later:
        return first, later[0].first_id - 1
    return first, stored.last_id if stored else first


def _differ(seal: Seal, stored: Any) -> bool:
    return any(
        getattr(seal, name) != getattr(stored, name) for name in ("first_id", "last_id", "rows", "root", "chained")
    )
