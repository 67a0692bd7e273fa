"""Graph's change notifications: the handshake, plain and encrypted delivery, lifecycle events."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from joserfc import jwt
from joserfc.jwk import RSAKey

from accordant.simulators._shared import Record, Simulator
from accordant.simulators.teams.errors import bad_request

Json = dict[str, Any]

HANDSHAKE_S = 10.0
ACKNOWLEDGE_S = 3.0
PUBLISHER_APP_ID = "0bf30f3b-4a52-48df-9a82-234910c4a086"  # the vendor's own app, in every validation token


class Announcer:
    """Tell subscribers what changed, as often and as late as Graph would."""

    def __init__(
        self, simulator: Simulator, subscriptions: Any, tenant_id: str, http: httpx2.AsyncClient | None
    ) -> None:
        self.http = http
        self.redelivery_s: tuple[float, ...] = (1.0, 5.0, 30.0)
        self.key = RSAKey.generate_key(2048, {"kid": "graph-notifications", "use": "sig", "alg": "RS256"})
        self._simulator = simulator
        self._subscriptions = subscriptions
        self._tenant_id = tenant_id
        self._held: tuple[Record, Json] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def handshake(self, url: str) -> None:
        """Prove that the endpoint wants the notifications; raises 400 when it does not echo the token in time."""
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid4()}"
        try:
            answer = await self._post(url, HANDSHAKE_S, params={"validationToken": token}, content=b"")
        except (httpx2.HTTPError, TimeoutError) as error:
            raise bad_request(f"Subscription validation request failed. {error}", "InvalidRequest") from error
        if answer.status_code != 200 or answer.text != token:
            raise bad_request("Subscription validation request failed. Response must exactly match.", "InvalidRequest")

    def changed(self, kind: str, change: str, resource: str, collections: tuple[str, ...], body: Json) -> None:
        """Announce a change of `resource` to every subscription on it or on one of its `collections`."""
        wanted = {path.strip("/") for path in (resource, *collections)}
        now = self._simulator.now()
        for subscription in self._subscriptions:
            data = subscription.data
            live = data["expires_at"] > now and data["resource"].strip("/") in wanted
            if live and change in data["changeType"].split(","):
                self._send(
                    subscription, f"{kind}.{change}", self._notification(subscription, kind, change, resource, body)
                )

    async def lifecycle(self, subscription: Record, event: str) -> None:
        """Send `reauthorizationRequired`, `subscriptionRemoved` or `missed` to the lifecycle endpoint."""
        data = subscription.data
        note = self._envelope(subscription) | {"lifecycleEvent": event, "resource": data["resource"]}
        await self._deliver(data["lifecycleNotificationUrl"], {"value": [note]})

    async def settle(self) -> None:
        """Wait until every notification under way was delivered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _envelope(self, subscription: Record) -> Json:
        data = subscription.data
        return {
            "id": str(uuid4()),
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": data["expirationDateTime"],
            "clientState": data["clientState"],
            "tenantId": self._tenant_id,
        }

    def _notification(self, subscription: Record, kind: str, change: str, resource: str, body: Json) -> Json:
        about = {"@odata.type": f"#Microsoft.Graph.{kind}", "@odata.id": resource.strip("/"), "id": body.get("id")}
        note = self._envelope(subscription) | {
            "changeType": change,
            "resource": resource.strip("/"),
            "resourceData": about,
        }
        if subscription.data.get("includeResourceData"):
            note["encryptedContent"] = seal(body, subscription.data)
        return note

    def _send(self, subscription: Record, event: str, note: Json) -> None:
        """Deliver, with the faults of events applied: lost, twice, after its successor."""
        take = self._simulator.faults.take
        if take(event, "lost_event"):
            return
        if take(event, "out_of_order"):
            self._held = (subscription, note)
            return
        repeats = 2 if take(event, "duplicate") else 1
        for one, what in [(subscription, note)] * repeats + ([self._held] if self._held else []):
            self._start(one, what)
        self._held = None

    def _start(self, subscription: Record, note: Json) -> None:
        payload: Json = {"value": [note]}
        if "encryptedContent" in note:
            payload["validationTokens"] = [self._validation_token(subscription.data["applicationId"])]
        task = asyncio.create_task(self._deliver(subscription.data["notificationUrl"], payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, url: str, payload: Json) -> None:
        for wait_s in (0.0, *self.redelivery_s):
            await asyncio.sleep(wait_s)
            try:
                answer = await self._post(url, ACKNOWLEDGE_S, json=payload)
            except (httpx2.HTTPError, TimeoutError):
                continue
            if answer.is_success:
                return

    async def _post(self, url: str, timeout_s: float, **request: Any) -> httpx2.Response:
        async with asyncio.timeout(timeout_s):
            if self.http is not None:
                return await self.http.post(url, **request)
            async with httpx2.AsyncClient() as http:
                return await http.post(url, **request)

    def _validation_token(self, app_id: str) -> str:
        now = int(self._simulator.now().timestamp())
        claims = {
            "aud": app_id,
            "azp": PUBLISHER_APP_ID,
            "iss": f"https://login.microsoftonline.com/{self._tenant_id}/v2.0",
            "tid": self._tenant_id,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode({"alg": "RS256", "kid": "graph-notifications"}, claims, self.key)


def certificate_key(encoded: str) -> RSAPublicKey:
    """Return the public key of the subscriber's certificate; raises 400 when it has none that Graph accepts."""
    try:
        key = x509.load_der_x509_certificate(b64decode(encoded)).public_key()
    except ValueError:
        raise bad_request("Certificate parse error.", "InvalidRequest") from None
    if not isinstance(key, RSAPublicKey) or not 2048 <= key.key_size <= 4096:
        raise bad_request("Certificate validation error: an RSA key of 2048 to 4096 bits is needed.", "InvalidRequest")
    return key


def seal(body: Json, subscription: Json) -> Json:
    """Encrypt resource data: AES-CBC under a fresh key, that key under the subscriber's certificate, signed by HMAC."""
    certificate = subscription["encryptionCertificate"]
    key = os.urandom(32)
    padder = padding.PKCS7(128).padder()
    plain = padder.update(json.dumps(body).encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = encryptor.update(plain) + encryptor.finalize()
    sha1 = hashes.SHA1()  # noqa: S303 - the vendor's choice
    oaep = rsa_padding.OAEP(mgf=rsa_padding.MGF1(sha1), algorithm=sha1, label=None)
    return {
        "data": b64encode(sealed).decode(),
        "dataSignature": b64encode(hmac.new(key, sealed, hashlib.sha256).digest()).decode(),
        "dataKey": b64encode(certificate_key(certificate).encrypt(key, oaep)).decode(),
        "encryptionCertificateId": subscription["encryptionCertificateId"],
        "encryptionCertificateThumbprint": x509.load_der_x509_certificate(b64decode(certificate))
        .fingerprint(sha1)
        .hex()
        .upper(),
    }


def parse_instant(text: object) -> datetime:
    """Return the instant an ISO 8601 text with zone names; raises 400."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise bad_request("Invalid expirationDateTime.", "InvalidRequest") from None
    if at.tzinfo is None:
        raise bad_request("Invalid expirationDateTime: a time zone is needed.", "InvalidRequest")
    return at
