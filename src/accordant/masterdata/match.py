"""Match before create: is this customer one we know, perhaps one, or a new one (R-MDM-03)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from sqlalchemy import Connection

from accordant.canonical import Customer
from accordant.kernel import canonical_json, new_id
from accordant.masterdata.alias import current_ids
from accordant.masterdata.customer_key import CustomerKey, key_of
from accordant.platform.storage import execute, maybe, rows

NAMES_ALIKE = 88
"""Similarity (0–100, word order ignored) from which two names may be one client's."""
NAMES_APART = 60
"""Similarity under which one tax number on two names is a question, not an answer: groups share numbers."""


@dataclass(frozen=True, slots=True)
class Same:
    """It is this customer; `by` says what proves it: `vat` or `lei`, or `merge` when a person said so."""

    id: str
    by: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """It may be one of these and nobody may guess: a steward decides. `questions` are ids of the queue."""

    ids: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nothing like it is known: create it."""


MatchResult = Same | Candidates | NoMatch


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two records compare. `proof` is set when they are surely one; else `reasons` say why they may be."""

    proof: str
    score: int
    reasons: tuple[str, ...]


def match(connection: Connection, customer: Customer) -> MatchResult:
    """Look for the same client among all customers, and remember this one.

    Serialized per match key until the transaction ends: of two transactions that bring the same new client, the
    second sees the first. A customer that was here before is never `Same` by proof alone: it has a life of its own,
    so a person merges it. A pair that a steward rejected is not asked about again.

    Cost: four queries; names are compared with all customers of the same country.
    """
    mine = key_of(customer)
    for lock in mine.locks:
        execute(connection, "select pg_advisory_xact_lock(hashtextextended(:k, 0))", k=f"masterdata.match/{lock}")
    is_established = maybe(connection, "select 1 from customer_key where id = :i", i=mine.id) is not None
    _remember(connection, mine, customer.parent_id)
    alike, now = _alike(connection, mine)
    if now[mine.id] != mine.id:
        return Same(now[mine.id], "merge")
    proven = {now[other.id]: verdict.proof for other, verdict in alike if verdict.proof}
    if len(proven) == 1 and not is_established:
        ((id, proof),) = proven.items()
        return Same(id, proof)
    if not alike:
        return NoMatch()
    questions = _ask(connection, mine, alike)
    return Candidates(tuple(sorted({now[other.id] for other, _ in alike})), questions)


def compare(mine: CustomerKey, other: CustomerKey) -> Verdict | None:
    """Compare two customers; None when nothing says that they are one."""
    alike = int(fuzz.token_sort_ratio(mine.name, other.name)) if mine.name and other.name else 0
    vat_differs = mine.vat_valid and other.vat_valid and mine.vat[:2] == other.vat[:2] and mine.vat != other.vat
    lei_differs = bool(mine.lei and other.lei and mine.lei != other.lei)
    if mine.lei and mine.lei == other.lei:
        return Verdict("", 95, ("same LEI, different tax numbers",)) if vat_differs else Verdict("lei", 100, ("LEI",))
    if mine.vat and mine.vat == other.vat:
        doubts = _doubts(mine, alike, lei_differs=lei_differs)
        return Verdict("", 90, doubts) if doubts else Verdict("vat", 100, ("tax number",))
    elsewhere = mine.country and other.country and mine.country != other.country
    if alike < NAMES_ALIKE or elsewhere or vat_differs or lei_differs:
        return None
    where = f"in {mine.country}" if mine.country and other.country else "and one has no country"
    return Verdict("", alike, (f"names are {alike} % alike {where}",))


def _doubts(mine: CustomerKey, alike: int, *, lei_differs: bool) -> tuple[str, ...]:
    doubts = []
    if not mine.vat_valid:
        doubts.append("same tax number, which does not pass its country's check")
    if lei_differs:
        doubts.append("same tax number, different LEI: perhaps a tax group")
    if alike < NAMES_APART:
        doubts.append(f"same tax number, but names are only {alike} % alike")
    return tuple(doubts)


def _remember(connection: Connection, mine: CustomerKey, parent_id: str | None) -> None:
    execute(
        connection,
        """insert into customer_key (id, name, country, vat, vat_valid, lei, parent_id)
           values (:id, :name, :country, :vat, :valid, :lei, :parent)
           on conflict (id) do update set name = excluded.name, country = excluded.country, vat = excluded.vat,
             vat_valid = excluded.vat_valid, lei = excluded.lei, parent_id = excluded.parent_id""",
        id=mine.id,
        name=mine.name,
        country=mine.country,
        vat=mine.vat,
        valid=mine.vat_valid,
        lei=mine.lei,
        parent=parent_id,
    )


def _alike(connection: Connection, mine: CustomerKey) -> tuple[list[tuple[CustomerKey, Verdict]], dict[str, str]]:
    """Return the known customers that compare, without those decided or merged with this one; and all current ids."""
    found = rows(
        connection,
        """select k.id, k.name, k.country, k.vat, k.vat_valid, k.lei from customer_key k
           where k.id <> :id
             and (k.country in (:country, '') or :country = '' or k.vat = nullif(:vat, '') or k.lei = nullif(:lei, ''))
             and not exists (select from match_candidate c where c.state = 'rejected'
                             and c.left_id = least(k.id, :id) and c.right_id = greatest(k.id, :id))""",
        id=mine.id,
        country=mine.country,
        vat=mine.vat,
        lei=mine.lei,
    )
    others = [CustomerKey(*row) for row in found]
    verdicts = [(other, verdict) for other in others if (verdict := compare(mine, other))]
    now = current_ids(connection, [mine.id, *(other.id for other, _ in verdicts)])
    return [(other, verdict) for other, verdict in verdicts if now[other.id] != now[mine.id]], now


def _ask(connection: Connection, mine: CustomerKey, alike: Sequence[tuple[CustomerKey, Verdict]]) -> tuple[str, ...]:
    """Put the pairs into the steward's queue, once each, and return their ids there."""
    questions = []
    for other, verdict in alike:
        left, right = sorted((mine.id, other.id))
        asked = rows(
            connection,
            """insert into match_candidate (id, left_id, right_id, score, reasons)
               values (:id, :l, :r, :score, cast(:reasons as json))
               on conflict (left_id, right_id) do update
                 set score = excluded.score, reasons = excluded.reasons, state = 'open'
               returning id""",
            id=new_id("mat"),
            l=left,
            r=right,
            score=verdict.score,
            reasons=canonical_json(verdict.reasons),
        )
        questions.append(str(asked[0].id))
    return tuple(questions)
