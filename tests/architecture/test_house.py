"""The house as it is built: the ladder holds, flows stay stories, nothing tracked names a registry or a machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/accordant"
FLOWS = sorted(p for p in (SOURCE / "flows").iterdir() if (p / "__init__.py").exists())
# Written in parts, so that this file is not its own finding.
FOREIGN = re.compile(
    "|".join(["files.python" + "hosted", "pypi.org/" + "simple", "registry.npm" + "js", "deb.deb" + "ian.org"])
)


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


class TestTheLadder:
    def test_each_room_imports_only_from_rooms_below_it(self):
        lint = Path(sys.executable).parent / "lint-imports"
        done = subprocess.run(
            [lint, "--config", "importlinter.toml", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout

    def test_every_room_says_what_belongs_in_it(self):
        bare = [
            room.name
            for room in SOURCE.iterdir()
            if (room / "__init__.py").exists() and not ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
        ]
        assert bare == []

    def test_there_is_no_room_for_odds_and_ends(self):
        banned = {"utils", "helpers", "common", "misc", "services", "manager"}
        assert [p for p in SOURCE.rglob("*.py") if p.stem in banned] == []


@pytest.mark.parametrize("flow", FLOWS, ids=lambda p: p.name)
class TestEveryFlow:
    def test_has_a_page_that_tells_its_failures(self, flow):
        text = (flow / "README.md").read_text()
        assert "|" in text, "a table of failure, control, and where a person sees it"

    def test_catches_no_exception_wholesale_and_reads_no_clock(self, flow):
        for file in flow.glob("*.py"):
            text = file.read_text()
            for word in ("except Exception", "except BaseException", "datetime.now", "time.time(", "random.", "httpx2"):
                assert word not in text, f"{file.name} has {word}"

    def test_names_no_vendor(self, flow):
        vendors = re.compile(r"salesforce|kantata|netsuite|workday\b|tryton|microsoft", re.IGNORECASE)
        found = [file.name for file in flow.glob("*.py") if vendors.search(file.read_text())]
        assert found == []


class TestWhatIsTracked:
    def test_no_registry_address(self):
        found = [
            str(file.relative_to(ROOT))
            for file in tracked()
            if file.suffix in {".txt", ".lock", ".toml", ".md", ".py", ".sh", ".yaml", ""}
            and FOREIGN.search(_text(file))
        ]
        assert found == []

    def test_no_path_of_a_machine(self):
        path = re.compile("/" + "work/(main|shared)|/" + "root/")
        found = [
            str(f.relative_to(ROOT))
            for f in tracked()
            if f.suffix in {".py", ".md", ".sh", ".toml"} and path.search(_text(f))
        ]
        assert found == []

    def test_the_engine_is_imported_in_one_room_only(self):
        found = {
            file.relative_to(SOURCE).parts[:2]
            for file in SOURCE.rglob("*.py")
            if re.search(r"^\s*(from|import) dbos", file.read_text(), re.MULTILINE)
        }
        assert found == {("platform", "durable")}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return ""
