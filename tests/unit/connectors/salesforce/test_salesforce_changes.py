"""The change feed and the doorbells."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from accordant.connectors._shared.salesforce import ACKNOWLEDGE, parse_outbound
from accordant.kernel import ExternalId, InvalidInput, Rejected
from accordant.simulators.salesforce.metadata import OBJECTS

SMALL = {"page_size": 2}


def a_deal(sim, name="Deal", **fields):
    return sim.create("Opportunity", Name=name, StageName="Prospecting", CloseDate="2026-11-20", **fields)


def whole_feed(estate, watermark=None, **settings):
    """Read until no page is left; return the observations and the watermark."""

    async def story(connector):
        mark, seen, pages = watermark, [], 0
        while True:
            page = await connector.deals_since(mark)
            seen += page.observations
            mark, pages = page.watermark, pages + 1
            if not page.more:
                return seen, mark
            assert pages < 50

    return estate.run(story, **settings)


class TestDealsSince:
    def test_pages_through_deals_that_share_one_second(self, estate):
        ids = [a_deal(estate.sim, f"Deal {n}") for n in range(7)]

        seen, _ = whole_feed(estate, **SMALL)

        assert [o.ref.value for o in seen] == ids

    def test_begins_again_where_it_ended_with_an_overlap(self, estate):
        sim = estate.sim
        sim.clock.offset = timedelta(hours=-2)
        old = a_deal(sim, "Old")
        sim.clock.offset = timedelta(hours=-1)
        last = a_deal(sim, "Last")
        _, mark = whole_feed(estate)
        sim.clock.offset = timedelta(0)
        new = a_deal(sim, "New")

        again, mark = whole_feed(estate, mark)

        assert [o.ref.value for o in again] == [last, new]
        assert [o.ref.value for o in whole_feed(estate, mark)[0]] == [new]
        assert old not in {o.ref.value for o in again}

    def test_sees_a_record_that_was_committed_late_under_an_earlier_stamp(self, estate):
        sim = estate.sim
        a_deal(sim, "Seen")
        _, mark = whole_feed(estate)
        sim.clock.offset = timedelta(minutes=-4)
        late = a_deal(sim, "Late")

        seen, _ = whole_feed(estate, mark)

        assert late in {o.ref.value for o in seen}

    def test_the_watermark_stands_still_while_nothing_happens(self, estate):
        a_deal(estate.sim)
        _, first = whole_feed(estate)

        _, second = whole_feed(estate, first)

        assert second == first

    def test_an_amended_contract_brings_its_deal_again(self, estate):
        sim = estate.sim
        sim.clock.offset = timedelta(hours=-2)
        deal = estate.a_won_deal()
        _, mark = whole_feed(estate)
        sim.clock.offset = timedelta(0)
        sim.update("Contract", estate.record("Opportunity", deal)["ContractId"], Version__c=Decimal(3))

        seen, _ = whole_feed(estate, mark)

        assert {o.ref.value for o in seen} == {deal}
        assert len(seen) == 2  # once from the overlap, once because of the contract
        assert seen[0].changed_at == seen[1].changed_at

    def test_a_deleted_deal_comes_as_a_tombstone(self, estate):
        """R-PAT-09."""
        deal = a_deal(estate.sim)
        _, mark = whole_feed(estate)
        estate.sim.org.delete(OBJECTS["Opportunity"], deal)

        (seen,), _ = whole_feed(estate, mark)

        assert (seen.ref.value, seen.body) == (deal, None)

    def test_deals_that_change_while_it_pages_are_not_lost(self, estate):
        sim = estate.sim
        ids = [a_deal(sim, f"Deal {n}") for n in range(5)]

        async def story(connector):
            first = await connector.deals_since(None)
            sim.clock.offset = timedelta(seconds=5)
            sim.update("Opportunity", ids[0], Practice__c="Tax")
            seen, mark, more = list(first.observations), first.watermark, True
            while more:
                page = await connector.deals_since(mark)
                seen, mark, more = seen + list(page.observations), page.watermark, page.more
            return seen

        seen = estate.run(story, **SMALL)

        assert {o.ref.value for o in seen} == set(ids)
        assert [o.body.practice for o in seen if o.ref.value == ids[0]][-1] == "Tax"

    def test_keeps_the_pages_as_they_came(self, estate):
        a_deal(estate.sim)

        page = estate.run(lambda connector: connector.deals_since(None))

        assert json.loads(page.raw.splitlines()[0])["records"][0]["Name"] == "Deal"

    @pytest.mark.parametrize("mark", ["", "[1]", '{"SystemModstamp": 3}'])
    def test_refuses_a_watermark_that_is_none(self, estate, mark):
        with pytest.raises(InvalidInput):
            estate.run(lambda connector: connector.deals_since(mark))


class TestDoorbells:
    def messages(self, estate, *deals):
        """Let the org send its messages to a listener and return their bodies."""
        bodies = []

        async def hook(request):
            bodies.append(await request.body())
            return Response(ACKNOWLEDGE, media_type="text/xml")

        app = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
        estate.sim.listen("http://us/hook", transport=httpx2.ASGITransport(app=app))
        for deal in deals:
            estate.sim.update("Opportunity", deal, StageName="Closed Won")
        asyncio.run(estate.sim.outbound.drain())
        return bodies

    def test_name_the_records_to_read_and_the_org_takes_our_acknowledgment(self, estate):
        """R-SYS-01."""
        deals = [a_deal(estate.sim, "O'Brien <&> 😀"), a_deal(estate.sim, "Two")]
        (body,) = self.messages(estate, *deals)

        async def story(connector):
            return connector.doorbells(body)

        rung = estate.run(story)

        assert [bell.ref for bell in rung] == [
            ExternalId(system="salesforce-main", type="Opportunity", value=deal) for deal in deals
        ]
        assert len({bell.delivery_id for bell in rung}) == 2
        assert [delivery.acknowledged for delivery in estate.sim.outbound.deliveries] == [True]

    def test_of_another_org_are_refused(self, estate):
        (body,) = self.messages(estate, a_deal(estate.sim))

        async def story(connector):
            connector.doorbells(body)

        with pytest.raises(Rejected) as caught:
            estate.run(story, organization_id="00DAc0000000099")

        assert caught.value.code == "hook.foreign_organization"

    def test_the_orgs_id_may_be_given_in_its_short_form(self, estate):
        (body,) = self.messages(estate, a_deal(estate.sim))

        async def story(connector):
            return connector.doorbells(body)

        assert len(estate.run(story, organization_id=estate.sim.org.organization_id[:15])) == 1

    def test_lead_to_the_deals_to_read(self, estate):
        deal = estate.a_won_deal()
        contract = estate.record("Opportunity", deal)["ContractId"]

        async def story(connector):
            refs = [("Opportunity", deal), ("Contract", contract), ("Lead", "00QAc0000000001")]
            return [
                await connector.deals_behind(ExternalId(system="salesforce-main", type=type_, value=value))
                for type_, value in refs
            ]

        assert estate.run(story) == [(deal,), (deal,), ()]


ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    '<e:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D1</OrganizationId>'
    '<Notification><Id>04l1</Id><sObject i:type="sf:Contract" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
    "<sf:Id>8001</sf:Id><sf:Account><sf:Id>0011</sf:Id></sf:Account></sObject></Notification>"
    "</notifications></e:Body></e:Envelope>"
)


class TestParseOutbound:
    def test_takes_the_records_own_id_and_no_nested_one(self):
        (notification,) = parse_outbound(ENVELOPE.encode()).notifications

        assert (notification.id, notification.sobject, notification.record_id) == ("04l1", "Contract", "8001")

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "{}",
            ENVELOPE[:-9],
            ENVELOPE.replace("<Id>04l1</Id>", ""),
            ENVELOPE.replace("outbound", "inbound"),
            '<!DOCTYPE x [<!ENTITY a "b">]>' + ENVELOPE.replace("04l1", "&a;"),
            '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + ENVELOPE,
            ENVELOPE + " " * 2_000_001,
        ],
    )
    def test_refuses_what_is_no_message_or_tries_what_xml_should_not(self, body):
        with pytest.raises(InvalidInput):
            parse_outbound(body.encode())

    @given(st.binary(max_size=200))
    def test_survives_any_bytes(self, body):
        with pytest.raises(InvalidInput):
            parse_outbound(body)
