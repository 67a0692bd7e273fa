"""Write docs/requirements.md: each requirement of docs/requirements.tsv, and the tests, code and pages that name it.

A place names a requirement by its id, `R-ORC-07`, or a range of ids, `R-FMC-01..06`. Only tests are proof; code and
pages say where to look. An id that docs/requirements.tsv does not know is an error.

    python tools/report.py            write the page
    python tools/report.py --check    exit 1 when the page on disk is not what would be written
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEARCHED = {"tests": {".py"}, "src/accordant": {".py", ".sql", ".md", ".html", ".yaml"}}
NOT_SEARCHED = "tests/unit/tools/"  # the tests of this file speak of ids that do not exist
NOT_SHOWN = "–  not shown"
GROUPS = {
    "DOM": "Domain scope",
    "SYS": "Systems and connectors",
    "API": "API layers and their governance",
    "CAN": "Canonical model",
    "SOR": "Systems of record",
    "MDM": "Master data",
    "EVT": "Events",
    "PAT": "Integration patterns",
    "ORC": "Durable orchestration",
    "WF": "Workflows",
    "MAP": "Validation, mapping, policy",
    "RES": "Resilience",
    "EXC": "Exceptions",
    "OBS": "Observability and lineage",
    "KPI": "Key figures",
    "DSH": "Dashboards by role",
    "REC": "Reconciliation",
    "FIN": "Entities, tax, currency, revenue",
    "COX": "Coexistence and acquisitions",
    "GOV": "Governance",
    "SEC": "Security and compliance",
    "TST": "Testing",
    "SCL": "Scale",
    "CLD": "Cloud ERP moves",
    "NEG": "What the product must not become",
    "FMC": "Failure modes and their controls",
    "SCN": "Scenarios end to end",
}
_ID = re.compile(r"(?<![\w-])R-([A-Z]{2,3})-(\d{2})(?:\.\.(?:R-\1-)?(\d{2}))?")


@dataclass(frozen=True)
class Requirement:
    """One row of the matrix."""

    id: str
    text: str
    seeds: str

    @property
    def group(self) -> str:
        """The letters between the dashes."""
        return self.id.split("-")[1]


@dataclass(frozen=True, order=True)
class Place:
    """Where a requirement is named: a file, and in Python the class or function around the line."""

    path: str
    name: str = ""

    @property
    def is_test(self) -> bool:
        """Whether this is proof."""
        return self.path.startswith("tests/")

    def __str__(self) -> str:
        short = self.path.removeprefix("tests/").removeprefix("src/accordant/")
        label = f"{short}::{self.name}" if self.name else short
        return f"[{label}](../{self.path})"


def load(file: Path) -> list[Requirement]:
    """Read the matrix."""
    with file.open(encoding="utf-8", newline="") as stream:
        return [Requirement(**row) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]


def ids_in(text: str) -> set[str]:
    """Return the ids that a text names, ranges spelled out."""
    found = set()
    for group, first, last in _ID.findall(text):
        found |= {f"R-{group}-{number:02}" for number in range(int(first), int(last or first) + 1)}
    return found


def places_in(path: str, source: str) -> Iterator[tuple[str, Place]]:
    """Return the ids that a file names, each with its place."""
    spans = _spans(source) if path.endswith(".py") and ids_in(source) else []
    for number, line in enumerate(source.splitlines(), 1):
        for id in ids_in(line):
            around = [name for name, first, last in spans if first <= number <= last]
            yield id, Place(path, around[-1] if around else "")


def _spans(source: str) -> list[tuple[str, int, int]]:
    """Return dotted name, first and last line of every class and function, outer ones first."""
    spans: list[tuple[str, int, int]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}.{child.name}" if prefix else child.name
                spans.append((name, child.lineno, child.end_lineno or child.lineno))
                walk(child, name)

    walk(ast.parse(source), "")
    return spans


def search(root: Path) -> dict[str, set[Place]]:
    """Return all places by id."""
    found: dict[str, set[Place]] = defaultdict(set)
    for folder, suffixes in SEARCHED.items():
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix in suffixes and not path.startswith(NOT_SEARCHED):
                for id, place in places_in(path, file.read_text(encoding="utf-8")):
                    found[id].add(place)
    return found


def page(requirements: list[Requirement], places: dict[str, set[Place]]) -> str:
    """Return the page: counts per group, then every row with what shows it."""
    return "\n".join([*_head(requirements, places), *_rows(requirements, places)]) + "\n"


def _head(requirements: list[Requirement], places: dict[str, set[Place]]) -> Iterator[str]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for r in requirements:
        for group in (r.group, "all"):
            counts[group][0] += 1
            counts[group][_standing(places.get(r.id, set()))] += 1
    yield "# Requirements, and what shows them"
    yield ""
    yield "Written by `make report` from [requirements.tsv](requirements.tsv); do not edit. A row is *tested* when a"
    yield "test names its id, *named* when only code or a page does; the rest is not shown. A test that names"
    yield "an id shows the part that its own name says, not always the whole row."
    yield "“Source” is `document:lines` in the five documents that the requirements were distilled from."
    yield ""
    yield "| Group | | Rows | Tested | Named | Not shown |"
    yield "|---|---|--:|--:|--:|--:|"
    for group, title in GROUPS.items():
        if group in counts:
            yield f"| [{group}](#{group.lower()}) | {title} | {' | '.join(map(str, counts[group]))} |"
    yield f"| **all** | | {' | '.join(f'**{n}**' for n in counts['all'])} |"


def _standing(places: set[Place]) -> int:
    if any(place.is_test for place in places):
        return 1
    return 2 if places else 3


def _rows(requirements: list[Requirement], places: dict[str, set[Place]]) -> Iterator[str]:
    for group, title in GROUPS.items():
        mine = [r for r in requirements if r.group == group]
        if not mine:
            continue
        yield from ("", f'<a id="{group.lower()}"></a>', "", f"## {group} · {title}", "")
        yield from ("| Id | Requirement | Tests | Code and pages | Source |", "|---|---|---|---|---|")
        for r in mine:
            tests, others = _told(places.get(r.id, set()))
            yield f"| {r.id} | {_cell(r.text)} | {tests} | {others} | {r.seeds} |"


def _told(places: set[Place]) -> tuple[str, str]:
    if not places:
        return NOT_SHOWN, ""
    tests = "<br>".join(str(p) for p in sorted(places) if p.is_test)
    return tests or "–", "<br>".join(str(p) for p in sorted(places) if not p.is_test)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or check the page; 2 when a place names a requirement that does not exist."""
    requirements = load(root / "docs/requirements.tsv")
    places = search(root)
    for id in sorted(places.keys() - {r.id for r in requirements}):
        print(
            f"{id} is no requirement, and is named in {', '.join(p.path for p in sorted(places[id]))}", file=sys.stderr
        )
    if places.keys() - {r.id for r in requirements}:
        return 2
    target, text = root / "docs/requirements.md", page(requirements, places)
    if "--check" in arguments:
        is_current = target.exists() and target.read_text(encoding="utf-8") == text
        print(f"{target.name} is {'current' if is_current else 'old: run make report'}")
        return int(not is_current)
    target.write_text(text, encoding="utf-8")
    print(next(line for line in text.splitlines() if line.startswith("| **all**")).replace("*", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
