"""Golden record: of what several systems show, each field's value is its owner's (R-MDM-04)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Golden:
    """The record that holds, and where nothing could be decided.

    Args:
        fields: value per field, from its owner.
        sources: system per field of `fields`.
        open: fields without a value, because the owner is silent or several owners differ: `{field: {system: value}}`
            of all that was shown. A steward decides; nothing is filled in.
    """

    fields: Mapping[str, Any]
    sources: Mapping[str, str]
    open: Mapping[str, Mapping[str, Any]]


def survivor(shown: Mapping[str, Mapping[str, Any]], owners: Callable[[str], Collection[str]]) -> Golden:
    """Build the golden record from what each system shows.

    Args:
        shown: `{system: {field: value}}`; None is silence.
        owners: the systems that own a field, from the estate's ownership and routing.
    """
    fields: dict[str, Any] = {}
    sources: dict[str, str] = {}
    undecided: dict[str, Mapping[str, Any]] = {}
    for field in sorted({name for record in shown.values() for name in record}):
        values = {system: record[field] for system, record in sorted(shown.items()) if record.get(field) is not None}
        owned = [system for system in values if system in owners(field)]
        if owned and all(values[system] == values[owned[0]] for system in owned):
            fields[field], sources[field] = values[owned[0]], owned[0]
        elif values:
            undecided[field] = values
    return Golden(fields, sources, undecided)
