"""What people answer: a case resolved, an approval decided; written together with the wake-up of the run that waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from accordant import cases, masterdata
from accordant.kernel import InvalidInput, NotFound
from accordant.platform import audit, durable
from accordant.platform.durable import Starter
from accordant.platform.storage import maybe, rows
from accordant.process import records
from accordant.process.flow import FlowRegistry


class Answers:
    """The one way in which a person's word reaches a run; API, console and chat all use it."""

    def __init__(self, starter: Starter, flows: FlowRegistry) -> None:
        self._starter = starter
        self._flows = flows

    @property
    def flows(self) -> FlowRegistry:
        """The flows that an answer may start anew: owner, promise and newest version, for those who show runs."""
        return self._flows

    def resolve(
        self, connection: Connection, case_id: str, resolution: cases.Resolution, *, actor: cases.Actor
    ) -> cases.Resolved | cases.Proposed:
        """Resolve a case and let its run go on; a change of money waits for a second person."""
        now = datetime.now(UTC)
        done = cases.resolve(connection, case_id, resolution, actor=actor, at=now)
        self._audit(connection, actor, "case.resolved", case_id, resolution)
        if isinstance(done, cases.Resolved):
            self._carry_out(connection, case_id, done.resolution, actor, now)
        return done

    def confirm(self, connection: Connection, case_id: str, proposal_hash: str, *, actor: cases.Actor) -> None:
        """Confirm a proposed change of money as the second person."""
        now = datetime.now(UTC)
        done = cases.confirm(connection, case_id, proposal_hash, actor=actor, at=now)
        self._audit(connection, actor, "case.confirmed", case_id, done.resolution)
        self._carry_out(connection, case_id, done.resolution, actor, now)

    def decline(self, connection: Connection, case_id: str, *, actor: cases.Actor, reason: str) -> None:
        """Turn a proposed change of money down, or take one's own back."""
        cases.decline(connection, case_id, actor=actor, reason=reason, at=datetime.now(UTC))
        self._note(connection, actor, "case.declined", case_id, reason=reason)

    def assign(self, connection: Connection, case_ids: Sequence[str], owner: str, *, actor: cases.Actor) -> None:
        """Give cases to a person (worker number; '' to nobody); all or none."""
        cases.assign(connection, case_ids, owner, actor=actor, at=datetime.now(UTC))
        for case_id in case_ids:
            self._note(connection, actor, "case.assigned", case_id, owner=owner)

    def park(
        self, connection: Connection, case_ids: Sequence[str], *, until: datetime, reason: str, actor: cases.Actor
    ) -> None:
        """Let open cases wait until an instant; all or none."""
        cases.park(connection, case_ids, until=until, reason=reason, actor=actor, at=datetime.now(UTC))
        for case_id in case_ids:
            self._note(connection, actor, "case.parked", case_id, until=until.isoformat(), reason=reason)

    def reveal(self, connection: Connection, case_id: str, *, actor: cases.Actor, reason: str) -> None:
        """Write down who looks behind the mask of a case, and why; the caller shows it only after this."""
        if len(reason.strip()) < 3:
            raise InvalidInput("Looking behind the mask needs a reason.", code="case.no_reason")
        self._note(connection, actor, "case.revealed", case_id, reason=reason)

    def decide(
        self,
        connection: Connection,
        approval_id: str,
        *,
        actor: cases.Actor,
        decision: cases.Decision,
        view_hash: str,
        reason: str = "",
    ) -> cases.Approval:
        """Decide an approval and let its run go on."""
        now = datetime.now(UTC)
        decided = cases.decide(
            connection, approval_id, actor=actor, decision=decision, view_hash=view_hash, reason=reason, at=now
        )
        durable.resolve(
            connection, approval_id, {"state": str(decided.state), "reason": reason, "by": decided.decided_by}
        )
        audit.record(
            connection,
            actor=actor.worker_number,
            action=f"approval.{decided.state}",
            subject=approval_id,
            entity=decided.entity,
            detail={"view_hash": view_hash, "reason": reason},
        )
        return decided

    def ask_back(self, connection: Connection, approval_id: str, question: str, *, actor: cases.Actor) -> None:
        """Ask the requester something before deciding; the approval stays open."""
        asked = cases.ask_back(connection, approval_id, question, actor=actor, at=datetime.now(UTC))
        audit.record(
            connection,
            actor=actor.worker_number,
            action="approval.asked_back",
            subject=approval_id,
            entity=asked.entity,
            detail={"question": question},
        )

    def delegate(self, connection: Connection, approval_id: str, to: str, *, actor: cases.Actor) -> None:
        """Let another worker decide too, within that worker's own entities and limit."""
        cases.delegate(connection, approval_id, to, actor=actor, at=datetime.now(UTC))
        entity = cases.get_approval(connection, approval_id).entity
        audit.record(
            connection,
            actor=actor.worker_number,
            action="approval.delegated",
            subject=approval_id,
            entity=entity,
            detail={"to": to},
        )

    def _carry_out(
        self, connection: Connection, case_id: str, resolution: cases.Resolution, actor: cases.Actor, now: datetime
    ) -> None:
        case = cases.get_case(connection, case_id, at=now)
        if isinstance(resolution, cases.Edit):
            _apply_edits(connection, resolution, actor, now)
        if isinstance(resolution, cases.AddMapping):
            _add_mapping(connection, resolution, actor, now)
        if isinstance(resolution, cases.Reprocess) and case.run_id:
            self._start_anew(connection, case.run_id)
            return
        # Whatever the answer, the run itself hears it: one that is dismissed takes back what it did outside.
        answer = {"resolution": resolution.model_dump(mode="json"), "by": actor.worker_number}
        if not durable.resolve(connection, case_id, answer):
            self._try_reported(connection, case, now)

    def _try_reported(self, connection: Connection, case: cases.CaseView, now: datetime) -> None:
        """Try once more what a run reported without waiting for the answer; should it fail again, it is a new case."""
        row = maybe(connection, "select flow from run where id = :id", id=case.run_id)
        flow = self._flows.newest(row.flow) if row else None
        if flow is None or flow.again is None:
            return
        for request in flow.again(connection, case.details):
            self._starter.start_in(connection, flow.start(request))
        cases.finish(connection, case.id, at=now)

    def _start_anew(self, connection: Connection, run_id: str) -> None:
        """Reprocess: the old run ends and frees its key, the newest version of its flow starts with the same input."""
        row = maybe(connection, "select flow, key, input from run where id = :id", id=run_id)
        if row is None:
            raise NotFound(f"There is no run {run_id}.", code="run.not_found")
        durable.replace_run(connection, run_id)
        flow = self._flows.newest(row.flow)
        take_questions_back(connection, row.flow, row.key)
        self._starter.start_in(connection, flow.start(flow.input_model.model_validate(row.input)))

    @classmethod
    def _audit(
        cls,
        connection: Connection,
        actor: cases.Actor,
        action: str,
        case_id: str,
        resolution: cases.Resolution,
    ) -> None:
        cls._note(
            connection,
            actor,
            action,
            case_id,
            **resolution.model_dump(mode="json", include={"kind", "reason", "root_cause"}),
        )

    @staticmethod
    def _note(connection: Connection, actor: cases.Actor, action: str, case_id: str, **detail: Any) -> None:
        entity = cases.get_case(connection, case_id, at=datetime.now(UTC)).entity
        audit.record(
            connection, actor=actor.worker_number, action=action, subject=case_id, entity=entity, detail=detail
        )


