"""One row of a decision table: as written in its file, and compiled against the table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from accordant.policies.conditions import Column, Condition, Value, parse_condition

T = TypeVar("T")


class Row(BaseModel):
    """One rule as written.

    Args:
        when: a unary test per input; an input that is not named may be anything.
        then: the outputs; one that is not named is null.
        reason: why the firm decides so, one sentence.
        remedy: what a person does about it; empty when nothing is to be done.
        valid_from: first civil day in force; `valid_to` the last, inclusive.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    when: dict[str, Any] = Field(default_factory=dict)
    then: dict[str, Any]
    reason: str
    remedy: str = ""
    author: str
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row with parsed tests and typed results."""

    row: Row
    conditions: tuple[tuple[str, Condition], ...]
    result: dict[str, Value]

    @classmethod
    def of(cls, row: Row, inputs: Mapping[str, Column], outputs: Mapping[str, Column]) -> Rule:
        """Compile a row; raises ValueError that names the cell."""
        strange = [*(row.when.keys() - inputs.keys()), *(row.then.keys() - outputs.keys())]
        if strange:
            raise ValueError(f"`{min(strange)}` is not a column of the table")
        tests = [(name, _cell(name, parse_condition, test, inputs[name])) for name, test in row.when.items()]
        result = {name: _cell(name, Column.value, column, row.then.get(name)) for name, column in outputs.items()}
        return cls(row, tuple(tests), result)

    def answers(self, facts: Mapping[str, Value], on: date) -> bool:
        """Tell whether the row is in force on the civil day and every test is met."""
        row = self.row
        if on < row.valid_from or (row.valid_to is not None and row.valid_to < on):
            return False
        return all(is_met(facts[name]) for name, is_met in self.conditions)


def _cell(name: str, read: Callable[..., T], *arguments: Any) -> T:
    try:
        return read(*arguments)
    except ValueError as error:
        raise ValueError(f"`{name}`: {error}") from error
