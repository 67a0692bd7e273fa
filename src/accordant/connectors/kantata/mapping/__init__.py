"""The declarations of this connector, compiled once.

`custom` holds the values of custom fields by name, `reference` the part of our key that names a task: the reader puts
them into a record, the writer takes them out again.
"""

from decimal import Decimal
from importlib.resources import files

from accordant.canonical import Customer, Project, Task, TimeEntry
from accordant.kernel import Money
from accordant.platform.mapping import Mapping, Transform
from accordant.ports import EngagementStatus

_HERE = files(__package__)


def _money_of(text: str) -> Money | None:
    """Read `GBP 1250.00`, the form in which we keep money in a text field."""
    currency, _, amount = text.partition(" ")
    return Money.of(Decimal(amount), currency) if amount else None


MONEY_TEXT = Transform(_money_of, lambda money: f"{money.currency} {money.amount:f}")

CUSTOMER = Mapping.load(_HERE / "customer.yaml", model=Customer)
ENGAGEMENT_STATUS = Mapping.load(
    _HERE / "engagement_status.yaml", model=EngagementStatus, transforms={"money_text": MONEY_TEXT}
)
PROJECT = Mapping.load(_HERE / "project.yaml", model=Project)
TASK = Mapping.load(_HERE / "task.yaml", model=Task)
TIME_ENTRY = Mapping.load(_HERE / "time_entry.yaml", model=TimeEntry)

__all__ = ["CUSTOMER", "ENGAGEMENT_STATUS", "PROJECT", "TASK", "TIME_ENTRY"]
