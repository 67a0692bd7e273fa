"""How a port marks its writes, and what writes and look-ups answer (design.md section 2, idea 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from accordant.kernel import ExternalId

P = ParamSpec("P")
R = TypeVar("R")


class EffectKind(StrEnum):
    """What kind of write an operation is; it decides what makes its key and how it is proved."""

    CREATE = "create"  # key = canonical id + generation; found again by that key
    PUT = "put"  # key = fields + version; proved by reading back
    ACT = "act"  # key = document + transition; posting is a pivot and has no undo


class Written(BaseModel):
    """The system's acknowledgement of one write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: ExternalId
    facts: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the system added: number, period, totals as text. No personal field."
    )


class Failed(BaseModel):
    """One item of a batch that the system refused; `error` is `AccordantError.as_dict()`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Found:
    """The system has the record; it is adopted as if the write had answered."""

    written: Written


@dataclass(frozen=True, slots=True)
class Absent:
    """The system does not have it now. It counts only once the connector's `settle_s` passed since the call."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """The system cannot tell, and why: its search is incomplete, or more than one record carries the key."""

    why: str


LookUp = Mapping[str, Found | Absent | Unsure]
"""Answer of a plural look-up: one entry for every key that was asked for."""

Outcomes = Mapping[str, Written | Failed]
"""Answer of a batch write: one entry for every key that was sent."""


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """The mark on a port's operation.

    Args:
        kind: create, put or act.
        look_up: name of the plural look-up on the same port, ``find_projects(keys) -> LookUp``.
        batch: the operation takes many keyed items and answers with `Outcomes`.
        moves_money: it posts, credits or pays; only connectors computed as `write-money` may run it.
        repeatable: done twice it answers as done; it is sent again instead of being looked up.
    """

    kind: EffectKind
    look_up: str
    batch: bool = False
    moves_money: bool = False
    repeatable: bool = False


def subject_of(key: str) -> str:
    """Return what a key stands for: a key begins with that id, then `/` and a purpose, then `#` and a generation."""
    return key.partition("/")[0].partition("#")[0]


def effect(
    kind: EffectKind, look_up: str, *, batch: bool = False, moves_money: bool = False, repeatable: bool = False
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Mark a port's operation as a write outside."""

    def mark(operation: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        operation.__effect__ = EffectSpec(kind, look_up, batch, moves_money, repeatable)  # type: ignore[attr-defined]  # our mark
        return operation

    return mark


def effect_of(operation: Any) -> EffectSpec:
    """Return the mark of a bound operation, found on the port its connector implements; KeyError when it has none."""
    for cls in type(operation.__self__).__mro__:
        spec = getattr(cls.__dict__.get(operation.__name__), "__effect__", None)
        if isinstance(spec, EffectSpec):
            return spec
    raise KeyError(f"{operation.__qualname__} is not marked as an effect on any port")
