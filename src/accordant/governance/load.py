"""Read an estate's folder, judge it, and build the estate when nothing is wrong."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from accordant.governance.access import Access, Person, Role
from accordant.governance.checks import Draft, check_draft
from accordant.governance.estate import CutOff, Entity, Estate, EstateFile, Route, RouteCondition, System
from accordant.governance.ownership import ObjectOwnership, OwnershipCondition, OwnershipRow
from accordant.governance.snapshot import content_of
from accordant.governance.source import Finding, Sheet
from accordant.kernel import InvalidInput, SystemClock

MAIN = "accordant.yaml"
T = TypeVar("T", bound=BaseModel)


_MODELS = (
    EstateFile,
    Entity,
    CutOff,
    System,
    Route,
    RouteCondition,
    ObjectOwnership,
    OwnershipRow,
    OwnershipCondition,
    Access,
    Role,
    Person,
)
_KEYS = {field.alias or name for model in _MODELS for name, field in model.model_fields.items()} - {"extensions"}


def load(folder: Path) -> Estate:
    """Read the estate in a folder.

    Raises:
        InvalidInput: `estate.invalid`, with every finding of `check` in its message and detail.
    """
    draft, findings = _read(folder)
    findings += check_draft(draft, on=SystemClock().now().date()) if draft else []
    if draft is None or findings:
        raise InvalidInput(
            f"The estate in {folder} has {len(findings)} mistakes: " + " | ".join(str(f) for f in findings[:20]),
            code="estate.invalid",
            remedy="Mend them and run `accordant check` again.",
            detail={"findings": [str(finding) for finding in findings]},
        )
    main = draft.main
    return Estate(
        firm=main.firm,
        group_currency=main.group_currency,
        entities=main.entities,
        systems=main.systems,
        routing=main.routing,
        ownership_of=tuple(item for item, _ in draft.ownership),
        access=draft.access,
        policies=main.policies,
        overlays=main.overlays,
        hash=content_of(folder),
    )


def check(folder: Path, *, on: date | None = None, connectors: Collection[str] | None = None) -> list[Finding]:
    """Explain every mistake in an estate's folder, offline; an empty list is a good estate.

    Args:
        folder: where `accordant.yaml` lies.
        on: the civil day from which routing must have no gap; today when not given.
        connectors: ids of the connectors that are installed; None skips that check.
    """
    draft, findings = _read(folder)
    if draft is not None:
        findings += check_draft(draft, on=on or SystemClock().now().date(), connectors=connectors)
    return findings


def _read(folder: Path) -> tuple[Draft | None, list[Finding]]:
    findings: list[Finding] = []
    sheet = Sheet(folder, folder / MAIN)
    main = _parse(sheet, EstateFile, findings)
    if main is None:
        return None, findings
    ownership = _read_all(folder, main.ownership, ObjectOwnership, findings)
    access = _read_all(folder, main.access, Access, findings)
    if findings:
        return None, findings
    roles: dict[str, Role] = {}
    for part, part_sheet in access:
        for name, role in part.roles.items():
            if name in roles:
                findings.append(part_sheet.finding(("roles", name), f"The role {name} is described twice."))
            roles[name] = role
    people = tuple(person for part, _ in access for person in part.people)
    return Draft(sheet, main, tuple(ownership), Access(roles=roles, people=people), tuple(access)), findings


def _read_all(folder: Path, pattern: str, model: type[T], findings: list[Finding]) -> list[tuple[T, Sheet]]:
    sheets = [Sheet(folder, file) for file in sorted(folder.glob(pattern))]
    parsed = [(_parse(sheet, model, findings), sheet) for sheet in sheets]
    return [(item, sheet) for item, sheet in parsed if item is not None]


def _parse(sheet: Sheet, model: type[T], findings: list[Finding]) -> T | None:
    findings += sheet.findings
    if sheet.findings:
        return None
    content: Any = {} if sheet.content is None else sheet.content
    try:
        return model.model_validate(content)
    except ValidationError as error:
        findings += sheet.explain(error, _KEYS)
        return None
