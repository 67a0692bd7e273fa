"""The steps of time-to-bill; every one works on the whole batch at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection

from accordant import ledger, masterdata
from accordant.canonical import ApprovalState, Contract, Project, TimeEntry
from accordant.cases import Action
from accordant.flows.time_to_bill.models import Doubt, Line, Terms, TimeToBill
from accordant.kernel import AccordantError, ExternalId, Money, total
from accordant.platform.storage import bulk, one, rows
from accordant.ports import TimeCorrection, TimePosting, TimeToPost, Written
from accordant.process import Accepted, FlowInput, Problem, Run

BATCH = 500


@dataclass(frozen=True)
class Entered:
    """What the ledger said to a batch."""

    accepted: frozenset[str]
    refused: int
    over_billed: int


def claim_approved(connection: Connection, accepted: Sequence[Accepted]) -> list[FlowInput]:
    """Claim lines in batches per project, inside the intake transaction; a version of a line is claimed once.

    A line that was never approved and still is not is no work.
    """
    by_project: dict[str, list[Accepted]] = {}
    for a in accepted:
        if not (_is_approved(a.body) or _is_approved(a.previous)):
            continue
        by_project.setdefault(a.body.project_id, []).append(a)
    entities = _entities(connection, list(by_project))
    requests: list[FlowInput] = []
    for project_id, items in by_project.items():
        for start in range(0, len(items), BATCH):
            batch = int(one(connection, "select nextval('time_batch') as n").n)
            _claim(connection, project_id, batch, items[start : start + BATCH])
            requests.append(TimeToBill(project_id=project_id, batch=batch, entity=entities.get(project_id, "")))
    return requests


def _is_approved(body: TimeEntry | None) -> bool:
    return body is not None and body.approval is ApprovalState.APPROVED


def _entities(connection: Connection, project_ids: list[str]) -> dict[str, str]:
    found = rows(connection, "select id, entity from record where id = any(:ids)", ids=project_ids)
    return {row.id: row.entity for row in found}


def _claim(connection: Connection, project_id: str, batch: int, items: Sequence[Accepted]) -> None:
    bulk(
        connection,
        """insert into time_claim (batch, line_id, version, project_id)
           select %(batch)s, line, version, %(project)s
           from unnest(%(lines)b::text[], %(versions)b::int[]) c(line, version)""",
        batch=batch,
        project=project_id,
        lines=[a.id for a in items],
        versions=[a.version for a in items],
    )


def claim_again(connection: Connection, details: Mapping[str, Any]) -> list[FlowInput]:
    """Claim what is left of a batch whose case was answered: lines that did not come in and that no newer one replaced.

    A batch that is still under way keeps its lines: it hears the answer to what it waits for itself.
    """
    batch = int(one(connection, "select nextval('time_batch') as n").n)
    moved = rows(
        connection,
        """update time_claim c set batch = :next
           from record r, run
           where c.batch = :batch and r.id = c.line_id and r.version = c.version and not r.deleted
             and run.flow = 'time-to-bill' and run.key = c.project_id || ':' || :batch and run.state = 'done'
             and not exists (select 1 from effect e where e.operation = 'post_time' and e.base = c.line_id)
           returning c.project_id, run.entity""",
        next=batch,
        batch=int(details["batch"]),
    )
    return [
        TimeToBill(project_id=project_id, batch=batch, entity=entity)
        for project_id, entity in {(row.project_id, row.entity) for row in moved}
    ]


async def read_batch(run: Run, request: TimeToBill) -> list[Line]:
    """Read the claimed lines as they were accepted; what has changed since belongs to a later batch."""
    found = await run.load(_claimed, request.batch)
    return [Line(TimeEntry.model_validate(body), version, ref) for body, version, ref in found]


def _claimed(connection: Connection, batch: int) -> list[tuple[Any, int, str]]:
    found = rows(
        connection,
        """select v.body, v.version, v.source_ref from time_claim c
           join record_version v on v.id = c.line_id and v.version = c.version
           where c.batch = :batch order by c.line_id""",
        batch=batch,
    )
    return [(row.body, row.version, row.source_ref) for row in found]


async def find_terms(run: Run, request: TimeToBill, lines: Sequence[Line]) -> Terms:
    """Find project and contract; a project code nobody knows is one case for the whole batch (R-FMC-28)."""
    while True:
        found = await run.current(Project, request.project_id)
        if found is not None:
            (contract,) = await run.facts(Contract, found.contract_id)
            return Terms(found, contract)
        hours = sum((line.entry.hours for line in lines), Decimal(0))
        await run.case(
            Problem(
                code="time.unknown_project",
                sentence=f"{len(lines)} approved time lines ({hours:f} h) cannot be billed: the project is not known.",
                remedy="Link the PSA project to its engagement, or book the hours on the right project.",
                role="delivery",
                about=request.project_id,
                actions=(Action.ADD_MAPPING, Action.RETRY, Action.DISMISS),
                details={"lines": ", ".join(line.source_ref for line in lines[:20])},
            )
        )


async def check_lines(
    run: Run, request: TimeToBill, terms: Terms, lines: Sequence[Line]
) -> tuple[list[Line], list[Doubt]]:
    """Ask the limits table about each line; lines that may not be billed become one case per cause."""
    today = await run.today()
    on_day: Counter[tuple[str, date]] = Counter()
    for line in lines:
        on_day[line.entry.worker_id, line.entry.worked_on] += line.entry.hours  # type: ignore[assignment]  # hours add up
    good, doubts = [], []
    known: dict[tuple[Any, ...], tuple[str, str] | None] = {}
    for line in lines:
        entry = line.entry
        facts = (entry.hours, on_day[entry.worker_id, entry.worked_on], (today - entry.worked_on).days)
        if facts not in known:
            known[facts] = _limit(run, facts, today)
        verdict = known[facts] or _against_contract(terms, entry)
        if verdict is None:
            good.append(line)
        else:
            doubts.append(Doubt(line, *verdict))
    await _report(run, request, terms, doubts)
    return good, doubts


def _limit(run: Run, facts: tuple[Any, ...], today: date) -> tuple[str, str] | None:
    decision = run.judge(
        "time-line-limits", {"hours": facts[0], "hours_on_day": facts[1], "age_days": facts[2]}, on=today
    )
    blocking = next((hit for hit in decision.hits if hit.result["severity"] == "blocks"), None)
    return (str(blocking.result["problem"]), blocking.remedy) if blocking else None


def _against_contract(terms: Terms, entry: TimeEntry) -> tuple[str, str] | None:
    contract = terms.contract
    if contract.end_on and entry.worked_on > contract.end_on:
        return "after_the_contract", "Extend the contract, or book the hours on another engagement."
    if contract.start_on and entry.worked_on < contract.start_on:
        return "before_the_contract", "Correct the day, or book the hours on another engagement."
    if entry.is_billable and _rate(terms, entry) is None:
        return "no_rate", "Add the role to the contract's rate card, or correct the role on the line."
    return None


def _rate(terms: Terms, entry: TimeEntry) -> Money | None:
    """The contract decides the price of a role; the PSA's rate holds only where the contract has no rate card."""
    if terms.contract.rate_lines and entry.role:
        return terms.contract.rate_of(entry.role)
    return entry.rate


