"""The vendor's error bodies: a list of type and message, with the field for validation errors."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


class Refused(Exception):
    """The vendor refuses the call; carries its status and its list of errors."""

    def __init__(self, status: int, *errors: dict[str, str]) -> None:
        super().__init__(errors[0]["message"])
        self.status = status
        self.errors = list(errors)

    def response(self) -> Response:
        """Return the vendor's answer."""
        return JSONResponse({"errors": self.errors}, self.status)


def invalid(*problems: tuple[str, str]) -> Refused:
    """Return the 422 of a validation: pairs of field and message."""
    return Refused(422, *({"type": "validation", "message": message, "field": field} for field, message in problems))


def system(status: int, message: str) -> Refused:
    """Return any other refusal."""
    return Refused(status, {"type": "system", "message": message})


def not_found() -> Refused:
    """Return the 404 of an unknown, or hidden, record."""
    return system(404, "Not found")


def forbidden() -> Refused:
    """Return the 403 of a caller without the permission."""
    return system(403, "You are not authorized to perform this action")


def unauthorized() -> Refused:
    """Return the 401 of a missing or revoked token."""
    return Refused(401, {"type": "oauth", "message": "Invalid OAuth 2 Request"})


def throttled() -> Refused:
    """Return the 429: a plain body, no Retry-After, no rate headers."""
    return system(429, "Too many requests. Please try again later.")
