"""The estate: entities, systems, routing, field ownership, access, and references to secrets, read from files.

It decides who may change what and who serves whom; it calls no system and keeps no business record.
"""

from accordant.governance.access import Access, Actor, Person, Role
from accordant.governance.estate import ROLES, CutOff, Entity, Estate, Route, RouteCondition, System
from accordant.governance.load import check, load
from accordant.governance.ownership import (
    ANY,
    Judgement,
    ObjectOwnership,
    Ownership,
    OwnershipCondition,
    OwnershipRow,
    Refusal,
    owned_objects,
    state_of,
)
from accordant.governance.secret import is_reference, resolve
from accordant.governance.snapshot import content_of, store_snapshot, write_snapshot
from accordant.governance.source import Finding

__all__ = [
    "ANY",
    "ROLES",
    "Access",
    "Actor",
    "CutOff",
    "Entity",
    "Estate",
    "Finding",
    "Judgement",
    "ObjectOwnership",
    "Ownership",
    "OwnershipCondition",
    "OwnershipRow",
    "Person",
    "Refusal",
    "Role",
    "Route",
    "RouteCondition",
    "System",
    "check",
    "content_of",
    "is_reference",
    "load",
    "owned_objects",
    "resolve",
    "state_of",
    "store_snapshot",
    "write_snapshot",
]
