"""The vendor's codes and what each means to the caller; the same for everything that lives on the platform.

Source: "REST API Developer Guide", status codes and error responses; "SOAP API Developer Guide", core data types,
StatusCode; read 2026-11.
"""

from __future__ import annotations

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
    Unavailable,
)
from accordant.platform.http import Response

# The daily budget frees itself hour by hour; the vendor names no time to come back.
_DAILY_WAIT_S = 900.0
_CONCURRENT_WAIT_S = 5.0


class _Row(NamedTuple):
    kind: type[AccordantError]
    code: str
    message: str
    remedy: str


_UNKNOWN_FIELD = _Row(
    ContractDrift,
    "salesforce.field_unknown",
    "The org does not know, or does not show us, a field or object that our mapping names.",
    "Grant the integration user read access to it, or take it out of the mapping by an overlay.",
)
_NO_ACCESS = _Row(
    Rejected,
    "salesforce.no_access",
    "The integration user may not do this.",
    "Give its permission set access to the object and its fields.",
)
_NOT_THERE = _Row(
    NotFound, "salesforce.not_found", "The record does not exist in the org.", "See whether it was deleted."
)
_BAD_VALUE = _Row(
    Rejected, "salesforce.value_refused", "The org refused a value.", "Correct the value, or the field in the org."
)
_API_OFF = _Row(Rejected, "salesforce.api_off", "The org's API is switched off.", "Ask the org's administrator.")

_TABLE: dict[str, _Row] = {
    "INVALID_SESSION_ID": _Row(
        AuthExpired, "auth.expired", "The session has ended.", "A new one is fetched; if it is refused, log in again."
    ),
    "INVALID_FIELD": _UNKNOWN_FIELD,
    "INVALID_TYPE": _UNKNOWN_FIELD,
    "MALFORMED_QUERY": _UNKNOWN_FIELD,
    "INVALID_QUERY_FILTER_OPERATOR": _NOT_THERE,  # the vendor's word for an id that is none
    "INVALID_FIELD_FOR_INSERT_UPDATE": _NO_ACCESS,
    "INSUFFICIENT_ACCESS_OR_READONLY": _NO_ACCESS,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _NO_ACCESS,
    "NOT_FOUND": _NOT_THERE,
    "ENTITY_IS_DELETED": _NOT_THERE,
    "MALFORMED_ID": _NOT_THERE,
    "INVALID_CROSS_REFERENCE_KEY": _NOT_THERE,
    "REQUIRED_FIELD_MISSING": _BAD_VALUE,
    "STRING_TOO_LONG": _BAD_VALUE,
    "JSON_PARSER_ERROR": _BAD_VALUE,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _BAD_VALUE,
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _Row(
        Rejected,
        "salesforce.trigger_failed",
        "A trigger of the org refused the record.",
        "Ask the org's administrator.",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _Row(
        Rejected,
        "salesforce.rule_refused",
        "A validation rule of the org refused the record.",
        "Follow the rule's text.",
    ),
    "DUPLICATES_DETECTED": _Row(
        Rejected,
        "salesforce.duplicate_suspected",
        "The org's duplicate rule thinks the record is there already.",
        "Choose one of the records it names, or change the rule.",
    ),
    "DUPLICATE_VALUE": _Row(
        KeyConflict,
        "salesforce.key_taken",
        "Another record carries the same unique value.",
        "See whether it is the same.",
    ),
    "UNABLE_TO_LOCK_ROW": _Row(
        Retryable, "salesforce.row_locked", "Another change holds the record or its parent.", "It is tried again later."
    ),
    "PRECONDITION_FAILED": _Row(
        Retryable,
        "salesforce.changed_meanwhile",
        "The record changed since it was read.",
        "It is read and tried again.",
    ),
    "INVALID_QUERY_LOCATOR": _Row(
        Retryable, "salesforce.page_expired", "The next page is no longer there.", "The query begins again."
    ),
    "SERVER_UNAVAILABLE": _Row(
        Unavailable, "salesforce.unavailable", "The org is too busy to answer.", "It is tried again later."
    ),
    "UNKNOWN_EXCEPTION": _Row(
        Unavailable, "salesforce.failed", "The org failed and does not say why.", "It is tried again later."
    ),
    "API_DISABLED_FOR_ORG": _API_OFF,
    "API_CURRENTLY_DISABLED": _API_OFF,
}


def classify(response: Response) -> AccordantError | None:
    """Return our error for an answer, or None when it is good or its code is not in the table."""
    if response.status < 300 or response.status == 304:
        return None
    if response.status == 300:
        return Rejected(
            "More than one record carries the key.",
            code="salesforce.ambiguous",
            remedy="Leave the key on one of them.",
        )
    rows = response.json()
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    code = str(first.get("errorCode", ""))
    if code == "REQUEST_LIMIT_EXCEEDED":
        return _limited(str(first.get("message", "")))
    if response.status == 412:
        code = "PRECONDITION_FAILED"
    row = _TABLE.get(code)
    return None if row is None else row.kind(row.message, code=row.code, remedy=row.remedy, detail=_detail(code, first))


def _limited(message: str) -> RateLimited:
    concurrent = "Concurrent" in message
    return RateLimited(
        "The org's budget of calls is used up.",
        retry_after_s=_CONCURRENT_WAIT_S if concurrent else _DAILY_WAIT_S,
        code="salesforce.concurrent_limit" if concurrent else "salesforce.daily_limit",
        remedy="It goes on when the org allows it; a larger budget is bought or lent from other integrations.",
    )


def _detail(code: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that hold no value of a record: code, fields, a rule's own text, ids of look-alikes."""
    detail: dict[str, Any] = {"error_code": code, "fields": row.get("fields") or []}
    if code == "FIELD_CUSTOM_VALIDATION_EXCEPTION":
        detail["rule"] = str(row.get("message", ""))
    if code == "DUPLICATES_DETECTED":
        results = (row.get("duplicateResult") or {}).get("matchResults") or []
        records = (match.get("record") or {} for result in results for match in result.get("matchRecords") or [])
        detail["records"] = [str(record.get("Id")) for record in records]
    return detail
