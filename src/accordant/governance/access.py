"""Who may do what: people, their roles and entities, what a role may approve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from accordant.kernel import CurrencyCode, ExactDecimal, NotFound

Scope = Annotated[str, StringConstraints(pattern=r"^[a-z_]+:[a-z_]+$")]


class Role(BaseModel):
    """What everyone in a role may do, in the entities that person has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scopes: tuple[Scope, ...]
    approval_limits: dict[CurrencyCode, ExactDecimal] = Field(
        default_factory=dict, description="Largest amount to approve, per currency; a currency not named is none."
    )


class Person(BaseModel):
    """An account. Who the person is, is the worker number: two accounts with one number are one person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9._-]+$")
    name: str
    email: str | None = None
    worker_number: str = Field(min_length=1)
    roles: tuple[str, ...] = Field(min_length=1)
    entities: tuple[str, ...] | Literal["*"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with what the roles give: handed to whatever judges an act.

    Args:
        id: account.
        name: as shown in a timeline.
        worker_number: identity; requester and approver are compared by it.
        roles: role names.
        entities: entity ids, or `("*",)` for all.
        scopes: union of the roles' scopes.
        approval_limits: largest amount per currency over all roles.
    """

    id: str
    name: str
    worker_number: str
    roles: frozenset[str]
    entities: tuple[str, ...]
    scopes: frozenset[str]
    approval_limits: Mapping[str, Decimal]

    def sees(self, entity: str) -> bool:
        """Tell whether the person may see an entity; '' is firm-wide and seen by all."""
        return entity == "" or self.entities == ("*",) or entity in self.entities

    def may(self, scope: str, entity: str = "") -> bool:
        """Tell whether the person may do something in an entity."""
        return scope in self.scopes and self.sees(entity)


class Access(BaseModel):
    """All roles and people of the firm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, Role] = Field(default_factory=dict)
    people: tuple[Person, ...] = ()

    @cached_property
    def _by_id(self) -> dict[str, Person]:
        return {person.id: person for person in self.people}

    def actor(self, id: str) -> Actor:
        """Return a person with what the roles give; NotFound when the account is not in the estate."""
        person = self._by_id.get(id)
        if person is None:
            raise NotFound(
                f"{id} has no access here.",
                code="access.unknown_person",
                remedy="Ask a platform owner to add the account to the estate's access files.",
            )
        roles = [self.roles[name] for name in person.roles]
        limits: dict[str, Decimal] = {}
        for role in roles:
            for currency, limit in role.approval_limits.items():
                limits[currency] = max(limit, limits.get(currency, limit))
        return Actor(
            id=person.id,
            name=person.name,
            worker_number=person.worker_number,
            roles=frozenset(person.roles),
            entities=("*",) if person.entities == "*" else person.entities,
            scopes=frozenset(scope for role in roles for scope in role.scopes),
            approval_limits=limits,
        )

    def actors_in(self, role: str, entity: str = "") -> tuple[Actor, ...]:
        """Return everyone who has the role and sees the entity, in the order of the files."""
        actors = (self.actor(person.id) for person in self.people if role in person.roles)
        return tuple(actor for actor in actors if actor.sees(entity))