async def _report(run: Run, request: TimeToBill, terms: Terms, doubts: Sequence[Doubt]) -> None:
    """Open one case per cause; the batch goes on without these lines."""
    for cause in sorted({doubt.cause for doubt in doubts}):
        same = [d for d in doubts if d.cause == cause]
        rates = (_rate(terms, d.line.entry) for d in same)
        amounts = (
            (rate * max(d.line.entry.hours, Decimal(0))).rounded()
            for d, rate in zip(same, rates, strict=True)
            if rate is not None
        )
        await run.report(
            Problem(
                code=f"time.{cause}",
                sentence=f"{len(same)} approved time lines of {terms.project.name} cannot be billed: "
                f"{cause.replace('_', ' ')}.",
                remedy=same[0].remedy,
                role="delivery",
                project_id=terms.project.id,
                about=f"{terms.project.id}/{cause}/{request.batch}",
                exposure=total(amounts, terms.contract.currency),
                details={
                    "cause": f"{terms.project.id}/{cause}",
                    "batch": str(request.batch),
                    "lines": ", ".join(d.line.source_ref for d in same[:50]),
                    "count": str(len(same)),
                },
            )
        )


async def withdraw(run: Run, terms: Terms, lines: Sequence[Line]) -> int:
    """Take back lines that lost their approval; what of them is billed already is a case with the credit due."""
    if not lines:
        return 0

    def take_back(connection: Connection) -> dict[str, Any]:
        known = {line.id for line in ledger.line_states(connection, [line.id for line in lines])}
        by = ledger.By(actor="system", cause="approval withdrawn", run=run.id)
        done = ledger.withdraw(connection, sorted(known), by) if known else None
        return {"count": len(known), "over": [[o.line_id, o.amount.minor] for o in done.over_billed] if done else []}

    answer = await run.change("withdraw", take_back)
    await _report_over_billed(run, terms, answer["over"])
    return int(answer["count"])


