"""What each connector may do, computed from the contract suites it passed; nobody types a claim.

A level is reached when every suite that the connector's capabilities need up to there has passed, check by check. The
result is a file that the runtime reads; `make connectors` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from accordant import testing
from accordant.ports import Permission, Port, capabilities_of, level_of
from accordant.testing.standard import ConnectorContract
from accordant.testing.suite import ContractSuite


class SuiteResult(BaseModel):
    """How one suite went.

    Args:
        passed: names of checks.
        failed: names of checks, those that were skipped without a reason of the system included.
        not_applicable: test → why the system cannot be brought into the situation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    not_applicable: dict[str, str] = Field(default_factory=dict)

    def covers(self, suite: type[ContractSuite]) -> bool:
        """Say whether every check of the suite was tried."""
        tried = {*self.passed, *self.failed, *(name.partition("[")[0] for name in self.not_applicable)}
        return tried >= set(suite.checks())


class Standing(BaseModel):
    """What a connector may do, and why.

    Args:
        permission: as far as every needed suite passed.
        missing: what stands between it and the next level; empty when it has reached all it could use.
        suites: by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    permission: Permission
    missing: tuple[str, ...]
    suites: dict[str, SuiteResult]


def suites() -> dict[type[Port], type[ContractSuite]]:
    """Return the suite of each capability that has one."""
    public = (getattr(testing, name) for name in testing.__all__)
    found = (thing for thing in public if isinstance(thing, type) and issubclass(thing, ContractSuite))
    return {suite.capability: suite for suite in found if suite.capability is not None}


def suite_of(test: type) -> type[ContractSuite] | None:
    """Return the suite that a test class runs: its own checks on top do not count."""
    known = {ConnectorContract, *suites().values()}
    return next((cls for cls in test.__mro__ if cls in known), None)


def compute(connector: type, results: Mapping[str, SuiteResult]) -> Standing:
    """Judge a connector class by the results of its suites, by suite name."""
    capabilities = capabilities_of(connector)
    top = max((level_of(capability) for capability in capabilities), key=lambda level: level.rank)
    reached, missing = Permission.NONE, tuple[str, ...]()
    for level in (level for level in Permission if Permission.NONE.rank < level.rank <= top.rank):
        missing = tuple(_missing(capabilities, level, results))
        if missing:
            break
        reached = level
    return Standing(permission=reached, missing=missing, suites=dict(sorted(results.items())))


def _missing(
    capabilities: Iterable[type[Port]], level: Permission, results: Mapping[str, SuiteResult]
) -> Iterable[str]:
    known = suites()
    needed = [ConnectorContract] if level is Permission.READ else []
    for capability in (capability for capability in capabilities if level_of(capability) is level):
        if capability not in known:
            yield f"{capability.__name__} has no contract suite"
        else:
            needed.append(known[capability])  # type: ignore[arg-type]  # a suite is a suite
    for suite in needed:
        result = results.get(suite.__name__, SuiteResult())
        yield from (f"{suite.__name__}: {name} failed" for name in result.failed)
        if not result.covers(suite):
            yield f"{suite.__name__} was not run whole"


def write(standings: Mapping[str, Standing], file: Path) -> None:
    """Write the file that the runtime reads."""
    rows = {name: standing.model_dump(mode="json") for name, standing in sorted(standings.items())}
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
