"""The vendor's refusals → our errors, with what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from random import SystemRandom
from typing import Any

from accordant.kernel import AccordantError, AuthExpired, InvalidInput, NotFound, RateLimited, Rejected
from accordant.platform.http import Classify, Response

LOCKED = "psa.locked"
_LOCK_WORDS = ("approved", "invoiced", "locked", "submitted")
_RANDOM = SystemRandom()

# status → class, code, message, remedy
_TABLE: Mapping[int, tuple[type[AccordantError], str, str, str]] = {
    400: (
        InvalidInput,
        "kantata.bad_request",
        "Kantata does not understand the request.",
        "Compare the filters with the API version in the connector's manifest.",
    ),
    401: (
        AuthExpired,
        "kantata.token_revoked",
        "Kantata no longer accepts the token.",
        "Create a new token for the integration's user and put it into the secret store.",
    ),
    403: (
        Rejected,
        "kantata.forbidden",
        "The integration's user may not do this in Kantata.",
        "Give the user the permission: account administrator for events, financial access for money.",
    ),
    404: (
        NotFound,
        "kantata.not_found",
        "Kantata does not have the record, or hides it.",
        "See whether it was deleted, archived, or moved out of the user's sight.",
    ),
    422: (
        Rejected,
        "kantata.validation",
        "Kantata refused the values.",
        "Correct the fields that are named, then try again.",
    ),
}


def classify_with(throttle_wait_s: tuple[float, float]) -> Classify:
    """Return the reading of an answer; a 429 waits between the two times, as the vendor names none."""

    def classify(response: Response) -> AccordantError | None:
        if response.status == 429:
            return RateLimited(
                "Kantata asks us to slow down.",
                code="kantata.throttled",
                retry_after_s=_RANDOM.uniform(*throttle_wait_s),
                remedy="It is tried again by itself.",
            )
        row = _TABLE.get(response.status)
        return _refusal(response, *row) if row else None

    return classify


def _refusal(response: Response, cls: type[AccordantError], code: str, message: str, remedy: str) -> AccordantError:
    problems = _problems(response)
    if response.status == 422 and any(_is_lock(p.get("message", "")) for p in problems):
        code, message = LOCKED, "Kantata has locked the record: it is approved, invoiced or locked by a reference."
        remedy = "Correct approved time by a time adjustment; do not send the change again."
    return cls(message, code=code, remedy=remedy, detail={"status": response.status, "errors": problems})


def _problems(response: Response) -> list[dict[str, str]]:
    """Return the vendor's list of errors; the older API answered with one `error_message`."""
    body: Any = response.json()
    if not isinstance(body, dict):
        return []
    if "errors" not in body:
        return [{"message": str(body.get("error_message", ""))}]
    return [{k: str(v) for k, v in e.items() if k in {"type", "field", "message"}} for e in body["errors"]]


def _is_lock(message: str) -> bool:
    said = message.lower()
    return any(f"been {word}" in said or f"is {word}" in said for word in _LOCK_WORDS)
