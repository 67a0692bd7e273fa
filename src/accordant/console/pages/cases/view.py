"""The exceptions queue: tabs, filters, rows and causes as the template shows them, and the same rows as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from sqlalchemy import Connection

from accordant import cases
from accordant.cases import Action, CaseFilter, CaseState, CaseView, Cause, Stage
from accordant.console import parts, words
from accordant.console.pages.case import acts
from accordant.console.pages.case.view import Shown, name_of, show
from accordant.console.visit import Visit
from accordant.insight import exceptions
from accordant.insight.exceptions import Choices, Tab
from accordant.kernel import Money, NotFound

PAGE = 25
MOST_EXPORTED = 10_000
TABS = (CaseState.OPEN, CaseState.WAITING, CaseState.RESOLVED, CaseState.REPLAYING)
_FILTERS = ("entity", "stage", "role", "code", "owner", "cause")


@dataclass(frozen=True)
class Asked:
    """What an address of the queue asks for; text as it came, '' where nothing narrows."""

    tab: str = "open"
    entity: str = ""
    stage: str = ""
    role: str = ""
    code: str = ""
    owner: str = ""
    cause: str = ""
    group: str = ""
    page: int = 1
    open: str = ""

    @property
    def state(self) -> CaseState:
        """The tab; Open for a name that is none."""
        return CaseState(self.tab) if self.tab in tuple(CaseState) else CaseState.OPEN

    @property
    def filter_count(self) -> int:
        """How many filters narrow."""
        return sum(bool(getattr(self, name)) for name in _FILTERS)

    def filter(self, visit: Visit) -> CaseFilter:
        """Return the filter of the queue; a stage that does not exist finds nothing."""
        owner = {"": None, "nobody": "", "me": visit.actor.worker_number}.get(self.owner, self.owner)
        stages = {stage.value: stage for stage in Stage}
        return CaseFilter(
            states=(self.state,),
            entity=self.entity or None,
            stage=stages.get(self.stage),
            role=self.role or None,
            code=self.code or None,
            owner=owner,
            cause_key=self.cause or None,
        )

    def to(self, path: str = "/cases", **changes: object) -> str:
        """Return the address of the same queue with changes; what is not said stays, the page begins anew."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"page": 1} | changes
        plain = {
            name: value for name, value in fields.items() if value not in ("", 1) and (name, value) != ("tab", "open")
        }
        return f"{path}?{urlencode(plain)}" if plain else path


@dataclass(frozen=True)
class Row:
    """A case of the list with what picking it sums up."""

    id: str
    case: parts.CaseRow
    minor: int
    address: str


@dataclass(frozen=True)
class Group:
    """Cases with one cause."""

    sentence: str
    code: str
    count: int
    exposure: Money | None
    due: str
    is_soon: bool
    href: str


@dataclass(frozen=True)
class Queue:
    """Everything the page shows."""

    asked: Asked
    sentence: tuple[str, Money | None, str]
    tabs: tuple[tuple[str, str, int, bool], ...]
    choices: Choices
    owners: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    count: int
    first: int
    last_page: int
    group_currency: str
    opened: Shown | None
    missing: str
    colleagues: tuple[tuple[str, str], ...]


