"""Cases: examples beside a table that say which row must answer and with what, run by `accordant check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from accordant.kernel import AccordantError, InvalidInput
from accordant.policies.table import Decision, Table

CASES_SUFFIX = ".cases.yaml"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a table or its cases: where (`tax-treatment@de01`), and what, as a sentence."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class Case(BaseModel):
    """One example.

    Args:
        facts: inputs that are not named are null.
        row: the row that must answer, with `result`, its outputs that are not null; null: no row may answer.
        rows: for `collect` tables, all rows that must answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    on: date
    facts: dict[str, Any]
    row: str | None = None
    rows: tuple[str, ...] | None = None
    result: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _expects_something(self) -> Case:
        if ("row" in self.model_fields_set) == (self.rows is not None):
            raise ValueError("say either `row` or `rows`")
        return self


class CaseFile(BaseModel):
    """The cases of one table in one region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    region: str
    cases: tuple[Case, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any], *, region: str, name: str) -> CaseFile:
        """Check a document; `on` and the facts in `given` hold for every case that does not say otherwise."""
        given, on = document.get("given") or {}, document.get("on")
        cases = [
            {"on": on, **case, "facts": {**given, **(case.get("facts") or {})}} for case in document.get("cases") or ()
        ]
        try:
            return cls.model_validate({"table": document.get("table"), "region": region, "cases": cases})
        except ValidationError as error:
            raise InvalidInput(f"{name}: {error}", code="policy.cases", remedy="Mend the cases named above.") from error

    @property
    def where(self) -> str:
        """The table and region, as findings name them."""
        return f"{self.table}@{self.region}" if self.region else self.table


def check_cases(table: Table, file: CaseFile) -> tuple[list[Finding], set[str]]:
    """Run the cases on a table; return what failed and the rows that cases hit as they expected."""
    findings, proven = [], set()
    for case in file.cases:
        problem = _problem(table, case)
        if problem:
            findings.append(Finding(file.where, f"case “{case.name}” {problem}"))
        else:
            proven |= _expected(case)
    return findings, proven


def _expected(case: Case) -> set[str]:
    return set(case.rows if case.rows is not None else [case.row] if case.row else [])


def _problem(table: Table, case: Case) -> str:
    """Return what is wrong, as the end of a sentence, or nothing."""
    unknown = case.facts.keys() - table.header.inputs.keys()
    if unknown:
        return f"names facts that are no input: {', '.join(sorted(unknown))}"
    try:
        decision = table.decide({**dict.fromkeys(table.header.inputs), **case.facts}, case.on)
    except AccordantError as error:
        is_expected = error.code == "policy.no_decision" and case.row is None and case.rows is None
        return "" if is_expected else f"fails: {error.message}"
    rows = {hit.row_id for hit in decision.hits}
    if rows != _expected(case):
        return f"expects {_list(_expected(case))}, but {_list(rows)} answered"
    return "" if case.rows is not None else _different_result(decision, case)


def _different_result(decision: Decision, case: Case) -> str:
    result = {name: value for name, value in decision.result.items() if value is not None}
    return "" if result == case.result else f"expects {_told(case.result)}, but the result is {_told(result)}"


def _list(rows: set[str]) -> str:
    return ", ".join(f"`{row}`" for row in sorted(rows)) or "no row"


def _told(result: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.items()) or "nothing"
