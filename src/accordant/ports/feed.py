"""How a port hands over what it read: observations, in pages, with a watermark to go on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from accordant.canonical import CanonicalModel
from accordant.kernel import ExternalId

T = TypeVar("T", bound=CanonicalModel)


@dataclass(frozen=True, slots=True)
class Observation(Generic[T]):
    """One record as a system shows it now.

    `body` is canonical, but its id and references still hold the text of external ids; intake resolves them.

    Args:
        ref: the record in its system.
        body: the mapped object; None when the record was deleted there (a tombstone).
        changed_at: the vendor's own instant of the last change.
        unknown: vendor fields that the mapping does not know (drift).
    """

    ref: ExternalId
    body: T | None
    changed_at: datetime
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One notification of a vendor: which record to read; `delivery_id` stays the same when it rings again."""

    delivery_id: str
    ref: ExternalId


@dataclass(frozen=True, slots=True)
class FeedPage(Generic[T]):
    """One page of a feed.

    Args:
        observations: in the order of change, oldest first; the same record may come again (overlap).
        watermark: hand it back to go on; opaque, JSON text.
        more: whether another page is there already.
        raw: the page's bytes as they came, kept once for evidence.
    """

    observations: tuple[Observation[T], ...]
    watermark: str
    more: bool = False
    raw: bytes = field(default=b"", repr=False)
