"""Process operations over runs: what they did, where they wait, and a person's word that lets them go on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection
from starlette.responses import Response

from accordant import cases
from accordant.api.activations import StageView, stages_of
from accordant.api.caller import Call, Write, unseen
from accordant.api.operation import describe
from accordant.api.paging import Cursor, Limit, Page, page_of, read_cursor
from accordant.cases.resolution import Reason
from accordant.kernel import Rejected
from accordant.platform.durable import RunState
from accordant.platform.storage import maybe, rows

router = APIRouter(prefix="/v1/runs", tags=["process"])

OWNER = "integration"


class RunLine(BaseModel):
    """A run in a list."""

    id: str
    flow: str
    version: int
    key: str
    generation: int
    state: str
    entity: str
    subject: str
    tier: str
    started_at: datetime
    ended_at: datetime | None


class EffectView(BaseModel):
    """A write outside: its intent, what came of it."""

    system: str
    operation: str
    kind: str
    state: str
    ref: str | None
    adopted: bool
    calls: int
    intent_at: datetime
    ended_at: datetime | None


class GateView(BaseModel):
    """Where the run waits or waited."""

    name: str
    kind: str
    topic: str
    opened_at: datetime
    due_at: datetime | None
    resolved_at: datetime | None


class NoteView(BaseModel):
    """What the run did, in its own words."""

    seq: int
    kind: str
    name: str
    detail: dict[str, Any]
    at: datetime


class RunView(RunLine):
    """A run with all that it did."""

    input: dict[str, Any]
    outcome: dict[str, Any] | None
    snapshot: str
    attempt: int
    stages: list[StageView]
    effects: list[EffectView]
    gates: list[GateView]
    notes: list[NoteView]
    cases: list[str]


class Word(BaseModel):
    """Why a person lets a run go on, or ends it."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    root_cause: cases.RootCause


class Answered(BaseModel):
    """Which case of the run was answered and how."""

    run_id: str
    case_id: str
    action: cases.Action


_LINE = "id, flow, version, key, generation, state, entity, subject, tier, started_at, ended_at"


@router.get(
    "",
    operation_id="list-runs",
    **describe(owner=OWNER, latency_ms=300, scopes=("runs:read",), answer=Page[RunLine]),
)
def list_runs(
    call: Call,
    state: RunState | None = None,
    flow: Annotated[str | None, Query(max_length=100)] = None,
    subject: Annotated[str | None, Query(max_length=200, description="The engagement it belongs to.")] = None,
    entity: Annotated[str | None, Query(max_length=50)] = None,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """Return runs, the newest first."""
    if entity:
        call.require_entity(entity)
    at, id = read_cursor(cursor, 2) or (None, None)
    with call.read() as connection:
        found = rows(
            connection,
            f"""select {_LINE} from run
                where (cast(:state as text) is null or state = :state) and (cast(:flow as text) is null or flow = :flow)
                  and (cast(:subject as text) is null or subject = :subject)
                  and (cast(:entity as text) is null or entity = :entity)
                  and (cast(:at as timestamptz) is null
                       or (started_at, id) < (cast(:at as timestamptz), cast(:id as text)))
                order by started_at desc, id desc limit :limit""",
            state=state,
            flow=flow,
            subject=subject,
            entity=entity,
            at=at,
            id=id,
            limit=limit + 1,
        )
    lines = [RunLine.model_validate(row, from_attributes=True).model_dump(mode="json") for row in found]
    return page_of(lines, limit, "started_at", "id")


@router.get(
    "/{id}",
    operation_id="read-run",
    **describe(owner=OWNER, latency_ms=200, scopes=("runs:read",), answer=RunView),
)
def read_run(call: Call, id: str) -> Response:
    """Return a run: stages, effects, gates, notes."""
    with call.read() as connection:
        return call.answer(_view(connection, id))


def _word(verb: str, what: str) -> dict[str, Any]:
    return {
        "path": f"/{{id}}/{verb}",
        "operation_id": f"{verb}-run",
        "description": what,
        **describe(owner=OWNER, latency_ms=300, scopes=("runs:act",), mode="event", answer=Answered, status=202),
    }


@router.post(**_word("retry", "Let a stopped run go on with the same flow version and the same estate."))
def retry(call: Write, id: str, word: Word) -> Response:
    """Let a stopped run go on as it began."""
    return _answer(call, id, cases.Retry(reason=word.reason, root_cause=word.root_cause))


@router.post(**_word("reprocess", "Start a stopped run anew, with the current flow version and estate."))
def reprocess(call: Write, id: str, word: Word) -> Response:
    """Start a stopped run anew."""
    return _answer(call, id, cases.Reprocess(reason=word.reason, root_cause=word.root_cause))


@router.post(**_word("cancel", "Give a stopped run up; what it made is taken back where that is possible."))
def cancel(call: Write, id: str, word: Word) -> Response:
    """Give a stopped run up."""
    return _answer(
        call,
        id,
        cases.Compensate(reason=word.reason, root_cause=word.root_cause),
        cases.Dismiss(reason=word.reason, root_cause=word.root_cause),
    )


def _answer(call: Write, run_id: str, *resolutions: cases.Resolution) -> Response:
    """Answer the case at which the run stopped, in the first of these ways that it offers."""
    with call.read() as connection:
        if maybe(connection, "select 1 from run where id = :id", id=run_id) is None:
            raise unseen("run", run_id)

    def work(connection: Connection) -> Answered:
        which = cases.CaseFilter(run_id=run_id)
        case = next(iter(cases.list_cases(connection, which, at=call.now, limit=1)), None)
        if case is None:
            raise Rejected(
                "The run is not stopped at a case.",
                code="run.not_stopped",
                remedy="A run that waits for an approval goes on with its decision; one that works needs no word.",
                correlation_id=run_id,
            )
        chosen = next((r for r in resolutions if r.kind in case.actions), resolutions[0])
        call.deps.answers.resolve(connection, case.id, chosen, actor=call.actor)
        return Answered(run_id=run_id, case_id=case.id, action=chosen.kind)

    return call.once(work, status=202)


def _view(connection: Connection, run_id: str) -> RunView:
    row = maybe(connection, f"select {_LINE}, input, outcome, snapshot, attempt from run where id = :id", id=run_id)
    if row is None:
        raise unseen("run", run_id)
    return RunView(
        **row._mapping,  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
        stages=stages_of(connection, run_id),
        effects=_parts(connection, EffectView, "effect", run_id, "intent_at, operation"),
        gates=_parts(connection, GateView, "gate", run_id, "opened_at, name"),
        notes=_parts(connection, NoteView, "run_note", run_id, "seq"),
        cases=[
            found.id
            for found in rows(
                connection, "select id from exception_case where run_id = :id order by opened_at", id=run_id
            )
        ],
    )


def _parts(connection: Connection, model: Any, table: str, run_id: str, order: str) -> list[Any]:
    columns = ", ".join(model.model_fields)
    found = rows(connection, f"select {columns} from {table} where run_id = :id order by {order}", id=run_id)
    return [model.model_validate(row, from_attributes=True) for row in found]
