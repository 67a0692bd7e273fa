"""Validate an estate offline: files, policies with their cases, settings, and which flow can run on which system."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from accordant.governance import check
from accordant.kernel import AccordantError
from accordant.policies import PolicySet
from accordant.runtime.connections import CONNECTORS
from accordant.runtime.house import Firm

NEEDS: dict[str, dict[str, tuple[str, ...]]] = {
    "activate-project": {
        "crm": ("DealFeed", "EngagementStatusBoard"),
        "psa": ("CustomerRegistry", "ProjectSetup", "Staffing", "EngagementStatusBoard"),
        "erp": ("CustomerRegistry", "ProjectSetup", "BillingSetup"),
    },
    "open-workspace": {"collaboration": ("Workspaces",)},
    "time-to-bill": {"psa": ("TimeFeed",), "erp": ("TimePosting",)},
    "invoice-cycle": {"erp": ("InvoicePosting", "PeriodCalendar"), "psa": ("EngagementStatusBoard",)},
    "payment-status": {"erp": ("InvoicePosting", "PaymentFeed"), "crm": ("EngagementStatusBoard",)},
}
"""The capabilities each flow asks for, by role."""


@dataclass(frozen=True)
class Problem:
    """A finding of our own: where, what, and what to do."""

    where: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} {self.remedy}"


def check_estate(folder: Path) -> list[object]:
    """Return every finding; an empty list is an estate that can be applied."""
    findings: list[object] = list(check(folder, connectors=CONNECTORS))
    try:
        findings += PolicySet.load(folder / "policies").check()
    except AccordantError as error:
        findings.append(Problem("policies", error.message, error.remedy))
    if not findings:
        findings += _capabilities(folder)
    return findings


def _capabilities(folder: Path) -> list[Problem]:
    estate = Firm.load(folder).estate
    problems = []
    for flow, roles in NEEDS.items():
        for role, capabilities in roles.items():
            for route in estate.routing.get(role, ()):
                missing = [c for c in capabilities if c not in _can(estate.systems[route.use].connector)]
                if missing:
                    problems.append(
                        Problem(
                            f"routing: {role}",
                            f"{flow} cannot run on {route.use}: it has no {', '.join(missing)}.",
                            "Route the role to another system, or do without the flow.",
                        )
                    )
    return problems


def _can(connector: str) -> set[str]:
    cls = getattr(importlib.import_module(f"accordant.connectors.{connector}"), CONNECTORS[connector])
    return {base.__name__ for base in cls.__mro__}
