"""Change notifications of the simulated tenant: handshake, delivery, encryption, lifecycle."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from accordant.simulators._shared import Fault


class Receiver:
    """An endpoint that echoes the handshake and keeps what it is told."""

    def __init__(self):
        self.notes = []
        self.payloads = []
        self.echo = True
        self.failures = 0
        app = Starlette(routes=[Route("/graph", self.receive, methods=["POST"])])
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app))

    async def receive(self, request):
        token = request.query_params.get("validationToken")
        if token is not None:
            return PlainTextResponse(token if self.echo else "no")
        if self.failures:
            self.failures -= 1
            return Response(status_code=500)
        self.payloads.append(await request.json())
        self.notes.extend(self.payloads[-1]["value"])
        return Response(status_code=202)


@pytest.fixture
def receiver(tenant):
    receiver = Receiver()
    tenant.sim.events.http = receiver.http
    tenant.sim.events.redelivery_s = (0, 0)
    return receiver


def subscribe(tenant, resource, **extra):
    body = {
        "changeType": "created,updated,deleted",
        "notificationUrl": "https://accordant.example/graph",
        "resource": resource,
        "expirationDateTime": (datetime.now(UTC) + timedelta(minutes=50)).isoformat(),
        "clientState": "secret-state",
    }
    return tenant.call("POST", "/subscriptions", body | extra)


def say(tenant, team_id, channel_id, text="hello"):
    path = f"/teams/{team_id}/channels/{channel_id}/messages"
    answer = tenant.call("POST", path, {"body": {"content": text}}, headers=tenant.as_person(tenant.max))
    assert answer.status_code == 201


@pytest.fixture
def channel(tenant):
    team_id, channel_id = tenant.channel_with_bot()
    return team_id, channel_id


class TestHandshake:
    def test_subscribes_an_endpoint_that_echoes_the_token(self, tenant, receiver):
        answer = subscribe(tenant, "/teams")

        assert answer.status_code == 201
        assert answer.json()["clientState"] == "secret-state"

    def test_refuses_an_endpoint_that_does_not(self, tenant, receiver):
        receiver.echo = False

        answer = subscribe(tenant, "/teams")

        assert answer.status_code == 400
        assert "Subscription validation request failed" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        "broken",
        [
            {"notificationUrl": "http://accordant.example/graph"},
            {"clientState": "x" * 129},
            {"changeType": "moved"},
            {"expirationDateTime": "soon"},
            {"expirationDateTime": (datetime.now(UTC) + timedelta(days=4)).isoformat()},
            {"expirationDateTime": (datetime.now(UTC) + timedelta(hours=2)).isoformat()},
        ],
    )
    def test_refuses_what_breaks_a_rule(self, tenant, receiver, broken):
        assert subscribe(tenant, "/teams", **broken).status_code == 400

    def test_refuses_the_same_subscription_twice(self, tenant, receiver):
        subscribe(tenant, "/teams")

        assert subscribe(tenant, "/teams").status_code == 409


class TestDelivery:
    def test_tells_of_a_message_with_the_client_state(self, tenant, receiver, channel):
        team_id, channel_id = channel
        subscribe(tenant, f"/teams/{team_id}/channels/{channel_id}/messages")

        say(tenant, team_id, channel_id)

        assert [(n["changeType"], n["clientState"]) for n in receiver.notes] == [("created", "secret-state")]
        assert "encryptedContent" not in receiver.notes[0]

    def test_tells_of_members(self, tenant, receiver, channel):
        team_id, _ = channel
        subscribe(tenant, f"/teams/{team_id}/members")

        tenant.call("POST", f"/teams/{team_id}/members", tenant.bind(tenant.ada))

        assert receiver.notes[0]["resourceData"]["@odata.type"] == "#Microsoft.Graph.conversationMember"

    def test_delivers_again_until_acknowledged(self, tenant, receiver, channel):
        subscribe(tenant, f"/teams/{channel[0]}/channels/getAllMessages")
        receiver.failures = 2

        say(tenant, *channel)

        assert len(receiver.notes) == 1

    @pytest.mark.parametrize(("fault", "count"), [("duplicate", 2), ("lost_event", 0)])
    def test_repeats_or_loses_when_told_to(self, tenant, receiver, channel, fault, count):
        subscribe(tenant, f"/teams/{channel[0]}/channels/getAllMessages")
        tenant.sim.faults.arm(Fault(fault, on="chatMessage.created"))

        say(tenant, *channel)

        assert len(receiver.notes) == count

    def test_sends_an_event_after_its_successor_when_told_to(self, tenant, receiver, channel):
        subscribe(tenant, f"/teams/{channel[0]}/channels/getAllMessages")
        tenant.sim.faults.arm(Fault("out_of_order", on="chatMessage.created"))

        say(tenant, *channel, "first")
        say(tenant, *channel, "second")

        ids = [int(n["resourceData"]["id"]) for n in receiver.notes]
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == 2

    def test_ends_with_the_subscription(self, tenant, receiver, channel):
        subscription = subscribe(tenant, f"/teams/{channel[0]}/channels/getAllMessages").json()
        tenant.call("DELETE", f"/subscriptions/{subscription['id']}")

        say(tenant, *channel)

        assert receiver.notes == []


class TestRenewal:
    def test_moves_the_end(self, tenant, receiver):
        subscription = subscribe(tenant, "/teams").json()
        later = (datetime.now(UTC) + timedelta(minutes=59)).isoformat()

        answer = tenant.call("PATCH", f"/subscriptions/{subscription['id']}", {"expirationDateTime": later})

        assert answer.json()["expirationDateTime"] == later

    def test_comes_too_late_after_the_end(self, tenant, receiver):
        subscription = subscribe(tenant, "/teams").json()
        tenant.sim.clock.offset = timedelta(minutes=51)

        assert tenant.call("PATCH", f"/subscriptions/{subscription['id']}", {}).status_code == 404
        assert tenant.call("GET", "/subscriptions").json()["value"] == []


class TestLifecycle:
    def test_tells_of_missed_notifications_at_the_lifecycle_endpoint(self, tenant, receiver):
        url = "https://accordant.example/graph"
        subscription = subscribe(tenant, "/teams", lifecycleNotificationUrl=url).json()
        record = tenant.sim.tenant.subscriptions.get(subscription["id"])

        tenant.run(lambda _: tenant.sim.events.lifecycle(record, "missed"))

        assert [(n["lifecycleEvent"], n["clientState"]) for n in receiver.notes] == [("missed", "secret-state")]


class TestRichNotification:
    @pytest.fixture
    def key(self):
        return rsa.generate_private_key(65537, 2048)

    def certificate(self, key):
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "accordant.example")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        return b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)).decode()

    def test_carries_the_message_sealed_for_the_subscriber(self, tenant, receiver, channel, key):
        subscribe(
            tenant,
            f"/teams/{channel[0]}/channels/getAllMessages",
            includeResourceData=True,
            encryptionCertificate=self.certificate(key),
            encryptionCertificateId="cert-1",
        )

        say(tenant, *channel, "sealed 🦊")

        content = receiver.notes[0]["encryptedContent"]
        sha1 = hashes.SHA1()
        secret = key.decrypt(b64decode(content["dataKey"]), rsa_padding.OAEP(rsa_padding.MGF1(sha1), sha1, None))
        sealed = b64decode(content["data"])
        assert hmac.new(secret, sealed, hashlib.sha256).digest() == b64decode(content["dataSignature"])
        decryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        plain = unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
        assert json.loads(plain)["body"]["content"] == "sealed 🦊"

    def test_proves_its_sender_by_a_token(self, tenant, receiver, channel, key):
        subscribe(
            tenant,
            f"/teams/{channel[0]}/channels/getAllMessages",
            includeResourceData=True,
            encryptionCertificate=self.certificate(key),
            encryptionCertificateId="cert-1",
        )
        say(tenant, *channel)
        keys = tenant.run(lambda http: http.get("/common/discovery/v2.0/keys")).json()

        claims = jwt.decode(receiver.payloads[0]["validationTokens"][0], KeySet.import_key_set(keys)).claims

        assert claims["aud"] == tenant.sim.identity.client_id
        assert claims["azp"] == "0bf30f3b-4a52-48df-9a82-234910c4a086"

    def test_refuses_a_certificate_that_is_none(self, tenant, receiver):
        answer = subscribe(tenant, "/teams", includeResourceData=True, encryptionCertificate=b64encode(b"x").decode())

        assert answer.status_code == 400
