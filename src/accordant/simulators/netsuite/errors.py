"""The vendor's error bodies (`nsError`): one class to raise, one function per case of the documents."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Bad Request",  # the vendor's own slip, documented as such
    500: "Internal Server Error",
}
_ANCHORS = {400: "10.4.1", 401: "10.4.2", 403: "10.4.4", 404: "10.4.5", 405: "10.4.6", 500: "10.5.1"}
_ERROR_TYPE = "application/vnd.oracle.resource+json; type=error"


class Refusal(Exception):
    """The system says no; carries everything its error body shows.

    Args:
        status: HTTP status.
        code: the vendor's `o:errorCode`.
        detail: the sentence.
        path: JSONPath of the field at fault, if any.
        title: the title, when it is not the usual one of the status.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        path: str = "",
        title: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.path = path
        self.title = title or _TITLES.get(status, "Error")
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the `nsError` body."""
        error = {"detail": self.detail, "o:errorCode": self.code}
        if self.path:
            error["o:errorPath"] = self.path
        anchor = _ANCHORS.get(self.status, "10.4.1")
        return {
            "type": f"https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec{anchor}",
            "title": self.title,
            "status": self.status,
            "o:errorDetails": [error],
        }

    def response(self) -> Response:
        """Return the HTTP answer."""
        return JSONResponse(self.body(), self.status, self.headers, _ERROR_TYPE)


def invalid_value(value: object, path: str) -> Refusal:
    """Refuse a value that the field cannot take, most often a reference to nothing."""
    name = path.rsplit(".", 1)[-1]
    detail = f"You have entered an Invalid Field Value {value} for the following field: {name}."
    return Refusal(400, "INVALID_CONTENT", f"Error while accessing a resource. {detail}", path=path)


def invalid_type(expected: str, path: str) -> Refusal:
    """Refuse a value of the wrong JSON type."""
    return Refusal(
        400, "INVALID_CONTENT", f"Invalid content in the request body. A {expected} was expected.", path=path
    )


def unknown_property(names: list[str], record_type: str) -> Refusal:
    """Refuse names that the record does not have (only under `PropertyNameValidation: Error`)."""
    listed = ", ".join(names)
    return Refusal(
        400, "INVALID_CONTENT", f"Unknown reference or field: {listed} on record {record_type}.", path=names[0]
    )


def missing(field: str) -> Refusal:
    """Refuse a record without a mandatory field."""
    detail = f"Error while accessing a resource. Please enter value(s) for: {field}."
    return Refusal(400, "USER_ERROR", detail, path=field)


def user_error(detail: str, path: str = "") -> Refusal:
    """Refuse for a business rule."""
    return Refusal(400, "USER_ERROR", f"Error while accessing a resource. {detail}", path=path)


def invalid_key(field: str, key: str, owner: str, owner_key: str) -> Refusal:
    """Refuse a reference that exists, but not for this owner: a currency the customer does not list."""
    return user_error(f"Invalid {field} reference key {key} for {owner} {owner_key}.", field)


def not_found() -> Refusal:
    """Refuse an id that does not exist."""
    return Refusal(404, "NONEXISTENT_ID", "The record instance does not exist. Provide a valid record instance ID.")


def malformed(detail: str = "") -> Refusal:
    """Refuse a request whose URL, query or body is not well formed."""
    sentence = detail or "The request could not be understood by the server due to malformed syntax."
    return Refusal(400, "INVALID_REQUEST", sentence)


def forbidden(record_type: str) -> Refusal:
    """Refuse an operation that the role of the integration does not permit."""
    detail = f"Permission violation: the role of this integration may not change records of type {record_type}."
    return Refusal(403, "INSUFFICIENT_PERMISSION", detail)


def unexpected() -> Refusal:
    """Fail as the vendor fails."""
    return Refusal(500, "UNEXPECTED_ERROR", "An unexpected error occurred. Error ID: 0a1b2c3d4e5f")


def throttled() -> Refusal:
    """Refuse for concurrency."""
    return Refusal(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked.")


def login_failed(account: str) -> Refusal:
    """Refuse a bearer token that is missing, unknown or expired."""
    challenge = f'Bearer realm="{account}", error="invalid_token", error_description="Invalid login attempt."'
    detail = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI."
    return Refusal(401, "INVALID_LOGIN", detail, headers={"WWW-Authenticate": challenge})


def replayed(location: str) -> Refusal:
    """Refuse a second request under one idempotency key, and point to the first one's job."""
    detail = "This request was already submitted with the same idempotency key."
    return Refusal(400, "IDEMPOTENCY_ERROR", detail, title="Conflict", headers={"Location": location})
