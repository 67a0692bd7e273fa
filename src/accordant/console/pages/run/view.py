"""One run as its page shows it: stages, steps in time, writes outside, gates, events, and the acts on its case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from accordant import cases
from accordant.cases import CaseFilter, CaseState, CaseView
from accordant.console import parts, words
from accordant.console.charts import Edge, Graph, Node, Span, Track
from accordant.console.pages.case import acts
from accordant.console.pages.case.view import Attempt, attempt_of, name_of
from accordant.console.pages.run.history import plain_of
from accordant.console.pages.runs.view import GATES, STATES, TIERS, address_of, newest_version, promise_of
from accordant.console.visit import Visit
from accordant.insight import exceptions, runs
from accordant.insight.runs import Announced, Moment, RunRow

LAST = 200
_WIDTH, _GAP, _TOP, _PER_ROW = 176, 32, 8, 6
_LIVE_CASES = (CaseState.OPEN, CaseState.WAITING, CaseState.REPLAYING)


@dataclass(frozen=True)
class Step:
    """A line of the step list: what it was, what it says, where a row of its own is."""

    anchor: str
    when: str
    kind: str
    name: str
    says: str
    kind_of_state: str = ""
    state: str = ""


@dataclass(frozen=True)
class Gate:
    """Where the run waited: for what, how long, by whom it was resolved."""

    what: str
    opened: str
    took: str
    is_open: bool
    due: str
    href: str


@dataclass(frozen=True)
class Shown:
    """Everything the page shows."""

    run: RunRow
    zone: ZoneInfo
    title: str
    state: tuple[str, str, str]
    sentence: str
    tier: int
    promise: str
    is_late: bool
    newest: int | None
    attempts: tuple[tuple[RunRow, str, str], ...]
    workers: str
    case: CaseView | None
    acts: tuple[acts.Act, ...]
    blocked: str
    graph: Graph | None
    tracks: tuple[Track, ...]
    ticks: tuple[str, ...]
    steps: tuple[Step, ...]
    older: str
    writes: tuple[Attempt, ...]
    gates: tuple[Gate, ...]
    events: tuple[Announced, ...]
    audit: tuple[parts.Entry, ...]
    snapshot: str
    correlation: str


def show(connection: Connection, visit: Visit, id: str, *, before: datetime | None = None) -> Shown:
    """Return a run as this person sees it; NotFound when it is not there or not in the person's entities."""
    run, kept = runs.get_run(connection, id)
    zone, registry = visit.zone_of(run.entity), visit.deps.answers.flows
    waiting = exceptions.waiting(connection, run.id)
    moments = runs.moments_of(connection, run, before=before, limit=LAST)
    stages = runs.stage_spans(connection, run)
    found = cases.list_cases(connection, CaseFilter(states=_LIVE_CASES, run_id=run.id), at=visit.now, limit=1)
    case = found[0] if found and visit.may("cases:read") else None
    offered = acts.acts_on(case, visit.actor, acts.versions(registry, waiting)) if case else ()
    promise = promise_of(run, registry)
    writes = exceptions.writes_of(connection, run.id)
    at_work = runs.workers(connection)
    return Shown(
        run=run,
        zone=zone,
        title=_title(run, case),
        state=STATES[run.state],
        sentence=_sentence(run, waiting, writes, visit.now),
        tier=TIERS.get(run.tier, 2),
        promise=words.span(promise) if promise else "",
        is_late=promise is not None and run.took(visit.now) > promise,
        newest=newest_version(run.flow, registry),
        attempts=tuple((r, address_of(r.id), STATES[r.state][1]) for r in runs.attempts_of(connection, run)),
        workers=words.plural(at_work.live, "worker") if at_work.live else "",
        case=case,
        acts=offered if visit.may("cases:act") else (),
        blocked=next((a.why_not for a in offered if a.why_not), ""),
        graph=_graph(stages, run) if stages else None,
        tracks=_tracks(moments, stages, run, visit.now),
        ticks=_ticks(run, visit.now),
        steps=tuple(_step(m, zone) for m in moments),
        older=f"{address_of(run.id)}?before={moments[-1].at.isoformat().replace('+', '%2B')}#steps"
        if len(moments) == LAST
        else "",
        writes=tuple(attempt_of(w, zone) for w in writes),
        gates=tuple(_gate(m, zone, visit) for m in moments if m.kind == "gate"),
        events=runs.announced(connection, run),
        audit=tuple(_act(row, visit, zone) for row in runs.acts_on(connection, _subjects(moments, case))),
        snapshot=kept["snapshot"][:12],
        correlation=run.subject,
    )


