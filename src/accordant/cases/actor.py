"""Who acts: what this room must know of a person, whoever knows more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Protocol

from accordant.kernel import Money, Rejected

SYSTEM = "accordant"
"""The actor of what no person did."""


class Actor(Protocol):
    """A person with roles; identity is the worker number, whatever the account."""

    @property
    def id(self) -> str:
        """Account."""

    @property
    def worker_number(self) -> str:
        """Identity; two accounts with one number are one person."""

    @property
    def roles(self) -> Collection[str]:
        """Role names."""

    @property
    def entities(self) -> Collection[str]:
        """Entity ids; `*` is every entity."""

    @property
    def approval_limits(self) -> Mapping[str, Decimal]:
        """Largest amount per currency; a currency that is missing is none."""


def require_person(actor: Actor) -> None:
    """Refuse an account that no worker stands behind."""
    if not actor.worker_number.strip():
        raise Rejected(
            f"The account {actor.id} belongs to no worker.",
            code="access.no_worker",
            remedy="Act with a personal account; a service account decides nothing.",
        )


def require_entity(actor: Actor, entity: str) -> None:
    """Refuse who does not see the entity; '' is firm-wide."""
    if entity and "*" not in actor.entities and entity not in actor.entities:
        raise Rejected(
            f"{actor.id} has no access to {entity}.",
            code="access.entity",
            remedy=f"Someone with access to {entity} must act.",
        )


def require_role(actor: Actor, role: str) -> None:
    """Refuse who does not have the role."""
    if role not in actor.roles:
        raise Rejected(
            f"{actor.id} does not have the role {role}.",
            code="access.role",
            remedy=f"Someone with the role {role} must act.",
        )


def require_limit(actor: Actor, amount: Money | None) -> None:
    """Refuse an amount over the person's limit in its currency; what costs and what pays back count alike."""
    if amount is None:
        return
    limit = actor.approval_limits.get(amount.currency)
    if limit is None or abs(amount.amount) > limit:
        raise Rejected(
            f"{amount} is over what {actor.id} may approve"
            + (f" ({Money(amount=limit, currency=amount.currency)})." if limit is not None else "."),
            code="approval.over_limit",
            remedy="Someone with a higher limit must decide.",
        )
