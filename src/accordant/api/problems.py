"""Errors as RFC 9457 problems: the one place that turns an error's class into an HTTP status.

A problem tells the caller what happened, what to do and which id to quote; it never tells how we are built.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.exceptions import HTTPException
from starlette.responses import Response

from accordant.kernel import (
    AccordantError,
    AuthExpired,
    Bug,
    ContractDrift,
    InvalidInput,
    NotFound,
    OwnershipConflict,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "https://accordant.example/problems/"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What browsers obey; on every answer that does not say otherwise."""

_BY_CODE = {
    "api.idempotency_key": 400,
    "api.precondition_failed": 412,
    "api.precondition_missing": 428,
    "api.too_large": 413,
    "approval.over_limit": 403,
    "approval.own_request": 403,
    "case.same_person": 403,
    "hook.unreadable": 400,
    "hook.foreign_organization": 403,
}
_BY_CLASS: tuple[tuple[type[AccordantError], int], ...] = (
    (NotFound, 404),
    (InvalidInput, 422),
    (Rejected, 409),
    (OwnershipConflict, 409),
    (Retryable, 503),
    (UnknownOutcome, 504),
    (ContractDrift, 502),
    (Bug, 500),
)
_TITLES = {
    400: "The request cannot be read",
    401: "Who calls is not known",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Refused",
    412: "It changed in the meantime",
    413: "Too large",
    422: "The content does not fit",
    428: "A precondition is needed",
    429: "Too many requests",
    500: "Our fault",
    502: "A connected system answered strangely",
    503: "Not available now",
    504: "The outcome is not known yet",
}
_SECRET_FREE = ("type", "loc", "msg")  # never `input`: it repeats what was sent


def status_of(error: AccordantError) -> int:
    """Return the HTTP status that an error answers with."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.code.startswith("access."):
        return 403
    if isinstance(error, AuthExpired):
        return 502 if error.system else 401
    if isinstance(error, RateLimited):
        return 503 if error.system else 429
    return next((status for cls, status in _BY_CLASS if isinstance(error, cls)), 500)


def problem(
    status: int,
    *,
    code: str,
    detail: str,
    remedy: str = "",
    correlation_id: str = "",
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem response.

    Args:
        status: of HTTP.
        code: dotted, stable, documented.
        detail: what happened, in one sentence that may be shown.
        remedy: what to do next.
        correlation_id: the engagement, run or trace to quote.
        errors: which fields do not fit, `{"loc": …, "msg": …, "type": …}`.
        headers: besides the usual.
    """
    body = {
        "type": TYPE + code,
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
        "retryable": status in (429, 503),
        "correlation_id": correlation_id or uuid4().hex,
    }
    if errors:
        body["errors"] = errors
    # Lone surrogates of a hostile payload have no UTF-8: they are shown escaped.
    return Response(
        json.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers={**SECURITY, **(headers or {})}
    )


def problem_of(error: AccordantError) -> Response:
    """Return the problem of an error of ours; what only an engineer may see stays in the log."""
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="accordant"'
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after_s", 5.0))))
    if error.code == "api.in_flight":
        headers["Retry-After"] = "1"
    if status == 500:
        return _unexpected(error)
    return problem(
        status,
        code=error.code,
        detail=error.message,
        remedy=error.remedy,
        correlation_id=error.correlation_id,
        headers=headers,
    )


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem."""
    app.add_exception_handler(AccordantError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(psycopg.DataError, _unstorable)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(PoolExhausted, _no_database)
    app.add_exception_handler(Exception, _failed)


async def _ours(_: Request, error: Exception) -> Response:
    if not isinstance(error, AccordantError):
        raise error
    return problem_of(error)


async def _malformed(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    fields = [{name: _plain(e[name]) for name in _SECRET_FREE if name in e} for e in error.errors()]
    missing_key = next((f for f in fields if f["loc"] == ["header", "Idempotency-Key"]), None)
    if missing_key:
        return problem(
            400,
            code="api.idempotency_key",
            detail="A write needs an Idempotency-Key header of 8 to 128 printable characters.",
            remedy="Send a fresh key with each piece of work, and the same key when you repeat it.",
        )
    return problem(
        422,
        code="api.malformed",
        detail="The request does not fit this operation.",
        remedy="See errors.",
        errors=fields,
    )


async def _of_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    details = {404: "There is no such address.", 405: "This address does not take that method."}
    detail = details.get(error.status_code, _TITLES.get(error.status_code, "Refused") + ".")
    return problem(error.status_code, code=f"http.{error.status_code}", detail=detail, headers=error.headers)


async def _unstorable(_: Request, __: Exception) -> Response:
    return problem(
        422,
        code="api.unstorable",
        detail="The request holds a value that cannot be stored: a null character, or a date or number out of range.",
        remedy="Leave it out.",
    )


async def _no_database(_: Request, error: Exception) -> Response:
    log.error("api.no_database", error=type(error).__name__)
    return problem_of(Unavailable("The database does not answer.", code="api.not_ready", remedy="Try again soon."))


async def _failed(_: Request, error: Exception) -> Response:
    return _unexpected(error)


def _unexpected(error: Exception) -> Response:
    trace = uuid4().hex
    log.error("api.failed", trace=trace, exc_info=error)
    return problem(
        500,
        code="api.failed",
        detail="The request failed on our side.",
        remedy="Try again with the same Idempotency-Key; quote the correlation id when it stays.",
        correlation_id=trace,
    )


def _plain(value: Any) -> Any:
    return [str(part) for part in value] if isinstance(value, tuple) else str(value)
