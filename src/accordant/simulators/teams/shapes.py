"""The tenant's records in the shapes Graph sends."""

from __future__ import annotations

import json
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from accordant.simulators._shared import Record
from accordant.simulators.teams.state import Tenant

Shape = dict[str, Any]

_USER = "#microsoft.graph.aadUserConversationMember"


def instant(at: datetime) -> str:
    """Return an instant as Graph writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def user(record: Record) -> Shape:
    """Return a user."""
    return {"id": record.id, **record.data}


def group(record: Record) -> Shape:
    """Return a group of the directory."""
    return {"id": record.id, "createdDateTime": instant(record.created_at), **record.data}


def team(tenant: Tenant, record: Record) -> Shape:
    """Return a team with the names its group carries."""
    directory = tenant.groups.get(record.id)
    named = directory.data if directory else {}
    members = list(tenant.members_of(record.id))
    owners = sum(m.data["owner"] for m in members)
    return {
        "id": record.id,
        "createdDateTime": instant(record.created_at),
        "displayName": named.get("displayName"),
        "description": named.get("description"),
        "internalId": record.data["internalId"],
        "classification": None,
        "specialization": "none",
        "visibility": named.get("visibility", "Private").lower(),
        "webUrl": f"https://teams.microsoft.com/l/team/{quote(record.data['internalId'])}/conversations?groupId={record.id}",
        "isArchived": record.data["isArchived"],
        "summary": {"ownersCount": owners, "membersCount": len(members) - owners, "guestsCount": 0},
    }


def operation(record: Record, now: datetime) -> Shape:
    """Return an asynchronous operation as it stands now."""
    data = record.data
    ended = data["ready_at"] <= now
    status = "inProgress" if not ended else "failed" if data["error"] else "succeeded"
    error = {"code": data["error"][0], "message": data["error"][1]} if ended and data["error"] else None
    return {
        "id": record.id,
        "operationType": data["operationType"],
        "createdDateTime": instant(record.created_at),
        "status": status,
        "lastActionDateTime": instant(min(now, data["ready_at"])),
        "attemptsCount": 1,
        "targetResourceId": data["team"],
        "targetResourceLocation": f"/teams('{data['team']}')",
        "error": error,
    }


def member_id(record: Record) -> str:
    """Return the opaque id of a membership, which is not the user's."""
    return f"MCMjMSMj{record.id.encode().hex()}"


def member(tenant: Tenant, record: Record) -> Shape:
    """Return a membership of a team."""
    person = tenant.users.get(record.data["user"])
    facts = person.data if person else {}
    return {
        "@odata.type": _USER,
        "id": member_id(record),
        "roles": ["owner"] if record.data["owner"] else [],
        "displayName": facts.get("displayName"),
        "userId": record.data["user"],
        "email": facts.get("mail"),
        "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
    }


def added(user_id: str | None, error: Shape | None) -> Shape:
    """Return one row of the answer to a bulk add."""
    return {"@odata.type": f"{_USER}Result", "userId": user_id, "error": error}


def channel(record: Record) -> Shape:
    """Return a channel."""
    facts = {name: value for name, value in record.data.items() if name != "team"}
    url = f"https://teams.microsoft.com/l/channel/{quote(record.id)}/{quote(facts['displayName'])}?groupId={record.data['team']}"
    return {"id": record.id, "createdDateTime": instant(record.created_at), "webUrl": url, **facts}


def message(record: Record) -> Shape:
    """Return a channel message."""
    data = record.data
    changed = instant(record.updated_at)
    edited = record.updated_at != record.created_at
    return {
        "id": data["message"],
        "replyToId": data["replyToId"],
        "etag": str(int(record.updated_at.timestamp() * 1000)),
        "messageType": "message",
        "createdDateTime": instant(record.created_at),
        "lastModifiedDateTime": changed,
        "lastEditedDateTime": changed if edited else None,
        "deletedDateTime": data.get("deletedDateTime"),
        "subject": data.get("subject"),
        "summary": data.get("summary"),
        "importance": data["importance"],
        "locale": "en-us",
        "webUrl": f"https://teams.microsoft.com/l/message/{quote(data['channel'])}/{data['message']}",
        "from": data["from"],
        "body": data["body"],
        "attachments": data["attachments"],
        "mentions": data["mentions"],
        "reactions": [],
        "channelIdentity": {"teamId": data["team"], "channelId": data["channel"]},
    }


def activity_as_message(activity: Shape, guid: str) -> Shape:
    """Return what readers of a channel see of a bot's activity: cards as JSON text, referenced from the body."""
    cards, content = [], escape(str(activity.get("text") or ""))
    for number, attachment in enumerate(activity.get("attachments") or []):
        id = f"{guid[:-2]}{number:02d}"
        cards.append(
            {
                "id": id,
                "contentType": attachment["contentType"],
                "contentUrl": None,
                "content": json.dumps(attachment.get("content")),
                "name": attachment.get("name"),
                "thumbnailUrl": None,
            }
        )
        content += f'<attachment id="{id}"></attachment>'
    return {
        "body": {"contentType": "html", "content": content},
        "attachments": cards,
        "summary": activity.get("summary"),
    }
