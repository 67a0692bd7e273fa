"""The pytest plug-in behind `make connectors`: it watches the contract suites and writes what the connectors may do.

pytest -p accordant.testing.plugin --permissions FILE tests/contract
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from accordant.testing.bench import NOT_APPLICABLE
from accordant.testing.permissions import Standing, SuiteResult, compute, suite_of, write

_PLACE = "accordant contract"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--permissions", type=Path, metavar="FILE", help="write what the tested connectors may do")


def pytest_configure(config: pytest.Config) -> None:
    """Watch, in the process that hears of every result."""
    file = config.getoption("--permissions")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watcher(file))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note on each check whose it is; results carry the note, also from another process."""
    cls = getattr(item, "cls", None)
    suite = None if cls is None else suite_of(cls)
    if suite is not None and (name := item.name.partition("[")[0]) in suite.checks():
        item.user_properties.append((_PLACE, [cls.connector, suite.__name__, name]))  # type: ignore[union-attr]  # a suite


class Watcher:
    """Collects results and writes the file at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._reasons: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a result: of the check itself, or of what kept it from running."""
        place = dict(report.user_properties).get(_PLACE)
        if place is None or (report.when != "call" and report.outcome == "passed"):
            return
        connector, suite, check = map(str, place)  # type: ignore[call-overload]  # the list of names noted above
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if report.skipped and NOT_APPLICABLE in reason:
            test = report.nodeid.rpartition("::")[2]
            self._reasons[connector, suite][test] = reason.partition(NOT_APPLICABLE)[2]
        else:
            self._outcomes[connector, suite][check].add("passed" if report.passed else "failed")

    def pytest_sessionfinish(self) -> None:
        """Write what came out."""
        results: defaultdict[str, dict[str, SuiteResult]] = defaultdict(dict)
        for connector, suite in sorted({*self._outcomes, *self._reasons}):
            seen = self._outcomes[connector, suite]
            results[connector][suite] = SuiteResult(
                passed=tuple(sorted(name for name, outcomes in seen.items() if outcomes == {"passed"})),
                failed=tuple(sorted(name for name, outcomes in seen.items() if "failed" in outcomes)),
                not_applicable=dict(sorted(self._reasons[connector, suite].items())),
            )
        write({name: _standing(name, found) for name, found in results.items()}, self._file)


def _standing(connector: str, results: dict[str, SuiteResult]) -> Standing:
    return compute(connector_class(connector), results)


def connector_class(name: str) -> type:
    """Return a connector's class: the one public class of its package that is called `…Connector`."""
    package = __import__(f"accordant.connectors.{name}", fromlist=["__all__"])
    (cls,) = [getattr(package, public) for public in package.__all__ if public.endswith("Connector")]
    return cls  # type: ignore[no-any-return]  # a class
