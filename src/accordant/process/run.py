"""The Run: the one door through which a flow reads, decides, acts, waits and tells what it did."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from accordant import cases, masterdata
from accordant.canonical import CanonicalModel
from accordant.cases.resolution import RESOLUTION
from accordant.kernel import (
    AccordantError,
    AuthExpired,
    Bug,
    ContractDrift,
    ExternalId,
    InvalidInput,
    Money,
    NotFound,
    Rejected,
    Retryable,
    content_hash,
)
from accordant.platform.durable import (
    Engine,
    Fenced,
    Gate,
    Note,
    Parked,
    Starter,
    Taken,
    open_gate,
    record_step,
    require_hold,
    write_notes,
)
from accordant.platform.effects import (
    Ack,
    Effects,
    Ending,
    Item,
    Missing,
    Refusal,
    Scope,
    StillUnsure,
    Write,
    adopt_by_hand,
    done_by,
    is_begun,
    mark_undone,
    stored_error,
)
from accordant.platform.events import Event, publish
from accordant.policies import Decision, PolicySet
from accordant.ports import Absent, EffectKind, EffectSpec, Failed, Found, Port, Unsure, Written, effect_of
from accordant.process import engagement, records
from accordant.process.flow import FlowInput, FlowRegistry
from accordant.process.problem import TELL_AND_ANSWER, Problem
from accordant.process.saga import Dismissed, Saga, gives_up
from accordant.process.together import Together

P = TypeVar("P", bound=Port)
M = TypeVar("M", bound=CanonicalModel)
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

PortFinder = Callable[[type[Any], str, str, date], Any]
"""Give the connector that serves a port in a role for an entity on a day."""

_ANSWERABLE = (Rejected, InvalidInput, NotFound, ContractDrift, AuthExpired)
_FOREVER = timedelta(days=3650)


@dataclass(frozen=True)
class House:
    """What the runtime hands to every run: the mechanisms and the estate."""

    engine: Engine
    starter: Starter
    effects: Effects
    policies: PolicySet
    find_port: PortFinder
    flows: FlowRegistry
    snapshot: str
    zone_of: Callable[[str], ZoneInfo]
    country_of: Callable[[str], str]
    to_group: Callable[[Money], Money]
    deadline_of: Callable[[str], datetime | None]
    people_of: Callable[[Sequence[str], str], tuple[str, ...]]
    approver_of: Callable[[str, str, Money | None], str]


@dataclass(frozen=True)
class Place:
    """Where in the business process the run is, for cases and for people who look."""

    stage: cases.Stage = cases.Stage.CONTRACT_VALIDATION
    exposure: Money | None = None
    client: str = ""


@dataclass(frozen=True)
class Approved:
    """A decision on a view: `yes` or not, why, and by whom (worker number)."""

    id: str
    view_hash: str
    yes: bool
    reason: str
    by: str


class Run:
    """One run of one flow. Its methods are the only things a flow may await."""

    def __init__(self, house: House, taken: Taken) -> None:
        self._house = house
        self._taken = taken
        self._open = 0
        self._seq = 0
        self._notes: list[Note] = []
        self._names: dict[str, int] = {}
        self._together = Together()
        self._tries: dict[str, int] = {}
        self._answered: list[str] = []
        self._stop: Dismissed | None = None
        self.stage_now = Place()
        self.id = taken.run_id
        self.subject: str = taken.start["subject"]
        self.entity: str = taken.start["entity"]

    # ---------------------------------------------------------------- reading and deciding

    async def facts(self, model: type[M], *ids: str) -> tuple[M, ...]:
        """Read canonical objects; a replay reads the very same versions.

        Raises:
            NotFound: one of them was never recorded.
        """
        known: dict[str, records.Stored] = {}

        def read(connection: Connection) -> list[list[Any]]:
            known.update(records.load(connection, ids))
            return [[id, known[id].version] for id in ids if id in known]

        versions = await self._step(f"facts:{records.kind_of(model)}", read)
        if missing := set(ids) - {id for id, _ in versions}:
            raise NotFound(
                f"No {records.kind_of(model)} {', '.join(sorted(missing))} is recorded.", code="facts.missing"
            )
        if not known:
            known = {id: await self._db(records.load_version, id, version) for id, version in versions}
        return tuple(known[id].body for id in ids)

    async def read(self, name: str, look: Callable[[Connection], T]) -> T:
        """Read something else from our tables; the result is JSON and a replay returns what was read."""
        return await self._step(f"read:{name}", look)  # type: ignore[no-any-return]

    async def load(self, look: Callable[..., T], *arguments: Any) -> T:
        """Read what can never change (claimed lines, old versions): nothing is recorded, a replay reads it again."""
        return await self._db(look, *arguments)  # type: ignore[no-any-return]

    async def current(self, model: type[M], id: str) -> M | None:
        """Read the current version of an object, merges followed; None while there is none."""

        def look(connection: Connection) -> list[Any] | None:
            target = masterdata.current_ids(connection, [id])[id]
            stored = records.load(connection, [target]).get(target)
            return None if stored is None else [target, stored.version]

        found = await self._step(f"current:{records.kind_of(model)}", look)
        if found is None:
            return None
        return (await self._db(records.load_version, *found)).body  # type: ignore[no-any-return]

    async def ask(self, name: str, question: Callable[[], Awaitable[B]], model: type[B]) -> B:
        """Ask a connected system (a read); a replay returns the recorded answer."""
        full = self._occurrence(f"ask:{name}")
        waits = 0
        while full not in self._taken.steps:
            self._require_going()
            self._open += 1
            try:
                answer = await question()
            except (*_ANSWERABLE, Retryable) as error:
                why = error
            else:
                await self._db(record_step, self._taken, full, answer.model_dump(mode="json"))
                return answer
            finally:
                self._open -= 1
            waits += 1
            await self._wait_out(why, system=why.system or name, about=full, waits=waits)
        return model.model_validate(self._taken.steps[full])

    async def _wait_out(self, why: AccordantError, *, system: str, about: str, waits: int) -> None:
        """Wait until a question may be asked again: parked for a system that is away, by a case for a refusal."""
        if isinstance(why, Retryable):
            await self._note("waits", system, {"why": why.code})
            await self.wait_until(datetime.now(UTC) + timedelta(seconds=min(2.0**waits, 300)), why=f"{system}:{about}")
        else:
            await self.case(Problem.of(why, about=about, actions=TELL_AND_ANSWER))

    async def decide(self, table: str, facts: Mapping[str, Any], *, on: date) -> Decision:
        """Ask a decision table; the answer names its rule and is kept."""
        decision = self.judge(table, facts, on=on)
        await self._note("decision", table, {"rows": [h.row_id for h in decision.hits], "table": decision.table_hash})
        return decision

    def judge(self, table: str, facts: Mapping[str, Any], *, on: date) -> Decision:
        """Ask a decision table many times, for lines of a batch; nothing is kept per answer."""
        return self._house.policies.decide(table, facts, on, region=self.entity)

    async def now(self) -> datetime:
        """Return the instant at which the run first came here."""
        return datetime.fromisoformat(await self._step("now", lambda _: datetime.now(UTC).isoformat()))

    async def today(self) -> date:
        """Return the civil day in the entity's zone at which the run first came here."""
        return (await self.now()).astimezone(self._house.zone_of(self.entity)).date()

    def new_id(self, prefix: str, name: str) -> str:
        """Return the id of something this piece of work makes: the same at every replay and in every generation."""
        seed = f"{self._taken.start['flow']}:{self._taken.start['key']}:{name}"
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16])
        digits = "0123456789abcdefghjkmnpqrstvwxyz"
        return f"{prefix}_" + "".join(digits[number >> shift & 31] for shift in range(125, -1, -5))

    def port(self, capability: type[P], role: str, *, entity: str | None = None, on: date | None = None) -> P:
        """Return the system that serves a capability in a role, by the estate's routing."""
        found: P = self._house.find_port(capability, role, entity or self.entity, on or datetime.now(UTC).date())
        return found

    @property
    def country(self) -> str:
        """The country of the run's legal entity, ISO 3166-1 alpha-2."""
        return self._house.country_of(self.entity)

    def people(self, *roles: str) -> tuple[str, ...]:
        """Return the mail addresses of the people in these roles of the entity. Personal: for connectors only."""
        return self._house.people_of(roles, self.entity)

    async def find_external(self, id: str, system: str) -> ExternalId | None:
        """Return the record of a canonical object in a system, or None."""

        def look(connection: Connection) -> str | None:
            known = masterdata.external_ids(connection, id)
            return next((str(x.ref) for x in known if x.ref.system == system and x.until is None), None)

        ref = await self.read(f"external:{system}:{id}", look)
        return None if ref is None else ExternalId.parse(ref)

    async def stands_for(self, refs: Sequence[ExternalId]) -> dict[str, str]:
        """Return, by the text of the record, the canonical objects that records stand for already."""
        return await self.read("stands_for", lambda c: dict(masterdata.find(c, refs)))

    async def external(self, id: str, system: str) -> ExternalId:
        """Return the record of a canonical object in a system; NotFound when it has none there."""
        ref = await self.find_external(id, system)
        if ref is None:
            raise NotFound(
                f"{id} has no record in {system}.",
                code="xref.missing",
                remedy=f"Add its id in {system} as a cross-reference, or let the flow that creates it run first.",
            )
        return ref

    # ---------------------------------------------------------------- acting

    async def effect(
        self,
        operation: Callable[..., Awaitable[Written]],
        *arguments: Any,
        key: str,
        links: str = "",
        kind: str = "",
        content: Any = None,
        **named: Any,
    ) -> Written:
        """Write outside, once. A refusal becomes a case and the run waits for its answer.

        Args:
            operation: a bound operation of a port, marked as an effect.
            arguments: its business arguments.
            key: canonical id, fields + version, or document + transition; the generation is added.
            links: canonical id that the written record stands for; recorded as cross-reference with the outcome.
            kind: kind of the linked object, when `links` is given.
            content: what the key stands for, when that is less than all arguments; another content is a KeyConflict.
            named: further business arguments.
        """
        spec = effect_of(operation)
        digest = content_hash([list(arguments), named] if content is None else content)

        async def send(items: Mapping[str, Item]) -> Mapping[str, Ack | Refusal]:
            [vendor_key] = items
            written = await operation(*arguments, **named, key=vendor_key)
            return {vendor_key: _ack(written)}

        def linked(connection: Connection, endings: Sequence[Ending]) -> None:
            for ending in endings:
                if links and ending.ref:
                    masterdata.link(connection, ExternalId.parse(ending.ref), links, kind=kind, entity=self.entity)

        target = str(arguments[0]) if spec.kind is EffectKind.PUT and isinstance(arguments[0], ExternalId) else ""
        write = self._write(operation, spec, send, linked, target)
        ending = await self._until_answered(write, Item(key, digest))
        return Written(ref=ExternalId.parse(ending.ref or ""), facts=dict(ending.facts or {}))

    async def effects(
        self,
        operation: Callable[..., Awaitable[Mapping[str, Written | Failed]]],
        items: Mapping[str, BaseModel],
        *,
        concluding: Callable[[Connection, Mapping[str, Ending]], None] | None = None,
    ) -> dict[str, Written | AccordantError]:
        """Write a batch outside, each item once under its own key; returns an outcome per key, refusals included.

        Args:
            operation: a batch operation of a port, ``operation({key: payload})``.
            items: payloads by key base.
            concluding: writes our own rows in the transaction that stores the outcomes.
        """
        spec = effect_of(operation)

        async def send(sent: Mapping[str, Item]) -> Mapping[str, Ack | Refusal]:
            answers = await operation({key: items[item.base] for key, item in sent.items()})
            return {key: _ack(a) if isinstance(a, Written) else Refusal(a.error) for key, a in answers.items()}

        def conclude(connection: Connection, endings: Sequence[Ending]) -> None:
            if concluding:
                concluding(connection, {e.standing.item.base: e for e in endings})

        write = self._write(operation, spec, send, conclude)
        prepared = [
            Item(base, hashlib.sha256(payload.model_dump_json().encode()).hexdigest(), self._tries.get(base, 0))
            for base, payload in items.items()
        ]
        endings = await self._patiently(write, prepared)
        return {base: _outcome(ending) for base, ending in endings.items()}

    async def written(self, operation: Callable[..., Any], *bases: str) -> dict[str, ExternalId]:
        """Return the records that an operation has made already, by key base."""
        port: Port = operation.__self__  # type: ignore[attr-defined]

        def look(connection: Connection) -> dict[str, str]:
            return done_by(connection, port.system, operation.__name__, bases)

        found = await self.read(f"written:{operation.__name__}", look)
        return {base: ExternalId.parse(ref) for base, ref in found.items()}

    def try_again(self, *bases: str) -> None:
        """Allow refused items of a batch to be sent once more: a person has answered."""
        for base in bases:
            self._tries[base] = self._tries.get(base, 0) + 1

    async def undo(
        self,
        operation: Callable[..., Awaitable[Written]],
        written: Written,
        *,
        key: str,
        of: Callable[..., Awaitable[Written]],
    ) -> None:
        """Take a write back and remember that it was: what was undone is never adopted."""
        system = written.ref.system
        await self.effect(operation, written.ref, key=f"{written.ref}/undo")
        generation = await self._db(_generation_of, system, of.__name__, key)

        def forget(connection: Connection) -> None:
            require_hold(connection, self._taken)
            mark_undone(connection, system, of.__name__, key, generation)
            if masterdata.find(connection, [written.ref]):
                masterdata.end(connection, written.ref, datetime.now(UTC))

        await self._db(forget)
        await self._note("undo", of.__name__, {"system": system, "ref": str(written.ref)})

    def stop(self, answer: Dismissed) -> None:
        """Go on only through what is done already, then raise: a person has dismissed the run after its failure."""
        self._stop = answer

    def is_given_up(self, error: BaseException | None) -> bool:
        """Say whether an error ends the work, so that what was done is taken back; from here on, writes may do that."""
        if not isinstance(error, Exception) or isinstance(error, Parked | Fenced):
            return False
        was_stopped, self._stop = self._stop is not None, None
        return was_stopped or gives_up(error)

    def saga(self) -> Saga:
        """Return a context in which effects are taken back when a later one is given up."""
        return Saga(self)

    async def save(self, body: CanonicalModel, *, entity: str | None = None) -> int:
        """Keep a canonical object that this run made or changed; returns its version."""
        kind = records.kind_of(type(body))
        id: str = body.id  # type: ignore[attr-defined]  # every object that is kept has one
        place = self.entity if entity is None else entity
        entry = records.Entry(kind, id, place, body, "accordant", self.id, datetime.now(UTC))

        def keep(connection: Connection) -> int:
            require_hold(connection, self._taken)
            current = records.load(connection, [entry.id]).get(entry.id)
            if current is not None and current.hash == records.hash_of(body):
                return current.version
            return records.save(connection, [entry])[entry.id]

        return await self._db(keep)  # type: ignore[no-any-return]

    async def start(self, request: FlowInput, flow_name: str) -> str:
        """Start another flow beside this one; returns its run id."""
        flow = self._house.flows.newest(flow_name)

        def begin(connection: Connection) -> str:
            self._require_going()
            require_hold(connection, self._taken)
            start = flow.start(request, snapshot=self._house.snapshot)
            return self._house.starter.start_in(connection, start).run_id

        return await self._db(begin)  # type: ignore[no-any-return]

    async def change(self, name: str, act: Callable[[Connection], T]) -> T:
        """Change our own tables once: the act and the note that it was done are one transaction. Result is JSON."""

        def once(connection: Connection) -> Any:
            require_hold(connection, self._taken)
            return act(connection)

        return await self._step(f"change:{name}", once)  # type: ignore[no-any-return]

    async def change_or_case(self, name: str, act: Callable[[Connection], T], *, about: str) -> T:
        """Change our own tables; what they refuse is a case, and its answer lets the run try again."""
        while True:
            try:
                return await self.change(name, act)
            except Rejected as error:
                why = error
            await self.case(Problem.of(why, about=about, actions=TELL_AND_ANSWER))

    # ---------------------------------------------------------------- telling

    async def publish(self, type: str, **data: Any) -> None:
        """Announce something that happened, exactly once."""
        event = Event(type, key=self.subject, subject=self.subject, entity=self.entity, data=data)
        await self._note("event", type, data, lambda connection: publish(connection, [event]))

    async def reach(self, state: str, *, source: str, **evidence: Any) -> None:
        """Record that the engagement reached a business state, with its evidence, and announce it."""
        event = Event(f"engagement.{state}", self.subject, self.subject, self.entity, evidence)

        def mark(connection: Connection) -> None:
            engagement.reach(connection, self.subject, state, source=source, evidence=evidence, run=self._taken)
            publish(connection, [event])

        await self._note("state", state, evidence, mark)

    async def retract(self, state: str) -> None:
        """Take a business state back that this run had reached, and announce it."""
        event = Event("engagement.taken_back", self.subject, self.subject, self.entity, {"state": state})

        def mark(connection: Connection) -> None:
            engagement.retract(connection, self.subject, state, run=self._taken)
            publish(connection, [event])

        await self._note("state_taken_back", state, {}, mark)

    @asynccontextmanager
    async def stage(
        self, stage: cases.Stage, *, exposure: Money | None = None, client: str = ""
    ) -> AsyncIterator[None]:
        """Name the business stage the run is in; cases carry it, and a case that was answered in it is closed."""
        before = self.stage_now
        self.stage_now = Place(stage, exposure or before.exposure, client or before.client)
        await self._note("stage", stage, {"at": "begin"})
        yield
        await self._note("stage", stage, {"at": "end"})
        await self._close_answered()
        told = self.stage_now
        self.stage_now = replace(told, stage=before.stage, exposure=before.exposure if exposure else told.exposure)

    def concerns(self, *, client: str, exposure: Money | None = None) -> None:
        """Tell whose work this is and what hangs on it, for every case from here on, in later stages too."""
        self.stage_now = replace(self.stage_now, client=client, exposure=exposure or self.stage_now.exposure)

    async def _close_answered(self) -> None:
        """Close the cases whose answer helped: the run came through what they had stopped."""
        while self._answered:
            await self._db(partial(cases.finish, at=datetime.now(UTC)), self._answered.pop())

    # ---------------------------------------------------------------- waiting

    async def case(self, problem: Problem) -> cases.Resolution:
        """Open a case and wait for its answer.

        Raises:
            Dismissed: a person decided that the work shall not go on.
        """
        await self._together.alone()
        name = self._occurrence(f"case:{problem.code}:{problem.about}")
        case_id = await self._put(f"open:{name}", Gate(name, "case"), partial(self._open_case, problem))
        answer = await self._wait(Gate(name, "case", topic=case_id))
        resolution = RESOLUTION.validate_python(answer["resolution"])
        self._answered.append(case_id)
        if isinstance(resolution, cases.Dismiss | cases.Compensate):
            raise Dismissed(resolution.reason, code=f"run.{resolution.kind}", detail={"case": case_id})
        return resolution

    async def report(self, problem: Problem) -> str:
        """Open a case without waiting for it: the rest of the work goes on. Returns the case's id."""
        name = f"report:{problem.code}:{problem.about}"
        return str(await self._step(name, partial(self._open_case, problem)))

    async def approval(self, ask: cases.Ask) -> Approved:
        """Ask for an approval of exactly this view and wait for the decision.

        Where nobody in the role may approve that much, the role above is asked.
        """
        name = self._occurrence(f"approval:{ask.kind}")
        role = self._house.approver_of(ask.role, self.entity, ask.money)
        told = ask.model_copy(update={"run_id": self.id, "entity": self.entity, "role": role})
        gate = Gate(name, "approval")
        approval_id = await self._put(f"ask:{name}", gate, lambda c: cases.ask(c, told, at=datetime.now(UTC)))
        answer = await self._wait(Gate(name, "approval", topic=approval_id))
        return Approved(
            approval_id, cases.view_hash(ask.view), answer["state"] == "approved", answer["reason"], answer["by"]
        )

    async def _put(self, step: str, gate: Gate, question: Callable[[Connection], str]) -> str:
        """Put a question to people and open its gate in one transaction: they may answer before the run waits."""

        def ask(connection: Connection) -> str:
            topic = question(connection)
            open_gate(connection, self._taken, replace(gate, topic=topic))
            return topic

        return str(await self._step(step, ask))

    async def require_approved(self, approved: Approved, view: Mapping[str, Any]) -> None:
        """Judge an approval again at use: what is done must be what was approved."""
        await self._db(cases.require_valid, approved.id, cases.view_hash(view))

    def _open_case(self, problem: Problem, connection: Connection) -> str:
        return cases.open_case(connection, self.told(problem), at=datetime.now(UTC))

    async def wait_for(self, topic: str, *, within: timedelta = _FOREVER) -> dict[str, Any]:
        """Wait until something resolves the topic, or until time does (`{"due": True}`)."""
        due = await self.now() + within
        answer: dict[str, Any] = await self._wait(Gate(self._occurrence(f"event:{topic}"), "event", topic, due))
        return answer

    async def wait_until(self, moment: datetime, *, why: str) -> None:
        """Wait for a date, as a row and not as a thread."""
        await self._together.alone()
        await self._wait(Gate(self._occurrence(f"date:{why}"), "date", due_at=moment))

    async def _wait(self, gate: Gate) -> Any:
        if self._open:
            message = f"{self.id} wants to wait at {gate.name} while another step is open; gates stand alone."
            raise Bug(message, code="gate.beside")
        await self.flush()
        return await self._house.engine.pass_gate(self._taken, gate)

    def _occurrence(self, what: str) -> str:
        """Number the occurrences of a name, the same at every replay."""
        self._names[what] = self._names.get(what, 0) + 1
        return f"{what}:{self._names[what]}"

    async def together(self, *works: Awaitable[Any]) -> list[Any]:
        """Do several things at once and return their results in order; the first failure is raised when all rest."""
        return await self._together.run(works)

    # ---------------------------------------------------------------- how

    def _write(
        self,
        operation: Any,
        spec: EffectSpec,
        send: Callable[[Mapping[str, Item]], Any],
        concluding: Callable[[Connection, Sequence[Ending]], None],
        target: str = "",
    ) -> Write:
        port = operation.__self__

        async def find(keys: Sequence[str]) -> Mapping[str, Ack | Missing]:
            answers = await getattr(port, spec.look_up)(tuple(keys))
            return {key: _seen(answers.get(key, Unsure("no answer for this key"))) for key in keys}

        repeatable = spec.repeatable or spec.kind is EffectKind.PUT
        scope = Scope(port.system, operation.__name__, str(spec.kind), self._taken, self.entity, repeatable, target)
        return Write(scope, send, find, port.settle_s, concluding=concluding)

    async def _until_answered(self, write: Write, item: Item) -> Ending:
        """Perform one effect; on a refusal open a case, wait, and do what the answer says."""
        while True:
            asked = Item(item.base, item.payload_hash, self._tries.get(item.base, 0))
            ending = (await self._patiently(write, [asked]))[item.base]
            if ending.error is None:
                return ending
            error = stored_error(ending.error)
            if not isinstance(error, _ANSWERABLE):
                raise error
            answer = await self.case(Problem.of(error, about=item.base))
            await self._adopt(write, [asked], answer)
            self.try_again(item.base)

    async def _patiently(self, write: Write, items: Sequence[Item]) -> dict[str, Ending]:
        """Perform effects; when a system stays away, wait parked and try again, longer each time."""
        waits = 0
        if self._stop and not await self._db(is_begun, write.scope, [item.base for item in items]):
            raise self._stop
        while True:
            self._open += 1
            try:
                return await self._house.effects.perform(write, items)
            except (Retryable, StillUnsure) as error:
                why = error
            finally:
                self._open -= 1
            waits += 1
            if isinstance(why, StillUnsure) and _is_overdue(why):
                answer = await self.case(Problem.of(why, about=items[0].base))
                await self._adopt(write, items, answer)
            else:
                await self._note("waits", write.scope.system, {"operation": write.scope.operation, "why": why.code})
                pause = timedelta(seconds=min(2.0**waits, 300))
                await self.wait_until(datetime.now(UTC) + pause, why=f"{write.scope.system}:{items[0].base}")

    async def _adopt(self, write: Write, items: Sequence[Item], answer: cases.Resolution) -> None:
        if isinstance(answer, cases.DoneByHand) and len(items) == 1:
            ref = str(answer.external_id)
            await self._db(adopt_by_hand, items[0].base, write.scope.operation, ref, self.id)

    def told(self, problem: Problem) -> cases.Case:
        """Make a case of a problem: add what only the run knows."""
        exposure = problem.exposure or self.stage_now.exposure
        exposure = exposure.rounded() if exposure else None
        return cases.Case(
            code=problem.code,
            sentence=problem.sentence,
            stage=problem.stage or self.stage_now.stage,
            role=problem.role,
            cause_key=f"{problem.code}:{problem.details.get('cause', problem.about)}",
            subject=f"{problem.about}@{self.subject}",
            remedy=problem.remedy,
            entity=self.entity,
            client=problem.client or self.stage_now.client,
            project_id=problem.project_id,
            contract_id=self.subject if self.subject.startswith("con_") else None,
            engagement=self.subject,
            invoice_id=problem.invoice_id,
            exposure=exposure,
            group_exposure=self._house.to_group(exposure) if exposure else None,
            deadline=self._house.deadline_of(self.entity),
            tier={"revenue": 2, "standard": 2}.get(self._taken.start["tier"], 3),
            actions=problem.actions,
            editable=problem.editable,
            replay_roles=("integration_support",),
            run_id=self.id,
            details=problem.details,
        )

    async def _note(
        self, kind: str, name: str, detail: Mapping[str, Any], act: Callable[[Connection], None] | None = None
    ) -> None:
        """Write down what happened; an act happens once, by name: a replay may come by another number of notes.

        A note without an act travels with the next transaction of the run.
        """
        self._seq += 1
        self._notes.append(Note(self._seq, kind, name, dict(detail), datetime.now(UTC)))
        if act is not None:
            await self._step(f"{kind}:{name}", partial(_acted, act))

    async def finish(self) -> None:
        """Write what still travels and close the cases whose answer helped, those of a failure included."""
        self._answered += await self._db(_replaying, self.id)
        await self._close_answered()
        await self.flush()

    async def flush(self) -> None:
        """Write the notes that still travel."""
        if self._notes:
            await self._db(lambda _: None)

    async def _step(self, name: str, work: Callable[[Connection], Any]) -> Any:
        """Do work in one transaction and record its JSON result; a replay returns what was recorded."""
        full = self._occurrence(name)
        if full in self._taken.steps:
            return self._taken.steps[full]
        self._require_going()

        def once(connection: Connection) -> Any:
            result = work(connection)
            record_step(connection, self._taken, full, result)
            return result

        return await self._db(once)

    def _require_going(self) -> None:
        if self._stop:
            raise self._stop

    async def _db(self, work: Callable[..., Any], *arguments: Any) -> Any:
        travelling, self._notes = self._notes, []

        def in_transaction() -> Any:
            with self._house.engine.database.begin() as connection:
                write_notes(connection, self.id, travelling)
                return work(connection, *arguments)

        self._open += 1
        try:
            return await asyncio.to_thread(in_transaction)
        finally:
            self._open -= 1


