"""The firm's own people at Accordant's desk: they approve, answer cases, ask for bills; for demo, drills, scenarios."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import structlog

from accordant import cases
from accordant.governance import Actor, Estate
from accordant.kernel import AccordantError, ExternalId, Period
from accordant.platform.durable import Starter
from accordant.platform.storage import Database, rows
from accordant.process import Answers
from accordant.runtime.billing_calendar import start_cycles
from accordant.runtime.house import FLOWS

log = structlog.get_logger(__name__)


class Desk:
    """People who do what the product asks of them, through the same door as everybody: Answers.

    Args:
        database: as a worker sees it.
        estate: who may decide what.
    """

    def __init__(self, database: Database, estate: Estate) -> None:
        self._database = database
        self._estate = estate
        self._starter = Starter(database)
        self._answers = Answers(self._starter, FLOWS)
        self.done: Counter[str] = Counter()

    def approve_all(self, *, limit: int = 50) -> int:
        """Approve what waits, each by somebody who may; returns how many."""
        with self._database.begin() as connection:
            waiting = rows(
                connection,
                "select id, view_hash, role, entity from approval where state = 'open' order by asked_at limit :limit",
                limit=limit,
            )
        return sum(self._approve(row.id, row.view_hash, row.role, row.entity) for row in waiting)

    def _approve(self, approval_id: str, view_hash: str, role: str, entity: str) -> bool:
        for actor in self._estate.access.actors_in(role, entity):
            try:
                with self._database.begin() as connection:
                    self._answers.decide(
                        connection, approval_id, actor=actor, decision=cases.Decision.APPROVE, view_hash=view_hash
                    )
            except AccordantError:
                continue  # this person may not: over the limit, or not in the entity
            self.done["approved"] += 1
            return True
        return False

    def retry_cases(self, *codes: str, older_than_s: float = 0.0) -> int:
        """Let the runs of open cases with these codes try again; returns how many."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        with self._database.begin() as connection:
            found = rows(
                connection,
                """select id, role, entity from exception_case
                   where state = 'open' and seen_at < :before and (:any or code = any(:codes))""",
                before=before,
                codes=list(codes),
                any=not codes,
            )
        return sum(self._retry(row.id, row.role, row.entity) for row in found)

    def _retry(self, case_id: str, role: str, entity: str) -> bool:
        answer = cases.Retry(reason="Looked at it; the cause is gone.", root_cause=cases.RootCause.SYSTEM_DOWN)
        actor = self._somebody(role, entity)
        if actor is None:
            return False
        return self._answer(case_id, answer, actor, "retried")

    def settle_matches(self) -> int:
        """Let the steward name or merge the first candidate wherever a client may be known already."""
        with self._database.begin() as connection:
            found = rows(
                connection,
                """select id, role, entity, details from exception_case
                   where state = 'open' and code = 'customer.ambiguous'""",
            )
        return sum(self._name(row.id, row.role, row.entity, row.details) for row in found)

    def _name(self, case_id: str, role: str, entity: str, details: dict[str, str]) -> bool:
        actor = self._somebody(role, entity)
        if actor is None:
            return False
        why = {"reason": "It is the same client.", "root_cause": cases.RootCause.DUPLICATE}
        answer: cases.Resolution
        if details["same_as"]:
            answer = cases.AddMapping(
                table="customer", key=details["customer"], value=details["same_as"].split(", ")[0], **why
            )
        else:
            ref = ExternalId.parse(details["candidates"].split(", ")[0])
            answer = cases.DoneByHand(external_id=ref, **why)
        return self._answer(case_id, answer, actor, "matched")

    def _answer(self, case_id: str, answer: cases.Resolution, actor: Actor, done: str) -> bool:
        try:
            with self._database.begin() as connection:
                self._answers.resolve(connection, case_id, answer, actor=actor)
        except AccordantError as error:
            log.info("desk.refused", case=case_id, code=error.code)
            return False
        self.done[done] += 1
        return True

    def _somebody(self, role: str, entity: str) -> Actor | None:
        return next(iter(self._estate.access.actors_in(role, entity)), None)

    def bill(self, until_on: date) -> int:
        """Ask for the invoices of every engagement up to a day; returns how many cycles began."""
        with self._database.begin() as connection:
            began = len(start_cycles(connection, self._starter, FLOWS, until_on))
        self.done["cycles"] += began
        return began


def month_ends(first: date, last: date) -> list[date]:
    """Return the last days of the months from one day to another; the last day itself ends the list."""
    ends, day = [], first
    while (end := Period.month_of(day).end_on) < last:
        ends.append(end)
        day = end + timedelta(days=1)
    return [*ends, last]