def queue(connection: Connection, visit: Visit, asked: Asked) -> Queue:
    """Return the queue as an address asks for it."""
    which = asked.filter(visit)
    end_of_tomorrow = datetime.combine(visit.now.astimezone(visit.zone).date() + timedelta(days=2), time(), visit.zone)
    sums = exceptions.tabs(connection, which, due_by=end_of_tomorrow)
    count = sums.get(asked.state, Tab()).count
    last_page = max(1, -(-count // PAGE))
    page = min(max(asked.page, 1), last_page)
    is_grouped = asked.group == "cause"
    found = (
        () if is_grouped else cases.list_cases(connection, which, at=visit.now, limit=PAGE, offset=(page - 1) * PAGE)
    )
    choices = exceptions.choices(connection)
    opened, missing = _opened(connection, visit, asked.open)
    return Queue(
        asked=asked,
        sentence=_sentence(asked.state, sums.get(asked.state, Tab())),
        tabs=tuple((s.value, asked.to(tab=s.value, open=""), sums.get(s, Tab()).count, s is asked.state) for s in TABS),
        choices=choices,
        owners=tuple((n, name_of(visit, n)) for n in choices.owners),
        rows=tuple(_row(case, visit, asked, page) for case in found),
        groups=tuple(_group(c, visit, asked) for c in cases.list_causes(connection, which)) if is_grouped else (),
        count=count,
        first=(page - 1) * PAGE + 1,
        last_page=last_page,
        group_currency=visit.deps.estate.group_currency,
        opened=opened,
        missing=missing,
        colleagues=colleagues(visit),
    )


def colleagues(visit: Visit) -> tuple[tuple[str, str], ...]:
    """Return (worker number, name) of everybody who may act on cases and sees all that this page covers."""
    actors = (visit.deps.estate.access.actor(person.id) for person in visit.deps.estate.access.people)
    able = [a for a in actors if "cases:act" in a.scopes and all(a.sees(e.id) for e in visit.entities)]
    return tuple(sorted({a.worker_number: a.name for a in able}.items(), key=lambda pair: pair[1]))


def _opened(connection: Connection, visit: Visit, id: str) -> tuple[Shown | None, str]:
    if not id:
        return None, ""
    try:
        return show(connection, visit, id), ""
    except NotFound as error:
        return None, error.message


def _sentence(state: CaseState, tab: Tab) -> tuple[str, Money | None, str]:
    """Return the line under the title: before the money, the money, after it."""
    names = {
        CaseState.OPEN: ("open case", "hold", "holds"),
        CaseState.WAITING: ("case waits", "hold", "holds"),
        CaseState.RESOLVED: ("resolved case", "held", "held"),
        CaseState.REPLAYING: ("case is being tried", "hold", "holds"),
    }
    one, many_verb, one_verb = names[state]
    many = {"case waits": "cases wait", "case is being tried": "cases are being tried"}.get(one, f"{one}s")
    said = words.plural(tab.count, one, many)
    if tab.exposure is None:
        return f"{said}; no money hangs on {'it' if tab.count == 1 else 'them'}." if tab.count else "", None, ""
    link = "and" if " " in one and state in (CaseState.WAITING, CaseState.REPLAYING) else ""
    verb = one_verb if tab.count == 1 else many_verb
    is_due = tab.due_count and state is not CaseState.RESOLVED
    due = f"; {words.number(tab.due_count)} due by tomorrow night." if is_due else "."
    return " ".join(part for part in (said, link, verb) if part), tab.exposure, due


def _row(case: CaseView, visit: Visit, asked: Asked, page: int) -> Row:
    row = parts.case_row(
        case,
        visit.now,
        visit.zone_of(case.entity),
        owner=name_of(visit, case.owner),
        is_current=case.id == asked.open,
    )
    minor = case.group_exposure.minor if case.group_exposure else 0
    return Row(case.id, row, minor, asked.to(open=case.id, page=page))


def _group(cause: Cause, visit: Visit, asked: Asked) -> Group:
    return Group(
        cause.example,
        cause.code,
        cause.count,
        cause.exposure,
        words.due(cause.deadline, visit.now, visit.zone),
        parts.is_soon(cause.deadline, visit.now),
        asked.to(group="", cause=cause.cause_key, open=""),
    )


# ---------------------------------------------------------------- bulk


@dataclass(frozen=True)
class Bulk:
    """What an act on many cases will do: which of them, why not the others, money by group currency."""

    act: str
    title: str
    button: str
    cases: tuple[CaseView, ...]
    left_out: tuple[tuple[CaseView, str], ...]
    exposure: Money | None
    effects: tuple[str, ...]


def bulk(connection: Connection, visit: Visit, act: str, ids: Sequence[str]) -> Bulk:
    """Return what an act on these cases comes to; one that this person does not see is not found."""
    found = [cases.get_case(connection, id, at=visit.now) for id in dict.fromkeys(ids)]
    reasons = {case.id: _why_not(case, act, visit) for case in found}
    able = tuple(sorted((c for c in found if not reasons[c.id]), key=lambda c: (c.opened_at, c.id)))
    held = [case.group_exposure for case in able if case.group_exposure]
    exposure = sum(held[1:], held[0]) if held else None
    counts = exceptions.count_writes(connection, [case.run_id for case in able if case.run_id])
    verb = {"retry": "Retry", "dismiss": "Dismiss", "assign": "Assign"}[act]
    name = f"{verb} {words.plural(len(able), 'case')}"
    left_out = tuple((case, reasons[case.id]) for case in found if reasons[case.id])
    return Bulk(act, name, name, able, left_out, exposure, _bulk_effects(act, counts))


def _why_not(case: CaseView, act: str, visit: Visit) -> str:
    if act == "assign":
        return "The case is closed." if case.state is CaseState.RESOLVED else ""
    kind = Action(act)
    if kind not in case.actions:
        return f"It does not offer {kind.value}."
    return acts.why_not(case, kind, visit.actor)


def _bulk_effects(act: str, writes: Mapping[str, int]) -> tuple[str, ...]:
    done, refused = writes.get("done", 0), writes.get("failed", 0)
    unknown = writes.get("unsure", 0) + writes.get("intent", 0)
    if act == "assign":
        return ("The owner changes; nothing is sent.",)
    if act == "dismiss":
        return (
            "The cases close; the work that waits for them does not go on.",
            f"{words.plural(done, 'write')} of their runs, where no point of no return was passed, taken back.",
        )
    return (
        "The runs go on in the order in which their cases were opened, each on the version it began with.",
        f"{words.plural(done, 'write')} done already, not sent again.",
        f"{words.plural(unknown, 'write')} without an answer, looked up by key before anything is sent.",
        f"{words.plural(refused, 'refused write')} sent again.",
    )


# ---------------------------------------------------------------- file

HEADS = (
    "id",
    "sentence",
    "client",
    "entity",
    "stage",
    "code",
    "role",
    "owner",
    "tier",
    "state",
    "exposure",
    "currency",
    "group exposure",
    "group currency",
    "deadline",
    "opened",
    "cause",
)


def lines(connection: Connection, visit: Visit, asked: Asked) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the file: the same cases as the list, in the same order, all pages."""
    for case in cases.list_cases(connection, asked.filter(visit), at=visit.now, limit=MOST_EXPORTED):
        yield (
            case.id,
            case.sentence,
            case.client,
            case.entity,
            case.stage.value,
            case.code,
            case.role,
            name_of(visit, case.owner),
            str(case.tier),
            case.state.value,
            *_two(case.exposure),
            *_two(case.group_exposure),
            case.deadline.isoformat() if case.deadline else "",
            case.opened_at.isoformat(),
            case.cause_key,
        )


def _two(money: Money | None) -> tuple[str, str]:
    return (str(money.rounded().amount), money.currency) if money else ("", "")
