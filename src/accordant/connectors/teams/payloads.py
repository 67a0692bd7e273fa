"""The tenant's shapes under the vendor's names, and how our keys are carried in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from accordant.connectors._shared.graph import Row
from accordant.ports import Card, WorkspaceRequest

TEAM, MESSAGE = "teams", "messages"
NICKNAME = "mailNickname"
GROUP_FIELDS = "id,mailNickname,resourceProvisioningOptions"
BINDS = 20
"""Owners and members that one creation may bind."""

_CARD = "application/vnd.microsoft.card.adaptive"
_LONGEST_NAME = 256
_LONGEST_DESCRIPTION = 1024
_UNSLUGGED = re.compile(r"[^a-z0-9]+")


def split_key(key: str) -> tuple[str, str]:
    """Split a key into its base and its generation, which is empty when there is none: `prj_1#2` → `prj_1`, `2`."""
    base, mark, generation = key.rpartition("#")
    return (base, generation) if mark else (key, "")


def nickname_stem(base: str) -> str:
    """Return what the nicknames of all generations of a base begin with: readable, and unique by its digest."""
    slug = _UNSLUGGED.sub("-", base.lower()).strip("-")[:30]
    return f"acc-{slug}-{hashlib.sha256(base.encode()).hexdigest()[:12]}-"


def nickname(key: str) -> str:
    """Return the mail nickname that carries a key: at most 64 letters of ASCII, unique in the tenant."""
    base, generation = split_key(key)
    return nickname_stem(base) + (generation or "0")


def user_bind(user_id: str) -> str:
    """Return how a body refers to a person; the host is part of the name, not an address that is called."""
    return f"https://graph.microsoft.com/v1.0/users/{user_id}"


def group_body(
    request: WorkspaceRequest, *, key: str, visibility: str, owners: Sequence[str], members: Sequence[str]
) -> Row:
    """Return the group of a workspace with the people that fit into one creation."""
    return {
        "displayName": request.name[:_LONGEST_NAME],
        "description": request.description[:_LONGEST_DESCRIPTION],
        "mailNickname": nickname(key),
        "groupTypes": ["Unified"],
        "mailEnabled": True,
        "securityEnabled": False,
        "visibility": visibility,
        "owners@odata.bind": [user_bind(id) for id in owners],
        "members@odata.bind": [user_bind(id) for id in members],
    }


def is_team(group: Row) -> bool:
    """Say whether a group has become a team."""
    return "Team" in (group.get("resourceProvisioningOptions") or [])


def card_activity(card: Card, key: str) -> Row:
    """Return the bot's message: an adaptive card whose first element carries our key as its id.

    Text stands in runs, which show it as it is: in text blocks a client's name could become a link.
    """
    title = {"type": "TextRun", "text": card.title, "weight": "Bolder", "size": "Medium"}
    elements: list[Row] = [{"type": "RichTextBlock", "id": key, "inlines": [title]}]
    if card.text:
        elements.append(_runs({"text": card.text}))
    elements += [
        _runs({"text": f"{name}: ", "weight": "Bolder"}, {"text": value}) for name, value in card.facts.items()
    ]
    content: Row = {"type": "AdaptiveCard", "version": "1.4", "body": elements, "fallbackText": card.title}
    if card.link:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": card.link}]
    return {
        "type": "message",
        "summary": card.title,
        "attachments": [{"contentType": _CARD, "content": content}],
    }


def card_keys(message: Row, bot_id: str) -> list[str]:
    """Return the keys of the cards in a channel message, if our bot sent it."""
    sender = (message.get("from") or {}).get("application") or {}
    if sender.get("id") != bot_id:
        return []
    return [key for part in message.get("attachments") or [] if (key := _key_of(part))]


def _runs(*runs: Row) -> Row:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}


def _key_of(attachment: Row) -> str:
    if attachment.get("contentType") != _CARD:
        return ""
    try:
        content: Any = json.loads(attachment.get("content") or "")
        return str(content["body"][0].get("id", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""  # a card of another shape is not ours
