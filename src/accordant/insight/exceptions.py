"""The exceptions queue in sums, and what a run has written: read models of the queue, the case and its dry run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from accordant.cases import CaseFilter, CaseState, CaseView
from accordant.kernel import Money
from accordant.platform.storage import maybe, rows
from accordant.process.records import KINDS, references


@dataclass(frozen=True)
class Tab:
    """Cases in one state: how many, what they hold in the group's currency, how many are due before an instant."""

    count: int = 0
    exposure: Money | None = None
    due_count: int = 0


@dataclass(frozen=True)
class Choices:
    """What the filters may narrow to: values that occur."""

    entities: tuple[str, ...]
    stages: tuple[str, ...]
    roles: tuple[str, ...]
    codes: tuple[str, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Wrote:
    """One write outside, as the effect ledger has it: no payload and no personal field."""

    system: str
    operation: str
    base: str
    generation: int
    kind: str
    run_id: str
    entity: str
    state: str
    ref: str
    adopted: bool
    calls: int
    error: str
    intent_at: datetime
    called_at: datetime | None
    ended_at: datetime | None

    @property
    def is_done(self) -> bool:
        """Whether it stands outside and is not sent again."""
        return self.state == "done"

    @property
    def is_open(self) -> bool:
        """Whether a call may have happened and nobody knows yet: looked up before anything is sent."""
        return self.state in ("intent", "unsure") and self.called_at is not None


@dataclass(frozen=True)
class Waiting:
    """What the run of a case waits for: its state, the open gate, when it is tried again by itself."""

    run_id: str
    flow: str
    version: int
    state: str
    attempt: int
    gate: str
    gate_kind: str
    opened_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class Field:
    """A field that a case opens for correction: its present value as JSON."""

    path: str
    object_kind: str
    object_id: str
    name: str
    value: Any
    annotation: Any


def tabs(connection: Connection, which: CaseFilter, *, due_by: datetime) -> dict[CaseState, Tab]:
    """Sum the cases of each state that a filter finds; the filter's own states do not count."""
    narrowing = which.model_dump(exclude={"states", "tag"}, exclude_none=True)
    where = " and ".join(["true", *(f"{name} = :{name}" for name in narrowing)])
    found = rows(
        connection,
        f"""select state, count(*) as count, sum(group_minor)::bigint as minor, min(group_currency) as currency,
              count(*) filter (where deadline <= :due_by) as due
            from exception_case where {where} group by state""",
        {**narrowing, "due_by": due_by},
    )
    return {
        CaseState(row.state): Tab(
            row.count, None if row.minor is None else Money.from_minor(row.minor, row.currency), row.due
        )
        for row in found
    }


def choices(connection: Connection) -> Choices:
    """Return what occurs among live cases in the connection's scope."""
    row = rows(
        connection,
        """select coalesce(array_agg(distinct entity) filter (where entity <> ''), '{}') as entities,
             coalesce(array_agg(distinct stage), '{}') as stages, coalesce(array_agg(distinct role), '{}') as roles,
             coalesce(array_agg(distinct code), '{}') as codes,
             coalesce(array_agg(distinct owner) filter (where owner <> ''), '{}') as owners
           from exception_case where state <> 'resolved'""",
    )[0]
    return Choices(*(tuple(sorted(v)) for v in (row.entities, row.stages, row.roles, row.codes, row.owners)))


def writes_of(connection: Connection, run_id: str, *, limit: int = 500) -> tuple[Wrote, ...]:
    """Return what a run wrote or tried to write outside, oldest first."""
    found = rows(
        connection,
        """select system, operation, base, generation, kind, run_id, entity, state, coalesce(ref, '') as ref, adopted,
             calls, coalesce(error ->> 'code', '') as error, intent_at, called_at, ended_at
           from effect where run_id = :run order by intent_at, base limit :limit""",
        run=run_id,
        limit=limit,
    )
    return tuple(Wrote(**row._mapping) for row in found)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def count_writes(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Count the writes of runs by state: done, failed, unsure, intent, undone."""
    found = rows(
        connection,
        "select state, count(*) as count from effect where run_id = any(:runs) group by state",
        runs=list(run_ids),
    )
    return {row.state: row.count for row in found}


def waiting(connection: Connection, run_id: str) -> Waiting | None:
    """Return what a run waits for; None when the connection may not see it."""
    row = maybe(
        connection,
        """select r.id as run_id, r.flow, r.version, r.state, r.attempt, coalesce(g.name, '') as gate,
             coalesce(g.kind, '') as gate_kind, g.opened_at, g.due_at
           from run r left join lateral (
             select * from gate where gate.run_id = r.id and resolved_at is null
             order by opened_at desc limit 1) g on true
           where r.id = :run""",
        run=run_id,
    )
    return None if row is None else Waiting(**row._mapping)  # noqa: SLF001 - as above


def editable_fields(connection: Connection, case: CaseView) -> tuple[Field, ...]:
    """Return the fields a case opens, of the objects it is about, with their present values.

    A field of an object that the case does not name, or that the connection may not see, is left out.
    """
    ids = {
        "contract": case.contract_id,
        "project": case.project_id,
        "invoice": case.invoice_id,
        "customer": case.client_id,
    }
    ids |= {kind: id for kind, id in _ids_in(case).items() if not ids.get(kind)}
    bodies = {
        row.kind: row
        for row in rows(
            connection,
            "select id, kind, body from record where id = any(:ids) and not deleted",
            ids=[id for id in ids.values() if id],
        )
    }
    fields = []
    for path in case.editable:
        kind, _, name = path.partition(".")
        model, row = KINDS.get(kind), bodies.get(kind)
        if model is None or row is None or name not in model.model_fields:
            continue
        body = model.model_validate(row.body).model_dump(mode="json")
        fields.append(Field(path, kind, row.id, name, body[name], model.model_fields[name].annotation))
    return tuple(fields)


def people_behind(connection: Connection, case: CaseView) -> dict[str, str]:
    """Return the names of the workers that a case's details name by id; only for who has given a reason to look."""
    found = rows(
        connection,
        "select id, body ->> 'name' as name from record where kind = 'worker' and id = any(:ids)",
        ids=sorted(_texts(case.details)),
    )
    return {row.id: row.name for row in found}


def _ids_in(case: CaseView) -> dict[str, str]:
    """Return canonical ids that a case's subject or details name, by kind."""
    prefixes = {references(model)["id"].prefix: kind for kind, model in KINDS.items() if "id" in references(model)}
    words = [*case.subject.replace("@", " ").replace(":", " ").split(), *sorted(_texts(case.details))]
    return {
        prefixes[word.partition("_")[0]]: word for word in words if word.partition("_")[0] in prefixes and "_" in word
    }


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return set().union(*(_texts(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_texts(item) for item in value))
    return set()


__all__ = [
    "Choices",
    "Field",
    "Tab",
    "Waiting",
    "Wrote",
    "choices",
    "count_writes",
    "editable_fields",
    "people_behind",
    "tabs",
    "waiting",
    "writes_of",
]
