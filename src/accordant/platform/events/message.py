"""What a subscriber gets: a CloudEvent in JSON, signed as Standard Webhooks says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from accordant.kernel import InvalidInput


def message(event: Any, source: str) -> bytes:
    """Return a row of the log as a CloudEvent 1.0 in JSON.

    `sequence` is the position in the log, `partitionkey` the key within which order is kept.
    """
    attributes = {
        "id": str(event.id),
        "source": source,
        "type": event.type,
        "subject": event.subject or event.key,
        "time": event.at,
        "datacontenttype": "application/json",
        "partitionkey": event.key,
        "sequence": str(event.position),
    }
    if event.entity:
        attributes["entity"] = event.entity
    body: bytes | None = to_structured_event(CloudEvent(attributes, event.data)).body
    return body or b""


def headers(event: Any, body: bytes, secrets: str) -> Mapping[str, str]:
    """Return the headers of a signed delivery; several secrets, by space, while one is being replaced.

    The message id is the event's own, at every attempt and every replay: a receiver can tell what it has done.

    Raises:
        InvalidInput: a secret is empty or not base64.
    """
    now, id = datetime.now(UTC), f"evt_{event.id}"
    try:
        signatures = [Webhook(secret).sign(id, now, body.decode()) for secret in secrets.split()]
    except (ValueError, EmptyWebhookSecretError) as error:
        raise InvalidInput(
            "The secret of a subscription is no Standard Webhooks secret.", code="events.secret"
        ) from error
    if not signatures:
        raise InvalidInput("A subscription has no secret to sign with.", code="events.secret")
    return {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