def take_questions_back(connection: Connection, flow: str, key: str) -> None:
    """Close what runs of a piece of work still asked people when a newer run took their place."""
    now, reason = datetime.now(UTC), "A newer run of the same work asks what is still open."
    ended = "select id from run where flow = :flow and key = :key and freed and state in ('superseded', 'dismissed')"
    for row in rows(
        connection,
        f"select id from exception_case where run_id in ({ended}) and state <> 'resolved'",
        flow=flow,
        key=key,
    ):
        cases.close_by_itself(connection, row.id, cause=cases.RootCause.OTHER, reason=reason, at=now)
    for row in rows(
        connection, f"select id from approval where run_id in ({ended}) and state = 'open'", flow=flow, key=key
    ):
        cases.withdraw(connection, row.id, by="accordant", reason=reason, at=now)


def _apply_edits(connection: Connection, resolution: cases.Edit, actor: cases.Actor, now: datetime) -> None:
    """Write the corrected fields as a new version; refused when the field changed since it was shown."""
    for edit in resolution.edits:
        stored = records.load(connection, [edit.object_id]).get(edit.object_id)
        if stored is None:
            raise NotFound(f"There is no {edit.object_kind} {edit.object_id}.", code="record.not_found")
        plain: dict[str, Any] = stored.body.model_dump(mode="json")
        if plain.get(edit.field) != edit.before:
            raise InvalidInput(
                f"`{edit.path}` is no longer {edit.before!r}.",
                code="case.stale_edit",
                remedy="Look at the case again; somebody else changed the field.",
            )
        body = type(stored.body).model_validate({**plain, edit.field: edit.after})
        entry = records.Entry(
            stored.kind, stored.id, stored.entity, body, "accordant", f"person:{actor.worker_number}", now
        )
        records.save(connection, [entry])


def _add_mapping(connection: Connection, resolution: cases.AddMapping, actor: cases.Actor, now: datetime) -> None:
    """Say that what a system calls `key` is our `value`: both are canonical ids of the same kind of object."""
    masterdata.alias(
        connection, resolution.key, resolution.value, at=now, by=actor.worker_number, reason=resolution.reason
    )