async def _report_over_billed(run: Run, terms: Terms, over: Sequence[Sequence[Any]]) -> None:
    if not over:
        return
    due = Money.from_minor(sum(minor for _, minor in over), terms.contract.currency)
    await run.report(
        Problem(
            code="ledger.over_billed",
            sentence=f"{len(over)} lines of {terms.project.name} are billed above what is approved: {due} is due back.",
            remedy="Credit the lines on their invoice, or have the hours approved again.",
            role="finance_operations",
            about=f"{terms.project.id}/over_billed",
            project_id=terms.project.id,
            exposure=due,
            details={"lines": ", ".join(str(id) for id, _ in over[:50])},
        )
    )


async def enter_ledger(run: Run, request: TimeToBill, terms: Terms, lines: Sequence[Line]) -> Entered:
    """Approve and price billable lines in the ledger, in one act; refused ones are a case. Key: the line's id."""
    billable = [line for line in lines if line.entry.is_billable]

    def enter(connection: Connection) -> dict[str, Any]:
        by = ledger.By(actor="system", cause="time_entry.approved", run=run.id)
        done = ledger.approve(connection, [_approved(terms, line) for line in billable], by)
        return {
            "accepted": [*done.new, *done.changed, *done.same],
            "refused": {r.line_id: r.code for r in done.refused},
            "over_billed": [[o.line_id, o.amount.minor] for o in done.over_billed],
        }

    answer: dict[str, Any] = {"accepted": [], "refused": {}, "over_billed": []}
    if billable:
        answer = await run.change_or_case("ledger", enter, about=f"{terms.project.id}/ledger")
    await _report_over_billed(run, terms, answer["over_billed"])
    refused: dict[str, str] = answer["refused"]
    doubts = [Doubt(line, _cause(refused[line.id]), _ASK_FINANCE) for line in billable if line.id in refused]
    await _report(run, request, terms, doubts)
    plain = [line.id for line in lines if not line.entry.is_billable]
    return Entered(frozenset([*answer["accepted"], *plain]), len(answer["refused"]), len(answer["over_billed"]))


_ASK_FINANCE = "Ask finance operations: open the period, or correct the line, then retry."


def _cause(code: str) -> str:
    """Return the last word of an error code: `ledger.period_signed_off` is `period_signed_off`."""
    return code.rsplit(".", 1)[-1]


def _approved(terms: Terms, line: Line) -> ledger.ApprovedLine:
    entry = line.entry
    return ledger.ApprovedLine(
        id=entry.id,
        entity=terms.project.entity,
        currency=terms.contract.currency,
        contract_id=terms.contract.id,
        contract_version=terms.contract.version,
        project_id=terms.project.id,
        worker_id=entry.worker_id,
        role=entry.role,
        worked_on=entry.worked_on,
        source_ref=_short(line.source_ref),
        quantity=entry.hours,
        unit_price=_rate(terms, entry),
    )


