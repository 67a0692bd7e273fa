"""The vendor's refusals: an array of `message`, `errorCode` and, for data errors, `fields`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refusal(Exception):
    """One refusal, with its HTTP status and the vendor's code."""

    def __init__(self, status: int, code: str, message: str, fields: Iterable[str] | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.extra = extra

    def body(self) -> list[dict[str, Any]]:
        """Return the error array of a plain call."""
        row: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        return [row if self.fields is None else row | {"fields": self.fields}]

    def item(self) -> dict[str, Any]:
        """Return the outcome of one record of a collection."""
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields or []}
        return {"success": False, "errors": [self.extra | error]}


def session_expired() -> Refusal:
    """Refuse an unknown or expired token."""
    return Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


def limit_exceeded() -> Refusal:
    """Refuse a call beyond the daily number of requests."""
    return Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def server_error() -> Refusal:
    """Fail as the server does when it does not know why."""
    return Refusal(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId: 1815404-31337")


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    """Refuse a path or record that does not exist."""
    return Refusal(404, "NOT_FOUND", message)


def deleted() -> Refusal:
    """Refuse a record in the recycle bin."""
    return Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", [])


def unknown_column(sobject: str, field: str) -> Refusal:
    """Refuse a field that the org does not have, or hides."""
    message = (
        f"No such column '{field}' on sobject of type {sobject}. If you are attempting to use a custom field, "
        "be sure to append the '__c' after the custom field name."
    )
    return Refusal(400, "INVALID_FIELD", message)


def missing(fields: list[str]) -> Refusal:
    """Refuse a record without its required fields."""
    return Refusal(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", fields)


def malformed_query(message: str) -> Refusal:
    """Refuse a query that does not parse."""
    return Refusal(400, "MALFORMED_QUERY", message)


def malformed_id(label: str, value: str, field: str = "Id") -> Refusal:
    """Refuse something that is no id of the wanted object."""
    return Refusal(400, "MALFORMED_ID", f"{label}: id value of incorrect type: {value}", [field])


def unreadable(message: str) -> Refusal:
    """Refuse a body that is no JSON or has a value of the wrong type."""
    return Refusal(400, "JSON_PARSER_ERROR", message)


def locked(ids: Iterable[str]) -> Refusal:
    """Refuse a write that waited too long for another one on the same parent."""
    message = f"unable to obtain exclusive access to this record or {len(list(ids))} records"
    return Refusal(400, "UNABLE_TO_LOCK_ROW", message, [])


def halted(message: str) -> Refusal:
    """Report a part of a composite call that was not done because another part failed."""
    return Refusal(400, "PROCESSING_HALTED", message)