def _acted(act: Callable[[Connection], None], connection: Connection) -> bool:
    act(connection)
    return True


def _is_overdue(doubt: StillUnsure) -> bool:
    """A write that no look-up could settle in twice the settling time needs a person."""
    age, settle = doubt.detail.get("age_s"), doubt.detail.get("settle_s")
    return age is not None and settle is not None and float(age) > 2 * float(settle)


def _ack(written: Written) -> Ack:
    return Ack(str(written.ref), written.facts)


def _seen(answer: Found | Absent | Unsure) -> Ack | Missing:
    if isinstance(answer, Found):
        return _ack(answer.written)
    return Missing(sure=isinstance(answer, Absent), why="" if isinstance(answer, Absent) else answer.why)


def _outcome(ending: Ending) -> Written | AccordantError:
    if ending.error is not None:
        return stored_error(ending.error)
    return Written(ref=ExternalId.parse(ending.ref or ""), facts=dict(ending.facts or {}))


def _replaying(connection: Connection, run_id: str) -> list[str]:
    which = cases.CaseFilter(states=(cases.CaseState.REPLAYING,), run_id=run_id)
    return [case.id for case in cases.list_cases(connection, which, at=datetime.now(UTC))]


def _generation_of(connection: Connection, system: str, operation: str, base: str) -> int:
    from accordant.platform.storage import one  # noqa: PLC0415

    row = one(
        connection,
        "select max(generation) as n from effect where system = :s and operation = :o and base = :b",
        s=system,
        o=operation,
        b=base,
    )
    return int(row.n)


__all__ = ["Approved", "House", "Place", "PortFinder", "Run"]