def _short(source_ref: str) -> str:
    """Return `system/id` of an external id, as people and the judge read it."""
    ref = ExternalId.parse(source_ref)
    return f"{ref.system}/{ref.value}"


async def post_to_erp(run: Run, terms: Terms, lines: Sequence[Line]) -> int:
    """Post new lines in the ERP and correct those it has; what is refused is one case per cause, then sent again.

    Keys: the line's id for what is new, its id and version for a correction.
    """
    erp = run.port(TimePosting, "erp")
    project = await run.external(terms.project.id, erp.system)
    known = await run.written(erp.post_time, *(line.id for line in lines))
    to_send = {f"{line.id}/v{line.version}" if line.id in known else line.id: line for line in lines}
    posted = 0
    while to_send:
        workers = {line.entry.worker_id for line in to_send.values()}
        numbers = await run.read("workers", partial(_worker_numbers, worker_ids=workers))
        items = {key: _to_post(terms, line, project, numbers) for key, line in to_send.items()}
        outcomes = await _send(run, erp, items, known)
        refused = {key: o for key, o in outcomes.items() if isinstance(o, AccordantError)}
        posted += len(items) - len(refused)
        if not refused:
            return posted
        await _answer_refusals(run, terms, refused, items)
        to_send = {key: to_send[key] for key in refused}
        run.try_again(*to_send)
    return posted


async def _send(
    run: Run, erp: TimePosting, items: Mapping[str, TimeToPost], known: Mapping[str, ExternalId]
) -> dict[str, Written | AccordantError]:
    new = {key: item for key, item in items.items() if item.line_id not in known}
    corrections = {
        key: TimeCorrection(ref=known[item.line_id], line=item) for key, item in items.items() if item.line_id in known
    }
    outcomes: dict[str, Written | AccordantError] = {}
    if new:
        outcomes |= await run.effects(erp.post_time, new)
    if corrections:
        outcomes |= await run.effects(erp.correct_time, corrections)
    return outcomes


async def _answer_refusals(
    run: Run, terms: Terms, refused: Mapping[str, AccordantError], items: Mapping[str, TimeToPost]
) -> None:
    codes = Counter(error.code for error in refused.values())
    for code, count in sorted(codes.items()):
        first = next(error for error in refused.values() if error.code == code)
        amounts = (items[base].amount for base, error in refused.items() if error.code == code and base in items)
        await run.case(
            Problem(
                code=code,
                sentence=f"{count} approved time lines of {terms.project.name} are not in the ERP: {first.message}",
                remedy=first.remedy,
                role="finance_operations",
                project_id=terms.project.id,
                about=f"{terms.project.id}/{code}",
                exposure=total(amounts, terms.contract.currency),
                details={"lines": ", ".join(list(refused)[:50])},
            )
        )


def _to_post(terms: Terms, line: Line, project: ExternalId, numbers: Mapping[str, str]) -> TimeToPost:
    entry = line.entry
    rate = _rate(terms, entry) or Money.zero(terms.contract.currency)
    return TimeToPost(
        line_id=entry.id,
        source_ref=_short(line.source_ref),
        project=project,
        worker_number=numbers.get(entry.worker_id),
        role=entry.role,
        worked_on=entry.worked_on,
        hours=entry.hours,
        rate=rate,
        amount=(rate * entry.hours).rounded(),
        is_billable=entry.is_billable,
    )


def _worker_numbers(connection: Connection, *, worker_ids: set[str]) -> dict[str, str]:
    """Return employee numbers by the worker id that the lines carry; merges are followed."""
    now = masterdata.current_ids(connection, worker_ids)
    found = rows(
        connection,
        "select id, body ->> 'number' as number from record where kind = 'worker' and id = any(:ids)",
        ids=sorted(set(now.values())),
    )
    numbers = {row.id: row.number for row in found}
    return {asked: numbers[current] for asked, current in now.items() if current in numbers}
