"""A decision table: rows in layers, from the most specific to the general, and what they decide of facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from accordant.kernel import InvalidInput, Rejected, content_hash
from accordant.policies.conditions import Cell, Column, Value
from accordant.policies.row import Row, Rule

M = TypeVar("M", bound=BaseModel)
_SHARED = ("author", "valid_from")  # may stand once at the top of a file, for all its rows


class HitPolicy(StrEnum):
    """How many rows answer: the first that matches, exactly one, or all that match (none is an answer too)."""

    FIRST = "first"
    UNIQUE = "unique"
    COLLECT = "collect"


class Hit(BaseModel):
    """A row that answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row_id: str
    result: dict[str, Cell]
    reason: str
    remedy: str


class Decision(BaseModel):
    """What a table decided, with everything needed to explain it later.

    `row_id`, `result`, `reason` and `remedy` speak of the one row of a `first` or `unique` table; `hits` are all rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    table_hash: str
    on: date
    facts: dict[str, Cell]
    hits: tuple[Hit, ...]

    @property
    def hit(self) -> Hit:
        """The one row that answered; raises ValueError when a `collect` table gave none or several."""
        (hit,) = self.hits
        return hit

    @property
    def row_id(self) -> str:
        """The id of the row that answered."""
        return self.hit.row_id

    @property
    def result(self) -> dict[str, Value]:
        """The outputs of the row that answered."""
        return self.hit.result

    @property
    def reason(self) -> str:
        """Why the firm decides so."""
        return self.hit.reason

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        return self.hit.remedy


class Header(BaseModel):
    """What a table file says before its rows.

    Args:
        id: stable, in words: `tax-treatment`.
        question: what the table answers, as a person would ask.
        owner: the role that answers for it.
        hit: the hit policy.
        inputs: every one must be among the facts, null where it is not known.
        outputs: what a row may say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    question: str
    owner: str
    hit: HitPolicy
    inputs: dict[str, Column]
    outputs: dict[str, Column]


class Table:
    """A checked and compiled table; immutable."""

    def __init__(self, header: Header, layers: tuple[tuple[Row, ...], ...], *, name: str) -> None:
        self.header = header
        self.layers = layers
        self._rules = _compile(header, layers, name)
        self.hash = content_hash(
            [header.model_dump(mode="json"), [[row.model_dump(mode="json") for row in layer] for layer in layers]]
        )

    @classmethod
    def of(cls, document: Mapping[str, Any], *, name: str) -> Table:
        """Check a table file; raises InvalidInput with every finding, code `policy.table`."""
        head = {key: value for key, value in document.items() if key not in {*_SHARED, "rows"}}
        return cls(_checked(Header, head, name), (_rows(document, name),), name=name)

    def overridden(self, document: Mapping[str, Any], *, name: str) -> Table:
        """Return the table with the rows of a more specific file before its own; a row of the same id is replaced."""
        strange = document.keys() - {*_SHARED, "id", "rows"}
        if strange:
            raise _wrong(name, [f"only the general table says `{word}`" for word in sorted(strange)])
        rows = _rows(document, name)
        replaced = {row.id for row in rows}
        below = tuple(tuple(row for row in layer if row.id not in replaced) for layer in self.layers)
        return Table(self.header, (rows, *below), name=name)

    @property
    def id(self) -> str:
        """The table's id."""
        return self.header.id

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, the most specific layer first."""
        return tuple(row for layer in self.layers for row in layer)

    def decide(self, facts: Mapping[str, Any], on: date) -> Decision:
        """Answer the question for these facts on a civil day.

        Raises:
            InvalidInput: an input is not among the facts, or has another type; facts that are no input are ignored.
            Rejected: no row matches (`policy.no_decision`), or several of a `unique` table (`policy.ambiguous`).
        """
        known = self._typed(facts)
        rules = self._answering(known, on)
        hit = self.header.hit
        if not rules and hit is not HitPolicy.COLLECT:
            raise self._undecided("no_decision", "no row matches", known)
        if len(rules) > 1 and hit is HitPolicy.UNIQUE:
            raise self._undecided("ambiguous", f"{', '.join(rule.row.id for rule in rules)} all match", known)
        hits = [
            Hit(row_id=rule.row.id, result=rule.result, reason=rule.row.reason, remedy=rule.row.remedy)
            for rule in (rules[:1] if hit is HitPolicy.FIRST else rules)
        ]
        return Decision(table=self.id, table_hash=self.hash, on=on, facts=known, hits=tuple(hits))

    def _typed(self, facts: Mapping[str, Any]) -> dict[str, Value]:
        problems: dict[str, str] = {}
        known: dict[str, Value] = {}
        for name, column in self.header.inputs.items():
            if name not in facts:
                problems[name] = "is not given; say None where it is not known"
                continue
            try:
                known[name] = column.value(facts[name])
            except ValueError as error:
                problems[name] = str(error)
        if problems:
            told = "; ".join(f"`{name}`: {problem}" for name, problem in problems.items())
            raise InvalidInput(
                f"{self.id} cannot decide: {told}", code="policy.facts", detail={"table": self.id, "facts": problems}
            )
        return known

    def _answering(self, facts: Mapping[str, Value], on: date) -> list[Rule]:
        """Return the rules that answer: of all layers to collect, otherwise of the most specific that has any."""
        answering: list[Rule] = []
        for layer in self._rules:
            answering += [rule for rule in layer if rule.answers(facts, on)]
            if answering and self.header.hit is not HitPolicy.COLLECT:
                break
        return answering

    def _undecided(self, code: str, told: str, facts: dict[str, Value]) -> Rejected:
        return Rejected(
            f"{self.id}: {told}",
            code=f"policy.{code}",
            remedy=f"{self.header.owner} decides, and mends the rows of `{self.id}`.",
            detail={"table": self.id, "table_hash": self.hash, "facts": facts},
        )


def _rows(document: Mapping[str, Any], name: str) -> tuple[Row, ...]:
    shared = {key: document[key] for key in _SHARED if key in document}
    return tuple(_checked(Row, {**shared, **row}, name) for row in document.get("rows") or ())


def _compile(header: Header, layers: tuple[tuple[Row, ...], ...], name: str) -> tuple[tuple[Rule, ...], ...]:
    findings: list[str] = []
    compiled: list[tuple[Rule, ...]] = []
    seen: set[str] = set()
    for layer in layers:
        rules = []
        for row in layer:
            if row.id in seen:
                findings.append(f"row `{row.id}` stands twice")
            seen.add(row.id)
            try:
                rules.append(Rule.of(row, header.inputs, header.outputs))
            except ValueError as error:
                findings.append(f"row `{row.id}`: {error}")
        compiled.append(tuple(rules))
    if findings:
        raise _wrong(name, findings)
    return tuple(compiled)


def _checked(kind: type[M], document: Mapping[str, Any], name: str) -> M:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        row = f"row `{document['id']}` " if kind is Row and "id" in document else ""
        raise _wrong(
            name, [f"{row}`{'.'.join(map(str, each['loc']))}`: {each['msg']}" for each in error.errors()]
        ) from error


def _wrong(name: str, findings: list[str]) -> InvalidInput:
    return InvalidInput(
        f"{name}: {'; '.join(findings)}",
        code="policy.table",
        remedy="Mend the rows named above; the language is shown in policies/README.md.",
        detail={"findings": findings},
    )
