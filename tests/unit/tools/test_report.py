"""The requirements page, over a small project written by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[3] / "tools" / "report.py"
spec = importlib.util.spec_from_file_location("report", PATH)
report = importlib.util.module_from_spec(spec)
sys.modules["report"] = report
spec.loader.exec_module(report)

TESTS = '''"""Whole file: R-ORC-03."""


class TestPaying:
    """R-ORC-01 and what follows."""

    def test_pays_once(self):
        """R-ORC-02."""
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = ["R-ORC-01\tSurvive crashes.\t000:1", "R-ORC-02\tPay once|twice.\t000:2"]
    rows += ["R-ORC-03\tWait.\t000:3", "R-ORC-04\tState machine.\t", "R-WF-01\tQuote to project.\t001:1"]
    files = {
        "docs/requirements.tsv": "\n".join(["id\ttext\tseeds", *rows]) + "\n",
        "tests/test_pay.py": TESTS,
        "src/accordant/flows/pay/README.md": "Shows R-WF-01.",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def written(project: Path) -> list[str]:
    assert report.main([], project) == 0
    return (project / "docs/requirements.md").read_text(encoding="utf-8").splitlines()


class TestIds:
    def test_spells_out_a_range(self):
        assert report.ids_in("R-FMC-09..11") == {"R-FMC-09", "R-FMC-10", "R-FMC-11"}

    def test_spells_out_a_range_that_repeats_its_group(self):
        assert report.ids_in("see R-FMC-09..R-FMC-10.") == {"R-FMC-09", "R-FMC-10"}

    def test_reads_groups_of_two_letters(self):
        assert report.ids_in("(R-WF-13)") == {"R-WF-13"}

    def test_does_not_read_a_tax_code_as_an_id(self):
        assert report.ids_in("FR-STD-20 and EUR-STD-20") == set()


class TestPage:
    def test_names_the_test_around_the_line(self, project):
        row = next(line for line in written(project) if line.startswith("| R-ORC-02"))

        assert "[test_pay.py::TestPaying.test_pays_once](../tests/test_pay.py)" in row

    def test_names_the_class_or_the_file_where_no_test_is_around(self, project):
        lines = written(project)

        assert "[test_pay.py::TestPaying](../tests/test_pay.py)" in next(x for x in lines if x.startswith("| R-ORC-01"))
        assert "[test_pay.py](../tests/test_pay.py)" in next(x for x in lines if x.startswith("| R-ORC-03"))

    def test_keeps_code_and_pages_apart_from_proof(self, project):
        row = next(line for line in written(project) if line.startswith("| R-WF-01"))

        link = "[flows/pay/README.md](../src/accordant/flows/pay/README.md)"
        assert row == f"| R-WF-01 | Quote to project. | – | {link} | 001:1 |"

    def test_says_that_a_row_is_not_shown(self, project):
        row = next(line for line in written(project) if line.startswith("| R-ORC-04"))

        assert row == "| R-ORC-04 | State machine. | –  not shown |  |  |"

    def test_counts_per_group(self, project):
        lines = written(project)

        assert "| [ORC](#orc) | Durable orchestration | 4 | 3 | 0 | 1 |" in lines
        assert "| [WF](#wf) | Workflows | 1 | 0 | 1 | 0 |" in lines
        assert "| **all** | | **5** | **3** | **1** | **1** |" in lines

    def test_keeps_the_table_whole(self, project):
        assert any(r"Pay once\|twice." in line for line in written(project))

    def test_is_the_same_every_time(self, project):
        assert written(project) == written(project)


class TestCheck:
    def test_is_content_with_a_current_page(self, project):
        written(project)

        assert report.main(["--check"], project) == 0

    def test_refuses_an_old_page(self, project):
        written(project)
        (project / "src/accordant/late.py").write_text('"""R-ORC-04."""\n')

        assert report.main(["--check"], project) == 1
        assert report.main([], project) == 0
        assert report.main(["--check"], project) == 0

    def test_refuses_an_id_that_does_not_exist(self, project, capsys):
        (project / "tests/test_wrong.py").write_text('"""R-ORC-77."""\n')

        assert report.main([], project) == 2
        assert "R-ORC-77 is no requirement, and is named in tests/test_wrong.py" in capsys.readouterr().err
        assert not (project / "docs/requirements.md").exists()


class TestMatrix:
    def test_has_every_row_once_and_a_title_for_every_group(self):
        rows = report.load(PATH.parents[1] / "docs/requirements.tsv")

        assert len(rows) == len({row.id for row in rows}) == 386
        assert {row.group for row in rows} == set(report.GROUPS)
        assert all(row.text for row in rows)
