"""Contract suites per capability, builders and fault injection, shipped for connector authors and used by us.

A suite states what a port promises; its author subclasses it and gives the connector's name and a bench. Nothing of one
vendor, and nothing that the product needs to run, belongs here: this room needs pytest.
"""

import pytest

for _room in ("bench", "crm", "erp", "feed", "people", "psa", "standard", "suite"):
    pytest.register_assert_rewrite(f"accordant.testing.{_room}")

from accordant.testing.bench import Bench, ErpBench, FeedBench, SimulatedBench  # noqa: E402 - after the rewriting
from accordant.testing.crm import (  # noqa: E402
    CustomerBench,
    CustomerRegistryContract,
    DealDoorbellContract,
    DealFeedContract,
    DoorbellBench,
    EngagementStatusContract,
    StatusBench,
)
from accordant.testing.erp import (  # noqa: E402
    BillingSetupContract,
    InvoicePostingContract,
    PaymentFeedContract,
    PeriodCalendarContract,
    TimePostingContract,
)
from accordant.testing.faults import DisturbedTransport, Faults  # noqa: E402
from accordant.testing.feed import FeedContract, drain  # noqa: E402
from accordant.testing.people import (  # noqa: E402
    DirectoryBench,
    PeopleDirectoryContract,
    WorkerFeedContract,
    WorkspaceBench,
    WorkspacesContract,
)
from accordant.testing.psa import (  # noqa: E402
    ProjectBench,
    ProjectSetupContract,
    StaffingBench,
    StaffingContract,
    TimeFeedContract,
)
from accordant.testing.standard import ConnectorContract  # noqa: E402
from accordant.testing.suite import STRIKES, ContractSuite, EffectContract, Write, check  # noqa: E402

__all__ = [
    "STRIKES",
    "Bench",
    "BillingSetupContract",
    "ConnectorContract",
    "ContractSuite",
    "CustomerBench",
    "CustomerRegistryContract",
    "DealDoorbellContract",
    "DealFeedContract",
    "DirectoryBench",
    "DisturbedTransport",
    "DoorbellBench",
    "EffectContract",
    "EngagementStatusContract",
    "ErpBench",
    "Faults",
    "FeedBench",
    "FeedContract",
    "InvoicePostingContract",
    "PaymentFeedContract",
    "PeopleDirectoryContract",
    "PeriodCalendarContract",
    "ProjectBench",
    "ProjectSetupContract",
    "SimulatedBench",
    "StaffingBench",
    "StaffingContract",
    "StatusBench",
    "TimeFeedContract",
    "TimePostingContract",
    "WorkerFeedContract",
    "WorkspaceBench",
    "WorkspacesContract",
    "Write",
    "check",
    "drain",
]
