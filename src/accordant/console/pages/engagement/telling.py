"""History in words: each entry of `insight.history` as one sentence in the past tense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from accordant.console import words
from accordant.console.parts import Entry, entry
from accordant.console.visit import Visit
from accordant.insight.history import Happened

_WROTE = {
    "create_project": "Project created",
    "create_customer": "Client created",
    "adopt_customer": "Client adopted",
    "put_billing_rules": "Billing rules agreed",
    "put_engagement_status": "Status written",
    "post_time": "time lines posted",
    "draft_invoice": "Invoice drafted",
    "post_invoice": "Invoice posted",
    "create_workspace": "Workspace created",
    "post_card": "Card posted",
    "request_staffing": "People asked for",
}
_ACTS = {
    "approve": "approved",
    "adjust": "corrected",
    "price": "priced",
    "hold": "put on hold",
    "release": "released",
    "draft": "put on a draft",
    "undraft": "taken off a draft",
    "post": "billed",
    "credit": "credited",
    "relieve": "relieved",
    "write_down": "written down",
    "write_off": "written off",
}


def entries(found: Sequence[Happened], visit: Visit, zone: ZoneInfo, only: str) -> tuple[Entry, ...]:
    """Return the history as entries; `only` is all, people or systems. Money is told to who reads billing."""
    told = []
    for happened in found:
        if (only == "people" and not happened.actor) or (only == "systems" and happened.actor):
            continue
        what, facts = _SAY[happened.source](happened, visit)
        told.append(
            entry(
                happened.at,
                visit.now,
                zone,
                kind="failure" if happened.is_failure else "person" if happened.actor else "system",
                who=visit.name_of(happened.actor) if happened.actor else "",
                what=what,
                facts=facts,
            )
        )
    return tuple(told)


def _money(happened: Happened, visit: Visit) -> str:
    return visit.say(happened.money) if happened.money and visit.may("billing:read") else ""


def _event(happened: Happened, _: Visit) -> tuple[str, tuple[str, ...]]:
    noun, verb = happened.what.split(".", 1)
    code = str(happened.detail.get("number") or happened.detail.get("code") or "")
    return f"{words.readable(noun)} {words.readable(verb).lower()}", (code,)


def _effect(happened: Happened, visit: Visit) -> tuple[str, tuple[str, ...]]:
    name = _WROTE.get(happened.what, words.readable(happened.what))
    if happened.what == "post_time":
        name = f"{words.number(happened.count)} {name}"
    detail, system = happened.detail, visit.system_name(str(happened.detail["system"]))
    if happened.is_failure:
        return f"{name}: refused by {system}. {detail['why']}".strip(), ()
    undone = "taken back" if detail["state"] == "undone" else "found there and adopted" if detail["adopted"] else ""
    return f"{name} in {system}", (undone, happened.subject.rsplit("/", 1)[-1] if happened.count == 1 else "")


def _case(happened: Happened, _: Visit) -> tuple[str, tuple[str, ...]]:
    detail = happened.detail
    if happened.what in ("opened", "seen_again"):
        return str(detail["sentence"]), ("case opened" if happened.what == "opened" else "met again",)
    verb = words.readable(happened.what)
    reason = (detail.get("resolution") or {}).get("reason", "")
    said = f"“{reason}”" if reason else ""
    return f"{verb.lower() if happened.actor else verb} a case: {detail['sentence']}", (said,)


def _approval(happened: Happened, visit: Visit) -> tuple[str, tuple[str, ...]]:
    asked = words.readable(str(happened.detail["asked"])).lower()
    verb = {"asked": "asked for approval", "delegated": "delegated the approval"}.get(
        happened.what, words.readable(happened.what).lower()
    )
    text = f"{verb}: {asked}"
    reason = str(happened.detail.get("reason") or "")
    facts = (_money(happened, visit), str(happened.detail.get("rule") or ""), f"“{reason}”" if reason else "")
    return (text if happened.actor else text[:1].upper() + text[1:]), facts


def _ledger(happened: Happened, visit: Visit) -> tuple[str, tuple[str, ...]]:
    text = f"{words.plural(happened.count, 'line')} {_ACTS[happened.what]}"
    return text, (_money(happened, visit), happened.subject, str(happened.detail["cause"]))


def _decision(happened: Happened, _: Visit) -> tuple[str, tuple[str, ...]]:
    table = words.readable(happened.what)
    return f"{table} decided", tuple(f"rule {row}" for row in happened.detail.get("rows", ()))


def _undo(happened: Happened, _: Visit) -> tuple[str, tuple[str, ...]]:
    return f"{words.readable(happened.what)} taken back", (str(happened.detail.get("system", "")),)


def _terms(happened: Happened, visit: Visit) -> tuple[str, tuple[str, ...]]:
    source = visit.system_name(str(happened.detail["system"]))
    return f"Contract v{happened.detail['version']} recorded", (f"from {source}",)


def _audit(happened: Happened, _: Visit) -> tuple[str, tuple[str, ...]]:
    return words.readable(happened.what.replace(".", " ")).lower(), (str(happened.detail.get("reason") or ""),)


_SAY: dict[str, Callable[[Happened, Visit], tuple[str, tuple[str, ...]]]] = {
    "event": _event,
    "effect": _effect,
    "case": _case,
    "approval": _approval,
    "ledger": _ledger,
    "decision": _decision,
    "undo": _undo,
    "terms": _terms,
    "audit": _audit,
}
