"""The org's names and shapes, as far as code and not a mapping touches them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACCOUNT, CONTRACT, OPPORTUNITY, MILESTONE = "Account", "Contract", "Opportunity", "Milestone__c"
OUR_KEY = "Accordant_Id__c"
LINES = "OpportunityLineItems"
MILESTONES = "Contract.Milestones__r"

Row = Mapping[str, Any]


def deal_part(row: Row) -> dict[str, Any]:
    """Return the opportunity without the records that hang on it."""
    return {name: value for name, value in row.items() if name not in (ACCOUNT, CONTRACT, LINES)}


def contract_part(row: Row, milestones: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the contract's mapping reads: the contract with its milestones, and the deal's lines."""
    contract = row[CONTRACT] | {"Milestones__r": {"records": milestones}}
    lines = row.get(LINES) or {"records": []}
    return {"Name": row["Name"], "CurrencyIsoCode": row["CurrencyIsoCode"], LINES: lines, CONTRACT: contract}