def _title(run: RunRow, case: CaseView | None) -> str:
    name = words.readable(run.flow)
    return f"{name}: {case.client}" if case and case.client else f"{name}"


def _sentence(
    run: RunRow, waiting: exceptions.Waiting | None, writes: Sequence[exceptions.Wrote], now: datetime
) -> str:
    done = sum(w.is_done for w in writes)
    told = [f"{words.plural(done, 'write')} stand outside." if done != 1 else "1 write stands outside."]
    adopted = sum(w.adopted for w in writes)
    if adopted:
        told.append(f"{words.number(adopted)} found after a lost answer and adopted: nothing was written twice.")
    if waiting is not None and waiting.gate and waiting.opened_at is not None:
        told.append(f"It waits {GATES.get(waiting.gate_kind, '')} since {words.age(waiting.opened_at, now)}.")
    if run.ended_at is not None and run.state != "failed":
        told.append(f"It ended after {words.span(run.took(now))}.")
    return " ".join(told)


def _graph(stages: Sequence[Moment], run: RunRow) -> Graph:
    nodes = []
    for at, stage in enumerate(stages):
        is_over = stage.until is not None
        is_still = not is_over and run.state in ("parked", "failed")
        detail = words.span(stage.until - stage.at) if stage.until else "stands here" if is_still else "at work"
        if not is_over and run.state not in runs.LIVE:
            detail = "ended here"
        nodes.append(
            Node(
                name=words.readable(stage.name),
                detail=detail,
                state="done" if is_over else "wait" if is_still else "none",
                href="#h-s",
                x=(at % _PER_ROW) * (_WIDTH + _GAP),
                y=_TOP + (at // _PER_ROW) * 70,
                width=_WIDTH,
            )
        )
    edges = tuple(Edge(f"M{n.x + _WIDTH},{n.y + 24}h{_GAP}", "done") for n, after in pairwise(nodes) if after.y == n.y)
    says = f"{words.plural(len(nodes), 'stage')}, {sum(n.state == 'done' for n in nodes)} done."
    width = min(len(nodes), _PER_ROW) * (_WIDTH + _GAP) - _GAP
    return Graph(tuple(nodes), edges, max(width, 1120), nodes[-1].y + 56, says)


def _tracks(moments: Sequence[Moment], stages: Sequence[Moment], run: RunRow, now: datetime) -> tuple[Track, ...]:
    """Return the Gantt chart: stages, writes and gates over the run's whole time, the oldest first."""
    end = run.ended_at or now
    whole = max((end - run.started_at).total_seconds(), 0.001)

    def bar(since: datetime, until: datetime, kind: str) -> Span:
        begin = min(max((since - run.started_at).total_seconds() / whole, 0), 0.995)
        share = max((until - since).total_seconds() / whole, 0)
        return Span(round(100 * begin, 2), round(100 * min(share, 1 - begin), 2), kind)

    found = [("stage", s, "stage") for s in stages]
    found += [("write", m, "") for m in moments if m.kind == "effect"]
    found += [("gate", m, "wait") for m in moments if m.kind == "gate"]
    tracks = []
    for kind, m, look in sorted(found, key=lambda f: f[1].at)[-40:]:
        until = m.until or end
        is_lost = kind == "write" and m.detail.get("state") in ("failed", "unsure")
        name = words.readable(m.name.split(":")[0]) if kind == "gate" else words.readable(m.name)
        tracks.append(
            Track(
                name=name,
                kind=kind if kind != "write" else str(m.detail["system"]),
                tries=str(m.detail["calls"]) if kind == "write" else "",
                took=words.span(until - m.at),
                bars=(bar(m.at, until, "try" if is_lost else look),),
                href=f"#{anchor_of(m)}" if kind != "stage" else "",
            )
        )
    return tuple(tracks)


def _ticks(run: RunRow, now: datetime) -> tuple[str, ...]:
    whole = (run.ended_at or now) - run.started_at
    return ("start", *(words.span(whole * n / 4) for n in (1, 2, 3)), words.span(whole))


def anchor_of(moment: Moment) -> str:
    """Return the name under which a step can be linked to on the page."""
    return re.sub(r"[^a-z0-9]+", "-", f"{moment.kind}-{moment.name}-{moment.detail.get('base', '')}".lower()).strip("-")


def _step(moment: Moment, zone: ZoneInfo) -> Step:
    local = moment.at.astimezone(zone)
    when = f"{words.day(local, year=False)} {local:%H:%M:%S}"
    kind, says, look, word = moment.kind, "", "", ""
    if moment.kind == "effect":
        d = moment.detail
        kind = "write"
        says = " · ".join(
            part
            for part in (
                d["system"],
                f"key {d['base']}#{d['generation']}",
                d["ref"] or "",
                words.plural(d["calls"], "call"),
            )
            if part
        )
        word = {"done": "done, adopted" if d["adopted"] else "done", "failed": f"refused, {d['error']}"}.get(
            d["state"], d["state"]
        )
        look = {"done": "on", "failed": "bad", "unsure": "warn", "intent": "warn"}.get(d["state"], "")
    elif moment.kind == "gate":
        says = f"waits {GATES.get(moment.detail['kind'], moment.detail['kind'])}"
        look, word = ("on", "passed") if moment.until else ("warn", "open")
    elif moment.kind == "decision":
        rules = ", ".join(map(str, moment.detail.get("rows", ())))
        says = f"rule {rules} of table {str(moment.detail.get('table', ''))[:8]}"
    elif moment.kind == "stage":
        says = {"begin": "begun", "end": "left"}.get(str(moment.detail.get("at")), "")
    else:
        says = ", ".join(f"{key} {value}" for key, value in plain_of(moment.detail).items())
    return Step(anchor_of(moment), when, kind, moment.name, says, look, word)


def _gate(moment: Moment, zone: ZoneInfo, visit: Visit) -> Gate:
    kind, topic = str(moment.detail["kind"]), str(moment.detail["topic"])
    href = {"case": "/cases/", "failed": "/cases/", "approval": "/approvals/"}.get(kind, "")
    may = visit.may("approvals:read" if kind == "approval" else "cases:read")
    due = moment.detail.get("due_at")
    return Gate(
        what=f"{words.readable(moment.name.split(':')[0])}, waits {GATES.get(kind, kind)}",
        opened=words.moment(moment.at, zone),
        took=words.span((moment.until or visit.now) - moment.at),
        is_open=moment.until is None,
        due=words.moment(datetime.fromisoformat(due), zone) if due and moment.until is None else "",
        href=f"{href}{topic}" if href and topic and may else "",
    )


def _subjects(moments: Sequence[Moment], case: CaseView | None) -> list[str]:
    topics = {str(m.detail["topic"]) for m in moments if m.kind == "gate" and m.detail.get("topic")}
    return sorted(topics | ({case.id} if case else set()))


def _act(row: Any, visit: Visit, zone: ZoneInfo) -> parts.Entry:
    what = words.readable(row.action.replace(".", " ")).lower()
    return parts.entry(
        row.at, visit.now, zone, kind="person", who=name_of(visit, row.actor), what=what, facts=(row.subject,)
    )
