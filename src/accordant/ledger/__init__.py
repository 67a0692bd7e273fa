"""Billing truth per line: what is approved, held, drafted, billed, credited and given up, in quantity and money.

No system is called here and no rule of a firm decides here; pricing policy, documents and approvals belong to flows.
"""

from accordant.ledger.approval import approve, hold, price, release, withdraw
from accordant.ledger.caps import room_under_cap, set_cap
from accordant.ledger.invariants import invariants
from accordant.ledger.invoicing import credit, draft, post, undraft
from accordant.ledger.models import (
    AllOpen,
    Approved,
    ApprovedLine,
    Balance,
    Balances,
    By,
    Credited,
    Draft,
    Entry,
    Line,
    LineKind,
    Moved,
    OverBilled,
    Part,
    Posted,
    Price,
    Priced,
    Readiness,
    Refused,
    Share,
    Violation,
)
from accordant.ledger.periods import is_signed_off, sign_off
from accordant.ledger.reads import (
    balance_by,
    billing_readiness,
    history,
    invoices_of,
    line_states,
    open_lines,
    over_billed,
)
from accordant.ledger.relief import relieve, write_down, write_off

__all__ = [
    "AllOpen",
    "Approved",
    "ApprovedLine",
    "Balance",
    "Balances",
    "By",
    "Credited",
    "Draft",
    "Entry",
    "Line",
    "LineKind",
    "Moved",
    "OverBilled",
    "Part",
    "Posted",
    "Price",
    "Priced",
    "Readiness",
    "Refused",
    "Share",
    "Violation",
    "approve",
    "balance_by",
    "billing_readiness",
    "credit",
    "draft",
    "history",
    "hold",
    "invariants",
    "invoices_of",
    "is_signed_off",
    "line_states",
    "open_lines",
    "over_billed",
    "post",
    "price",
    "release",
    "relieve",
    "room_under_cap",
    "set_cap",
    "sign_off",
    "undraft",
    "withdraw",
    "write_down",
    "write_off",
]
