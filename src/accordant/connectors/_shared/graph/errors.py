"""The vendor's codes and what each means to the caller; the same for everything that lives on Graph.

The bot service answers in the same form. What is not listed here is judged by its status.
Source: "Microsoft Graph error responses and resource types", "Status codes from agents and bots", read 2026-11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from accordant.kernel import AccordantError, ContractDrift, KeyConflict, NotFound, Rejected, Retryable
from accordant.platform.http import Response

TAKEN = "graph.name_taken"
BOT_ABSENT = "graph.bot_absent"


class _Row(NamedTuple):
    kind: type[AccordantError]
    code: str
    message: str
    remedy: str


_NAME_TAKEN = _Row(KeyConflict, TAKEN, "Another group has this mail nickname.", "See whether it is the same workspace.")
_ALREADY_THERE = _Row(KeyConflict, "graph.already_there", "The tenant has this already.", "Nothing needs to be done.")
_REFUSED = _Row(
    Rejected, "graph.refused", "The tenant refused a value.", "Correct the value, or the tenant's naming policy."
)
_FORBIDDEN = _Row(
    Rejected,
    "graph.forbidden",
    "Our app may not do this in the tenant, or the object is locked or archived.",
    "Grant the permissions that the connector's README lists, with admin consent; unarchive the team if it is.",
)
_BOT_ABSENT = _Row(
    Rejected,
    BOT_ABSENT,
    "Our bot is not installed in the team.",
    "It is installed; if that is refused, publish the app.",
)
_NOT_THERE = _Row(
    NotFound, "graph.not_found", "The tenant does not have it, or does not show it yet.", "See whether it was deleted."
)
_TOO_OLD = _Row(ContractDrift, "graph.resync", "The change token is too old.", "The feed begins again.")
_CHANGED = _Row(Retryable, "graph.changed_meanwhile", "It changed since it was read.", "It is read and tried again.")
_LOCKED = _Row(Retryable, "graph.locked", "Another change holds the object.", "It is tried again later.")

_BY_CODE = {"BotNotInConversationRoster": _BOT_ABSENT}
_BY_STATUS = {
    400: _REFUSED,
    403: _FORBIDDEN,
    404: _NOT_THERE,
    409: _ALREADY_THERE,
    410: _TOO_OLD,
    412: _CHANGED,
    422: _REFUSED,
    423: _LOCKED,
}


def classify(response: Response) -> AccordantError | None:
    """Return our error for an answer, or None when it is good or only its status speaks (401, 429, 5xx)."""
    if response.status not in _BY_STATUS:
        return None
    error = _error(response)
    row = _BY_CODE.get(str(error.get("code")), _BY_STATUS[response.status])
    if row is _REFUSED and _is_conflict(error):
        row = _NAME_TAKEN
    elif row is _REFUSED and "already exist" in str(error.get("message")):
        row = _ALREADY_THERE
    detail = {"status": response.status, "error_code": error.get("code")}
    return row.kind(row.message, code=row.code, remedy=row.remedy, detail=detail)


def _is_conflict(error: dict[str, Any]) -> bool:
    return any(
        detail.get("target") == "mailNickname" and str(detail.get("code")).endswith("Conflict")
        for detail in error.get("details") or []
        if isinstance(detail, dict)
    )


def _error(response: Response) -> dict[str, Any]:
    body = response.json() if response.content else {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}
