"""The way in: receive (verify, keep, answer), fetch (read it now, ourselves), accept (judge, record, announce).

Accept is one transaction without network. Every observation ends in exactly one of: applied, duplicate, echo,
superseded, refused (with a case), open, dead (R-RES-02).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from accordant import cases, masterdata
from accordant.canonical import CanonicalModel, Contract, Customer, Deal, DealStage, TimeEntry
from accordant.governance import Estate
from accordant.kernel import ExternalId
from accordant.platform.durable import Starter
from accordant.platform.events import Event, publish
from accordant.platform.storage import execute, rows
from accordant.ports import Observation
from accordant.process import records
from accordant.process.answers import take_questions_back
from accordant.process.flow import Accepted, Flow, FlowRegistry


@dataclass(frozen=True)
class Page:
    """Observations that arrived together, from one system's feed, and the raw page they were read from."""

    system: str
    role: str
    kind: str
    observations: Sequence[Observation[Any]]
    raw: bytes = b""
    mapping: str = ""


@dataclass
class Outcome:
    """What became of a page: the count of each ending, what was applied, which runs were started."""

    counts: Counter[str] = field(default_factory=Counter)
    applied: list[Accepted] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


@dataclass
class _Judged:
    """One observation after judgement."""

    observation: Observation[Any]
    id: str
    body: CanonicalModel | None
    ending: str
    before: records.Stored | None
    entity: str = ""
    hash: str = ""


