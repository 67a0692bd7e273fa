"""What a connector may do, as its contract tests have shown; the runtime holds every effect against it."""

from __future__ import annotations

import inspect
from enum import StrEnum

from accordant.ports.effect import EffectSpec
from accordant.ports.port import Port


class Permission(StrEnum):
    """How far a connector is trusted; each step includes those before it."""

    NONE = "none"  # reading has not been shown to work
    READ = "read"
    WRITE = "write"
    WRITE_MONEY = "write-money"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return list(Permission).index(self)

    def allows(self, needed: Permission) -> bool:
        """Say whether a connector with this permission may do what needs the other."""
        return self.rank >= needed.rank


def effects_of(capability: type[Port]) -> dict[str, EffectSpec]:
    """Return the marked writes of a capability by name."""
    members = inspect.getmembers(capability, inspect.isfunction)
    marks = {name: getattr(member, "__effect__", None) for name, member in members}
    return {name: mark for name, mark in marks.items() if isinstance(mark, EffectSpec)}


def needed_for(spec: EffectSpec | None) -> Permission:
    """Return the permission that an operation needs; a read has no mark."""
    if spec is None:
        return Permission.READ
    return Permission.WRITE_MONEY if spec.moves_money else Permission.WRITE


def level_of(capability: type[Port]) -> Permission:
    """Return what a connector may do once it has shown this capability: that of its strongest operation."""
    specs = [None, *effects_of(capability).values()]
    return max((needed_for(spec) for spec in specs), key=lambda permission: permission.rank)


def capabilities_of(connector: type) -> tuple[type[Port], ...]:
    """Return the capabilities that a connector class implements, by name."""
    found = [
        cls
        for cls in connector.__mro__
        if issubclass(cls, Port) and cls is not Port and cls.__module__.startswith("accordant.ports.")
    ]
    return tuple(sorted(found, key=lambda cls: cls.__name__))
