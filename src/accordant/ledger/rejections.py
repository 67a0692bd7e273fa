"""Every refusal of the ledger in one place: what the database calls it, our code, what happened, what to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from psycopg import errors
from sqlalchemy.exc import DBAPIError

from accordant.kernel import Rejected

P = ParamSpec("P")
R = TypeVar("R")

# code: (the names of the database's rules, what it means, what to do)
_RULES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "ledger.over_billed": (
        ("ledger_over_billed", "ledger_line_sides_q", "ledger_line_sides_m"),
        "More would be billed than is approved.",
        "Bill at most what is open, or have more approved first.",
    ),
    "ledger.over_cap": (
        ("ledger_over_cap",),
        "More would be billed than the contract's cap allows.",
        "Leave the surplus open, write it off, or agree a higher cap with the client.",
    ),
    "ledger.over_credited": (
        ("ledger_over_credited", "ledger_line_credit"),
        "More would be credited than the invoice billed.",
        "Credit at most what the invoice billed and earlier credits left.",
    ),
    "ledger.line_on_other_invoice": (
        ("ledger_other_invoice", "ledger_line_one_draft"),
        "The line stands on another draft.",
        "Post or undraft the other invoice first.",
    ),
    "ledger.period_signed_off": (
        ("ledger_period_signed_off",),
        "The accounting period is signed off.",
        "Use an accounting day in the next open period.",
    ),
    "ledger.line_held": (
        ("ledger_line_held",),
        "A held line cannot be drafted, a drafted line cannot be held.",
        "Release the line, or undraft its invoice.",
    ),
    "ledger.line_unpriced": (
        ("ledger_line_unpriced",),
        "The line has no price.",
        "Add the role's rate to the contract and price the line.",
    ),
    "ledger.line_repriced": (
        ("ledger_line_repriced", "ledger_line_price"),
        "The price of a line stays while any of it is drafted, billed, relieved or written off.",
        "Undraft or credit the line first, then price it again.",
    ),
    "ledger.line_moved": (
        ("ledger_line_moved",),
        "Project, contract, person, role and day of a line stay once it was billed.",
        "Withdraw the line with quantity 0, credit what is over-billed, and approve the work under a new id.",
    ),
    "ledger.line_identity": (
        ("ledger_line_identity", "ledger_line_pkey"),
        "A line keeps its kind, entity, currency and source for ever.",
        "Withdraw the line with quantity 0 and approve the work under a new id.",
    ),
    "ledger.source_taken": (
        ("ledger_line_source",),
        "Another line already stands for this source.",
        "Merge the two identities, or correct the source reference.",
    ),
    "ledger.rounding_limit": (
        ("ledger_line_rounding_limit",),
        "A rounding line is limited to 100 minor units.",
        "Find the real difference between the lines and the document.",
    ),
    "ledger.line_kind": (
        ("ledger_line_kind", "ledger_line_currency"),
        "The ledger does not know this kind of line or currency.",
        "Use one of the line kinds of the ledger and an ISO 4217 code.",
    ),
    "ledger.invoice_posted": (
        ("ledger_invoice_posted", "ledger_act_posted_once"),
        "The invoice is posted; a posted invoice only changes by a credit.",
        "Credit it, and bill again on a new invoice.",
    ),
    "ledger.invoice_mixed": (
        ("ledger_invoice_mixed",),
        "An invoice bills one entity in one currency.",
        "Make one invoice per entity and currency.",
    ),
    "ledger.credit_repeated": (
        ("ledger_act_credited_once",),
        "The credit note is already in the ledger.",
        "Use a new id for another credit.",
    ),
    "ledger.append_only": (
        ("ledger_append_only",),
        "What is in the ledger stays; corrections are new acts.",
        "Record a correcting act instead.",
    ),
    "ledger.act_refused": (
        ("ledger_move", "ledger_act_missing", "ledger_act_shape", "ledger_act_invoice", "ledger_act_kind_fkey"),
        "An act may only move the balances of its kind.",
        "Use the acts of the ledger room.",
    ),
    "ledger.invoice_drafted": ((), "The invoice is already drafted.", "Undraft it before drafting it anew."),
    "ledger.nothing_open": ((), "Nothing is open.", "Look at the states of the lines: held, unpriced, drafted."),
    "ledger.nothing_drafted": ((), "Nothing stands on this invoice.", "Draft the invoice first."),
    "ledger.line_unknown": ((), "The ledger has no such line.", "Approve the line first."),
}
_CODE_OF = {rule: code for code, (rules, _, _) in _RULES.items() for rule in rules}


def meaning_of(code: str) -> str:
    """Return the general sentence of a code."""
    return _RULES[code][1]


def remedy_of(code: str) -> str:
    """Return what to do about a code."""
    return _RULES[code][2]


def rejected(code: str, message: str = "") -> Rejected:
    """Build the refusal of a code, with its remedy."""
    return Rejected(message or meaning_of(code), code=code, remedy=remedy_of(code))


def translated(act: Callable[P, R]) -> Callable[P, R]:
    """Turn a refusal by the database into Rejected with our code; any other error passes unchanged."""

    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return act(*args, **kwargs)
        except DBAPIError as error:
            if not isinstance(error.orig, errors.IntegrityError):
                raise
            rule = error.orig.diag.constraint_name or ""
            if rule not in _CODE_OF:
                raise
            code = _CODE_OF[rule]
            # Our own refusals speak of lines and amounts; PostgreSQL's only repeat the constraint's name.
            said = error.orig.diag.message_primary or ""
            raise rejected(code, "" if f'"{rule}"' in said else said) from error

    return run
