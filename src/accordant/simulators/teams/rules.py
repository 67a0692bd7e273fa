"""Graph's own rules: names, limits, permissions, throttling."""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

from accordant.simulators.teams.errors import bad_request, forbidden, throttled
from accordant.simulators.teams.state import Tenant

Body = dict[str, Any]

CHANNELS_PER_TEAM = {"standard": 1000, "private": 30, "shared": 1000}
MEMBERS_PER_ADD = 200
BINDS_PER_GROUP = 20
BATCH_SIZE = 20
CARD_LIMIT_BYTES = 28_000
DELETED_NAME_DAYS = 30
LIFETIME_MIN = {"messages": 4320, "members": 4320, "channels": 4320, "teams": 4320, "users": 41760, "groups": 41760}

_BARRED_IN_CHANNEL = re.compile(r"""[~#%&*{}+/\\:<>?|'"]""")
_BARRED_IN_NICKNAME = re.compile(r"""[@()\\\[\]";:<>,\s]|[^\x00-\x7f]""")
_USER_BIND = re.compile(r"/users(?:/|\(')([^')/]+)(?:'\))?$")
_GROUP_BIND = re.compile(r"/groups(?:/|\(')([^')/]+)(?:'\))?$")
_CARD = "application/vnd.microsoft.card.adaptive"

# requests per second of one app in one tenant, by bucket; source: vendor's throttling page, see the fact sheet
LIMITS = {
    "read-team": 60, "write-team": 10, "read": 30, "write": 30, "read-message": 20, "write-message": 50,
    "one-team": 4,
}  # fmt: skip


class Buckets:
    """Sliding windows of one second; off until a test or the demo switches them on."""

    def __init__(self) -> None:
        self.enabled = False
        self.limits = dict(LIMITS)
        self._taken: dict[str, deque[datetime]] = defaultdict(deque)

    def take(self, bucket: str, now: datetime, team: str = "") -> None:
        """Count a call; raises 429 when the bucket, or the team's own, is full."""
        if not self.enabled:
            return
        self._count(bucket, self.limits[bucket], now)
        if team:
            self._count(f"one-team/{team}", self.limits["one-team"], now)

    def _count(self, name: str, limit: int, now: datetime) -> None:
        window = self._taken[name]
        while window and window[0] <= now - timedelta(seconds=1):
            window.popleft()
        if len(window) >= limit:
            raise throttled()
        window.append(now)


def bound_user(tenant: Tenant, url: object) -> str:
    """Return the id of the user an `@odata.bind` names; raises 400 when there is none."""
    match = _USER_BIND.search(str(url))
    user = tenant.person(match.group(1)) if match else None
    if user is None:
        raise bad_request(f"Invalid bind property: no user at '{url}'.")
    return user.id


def bound_group(url: object) -> str:
    """Return the id in a `group@odata.bind`."""
    match = _GROUP_BIND.search(str(url))
    if match is None:
        raise bad_request("Invalid bind property name group in request.")
    return match.group(1)


def check_nickname(nickname: object) -> str:
    """Return a lawful mail nickname, or raise 400."""
    if not isinstance(nickname, str) or not nickname or len(nickname) > 64 or _BARRED_IN_NICKNAME.search(nickname):
        raise bad_request(
            "Invalid value specified for property 'mailNickname' of resource 'Group'.", "Request_BadRequest"
        )
    return nickname


def check_display_name(name: object, limit: int = 256) -> str:
    """Return a lawful display name, or raise 400."""
    if not isinstance(name, str) or not name.strip() or len(name) > limit:
        raise bad_request("Invalid value specified for property 'displayName'.")
    return name


def check_channel(tenant: Tenant, team_id: str, body: Body) -> None:
    """Refuse a channel whose name is unlawful or taken, or that is one too many."""
    name = check_display_name(body.get("displayName"), 50)
    if name[0] in "_." or _BARRED_IN_CHANNEL.search(name):
        raise bad_request("Channel name contains invalid characters.")
    if len(str(body.get("description") or "")) > 1024:
        raise bad_request("Channel description is too long.")
    kind = body.get("membershipType", "standard")
    same_kind = [c for c in tenant.channels_of(team_id) if c.data["membershipType"] == kind]
    if len(same_kind) >= CHANNELS_PER_TEAM.get(kind, 0):
        raise bad_request("The team has reached its limit of channels.")
    now = tenant.simulator.now()
    gone = {r.name for r in tenant.blocked_names if r.team_id == team_id and r.until > now}
    if name.casefold() in gone | {c.data["displayName"].casefold() for c in tenant.channels_of(team_id)}:
        raise bad_request("Channel name already existed, please use other name")


def check_writable(team: Body) -> None:
    """Refuse a write to an archived team."""
    if team["isArchived"]:
        raise forbidden("Team is archived and cannot be changed.")


def check_message(body: Body) -> None:
    """Refuse an empty or oversized message, and a card that is not one."""
    content = (body.get("body") or {}).get("content")
    if not content:
        raise bad_request("Invalid request body was sent. Missing 'body.content'.")
    for attachment in body.get("attachments") or []:
        if attachment.get("contentType") == _CARD:
            check_card(attachment.get("content"))
            if f'<attachment id="{attachment.get("id")}">' not in content:
                raise bad_request("Attachment is not referenced in the body of the message.")


def check_card(content: Any) -> Body:
    """Return the adaptive card, given as an object or as JSON text; raises 400 when it is none."""
    try:
        card = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        raise bad_request("The card content is not JSON.") from None
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        raise bad_request("Unknown attachment content type: not an AdaptiveCard.")
    if len(json.dumps(card).encode()) > CARD_LIMIT_BYTES:
        raise bad_request("Request Entity Too Large")
    return card


def card_key(attachments: list[Body]) -> str:
    """Return the id of a card's first element: the one place where a client can leave a key of its own."""
    for attachment in attachments:
        if attachment.get("contentType") == _CARD:
            card = check_card(attachment.get("content"))
            elements = card.get("body") or [{}]
            return str(elements[0].get("id", ""))
    return ""
