"""Capabilities of connected systems, small and in business words; connectors implement them, flows ask for them.

A role (crm, psa, erp …) is a list of capabilities. No vendor's name and no HTTP belong here.
"""

from accordant.ports.crm import (
    CustomerRegistry,
    DealBundle,
    DealDoorbell,
    DealFeed,
    EngagementStatus,
    EngagementStatusBoard,
)
from accordant.ports.effect import (
    Absent,
    EffectKind,
    EffectSpec,
    Failed,
    Found,
    LookUp,
    Outcomes,
    Unsure,
    Written,
    effect,
    effect_of,
    subject_of,
)
from accordant.ports.erp import (
    BillingRules,
    BillingSetup,
    InvoicePosting,
    InvoiceStatus,
    PaymentFeed,
    PeriodCalendar,
    TimeCorrection,
    TimePosting,
    TimeToPost,
)
from accordant.ports.feed import Doorbell, FeedPage, Observation
from accordant.ports.people import Card, DirectoryEntry, PeopleDirectory, WorkerFeed, WorkspaceRequest, Workspaces
from accordant.ports.permission import Permission, capabilities_of, effects_of, level_of, needed_for
from accordant.ports.port import Port
from accordant.ports.psa import ProjectSetup, Staffing, StaffingRequest, TimeFeed

__all__ = [
    "Absent",
    "BillingRules",
    "BillingSetup",
    "Card",
    "CustomerRegistry",
    "DealBundle",
    "DealDoorbell",
    "DealFeed",
    "DirectoryEntry",
    "Doorbell",
    "EffectKind",
    "EffectSpec",
    "EngagementStatus",
    "EngagementStatusBoard",
    "Failed",
    "FeedPage",
    "Found",
    "InvoicePosting",
    "InvoiceStatus",
    "LookUp",
    "Observation",
    "Outcomes",
    "PaymentFeed",
    "PeopleDirectory",
    "PeriodCalendar",
    "Permission",
    "Port",
    "ProjectSetup",
    "Staffing",
    "StaffingRequest",
    "TimeCorrection",
    "TimeFeed",
    "TimePosting",
    "TimeToPost",
    "Unsure",
    "WorkerFeed",
    "WorkspaceRequest",
    "Workspaces",
    "Written",
    "capabilities_of",
    "effect",
    "effect_of",
    "effects_of",
    "level_of",
    "needed_for",
    "subject_of",
]
