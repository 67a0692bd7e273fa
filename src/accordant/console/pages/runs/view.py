"""Runs as the page shows them: work orders with attempts, the flow with counts per stage, promises kept or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from sqlalchemy import Connection

from accordant.console import words
from accordant.console.charts import Edge, Graph, Node
from accordant.console.visit import Visit
from accordant.insight import runs
from accordant.insight.runs import Order, RunFilter, RunRow, StageCount
from accordant.process import FlowRegistry

PAGE = 30
TIERS = {"revenue": 1, "standard": 2, "reference": 3}
AGES = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
STATES = {
    "running": ("on", "Runs", "half"),
    "parked": ("warn", "Waits", "half"),
    "failed": ("bad", "Stopped", "stop"),
    "done": ("on", "Done", "check"),
    "compensated": ("", "Taken back", "ring"),
    "superseded": ("", "Superseded", "ring"),
    "dismissed": ("", "Dismissed", "ring"),
}
GATES = {
    "case": "for a case",
    "failed": "for a case",
    "approval": "for an approval",
    "event": "for an event",
    "date": "for its time",
    "system": "for a system",
}
_WIDTH, _GAP, _TOP = 176, 32, 8


@dataclass(frozen=True)
class Asked:
    """What an address asks for."""

    flow: str = ""
    state: str = "live"
    entity: str = ""
    subject: str = ""
    age: str = ""
    stage: str = ""
    page: int = 1

    def filter(self, now: datetime) -> RunFilter:
        """Return the filter of the list."""
        states = {"live": runs.LIVE, "all": None}.get(self.state, (self.state,))
        return RunFilter(
            flow=self.flow or None,
            states=states,
            entity=self.entity or None,
            subject=self.subject or None,
            started_before=now - AGES[self.age] if self.age in AGES else None,
            stage=self.stage or None,
        )

    @property
    def filter_count(self) -> int:
        """How many filters narrow."""
        return sum(bool(value) for value in (self.flow, self.entity, self.subject, self.age, self.stage))

    def to(self, **changes: object) -> str:
        """Return the address with changes; the page begins anew."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"page": 1} | changes
        plain = {n: v for n, v in fields.items() if v not in ("", 1) and (n, v) != ("state", "live")}
        return f"/runs?{urlencode(plain)}" if plain else "/runs"


@dataclass(frozen=True)
class Row:
    """A work order of the list."""

    run: RunRow
    href: str
    state: tuple[str, str, str]
    waits: str
    stage: str
    started: str
    took: str
    is_late: bool
    promise: str
    case_href: str
    earlier: tuple[tuple[str, str, str], ...]
    newest: int | None


@dataclass(frozen=True)
class Board:
    """Everything the page shows."""

    asked: Asked
    sentence: str
    warning: str
    workers: str
    flows: tuple[tuple[str, int], ...]
    graph: Graph | None
    stages: tuple[StageCount, ...]
    promise: str
    owner: str
    rows: tuple[Row, ...]
    has_more: bool


def board(connection: Connection, visit: Visit, asked: Asked) -> Board:
    """Return the page as an address asks for it."""
    which = asked.filter(visit.now)
    orders = runs.list_orders(connection, which, limit=PAGE + 1, offset=(asked.page - 1) * PAGE)
    live = runs.count_states(connection, which)
    flows = runs.flows_seen(connection)
    registry = visit.deps.answers.flows
    chosen = asked.flow if asked.flow in {name for name, _ in flows} else ""
    stages = runs.stages_of(connection, chosen) if chosen else ()
    at_work = runs.workers(connection)
    declared = max((f for f in registry if f.name == chosen), key=lambda f: f.version, default=None)
    none_works = not at_work.live and any(live.values())
    return Board(
        asked=asked,
        sentence=_sentence(live),
        warning="No worker is alive." if none_works else "",
        workers=words.plural(at_work.live, "worker") if at_work.live else "no worker",
        flows=flows,
        graph=graph_of(chosen, stages, asked) if stages else None,
        stages=stages,
        promise=words.span(timedelta(seconds=declared.slo_s)) if declared else "",
        owner=words.readable(declared.owner) if declared else "",
        rows=tuple(_row(order, visit, registry) for order in orders[:PAGE]),
        has_more=len(orders) > PAGE,
    )


def address_of(run_id: str) -> str:
    """Return the address of a run's page; its id carries `@`, `:` and `#`."""
    return f"/runs/{quote(run_id, safe='@:')}"


def promise_of(run: RunRow, registry: FlowRegistry) -> timedelta | None:
    """Return what a run's flow promises, from start to end; None for a flow that is no longer here."""
    found = next((f for f in registry if f.name == run.flow and f.version == run.version), None)
    return timedelta(seconds=found.slo_s) if found else None


def newest_version(name: str, registry: FlowRegistry) -> int | None:
    """Return the newest version of a flow; None for one that is no longer here."""
    return max((f.version for f in registry if f.name == name), default=None)


def graph_of(flow: str, stages: Sequence[StageCount], asked: Asked) -> Graph:
    """Draw the stages of a flow from left to right with who stands where."""
    nodes = []
    for at, stage in enumerate(stages):
        standing = stage.running + stage.parked + stage.failed
        detail = f"{words.number(standing)} here" if standing else "nobody here"
        median = f", median {words.span(stage.median)}" if stage.median is not None else ""
        state = "wait" if stage.parked or stage.failed else "done" if stage.seen else "none"
        nodes.append(
            Node(
                name=words.readable(stage.name),
                detail=f"{detail}{median}",
                state=state,
                href=asked.to(stage=stage.name),
                x=at * (_WIDTH + _GAP),
                y=_TOP,
                width=_WIDTH,
                is_selected=stage.name == asked.stage,
            )
        )
    edges = tuple(Edge(f"M{n.x + _WIDTH},{_TOP + 24}h{_GAP}", "done") for n in nodes[:-1])
    waiting = sum(s.parked + s.failed for s in stages)
    says = f"{flow}: {words.plural(len(stages), 'stage')}, {words.plural(waiting, 'run')} standing still."
    return Graph(tuple(nodes), edges, max(len(nodes) * (_WIDTH + _GAP) - _GAP, 1120), 64, says)


def _sentence(live: dict[str, int]) -> str:
    running, parked, failed = (live.get(state, 0) for state in runs.LIVE)
    if not running + parked + failed:
        return "Nothing is under way."
    told = [words.plural(running, "run") + (" is at work" if running == 1 else " are at work")]
    told += (
        [f"{words.number(parked)} {'waits and holds' if parked == 1 else 'wait and hold'} no worker"] if parked else []
    )
    told += [f"{words.number(failed)} stopped"] if failed else []
    return ", ".join(told) + "."


def _row(order: Order, visit: Visit, registry: FlowRegistry) -> Row:
    run, took, promise = order.run, order.run.took(visit.now), promise_of(order.run, registry)
    zone = visit.zone
    return Row(
        run=run,
        href=address_of(run.id),
        state=STATES[run.state],
        waits=GATES.get(order.gate_kind, "") if run.state in ("parked", "failed") else "",
        stage=words.readable(order.stage) if order.stage else "",
        started=words.moment(run.started_at, zone),
        took=words.span(took),
        is_late=promise is not None and took > promise,
        promise=words.span(promise) if promise else "",
        case_href=f"/cases/{order.case_id}" if order.case_id else "",
        earlier=tuple(
            (address_of(e.id), f"#{e.generation} on v{e.version}", STATES[e.state][1].lower()) for e in order.earlier
        ),
        newest=newest_version(run.flow, registry),
    )
