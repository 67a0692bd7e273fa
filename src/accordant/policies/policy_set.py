"""All tables of an estate: loaded from a folder, found by region, addressed by content."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from accordant.kernel import InvalidInput, NotFound, content_hash
from accordant.platform.yaml import read_yaml
from accordant.policies.cases import CASES_SUFFIX, CaseFile, Finding, check_cases
from accordant.policies.table import Decision, Table


@dataclass(frozen=True, slots=True)
class _Entry:
    """A table as it holds in a region, and the rows that the region's own file wrote."""

    table: Table
    own_rows: frozenset[str]


class PolicySet:
    """The decision tables of an estate; immutable.

    A folder holds the general tables; its folders hold those of a region, an entity or a client (`emea/de01`). A file
    there with the id of a more general table puts its rows before the general ones and replaces rows of the same id.
    """

    def __init__(self, entries: Mapping[tuple[str, str], _Entry], cases: tuple[CaseFile, ...]) -> None:
        self._entries = dict(entries)
        self._cases = cases
        self.hash = content_hash({f"{name}@{region}": entry.table.hash for (region, name), entry in entries.items()})

    @classmethod
    def load(cls, folder: Path) -> PolicySet:
        """Read all tables and cases below the folder; raises InvalidInput that names file and rows."""
        files = sorted(folder.rglob("*.yaml"), key=lambda file: (len(file.parts), file))
        entries: dict[tuple[str, str], _Entry] = {}
        cases = []
        for file in files:
            region = "/".join(file.parent.relative_to(folder).parts)
            name = file.relative_to(folder).as_posix()
            document = read_yaml(file.read_text(encoding="utf-8"), name=name)
            if not isinstance(document, dict):
                raise InvalidInput(f"{name} holds no table", code="policy.table")
            if name.endswith(CASES_SUFFIX):
                cases.append(CaseFile.of(document, region=region, name=name))
            else:
                _add(entries, document, region, name)
        return cls(entries, tuple(cases))

    @property
    def tables(self) -> tuple[tuple[str, Table], ...]:
        """Every table with the region of its file (empty: general), by region and id."""
        return tuple((region, entry.table) for (region, _), entry in sorted(self._entries.items()))

    def table(self, table_id: str, *, region: str = "") -> Table:
        """Return the table as it holds in the region, or the nearest more general one; raises NotFound."""
        for place in _outward(region):
            if entry := self._entries.get((place, table_id)):
                return entry.table
        near = difflib.get_close_matches(table_id, [name for _, name in self._entries], n=1)
        raise NotFound(
            f"there is no decision table `{table_id}`",
            code="policy.unknown_table",
            remedy=f"Did you mean `{near[0]}`?" if near else "Add the table to the estate's policies.",
        )

    def decide(self, table_id: str, facts: Mapping[str, Any], on: date, *, region: str = "") -> Decision:
        """Answer the table's question; raises what `table` and `Table.decide` raise."""
        return self.table(table_id, region=region).decide(facts, on)

    def check(self) -> list[Finding]:
        """Run all cases; return those that fail, and every row that no case hits."""
        findings: list[Finding] = []
        proven: set[tuple[str, str, str]] = set()
        for file in self._cases:
            try:
                table = self.table(file.table, region=file.region)
            except NotFound as error:
                findings.append(Finding(file.where, error.message))
                continue
            failed, rows = check_cases(table, file)
            findings += failed
            proven |= {(self._home(file.table, row, file.region), file.table, row) for row in rows}
        for (region, name), entry in self._entries.items():
            findings += [
                Finding(f"{name}@{region}" if region else name, f"no case hits row `{row.id}`")
                for row in entry.table.rows
                if row.id in entry.own_rows and (region, name, row.id) not in proven
            ]
        return findings

    def _home(self, table_id: str, row_id: str, region: str) -> str:
        """Return the region whose file wrote the row that answered in a region."""
        written = (
            place
            for place in _outward(region)
            if (entry := self._entries.get((place, table_id))) and row_id in entry.own_rows
        )
        return next(written)


def _add(entries: dict[tuple[str, str], _Entry], document: dict[str, Any], region: str, name: str) -> None:
    table_id = str(document.get("id"))
    if (region, table_id) in entries:
        raise InvalidInput(f"{name}: the table `{table_id}` stands twice", code="policy.table")
    above = next((entries[place, table_id] for place in _outward(region) if (place, table_id) in entries), None)
    table = above.table.overridden(document, name=name) if above else Table.of(document, name=name)
    own = frozenset(row.id for row in table.layers[0])
    entries[region, table_id] = _Entry(table, own)


def _outward(region: str) -> Iterator[str]:
    """Give the region, the one around it, and so on to the general one."""
    parts = region.split("/") if region else []
    for length in range(len(parts), -1, -1):
        yield "/".join(parts[:length])
