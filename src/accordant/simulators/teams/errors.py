"""Graph's and the bot service's refusals, and the token endpoint's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse


class GraphError(Exception):
    """A refusal in Graph's own form: HTTP status, code, message, headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = details

    def response(self, request: Request, now: datetime) -> JSONResponse:
        """Return the answer with `innerError`, as Graph sends it."""
        request_id = str(uuid4())
        client_id = request.headers.get("client-request-id", request_id)
        inner = {"date": f"{now:%Y-%m-%dT%H:%M:%S}", "request-id": request_id, "client-request-id": client_id}
        error: dict[str, Any] = {"code": self.code, "message": self.message, "innerError": inner}
        if self.details:
            error["details"] = self.details
        headers = {"request-id": request_id, "client-request-id": client_id, **self.headers}
        return JSONResponse({"error": error}, self.status, headers)


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    """Return the refusal of a request that breaks a rule."""
    return GraphError(400, code, message)


def not_found(message: str, code: str = "NotFound") -> GraphError:
    """Return the refusal for something that is not there, or not there yet."""
    return GraphError(404, code, message)


def no_resource(id: str) -> GraphError:
    """Return the directory's form of not found."""
    text = f"Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", text)


def no_team(id: str) -> GraphError:
    """Return what Teams says of an unknown team, and of one whose group has not replicated yet."""
    return not_found(f"No team found with Group Id {id}")


def forbidden(message: str, code: str = "Forbidden") -> GraphError:
    """Return the refusal for a missing permission or a locked object."""
    return GraphError(403, code, message)


def missing_role(accepted: tuple[str, ...]) -> GraphError:
    """Return the refusal for a token without any of the accepted permissions."""
    return forbidden(f"Missing role permissions on the request. API requires one of '{', '.join(accepted)}'.")


def bad_token(message: str) -> GraphError:
    """Return the refusal of a token that is missing, unknown or expired."""
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common", error="invalid_token"'
    return GraphError(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": challenge})


def expired_token() -> GraphError:
    """Return the refusal of an expired token."""
    return bad_token("Lifetime validation failed, the token is expired.")


def throttled(retry_after_s: int = 1) -> GraphError:
    """Return the refusal of a call over the limit."""
    headers = {"Retry-After": str(retry_after_s)}
    return GraphError(429, "TooManyRequests", "Too many requests. Please retry after a while.", headers=headers)


def server_error() -> GraphError:
    """Return a failure on the vendor's side."""
    return GraphError(500, "InternalServerError", "Failed to execute backend request.")


def nickname_taken() -> GraphError:
    """Return the directory's refusal of a `mailNickname` that another group has."""
    text = "Another object with the same value for property mailNickname already exists."
    details = [{"code": "ObjectConflict", "target": "mailNickname", "message": text}]
    return GraphError(400, "Request_BadRequest", text, details=details)


def name_conflict() -> GraphError:
    """Return what a check of names says of a `mailNickname` that is taken."""
    text = "Another object with the same value for property mailNickname already exists."
    details = [{"code": "ObjectConflict", "target": "mailNickname", "message": text}]
    general = "The values provided contain one or more validation errors."
    return GraphError(422, "Request_UnprocessableEntity", general, details=details)


def resync_required(restart: str) -> GraphError:
    """Return the refusal of a delta token that is too old; `Location` starts over."""
    text = "Resync required. Replace any local items with the server's version."
    return GraphError(410, "resyncRequired", text, headers={"Location": restart})


def token_error(status: int, error: str, number: int, text: str, now: datetime) -> JSONResponse:
    """Return the token endpoint's refusal with its AADSTS number."""
    trace, correlation = str(uuid4()), str(uuid4())
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation}",
        "error_codes": [number],
        "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return JSONResponse(body, status)
