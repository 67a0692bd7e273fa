"""The arithmetic of the seals: keyed hashes of rows, their Merkle root, and the chain of roots."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from accordant.platform.storage import rows

START = "0" * 64
"""What the first seal is chained to."""

_ROWS = """
select id, (extract(epoch from at) * 1000000)::bigint as at_us, entity, actor, action, subject, detail::text as detail
from audit where id between :first and :last order by id
"""


@dataclass(frozen=True, slots=True)
class Seal:
    """What is said of one batch of rows, in the database and outside.

    Args:
        batch: counts from 1 without gaps.
        first_id: follows the last batch's `last_id` at once: an id that was never used belongs to its batch as well.
        last_id: inclusive.
        rows: how many rows the batch had.
        root: Merkle root over their keyed hashes.
        chained: keyed hash of the previous seal's `chained` and all of the above.
        key: fingerprint of the key, so that a wrong key is not mistaken for a changed row.
    """

    batch: int
    first_id: int
    last_id: int
    rows: int
    root: str
    chained: str
    key: str

    @classmethod
    def of(cls, key: bytes, previous: Seal | None, last_id: int, leaves: Sequence[bytes]) -> Seal:
        """Seal the rows that follow the previous seal."""
        batch, first_id = (previous.batch + 1, previous.last_id + 1) if previous else (1, 1)
        root = merkle_root(leaves)
        link = chain(key, previous, batch, first_id, last_id, len(leaves), root)
        return cls(batch, first_id, last_id, len(leaves), root, link, fingerprint(key))

    def follows(self, key: bytes, previous: Seal | None) -> bool:
        """Tell whether this seal was made with the key, right after the previous one."""
        link = chain(key, previous, self.batch, self.first_id, self.last_id, self.rows, self.root)
        starts_at = previous.last_id + 1 if previous else 1
        return self.first_id == starts_at and hmac.compare_digest(self.chained, link)

    def as_line(self) -> str:
        """Return the line of the seal file."""
        return json.dumps(asdict(self))


def leaves_of(connection: Connection, key: bytes, first_id: int, last_id: int) -> list[bytes]:
    """Return the keyed hash of each row with an id in the range, in order."""
    return [_leaf(key, row) for row in rows(connection, _ROWS, first=first_id, last=last_id)]


def _leaf(key: bytes, row: Any) -> bytes:
    fields = [row.id, row.at_us, row.entity, row.actor, row.action, row.subject, row.detail]
    return hmac.digest(key, b"\x00" + json.dumps(fields).encode(), "sha256")


def merkle_root(leaves: Sequence[bytes]) -> str:
    """Return the root of a binary tree over the leaves; an odd node moves up unchanged."""
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0].hex() if level else START


def chain(key: bytes, previous: Seal | None, *facts: object) -> str:
    """Return the keyed hash that binds a batch to everything before it."""
    before = previous.chained if previous else START
    return hmac.digest(key, json.dumps([before, *facts]).encode(), "sha256").hex()


def fingerprint(key: bytes) -> str:
    """Return what tells keys apart without telling the key."""
    return hmac.digest(key, b"accordant audit key", "sha256").hex()[:12]
