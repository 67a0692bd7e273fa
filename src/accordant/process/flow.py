"""How a flow declares itself: what starts it, what its key is, who owns it and how fast it should be."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from accordant.kernel import Bug
from accordant.platform.durable import Overtaking, Start

if TYPE_CHECKING:
    from accordant.process.run import Run

TIERS = {"revenue": 10, "standard": 100, "reference": 1000}
"""Resilience tiers and their priority in a queue: lower goes first (R-RES-08)."""


class FlowInput(BaseModel):
    """What a run is started with: ids, versions and money; no personal field. Add optional fields, never change one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FlowOutput(BaseModel):
    """What a run ends with: ids, versions and money."""

    model_config = ConfigDict(frozen=True, extra="forbid")


I = TypeVar("I", bound=FlowInput)  # noqa: E741
O = TypeVar("O", bound=FlowOutput)  # noqa: E741


@dataclass(frozen=True)
class Accepted:
    """A canonical object as intake has just accepted it."""

    kind: str
    id: str
    version: int
    entity: str
    body: Any
    event: str  # 'contract.approved'
    source_ref: str
    previous: Any = None


Trigger = Callable[[Connection, Sequence[Accepted]], list[FlowInput]]
"""Turns accepted objects into inputs of runs, inside the intake transaction: claims lines, skips what is no work."""

Again = Callable[[Connection, Mapping[str, Any]], list[FlowInput]]
"""Turns the details of a reported case that was answered into inputs of runs: what it named is tried once more."""


@dataclass(frozen=True)
class Flow(Generic[I, O]):
    """One version of a flow, as the catalogue knows it."""

    name: str
    version: int
    owner: str
    tier: str
    slo_s: int
    tell: Callable[[Run, I], Awaitable[O]]
    key: Callable[[I], str]
    input_model: type[I]
    subject: Callable[[I], str]
    entity: Callable[[I], str]
    rank: Callable[[I], int]
    starts_on: tuple[str, ...] = ()
    trigger: Trigger | None = None
    again: Again | None = None
    overtaking: Overtaking = Overtaking.BLOCK
    queue: str = "interactive"
    doc: str = field(default="", compare=False)

    @property
    def workflow(self) -> str:
        """The name under which the engine knows this version."""
        return f"{self.name}@{self.version}"

    def start(self, request: I, *, snapshot: str = "") -> Start:
        """Return what opens the run of this piece of work."""
        return Start(
            flow=self.name,
            version=self.version,
            key=self.key(request),
            input=request.model_dump(mode="json"),
            rank=self.rank(request),
            overtaking=self.overtaking,
            entity=self.entity(request),
            subject=self.subject(request),
            tier=self.tier,
            snapshot=snapshot,
            queue=self.queue,
            priority=TIERS[self.tier],
        )


def flow(  # noqa: PLR0913 - a declaration: each word is a fact about the flow
    name: str,
    *,
    version: int,
    owner: str,
    tier: str,
    slo: str,
    key: Callable[[Any], str],
    subject: Callable[[Any], str],
    entity: Callable[[Any], str] = lambda _: "",
    rank: Callable[[Any], int] = lambda _: 0,
    starts_on: str | Sequence[str] = (),
    trigger: Trigger | None = None,
    again: Again | None = None,
    overtaking: str = "block",
    queue: str = "interactive",
) -> Callable[[Callable[[Run, I], Awaitable[O]]], Flow[I, O]]:
    """Declare a flow.

    Args:
        name: verb and object, `activate-project`; the version is part of the registered name.
        version: raised with every change to the order of steps; the old one stays until drained.
        owner: who answers for the process at business level (R-GOV-01).
        tier: revenue, standard or reference.
        slo: from start to end, `15m`; time parked at a person's gate counts.
        key: names one piece of work.
        subject: the engagement it belongs to.
        entity: the legal entity it belongs to.
        rank: orders newer events of the same key.
        starts_on: names of events that intake announces.
        trigger: turns accepted objects into inputs; needed with `starts_on`.
        again: turns the answer to a case that was reported, not waited for, into inputs.
        overtaking: what a newer event of its key does to a waiting run: block, supersede or allow.
        queue: interactive or bulk.
    """
    if tier not in TIERS:
        raise Bug(f"Flow {name} has tier {tier!r}; there are {', '.join(TIERS)}.", code="flow.tier")

    def declare(tell: Callable[[Run, I], Awaitable[O]]) -> Flow[I, O]:
        names = (starts_on,) if isinstance(starts_on, str) else tuple(starts_on)
        if names and trigger is None:
            raise Bug(f"Flow {name} starts on {', '.join(names)} but has no trigger.", code="flow.trigger")
        return Flow(
            name=name,
            version=version,
            owner=owner,
            tier=tier,
            slo_s=_seconds(slo),
            tell=tell,
            key=key,
            input_model=_input_model(tell),
            subject=subject,
            entity=entity,
            rank=rank,
            starts_on=names,
            trigger=trigger,
            again=again,
            overtaking=Overtaking(overtaking),
            queue=queue,
            doc=(tell.__doc__ or "").strip(),
        )

    return declare


def _input_model(tell: Callable[..., Any]) -> Any:
    hints = {name: hint for name, hint in get_type_hints(tell).items() if name not in ("return", "run")}
    model = next(iter(hints.values()), None)
    if not (isinstance(model, type) and issubclass(model, FlowInput)):
        raise Bug(f"{tell.__name__} must take a run and one FlowInput.", code="flow.input")
    return model


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise Bug(f"{text!r} is no span; write 30s, 15m, 4h or 2d.", code="flow.slo")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


class FlowRegistry:
    """The flows of this installation, by name and version; the newest version of a name is started."""

    def __init__(self, flows: Sequence[Flow[Any, Any]]) -> None:
        self._flows: dict[str, Flow[Any, Any]] = {f.workflow: f for f in flows}
        if len(self._flows) != len(flows):
            raise Bug("Two flows carry the same name and version.", code="flow.twice")

    def __iter__(self) -> Any:
        return iter(self._flows.values())

    def newest(self, name: str) -> Flow[Any, Any]:
        """Return the newest version of a flow; KeyError when there is none."""
        return max((f for f in self if f.name == name), key=lambda f: f.version)

    def workflow(self, name: str) -> Flow[Any, Any]:
        """Return a version by its registered name, `activate-project@1`."""
        return self._flows[name]

    def started_by(self) -> Mapping[str, list[Flow[Any, Any]]]:
        """Return the newest flows by the event that starts them."""
        result: dict[str, list[Flow[Any, Any]]] = {}
        for item in {f.name: self.newest(f.name) for f in self}.values():
            for event in item.starts_on:
                result.setdefault(event, []).append(item)
        return result
