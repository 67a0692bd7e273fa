"""What each connector may do, as `make connectors` computed it; what goes beyond is refused before any call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

from accordant.kernel import Rejected
from accordant.ports import Permission, capabilities_of, effects_of, needed_for


@dataclass(frozen=True, slots=True)
class Standing:
    """A connector's permission, what is missing for the next, and the checks that its system cannot be put to."""

    permission: Permission
    missing: tuple[str, ...] = ("its contract suites were not run",)
    not_applicable: tuple[str, ...] = ()


@cache
def standings() -> dict[str, Standing]:
    """Return the standing of every connector that was tested, by name."""
    rows = json.loads((files("accordant.connectors") / "permissions.json").read_text(encoding="utf-8"))
    return {name: _standing(row) for name, row in rows.items()}


def standing_of(connector: str) -> Standing:
    """Return a connector's standing; one that was never tested may do nothing."""
    return standings().get(connector, Standing(Permission.NONE))


def within(connector: type, permission: Permission) -> type:
    """Return the connector's class with every write beyond the permission refused.

    Raises:
        Rejected: `connector.not_permitted`: not even reading has been shown.
    """
    if not permission.allows(Permission.READ):
        _refuse(connector.__name__, "anything", Permission.READ, permission)
    beyond: dict[str, Any] = {}
    for capability in capabilities_of(connector):
        for name, spec in effects_of(capability).items():
            if not permission.allows(needed_for(spec)):
                beyond[name] = _refusing(connector.__name__, name, needed_for(spec), permission)
    return type(connector.__name__, (connector,), beyond) if beyond else connector


def _refusing(connector: str, operation: str, needed: Permission, permission: Permission) -> Any:
    async def refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
        _refuse(connector, operation, needed, permission, system=self.system)

    refuse.__name__ = operation
    return refuse


def _refuse(
    connector: str, operation: str, needed: Permission, permission: Permission, *, system: str = ""
) -> NoReturn:
    raise Rejected(
        f"{connector} may not do {operation}: that needs {needed}, and its contract tests have shown {permission}.",
        code="connector.not_permitted",
        remedy="See `accordant connectors` for what is missing; once the suites pass, `make connectors` raises it.",
        system=system,
        operation=operation,
    )


def _standing(row: dict[str, Any]) -> Standing:
    reasons = {reason for suite in row["suites"].values() for reason in suite["not_applicable"].values()}
    return Standing(Permission(row["permission"]), tuple(row["missing"]), tuple(sorted(reasons)))
