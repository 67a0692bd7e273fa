"""Hits, the trace of the best one, and the lineage behind it, as a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from accordant.console import words
from accordant.console.visit import Visit
from accordant.insight.search import Hit, find
from accordant.insight.trace import Hop, InvoiceLines, Lineage, hops, invoice_lines, lineage
from accordant.kernel import Money

_NEEDS = {
    "engagement": "engagements:read",
    "line": "billing:read",
    "invoice": "billing:read",
    "payment": "billing:read",
    "case": "cases:read",
    "approval": "approvals:read",
    "run": "runs:read",
    "worker": "people:read",
}
_MOVES = {
    "approve": "approved",
    "adjust": "corrected",
    "price": "priced",
    "hold": "held",
    "release": "released",
    "draft": "drafted",
    "undraft": "taken off the draft",
    "post": "billed",
    "credit": "credited",
    "relieve": "relieved",
    "write_down": "written down",
    "write_off": "written off",
}
_LINES_SHOWN = 50


@dataclass(frozen=True)
class Found:
    """One hit with where it leads; money only for who reads billing."""

    kind: str
    title: str
    detail: str
    href: str
    money: Money | None


@dataclass(frozen=True)
class Station:
    """One hop of the trace; `is_slow` marks the longest one."""

    name: str
    role: str
    when: str
    took: str
    share: float
    proof: str
    is_slow: bool


@dataclass(frozen=True)
class Entry:
    """One journal entry of a line."""

    when: str
    what: str
    quantity: str
    amount: Money
    document: str
    cause: str


@dataclass(frozen=True)
class Shown:
    """The page: hits, and the trace of the engagement that the best of them belongs to."""

    hits: tuple[Found, ...]
    engagement: str
    title: str
    stations: tuple[Station, ...]
    whole: str
    lineage: Lineage | None
    entries: tuple[Entry, ...]
    invoice: InvoiceLines | None
    shares: tuple[tuple[str, str, Money], ...]


def search(connection: Connection, visit: Visit, text: str) -> Shown:
    """Find, and trace the best hit when it is clear which engagement is meant."""
    hits = _readable(connection, visit, text)
    best = _best(hits)
    chain = _chain(connection, visit, best)
    behind = lineage(connection, best.id) if best and best.kind == "line" else None
    invoice = invoice_lines(connection, best.id) if best and best.kind == "invoice" else None
    return Shown(
        hits=tuple(_found(hit, visit) for hit in hits),
        engagement=best.engagement if best else "",
        title=best.title if best else "",
        stations=_stations(chain, visit),
        whole=words.span(chain[-1].at - chain[0].at) if len(chain) > 1 else "",
        lineage=behind,
        entries=_entries(behind, visit) if behind else (),
        invoice=invoice,
        shares=invoice.shares[:_LINES_SHOWN] if invoice else (),
    )


def evidence(connection: Connection, visit: Visit, text: str) -> dict[str, Any]:
    """Return what the page shows, whole, for a file."""
    hits = _readable(connection, visit, text)
    best = _best(hits)
    behind = lineage(connection, best.id) if best and best.kind == "line" else None
    invoice = invoice_lines(connection, best.id) if best and best.kind == "invoice" else None
    return {
        "asked": text,
        "read_at": visit.now.isoformat(),
        "read_by": visit.actor.id,
        "entities": [entity.id for entity in visit.entities],
        "found": [asdict(hit) for hit in hits],
        "trace": [asdict(hop) for hop in _chain(connection, visit, best)],
        "lineage": asdict(behind) if behind else None,
        "invoice": asdict(invoice) if invoice else None,
    }


def _readable(connection: Connection, visit: Visit, text: str) -> tuple[Hit, ...]:
    """Return the hits of the kinds that the person's roles may read."""
    return tuple(hit for hit in find(connection, text) if visit.may(_NEEDS[hit.kind]))


def _best(hits: Sequence[Hit]) -> Hit | None:
    """Return the hit to trace: the first, when all hits belong to one engagement or it is the only exact one."""
    if not hits:
        return None
    exact = next((hit for hit in hits if hit.kind in ("line", "invoice", "payment")), hits[0])
    engagements = {hit.engagement for hit in hits if hit.engagement}
    return exact if len(engagements) == 1 else None


def _chain(connection: Connection, visit: Visit, best: Hit | None) -> tuple[Hop, ...]:
    if best is None or not best.engagement or not visit.may("engagements:read"):
        return ()
    return hops(connection, best.engagement, _invoice_of(connection, best))


def _invoice_of(connection: Connection, best: Hit) -> str | None:
    """Return the invoice that the hit names or stands on, to follow that one to its payment."""
    if best.kind == "line":
        billed = lineage(connection, best.id).billed
        return billed[-1].invoice_id if billed else None
    return best.id if best.kind == "invoice" else None


def _found(hit: Hit, visit: Visit) -> Found:
    addresses = {
        "engagement": f"/engagements/{hit.id}",
        "case": f"/cases/{hit.id}",
        "run": f"/runs/{hit.id}",
        "approval": f"/approvals#{hit.id}",
    }
    return Found(
        kind=words.readable(hit.kind),
        title=hit.title,
        detail=hit.detail,
        href=addresses.get(hit.kind, f"/search?q={hit.id}"),
        money=hit.money if visit.may("billing:read") else None,
    )


def _stations(chain: Sequence[Hop], visit: Visit) -> tuple[Station, ...]:
    slowest = max((hop.took for hop in chain if hop.took), default=timedelta(0))
    return tuple(
        Station(
            name=hop.name,
            role=hop.role,
            when=words.moment(hop.at, visit.zone),
            took=words.span(hop.took) if hop.took is not None else "",
            share=round(hop.took / slowest * 100, 1) if hop.took and slowest else 0,
            proof=hop.proof,
            is_slow=hop.took is not None and hop.took == slowest and slowest > timedelta(hours=1),
        )
        for hop in chain
    )


def _entries(behind: Lineage, visit: Visit) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            when=words.moment(entry.at, visit.zone),
            what=words.readable(_MOVES[entry.kind]),
            quantity=words.number(entry.quantity, 2),
            amount=entry.amount,
            document=entry.document_ref or entry.invoice_id or "",
            cause=entry.cause,
        )
        for entry in behind.entries
    )
