"""Checklist 13: outbound messages; and the books."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accordant.simulators._shared import Fault

ACK = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)


class Listener:
    """An endpoint that remembers what it got and answers as told, then with an Ack."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.bodies: list[str] = []
        self._answers = list(answers)
        self.gate: asyncio.Event | None = None
        app = Starlette(routes=[Route("/hook", self._hook, methods=["POST"])])
        self.transport = httpx2.ASGITransport(app=app)

    async def _hook(self, request: Request) -> Response:
        if self.gate is not None:
            await self.gate.wait()
        self.bodies.append((await request.body()).decode())
        status, text = self._answers.pop(0) if self._answers else (200, ACK.format("true"))
        return Response(text, status, media_type="text/xml")

    @property
    def notification_ids(self) -> list[str]:
        return [id for body in self.bodies for id in re.findall(r"<Notification><Id>(\w+)</Id>", body)]

    @property
    def stages(self) -> list[str]:
        return [match for body in self.bodies for match in re.findall(r"<sf:(?:StageName|Version__c)>(.*?)</", body)]


def listening(sim, *answers):
    listener = Listener(*answers)
    sim.listen("http://us/hook", transport=listener.transport)
    sim.outbound.first_retry_s = 0.02
    return listener


def win(sim, name="Deal"):
    id = sim.create("Opportunity", Name=name, StageName="Prospecting", CloseDate="2026-11-20")
    sim.update("Opportunity", id, StageName="Closed Won")
    return id


class TestOutboundMessage:
    def test_tells_of_a_deal_once_it_is_won(self, sim):
        listener = listening(sim)
        id = win(sim, "O'Brien <&> 😀")
        sim.update("Opportunity", id, Practice__c="Risk")

        asyncio.run(sim.outbound.drain())

        (body,) = listener.bodies
        names = {"o": "http://soap.sforce.com/2005/09/outbound", "sf": "urn:sobject.enterprise.soap.sforce.com"}
        message = ET.fromstring(body).find(".//o:notifications", names)
        assert message.findtext("o:OrganizationId", namespaces=names) == sim.org.organization_id
        assert message.findtext("o:Notification/o:sObject/sf:Id", namespaces=names) == id
        assert message.findtext("o:Notification/o:sObject/sf:Name", namespaces=names) == "O'Brien <&> 😀"
        assert message.findtext("o:Notification/o:sObject/sf:StageName", namespaces=names) == "Closed Won"

    def test_tells_of_an_activation_and_of_a_higher_version(self, sim):
        listener = listening(sim)
        account = sim.create("Account", Name="Kestrel Foods")
        contract = sim.create("Contract", AccountId=account, Version__c=Decimal(1))
        sim.update("Contract", contract, Version__c=Decimal(2))
        sim.update("Contract", contract, Status="Activated")
        asyncio.run(sim.outbound.drain())

        sim.update("Contract", contract, Version__c=Decimal(3))
        sim.update("Contract", contract, PO_Number__c="PO-1")
        asyncio.run(sim.outbound.drain())

        assert [delivery.event for delivery in sim.outbound.deliveries] == ["contract.activated", "contract.amended"]
        assert listener.stages == ["2.0", "3.0"]

    def test_carries_the_record_as_it_is_when_sent(self, sim):
        listener = listening(sim)
        id = win(sim)
        sim.update("Opportunity", id, StageName="Closed Lost")

        asyncio.run(sim.outbound.drain())

        assert listener.stages == ["Closed Lost"]

    def test_puts_several_notifications_into_one_message(self, sim):
        listener = listening(sim)
        for number in range(3):
            win(sim, f"Deal {number}")

        asyncio.run(sim.outbound.drain())

        assert len(listener.bodies) == 1
        assert len(set(listener.notification_ids)) == 3

    @pytest.mark.parametrize("answer", [(200, ACK.format("false")), (200, "thanks"), (503, ACK.format("true"))])
    def test_is_sent_again_under_the_same_id_until_acknowledged(self, sim, answer):
        listener = listening(sim, answer, answer)
        win(sim)

        asyncio.run(sim.outbound.drain())

        assert len(listener.notification_ids) == 3
        assert len(set(listener.notification_ids)) == 1
        assert [d.acknowledged for d in sim.outbound.deliveries] == [False, False, True]

    def test_never_delays_the_api(self, sim, org):
        listener = listening(sim)
        id = sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")

        async def story():
            listener.gate = asyncio.Event()
            path = f"/services/data/v59.0/sobjects/Opportunity/{id}"
            answer = await org.asend("PATCH", path, json={"StageName": "Closed Won"})
            before = len(listener.bodies)
            listener.gate.set()
            await sim.outbound.drain()
            return answer.status_code, before, len(listener.bodies)

        assert asyncio.run(story()) == (204, 0, 1)

    def test_a_rolled_back_change_tells_nobody(self, sim, org):
        listener = listening(sim)
        id = sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")
        win_it = {"attributes": {"type": "Opportunity"}, "id": id, "StageName": "Closed Won"}
        bad = {"attributes": {"type": "Opportunity"}, "id": id, "Name": None}

        org.patch("/composite/sobjects", {"allOrNone": True, "records": [win_it, bad]})
        asyncio.run(sim.outbound.drain())

        assert listener.bodies == []
        assert org.get(f"/sobjects/Opportunity/{id}").json()["StageName"] == "Prospecting"

    def test_without_a_listener_nothing_is_kept(self, sim):
        win(sim)

        asyncio.run(sim.outbound.drain())

        assert sim.outbound.deliveries == []


class TestFaultsOnEvents:
    def test_a_duplicate_comes_twice_under_one_id(self, sim):
        listener = listening(sim)
        sim.faults.arm(Fault("duplicate", on="opportunity.closed_won"))
        win(sim)

        asyncio.run(sim.outbound.drain())

        assert len(listener.notification_ids) == 2
        assert len(set(listener.notification_ids)) == 1

    def test_a_lost_event_never_comes(self, sim):
        listener = listening(sim)
        sim.faults.arm(Fault("lost_event", on="opportunity.*"))
        win(sim, "Lost")
        win(sim, "Found")

        asyncio.run(sim.outbound.drain())

        assert "Found" in listener.bodies[0]
        assert len(listener.notification_ids) == 1

    def test_an_event_out_of_order_follows_its_successor(self, sim):
        listener = listening(sim)
        sim.faults.arm(Fault("out_of_order", on="opportunity.closed_won"))
        win(sim, "First")
        win(sim, "Second")

        asyncio.run(sim.outbound.drain())

        assert [re.findall(r"<sf:Name>(.*?)<", body) for body in listener.bodies] == [["Second"], ["First"]]


class TestBooks:
    def test_show_what_the_org_holds(self, sim, won_deal):
        sim.update("Opportunity", won_deal, Accordant_Id__c="deal_1", Entity__c="uk01", Amount_Paid__c=Decimal("10.50"))

        documents = {document.kind: document for document in sim.books.documents()}

        assert set(documents) == {"account", "opportunity", "contract"}
        held = documents["opportunity"]
        assert (held.key, held.entity, held.currency, held.state) == ("deal_1", "uk01", "GBP", "Closed Won")
        assert held.amount == Decimal("6920.00")
        assert held.facts["Amount_Paid__c"] == "10.50"
        assert held.parent == documents["account"].id
        assert documents["contract"].state == "Activated"
