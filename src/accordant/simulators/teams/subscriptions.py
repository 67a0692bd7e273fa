"""Subscriptions to change notifications."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Record
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import GraphError, bad_request, no_resource
from accordant.simulators.teams.events import certificate_key, parse_instant
from accordant.simulators.teams.rules import LIFETIME_MIN

_LOOPBACK = ("localhost", "127.0.0.1")  # the vendor insists on https; a simulated firm may live on one machine


async def list_subscriptions(call: Call) -> Response:
    """Answer `GET /subscriptions`: the app's own, live ones."""
    now = call.sim.now()
    rows = [_shape(s) for s in call.tenant.subscriptions if s.data["expires_at"] > now]
    return JSONResponse({"value": rows})


async def subscribe(call: Call) -> Response:
    """Answer `POST /subscriptions` after the endpoint proved itself; a duplicate is a conflict."""
    body = await call.body()
    _check(call, body)
    body["expires_at"] = _expiry(call, body)
    if body.get("includeResourceData"):
        certificate_key(str(body.get("encryptionCertificate")))
    await call.sim.events.handshake(body["notificationUrl"])
    defaults = {"clientState": None, "includeResourceData": None, "applicationId": call.session.app_id}
    subscription = call.tenant.subscriptions.add(call.tenant.guid(), {**defaults, **body})
    return JSONResponse(_shape(subscription), 201)


async def renew(call: Call) -> Response:
    """Answer `PATCH /subscriptions/{id}`."""
    subscription = _named(call)
    body = {**subscription.data, **await call.body()}
    expires_at = _expiry(call, body)
    call.tenant.subscriptions.change(
        subscription.id, expirationDateTime=body["expirationDateTime"], expires_at=expires_at
    )
    return JSONResponse(_shape(subscription))


async def reauthorize(call: Call) -> Response:
    """Answer `POST /subscriptions/{id}/reauthorize`."""
    _named(call)
    return Response(status_code=204)


async def unsubscribe(call: Call) -> Response:
    """Answer `DELETE /subscriptions/{id}`."""
    call.tenant.subscriptions.remove(_named(call).id)
    return Response(status_code=204)


def _named(call: Call) -> Record:
    subscription = call.tenant.subscriptions.get(call.path("id"))
    if subscription is None or subscription.data["expires_at"] <= call.sim.now():
        raise no_resource(call.path("id"))
    return subscription


def _check(call: Call, body: dict[str, Any]) -> None:
    for needed in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not body.get(needed):
            raise bad_request(f"{needed} is required.", "InvalidRequest")
    url = urlsplit(body["notificationUrl"])
    if url.scheme != "https" and url.hostname not in _LOOPBACK:
        raise bad_request("NotificationUrl must use the https protocol.", "InvalidRequest")
    if len(body.get("clientState") or "") > 128:
        raise bad_request("clientState must not be longer than 128 characters.", "InvalidRequest")
    if not set(body["changeType"].split(",")) <= {"created", "updated", "deleted"}:
        raise bad_request("Invalid changeType.", "InvalidRequest")
    now, key = call.sim.now(), (body["resource"].strip("/"), body["changeType"])
    for other in call.tenant.subscriptions:
        if other.data["expires_at"] > now and (other.data["resource"].strip("/"), other.data["changeType"]) == key:
            raise GraphError(409, "Conflict", "A subscription for this application and resource already exists.")


def _expiry(call: Call, body: dict[str, Any]) -> Any:
    expires_at, now = parse_instant(body["expirationDateTime"]), call.sim.now()
    last = body["resource"].strip("/").split("/")[-1]
    kind = "messages" if last == "getAllMessages" else last if last in LIFETIME_MIN else "teams"
    if not now < expires_at <= now + timedelta(minutes=LIFETIME_MIN[kind], seconds=30):
        raise bad_request(
            f"Subscription expiration can only be {LIFETIME_MIN[kind]} minutes in the future.", "ValidationError"
        )
    long_lived = expires_at > now + timedelta(hours=1)
    if long_lived and kind in ("messages", "members", "channels", "teams") and not body.get("lifecycleNotificationUrl"):
        raise bad_request(
            "lifecycleNotificationUrl is required for subscriptions longer than an hour.", "ValidationError"
        )
    return expires_at


def _shape(subscription: Record) -> dict[str, Any]:
    shown = {name: value for name, value in subscription.data.items() if name != "expires_at"}
    return {"id": subscription.id, **shown}
