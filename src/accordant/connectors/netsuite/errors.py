"""The vendor's refusals and what each means to the caller.

The vendor puts most business rules under one code (USER_ERROR) and tells them apart by the sentence only; sentences
are matched loosely, because their wording varies by record and release. Source: vendor's help section_156570709583,
and bodies seen in public code; read 2026-11.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from accordant.kernel import (
    AccordantError,
    AuthExpired,
    ContractDrift,
    KeyConflict,
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
)
from accordant.platform.http import Response, retry_after_s

AWAIT_JOB = "await_job"
"""Operation under which a job is polled: one that still runs is asked for again by the HTTP client."""

TASK_RESULT = "read_task_result"
"""Operation under which the answer of one record of a batch is read: even a 500 there is that record's own."""


class _Row(NamedTuple):
    pattern: re.Pattern[str]
    kind: type[AccordantError]
    code: str
    message: str
    remedy: str


def _row(pattern: str, kind: type[AccordantError], code: str, message: str, remedy: str) -> _Row:
    return _Row(re.compile(pattern, re.IGNORECASE | re.DOTALL), kind, code, message, remedy)


_SENTENCES = (
    _row(
        r"no (open )?(posting|accounting) period",
        Rejected,
        "erp.invoice.period_missing",
        "The ERP has no accounting period for the date.",
        "Ask finance to create the period, or choose another date.",
    ),
    _row(
        r"period\b.*\b(closed|locked)|\b(closed|locked)\b.*period",
        Rejected,
        "erp.invoice.period_closed",
        "The accounting period is closed for this document.",
        "Choose the next open period, or ask finance to reopen this one.",
    ),
    _row(
        r"invalid currency reference|currency .*not (available|valid|allowed)",
        Rejected,
        "erp.customer.currency_missing",
        "The ERP's customer is not set up for this currency.",
        "Add the currency to the customer in the ERP, or correct the contract's currency.",
    ),
    _row(
        r"invalid subsidiary reference|subsidiary.*(mismatch|cannot be changed|does not match)",
        Rejected,
        "erp.customer.wrong_entity",
        "The ERP's customer belongs to another legal entity.",
        "Bill through the entity the customer belongs to, or set the customer up for this one.",
    ),
    _row(
        r"invalid job reference",
        Rejected,
        "erp.project.wrong_customer",
        "The ERP's project belongs to another customer.",
        "Correct the customer of the project, or of the contract.",
    ),
    _row(
        r"time entry.*(approved|billed|posted)",
        Rejected,
        "erp.time.locked",
        "The time is approved or billed in the ERP and cannot be changed.",
        "Post a correcting line.",
    ),
    _row(
        r"has been posted|can no longer be edited",
        Rejected,
        "erp.document.posted",
        "The document is posted and can no longer be changed.",
        "Correct it by a credit note and a new invoice.",
    ),
    _row(
        r"already exists|already been used|duplicate",
        KeyConflict,
        "erp.key.taken",
        "Another record of the ERP already has this key or name.",
        "Find the other record; adopt it if it is the same thing.",
    ),
    _row(
        r"dependent records",
        Rejected,
        "erp.record.in_use",
        "The record cannot be removed: others refer to it.",
        "Inactivate it instead.",
    ),
    _row(
        r"inactive",
        Rejected,
        "erp.record.inactive",
        "The document refers to a record that is inactive in the ERP.",
        "Activate the record, or use another.",
    ),
    _row(
        r"please enter value|required field|mandatory",
        Rejected,
        "erp.field.missing",
        "The ERP demands a field that was not given.",
        "Fill the field in the source, or relax it in the ERP's form.",
    ),
    _row(
        r"unknown (reference or )?(field|property)|unknown propert",
        ContractDrift,
        "erp.field.unknown",
        "The ERP does not know a field that its connector sends.",
        "Create the custom field in the account (README), or take it out of the mapping.",
    ),
    _row(
        r"invalid (field value|.*reference key)|invalid .*reference",
        Rejected,
        "erp.reference.unknown",
        "The document refers to something that the ERP does not have.",
        "Create it in the ERP, or correct the reference.",
    ),
)


def classify(response: Response) -> AccordantError | None:
    """Return our error for an answer, or None when it is good or not in the table."""
    if response.operation == AWAIT_JOB and response.status == 200:
        return _unfinished(response)
    if response.status < 400:
        return None
    code, detail, path = _first_error(response)
    facts: dict[str, Any] = {"detail": {"status": response.status, "vendor_code": code, "field": path}}
    if response.status == 429 or code in {"CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED"}:
        # The vendor documents no Retry-After; a slot is free as soon as one of the running calls ends.
        wait_s = retry_after_s(response, datetime.now(UTC), default=1.0)
        return RateLimited("The ERP allows no more calls at this moment.", retry_after_s=wait_s, **facts)
    if response.status == 401 or code == "INVALID_LOGIN":
        return AuthExpired("The ERP no longer accepts our token.", **facts)
    if response.status >= 500:
        return _failed_task(facts) if response.operation == TASK_RESULT and code else None
    return _refusal(response.status, code, detail, facts)


def _refusal(status: int, code: str, detail: str, facts: dict[str, Any]) -> AccordantError | None:
    if code == "NONEXISTENT_ID" or status == 404:
        return NotFound("The ERP has no such record.", code="erp.record.absent", **facts)
    if code == "INSUFFICIENT_PERMISSION" or status == 403:
        return Rejected(
            "The role of our integration may not do this in the ERP.",
            code="erp.permission",
            remedy="Give the role the permission named in the README.",
            **facts,
        )
    if code == "INVALID_PARAMETER":
        return ContractDrift(
            "The ERP does not understand a query.",
            code="erp.query",
            remedy="Check that the account has the custom fields and features named in the README.",
            **facts,
        )
    for row in _SENTENCES:
        if row.pattern.search(detail):
            return row.kind(row.message, code=row.code, remedy=row.remedy, **facts)
    return None


def _unfinished(response: Response) -> AccordantError | None:
    body = response.json()
    if isinstance(body, dict) and body.get("completed") is False:
        return Retryable("The ERP is still working on the batch.", code="erp.job.running")
    return None


def _failed_task(facts: dict[str, Any]) -> Rejected:
    return Rejected(
        "The ERP failed on this record of a batch.",
        code="erp.record.failed",
        remedy="Send it again; if it fails again, ask the vendor with the error id in the detail.",
        **facts,
    )


def _first_error(response: Response) -> tuple[str, str, str]:
    """Return code, sentence and path of the first error; empty texts when the body is none of the vendor's."""
    body = response.json() if response.content else {}
    details = body.get("o:errorDetails") if isinstance(body, dict) else None
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    return str(first.get("o:errorCode", "")), str(first.get("detail", "")), str(first.get("o:errorPath", ""))