class Intake:
    """Accepts observations into the canonical record and starts what they cause."""

    def __init__(self, estate: Estate, flows: FlowRegistry, starter: Starter) -> None:
        self._estate = estate
        self._starts = flows.started_by()
        self._starter = starter

    def accept(self, connection: Connection, pages: Sequence[Page]) -> Outcome:
        """Accept pages in one transaction, in the order given: what is referred to comes before what refers."""
        outcome = Outcome()
        for page in pages:
            ids = self._resolve(connection, page)
            judged = self._judge(connection, page, ids)
            self._record(connection, page, judged)
            if page.kind == "customer":
                self._match_customers(connection, judged)
            outcome.counts.update(j.ending for j in judged)
            outcome.applied += [_accepted(page, j) for j in judged if j.ending == "applied"]
            self._count(connection, page, Counter(j.ending for j in judged))
        self._announce(connection, outcome)
        return outcome

    def _resolve(self, connection: Connection, page: Page) -> dict[str, str]:
        """Return our id for every external id in the page; unknown ones are allocated."""
        model = records.KINDS[page.kind]
        marks = records.references(model)
        own = marks["id"]
        asked = [(o.ref, own.kind, own.prefix) for o in page.observations]
        for o in page.observations:
            if o.body is not None:
                for name, mark in marks.items():
                    text = getattr(o.body, name)
                    if name != "id" and text and "/" in text:
                        asked.append((ExternalId.parse(text), mark.kind, mark.prefix))
        return masterdata.resolve(connection, asked)

    def _judge(self, connection: Connection, page: Page, ids: Mapping[str, str]) -> list[_Judged]:
        known = records.load(connection, [ids[str(o.ref)] for o in page.observations])
        entities = _entities_above(connection, page, ids)
        judged = []
        for o in page.observations:
            j = self._judge_one(connection, page, o, ids, known)
            j.entity = j.entity or entities.get(_above(j.body), "")
            if j.ending == "applied" and j.body is not None:
                known[j.id] = records.Stored(page.kind, j.id, j.entity, 0, j.hash, o.changed_at, j.body)
            judged.append(j)
        return judged

    def _judge_one(
        self,
        connection: Connection,
        page: Page,
        o: Observation[Any],
        ids: Mapping[str, str],
        known: Mapping[str, records.Stored],
    ) -> _Judged:
        id = ids[str(o.ref)]
        before = known.get(id)
        if o.body is None:
            ending = "applied" if before is not None and not before.is_deleted else "duplicate"
            return _Judged(o, id, before.body if before else None, ending, before, before.entity if before else "", "")
        body = _with_our_ids(o.body, ids)
        digest = records.hash_of(body)
        if before is not None:
            if before.hash == digest:
                return _Judged(o, id, body, "duplicate", before)
            if o.changed_at < before.changed_at or _is_second_record(connection, page, o.ref, id):
                return _Judged(o, id, body, "superseded", before)
        return self._judge_ownership(
            connection, page, _Judged(o, id, body, "applied", before, _entity_of(body), digest)
        )

    def _judge_ownership(self, connection: Connection, page: Page, j: _Judged) -> _Judged:
        """Refuse what the system does not own; its own fields are taken (R-SOR-02, R-SOR-07)."""
        if j.body is None:
            return j
        before = j.before.body if j.before else None
        judgement = self._estate.ownership.judge(
            page.kind, before, j.body, roles=page.role, entity=j.entity, on=j.observation.changed_at.date()
        )
        if not judgement.refused:
            return j
        self._refuse(connection, page, j, judgement)
        merged = judgement.merged()
        if before is not None and records.hash_of(merged) == records.hash_of(before):
            j.ending = "refused"
        else:
            j.body, j.hash = merged, records.hash_of(merged)
        return j

    def _refuse(self, connection: Connection, page: Page, j: _Judged, judgement: Any) -> None:
        names = ", ".join(sorted(r.field for r in judgement.refused))
        owner = next(iter(judgement.refused)).owner
        case = cases.Case(
            code="ownership.violation",
            sentence=f"{page.system} changed {names} of a {page.kind.replace('_', ' ')}, which the {owner} owns.",
            remedy=f"Change it in the {owner}, or change the ownership row.",
            stage=cases.Stage.MASTER_DATA,
            role=self._estate.ownership.steward(page.kind),
            cause_key=f"ownership:{page.system}:{page.kind}:{names}",
            subject=j.id,
            entity=j.entity,
            actions=(cases.Action.DISMISS,),
            details={"fields": names, "system": page.system, "record": str(j.observation.ref)},
        )
        cases.open_case(connection, case, at=datetime.now(UTC))

    def _record(self, connection: Connection, page: Page, judged: Sequence[_Judged]) -> None:
        applied = [j for j in judged if j.ending == "applied" and j.body is not None]
        blob = _keep_raw(connection, page) if page.raw and applied else None
        latest: dict[str, tuple[int, _Judged]] = {}
        for position, j in enumerate(applied):
            latest[j.id] = (position, j)
        entries = [
            records.Entry(
                kind=page.kind,
                id=j.id,
                entity=j.entity,
                body=j.body,  # type: ignore[arg-type]  # filtered above
                system=page.system,
                source_ref=str(j.observation.ref),
                changed_at=j.observation.changed_at,
                mapping=page.mapping,
                blob=blob,
                position=position,
                is_deleted=j.observation.body is None,
            )
            for position, j in latest.values()
        ]
        records.save(connection, entries, [j.hash for _, j in latest.values()])

    @staticmethod
    def _match_customers(connection: Connection, judged: Sequence[_Judged]) -> None:
        """Merge a new customer that is surely one we know; what only may be the same waits for the steward."""
        for j in judged:
            if j.before is None and j.ending == "applied" and isinstance(j.body, Customer):
                found = masterdata.match(connection, j.body)
                if isinstance(found, masterdata.Same):
                    now = datetime.now(UTC)
                    masterdata.alias(connection, j.id, found.id, at=now, by="match", reason=f"same {found.by}")

    def _announce(self, connection: Connection, outcome: Outcome) -> None:
        """Publish what happened and start the flows that it starts, in the same transaction."""
        by_event: dict[str, list[Accepted]] = {}
        for accepted in outcome.applied:
            by_event.setdefault(accepted.event, []).append(accepted)
        for event, items in by_event.items():
            publish(connection, [Event(event, a.id, _subject_of(a), a.entity, {"id": a.id}) for a in items])
            for flow in self._starts.get(event, ()):
                outcome.runs += self._start(connection, flow, items)

    def _start(self, connection: Connection, flow: Flow[Any, Any], items: Sequence[Accepted]) -> list[str]:
        if flow.trigger is None:
            return []
        started = []
        for request in flow.trigger(connection, items):
            start = flow.start(request, snapshot=self._estate.hash)
            opened = self._starter.start_in(connection, start)
            if opened.outcome == "created":
                take_questions_back(connection, start.flow, start.key)
            started.append(opened.run_id)
        return started

    @staticmethod
    def _count(connection: Connection, page: Page, counts: Counter[str]) -> None:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        for ending, count in counts.items():
            execute(
                connection,
                """insert into observation_count (system, kind, outcome, hour, count)
                   values (:system, :kind, :outcome, :hour, :count)
                   on conflict (system, kind, outcome, hour) do update
                     set count = observation_count.count + excluded.count""",
                system=page.system,
                kind=page.kind,
                outcome=ending,
                hour=hour,
                count=count,
            )


