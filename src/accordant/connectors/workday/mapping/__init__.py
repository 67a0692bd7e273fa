"""The declaration beside this file, loaded once, with the one transform that the language lacks."""

from __future__ import annotations

from datetime import date
from importlib.resources import files

from accordant.canonical import Worker
from accordant.connectors.workday.payloads import civil_date
from accordant.platform.mapping import Mapping, Transform


def _civil_date(text: str) -> date | None:
    return civil_date(text) if text else None


WORKER = Mapping.load(
    files(__package__) / "worker.yaml",
    model=Worker,
    transforms={"civil_date": Transform(_civil_date, date.isoformat)},
)

__all__ = ["WORKER"]
