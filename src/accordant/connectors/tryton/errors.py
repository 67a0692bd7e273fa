"""Tryton's refusals and what each means to the caller.

A refusal is HTTP 200 with `{"error": [name, [sentence, …]]}`: the transaction was rolled back. An unexpected failure is
`{"error": [text, traceback]}`, and may come after the commit. Sentences are Tryton's own in English, for which every
call asks; they are matched loosely. Source: the modules' message.xml, series 8.0, read 2026-11.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from accordant.kernel import AccordantError, ContractDrift, KeyConflict, NotFound, RateLimited, Rejected, Unavailable
from accordant.platform.http import Response, retry_after_s

QUESTION = "erp.question"
"""Code of a refusal that asks; `detail["warning"]` is the question's name, after a hash of the records it is about."""


class _Row(NamedTuple):
    pattern: re.Pattern[str]
    kind: type[AccordantError]
    code: str
    message: str
    remedy: str


def _row(pattern: str, kind: type[AccordantError], code: str, message: str, remedy: str) -> _Row:
    return _Row(re.compile(pattern, re.DOTALL), kind, code, message, remedy)


_SENTENCES = (
    _row(
        r"must reopen the period|closed period|closed journal-period",
        Rejected,
        "erp.invoice.period_closed",
        "The accounting period is closed for this document.",
        "Choose the next open period, or ask finance to reopen this one.",
    ),
    _row(
        r"must create a period",
        Rejected,
        "erp.invoice.period_missing",
        "The ERP has no accounting period for the date.",
        "Ask finance to create the fiscal year and its periods, or choose another date.",
    ),
    _row(
        r"To number the invoice",
        Rejected,
        "erp.invoice.number_order",
        "An invoice with a later date has its number already; numbers follow the dates.",
        "Date this invoice on the day of the latest one, or give the period a sequence of its own.",
    ),
    _row(
        r"cannot modify invoice|cannot delete invoice|To delete invoice",
        Rejected,
        "erp.document.posted",
        "The document is posted and can no longer be changed.",
        "Correct it by a credit note and a new invoice.",
    ),
    _row(
        r"code on party must be unique",  # Quirk(tryton): two at once draw the same number. README §Quirks.
        Unavailable,
        "erp.customer.numbering",
        "Two customers were numbered at the same moment; nothing was done.",
        "It is tried again by itself.",
    ),
    _row(
        r"must be unique",
        KeyConflict,
        "erp.key.taken",
        "Another record of the ERP already has this key or number.",
        "Find the other record; adopt it if it is the same thing.",
    ),
    _row(
        r'duration of line .* must be positive|for field "Duration"',
        Rejected,
        "erp.time.negative",
        "The ERP takes no negative hours.",
        "Correct the line that was booked too long, instead of booking hours against it.",
    ),
    _row(
        r"used by field",
        Rejected,
        "erp.record.in_use",
        "The record cannot be removed: others refer to it.",
        "Remove what refers to it first.",
    ),
    _row(
        r"that don't exist",
        NotFound,
        "erp.record.absent",
        "The ERP has no such record.",
        "Look whether it was removed there.",
    ),
    _row(
        r"does not exist|not valid according to its domain|not one of the allowed options",
        Rejected,
        "erp.reference.unknown",
        "The document refers to something that the ERP does not have, or not for this company.",
        "Create it in the ERP, or correct the reference.",
    ),
    _row(
        r"value is required",
        Rejected,
        "erp.field.missing",
        "The ERP demands a field that was not given.",
        "Fill the field in the source.",
    ),
    _row(
        r"is too long|number of digits",
        Rejected,
        "erp.field.too_long",
        "A value is longer or finer than the ERP's field.",
        "Shorten or round the value in the source.",
    ),
    _row(
        r"not allowed",
        Rejected,
        "erp.permission",
        "The user of our integration may not do this in the ERP.",
        "Give the user the groups named in the README, and the company.",
    ),
)


_FIELD = re.compile(r'(?:for|by) field "([^"]*)"')


def classify(response: Response) -> AccordantError | None:
    """Return our error for an answer, or None when it is good or its status says enough."""
    if response.status == 429:
        wait_s = retry_after_s(response, datetime.now(UTC), default=1.0)
        return RateLimited("The ERP asks us to wait.", retry_after_s=wait_s)
    if response.status != 200:
        return None
    body = response.json()
    error = body.get("error") if isinstance(body, dict) else None
    return _error(*error) if isinstance(error, list) and error else None


def _error(name: Any, *rest: Any) -> AccordantError:
    if name == "UserWarning" and rest and isinstance(rest[0], list):
        return Rejected(
            "The ERP asks a question before it goes on.",
            code=QUESTION,
            remedy="Do it by hand in the ERP: it shows the question there.",
            detail={"warning": str(rest[0][0])},
        )
    if name == "UserError" and rest and isinstance(rest[0], list):
        return _refusal(" ".join(str(part) for part in rest[0] if part))
    if name == "ConcurrencyException":
        return Unavailable("Somebody else changed the record at the same time; nothing was done.")
    if "database is locked" in str(name):
        return Unavailable("The ERP's database is busy; nothing was done.")
    # What else fails may do so after the commit; for a write, this becomes an unknown outcome.
    return ContractDrift(
        "The ERP failed while it worked on the call.",
        code="erp.failed",
        remedy="Read the ERP's log; if it fails again, compare its modules with the ones the README names.",
    )


def _refusal(sentence: str) -> AccordantError:
    field = _FIELD.search(sentence)
    facts: dict[str, Any] = {"detail": {"vendor_code": "UserError", "field": field[1] if field else ""}}
    for row in _SENTENCES:
        if row.pattern.search(sentence):
            return row.kind(row.message, code=row.code, remedy=row.remedy, **facts)
    return Rejected(
        "The ERP refused the request.",
        code="erp.refused",
        remedy="Try it by hand in the ERP: it shows the same refusal with its full text.",
        **facts,
    )