def _above(body: Any) -> str:
    """Return the id of what an object without an entity of its own belongs to: the project, or the paid invoice."""
    return getattr(body, "project_id", None) or getattr(body, "invoice_id", None) or ""


def _entities_above(connection: Connection, page: Page, ids: Mapping[str, str]) -> dict[str, str]:
    """Return the entities of the projects or invoices that the page's objects belong to."""
    above = {_above(o.body) for o in page.observations if o.body is not None}
    wanted = {ids.get(text, text) for text in above if text}
    if not wanted:
        return {}
    found = rows(connection, "select id, entity from record where id = any(:ids)", ids=sorted(wanted))
    return {row.id: row.entity for row in found}


def _is_second_record(connection: Connection, page: Page, ref: ExternalId, id: str) -> bool:
    """Say whether a customer has an older record in the same system: of two merged accounts, the first one speaks."""
    if page.kind != "customer":
        return False
    same = [x for x in masterdata.external_ids(connection, id) if (x.ref.system, x.ref.type) == (ref.system, ref.type)]
    return len(same) > 1 and min(same, key=lambda x: x.since).ref != ref


def _with_our_ids(body: CanonicalModel, ids: Mapping[str, str]) -> CanonicalModel:
    changes = {
        name: ids[text] for name in records.references(type(body)) if (text := getattr(body, name)) and "/" in text
    }
    return body.model_copy(update=changes)


def _keep_raw(connection: Connection, page: Page) -> int:
    from accordant.platform.storage import one  # noqa: PLC0415

    row = one(
        connection,
        "insert into blob (system, kind, body) values (:system, :kind, :body) returning id",
        system=page.system,
        kind=page.kind,
        body=page.raw,
    )
    return int(row.id)


def _entity_of(body: CanonicalModel) -> str:
    return getattr(body, "entity", None) or ""


def _subject_of(accepted: Accepted) -> str:
    """Return the engagement an object belongs to."""
    return getattr(accepted.body, "contract_id", None) or (accepted.id if accepted.kind == "contract" else "")


def _accepted(page: Page, j: _Judged) -> Accepted:
    before = j.before.body if j.before else None
    return Accepted(
        kind=page.kind,
        id=j.id,
        version=(j.before.version if j.before else 0) + 1,
        entity=j.entity,
        body=j.body,
        event=f"{page.kind}.{_happened(before, j)}",
        source_ref=str(j.observation.ref),
        previous=before,
    )


def _happened(before: Any, j: _Judged) -> str:
    """Name what happened to an object, in the past tense."""
    if j.observation.body is None:
        return "deleted"
    match j.body:
        case Deal(stage=DealStage.WON) if before is None or before.stage is not DealStage.WON:
            return "won"
        case Contract(is_approved=True) if before is None or not before.is_approved or before.version < j.body.version:
            return "approved"
        case TimeEntry(approval=approval) if before is None or before != j.body:
            return str(approval)
    return "changed" if before is not None else "created"
