"""The declarations beside this file, loaded once, with the three hooks that the language cannot say."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from typing import Any

from accordant.canonical import Contract, Customer, Deal, DealStage
from accordant.kernel import Money
from accordant.platform.mapping import Mapping, Transform
from accordant.ports import EngagementStatus


def _stage(is_won: bool, is_closed: bool) -> DealStage:  # noqa: FBT001 - the vendor's two fields
    if is_won:
        return DealStage.WON
    return DealStage.LOST if is_closed else DealStage.OPEN


def _no_stage(_: DealStage) -> Any:
    raise ValueError("the org derives it from its own stage names")


def _milestone_code(id: str, sequence: Decimal | None) -> str:
    """`M2` for the second one; the record's id when nobody numbered it."""
    return id if sequence is None else f"M{int(sequence)}"


def _no_code(_: str) -> Any:
    raise ValueError("milestones are read only")


def _deal_money(amount: Decimal | int, currency: str) -> dict[str, Any]:
    return {"amount": Decimal(amount), "currency": currency}


def _deal_amount(money: Money) -> tuple[Decimal, None]:
    """Write the amount alone: the currency is the deal's own and must never be changed by a status."""
    return money.amount, None


_HOME = files(__package__)
DEAL = Mapping.load(_HOME / "deal.yaml", model=Deal, transforms={"stage": Transform(_stage, _no_stage)})
CUSTOMER = Mapping.load(_HOME / "customer.yaml", model=Customer)
CONTRACT = Mapping.load(
    _HOME / "contract.yaml", model=Contract, transforms={"milestone_code": Transform(_milestone_code, _no_code)}
)
STATUS = Mapping.load(
    _HOME / "engagement_status.yaml",
    model=EngagementStatus,
    transforms={"deal_money": Transform(_deal_money, _deal_amount)},
)

__all__ = ["CONTRACT", "CUSTOMER", "DEAL", "STATUS"]
