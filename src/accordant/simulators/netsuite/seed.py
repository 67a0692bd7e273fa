"""What every new account begins with: currencies and a short chart of accounts; and loaders for a firm's own data."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from accordant.simulators.netsuite.state import State

# Code, decimals, units of the account's reference currency (GBP) for one unit: made-up, round, constant.
_CURRENCIES = [
    ("GBP", 2, "1"),
    ("EUR", 2, "0.85"),
    ("USD", 2, "0.80"),
    ("CHF", 2, "0.90"),
    ("SEK", 2, "0.075"),
    ("PLN", 2, "0.20"),
    ("INR", 2, "0.0095"),
    ("SGD", 2, "0.60"),
    ("AUD", 2, "0.53"),
    ("JPY", 0, "0.0053"),
    ("KWD", 3, "2.60"),
]
_ACCOUNTS = [
    ("1000", "Bank", "Bank"),
    ("1200", "Accounts Receivable", "AcctRec"),
    ("2200", "Tax Payable", "OthCurrLiab"),
    ("4000", "Services Revenue", "Income"),
    ("4100", "Fixed Fee Revenue", "Income"),
    ("5000", "Project Costs", "COGS"),
    ("6000", "Write-offs", "Expense"),
]


def found_account(state: State) -> None:
    """Create the currencies and the chart of accounts of a new account."""
    for code, decimals, rate in _CURRENCIES:
        row: dict[str, Any] = {"externalId": code, "name": code, "symbol": code}
        row |= {"currencyPrecision": Decimal(decimals), "exchangeRate": Decimal(rate)}
        state.put("currency", None, row)
    for number, name, type in _ACCOUNTS:
        row = {"externalId": number, "acctNumber": number, "acctName": name, "acctType": type}
        state.put("account", None, row)


def month(first: date) -> dict[str, object]:
    """Return the accounting period of a calendar month, as a request body."""
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return {
        "periodName": f"{first:%b %Y}",
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "closed": False,
        "arLocked": False,
        "apLocked": False,
        "allLocked": False,
        "isYear": False,
        "isQuarter": False,
        "isAdjust": False,
        "isPosting": True,
        "isInactive": False,
    }
