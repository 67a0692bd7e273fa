"""Writing customers and the engagement's state, and what happens when the answer is lost."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from accordant.canonical import Customer
from accordant.kernel import (
    ExternalId,
    InvalidInput,
    KeyConflict,
    Money,
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)
from accordant.ports import Absent, EngagementStatus, Found, effect_of
from accordant.simulators._shared import Fault

KEY = "cus_1#1"
CUSTOMER = Customer(
    id="cus_1", name="Kestrel Foods Ltd", country="GB", city="York", vat_number="GB1", parent_id="cus_9"
)
ACTIVATED = EngagementStatus(state="activated", project_code="P-100")


def account(id):
    return ExternalId(system="salesforce-main", type="Account", value=id)


def opportunity(id):
    return ExternalId(system="salesforce-main", type="Opportunity", value=id)


def create(connector):
    return connector.create_customer(CUSTOMER, entity="uk01", currency="EUR", key=KEY)


def put(target, status=ACTIVATED):
    return lambda connector: connector.put_engagement_status(target, status, key="k1")


class TestCreateCustomer:
    def test_keeps_our_key_and_the_currency(self, estate):
        written = estate.run(create)

        record = estate.record("Account", written.ref.value)
        assert (record["Accordant_Id__c"], record["CurrencyIsoCode"]) == (KEY, "EUR")
        assert (record["Name"], record["BillingCity"], record["VAT_Number__c"]) == ("Kestrel Foods Ltd", "York", "GB1")
        assert written.ref == account(written.ref.value)

    def test_sent_twice_makes_one_account_and_leaves_what_people_changed(self, estate):
        first = estate.run(create)
        estate.sim.update("Account", first.ref.value, Name="Kestrel Foods Limited")

        second = estate.run(create)

        assert second.ref == first.ref
        assert estate.record("Account", first.ref.value)["Name"] == "Kestrel Foods Limited"
        assert len(estate.sim.org.tables["Account"]) == 1

    def test_finds_what_is_there_even_when_searches_lag(self, estate):
        estate.sim.faults.arm(Fault("search_lag", times=None, options={"lag_s": 60}))
        first = estate.run(create)

        second = estate.run(create)

        assert second.ref == first.ref

    def test_a_late_commit_is_absent_first_and_found_later(self, estate):
        estate.sim.faults.arm(Fault("late_commit", on="POST */sobjects/Account", options={"delay_s": 0.7, "hang_s": 2}))

        async def story(connector):
            with pytest.raises(UnknownOutcome):
                await create(connector)
            early = (await connector.find_customers((KEY,)))[KEY]
            await asyncio.gather(*estate.sim._late)
            return early, (await connector.find_customers((KEY,)))[KEY]

        early, late = estate.run(story)

        assert isinstance(early, Absent)
        assert isinstance(late, Found)

    @pytest.mark.parametrize(
        ("fault", "found"), [("timeout_after_commit", True), ("timeout_before_commit", False), ("html_error", False)]
    )
    def test_a_lost_answer_is_an_unknown_outcome_that_the_look_up_settles(self, estate, fault, found):
        estate.sim.faults.arm(Fault(fault, on="POST */sobjects/Account", options={"hang_s": 2}))

        async def story(connector):
            with pytest.raises(UnknownOutcome) as caught:
                await create(connector)
            return caught.value, await connector.find_customers((KEY,))

        error, looked_up = estate.run(story)

        assert error.lookup_key == KEY
        assert isinstance(looked_up[KEY], Found if found else Absent)
        assert len(estate.calls("POST")) == 1

    def test_the_orgs_duplicate_rule_names_its_candidates(self, estate):
        there = estate.sim.create("Account", Name="KESTREL FOODS")
        estate.sim.duplicate_rule.active = True

        with pytest.raises(Rejected) as caught:
            estate.run(create)

        assert caught.value.code == "salesforce.duplicate_suspected"
        assert caught.value.detail["records"] == [there]
        assert len(estate.sim.org.tables["Account"]) == 1

    def test_a_refused_value_names_the_field_and_not_the_value(self, estate):
        customer = CUSTOMER.model_copy(update={"name": "Secretive " * 30})

        with pytest.raises(Rejected) as caught:
            estate.run(lambda c: c.create_customer(customer, entity="uk01", currency="GBP", key=KEY))

        assert caught.value.detail["fields"] == ["Name"]
        assert "Secretive" not in str(caught.value.as_dict())

    @pytest.mark.parametrize(("fault", "error"), [("429", RateLimited), ("500", UnknownOutcome)])
    def test_throttled_is_not_done_and_failed_may_be(self, estate, fault, error):
        estate.sim.faults.arm(Fault(fault, on="POST */sobjects/Account"))

        with pytest.raises(error):
            estate.run(create)

    def test_an_expired_token_is_renewed_and_the_write_made_once(self, estate):
        estate.sim.faults.arm(Fault("expired_token", on="POST */sobjects/Account"))

        written = estate.run(create)

        assert [record.id for record in estate.sim.org.tables["Account"]] == [written.ref.value]


class TestAdoptCustomer:
    def adopt(self, ref):
        return lambda connector: connector.adopt_customer(ref, entity="uk01", currency="GBP", key=KEY)

    def test_puts_our_key_on_an_account_and_nothing_else(self, estate):
        id = estate.sim.create("Account", Name="Kestrel", CurrencyIsoCode="EUR")

        written = estate.run(self.adopt(account(id)))

        assert written.ref.value == id
        assert estate.record("Account", id)["Accordant_Id__c"] == KEY
        assert estate.record("Account", id)["CurrencyIsoCode"] == "EUR"

    def test_is_done_already_when_the_key_is_there(self, estate):
        id = estate.sim.create("Account", Name="Kestrel", Accordant_Id__c=KEY)

        estate.run(self.adopt(account(id)))

        assert estate.calls("PATCH") == []

    def test_refuses_an_account_that_carries_another_key(self, estate):
        id = estate.sim.create("Account", Name="Kestrel", Accordant_Id__c="cus_7#1")

        with pytest.raises(KeyConflict):
            estate.run(self.adopt(account(id)))

        assert estate.record("Account", id)["Accordant_Id__c"] == "cus_7#1"

    def test_refuses_a_key_that_another_account_carries(self, estate):
        estate.sim.create("Account", Name="Merlin", Accordant_Id__c=KEY)
        id = estate.sim.create("Account", Name="Kestrel")

        with pytest.raises(KeyConflict) as caught:
            estate.run(self.adopt(account(id)))

        assert caught.value.code == "salesforce.key_taken"

    def test_an_account_that_is_gone_is_not_found(self, estate):
        with pytest.raises(NotFound):
            estate.run(self.adopt(account("001Ac0000000099")))

    @pytest.mark.parametrize(
        "ref",
        [opportunity("006Ac0000000001"), ExternalId(system="salesforce-eu", type="Account", value="001Ac0000000001")],
    )
    def test_refuses_a_reference_to_another_object_or_org(self, estate, ref):
        with pytest.raises(InvalidInput):
            estate.run(self.adopt(ref))

        assert estate.calls() == []


class TestPutEngagementStatus:
    def test_sets_the_given_fields_and_leaves_the_others(self, estate):
        deal = estate.a_won_deal(Payment_Status__c="Invoiced")

        written = estate.run(put(opportunity(deal)))

        record = estate.record("Opportunity", deal)
        assert (record["Engagement_State__c"], record["Project_Code__c"]) == ("Activated", "P-100")
        assert record["Payment_Status__c"] == "Invoiced"
        assert written.facts == {"changed": True}

    def test_every_field_comes_back_as_it_was_sent(self, estate):
        status = EngagementStatus(
            state="ready_to_bill",
            project_code="=HYPERLINK(",
            payment_status="part_paid",
            invoiced=Money.of("1000.10", "GBP"),
            paid=Money.of("0.05", "GBP"),
            as_of=date(2026, 11, 20),
        )
        target = opportunity(estate.a_won_deal())

        async def story(connector):
            await connector.put_engagement_status(target, status, key="k1")
            return await connector.read_engagement_status(target)

        assert estate.run(story) == status
        assert estate.record("Opportunity", target.value)["CurrencyIsoCode"] == "GBP"

    def test_the_same_again_writes_nothing(self, estate):
        target = opportunity(estate.a_won_deal())
        estate.run(put(target))
        estate.sim.calls.clear()

        written = estate.run(put(target))

        assert written.facts == {"changed": False}
        assert estate.calls("PATCH") == []

    def test_a_change_between_reading_and_writing_is_not_overwritten(self, estate):
        deal = estate.a_won_deal()
        estate.sim.clock.offset = timedelta(seconds=90)

        async def story(connector):
            fetch = connector._client.fetch

            async def fetch_and_be_overtaken(*args, **options):
                row = await fetch(*args, **options)
                estate.sim.update("Opportunity", deal, Practice__c="Tax")
                return row

            # The only way to place another writer exactly between the read and the write.
            connector._client.fetch = fetch_and_be_overtaken
            return await put(opportunity(deal))(connector)

        with pytest.raises(Retryable) as caught:
            estate.run(story)

        assert caught.value.code == "salesforce.changed_meanwhile"
        assert estate.record("Opportunity", deal).get("Engagement_State__c") is None

    def test_refuses_an_amount_in_another_currency(self, estate):
        deal = estate.a_won_deal()

        with pytest.raises(Rejected) as caught:
            estate.run(put(opportunity(deal), EngagementStatus(paid=Money.of(1, "USD"))))

        assert caught.value.code == "salesforce.currency"
        assert estate.calls("PATCH") == []

    def test_a_lost_answer_is_an_unknown_outcome_and_reading_back_settles_it(self, estate):
        target = opportunity(estate.a_won_deal())
        estate.sim.faults.arm(Fault("timeout_after_commit", on="PATCH *", options={"hang_s": 2}))

        async def story(connector):
            with pytest.raises(UnknownOutcome):
                await put(target)(connector)
            return await connector.read_engagement_status(target)

        assert estate.run(story).state == "activated"
        assert len(estate.calls("PATCH")) == 1

    def test_without_proof_the_outcome_is_unknown(self, estate):
        target = opportunity(estate.a_won_deal())
        estate.sim.faults.arm(Fault("500", on="GET *Opportunity*", times=None, after=1))

        with pytest.raises(UnknownOutcome) as caught:
            estate.run(put(target))

        assert caught.value.code == "salesforce.unproved"

    def test_an_org_that_keeps_something_else_is_told_on(self, estate):
        deal = estate.a_won_deal()
        estate.sim.faults.arm(
            Fault("drift", on="GET *Opportunity*", times=None, after=1, options={"drop": ["Project_Code__c"]})
        )

        with pytest.raises(Rejected) as caught:
            estate.run(put(opportunity(deal)))

        assert caught.value.code == "salesforce.not_kept"
        assert caught.value.detail["fields"] == ["project_code"]

    def test_a_deleted_deal_is_not_found(self, estate):
        with pytest.raises(NotFound):
            estate.run(put(opportunity("006Ac0000000099")))

    def test_a_dead_org_is_unavailable_before_anything_is_sent(self, estate):
        target = opportunity(estate.a_won_deal())
        estate.sim.faults.arm(Fault("500", on="GET *", times=None))

        with pytest.raises(Unavailable):
            estate.run(put(target))

    def test_a_locked_parent_is_tried_again_later(self, estate):
        deal = estate.a_won_deal()
        estate.sim.locks.hold_s = 1
        estate.sim.locks.take({deal})
        estate.sim.locks.pass_on()

        with pytest.raises(Retryable) as caught:
            estate.run(put(opportunity(deal)))

        assert caught.value.code == "salesforce.row_locked"

    def test_amounts_are_written_digit_by_digit(self, estate):
        deal = estate.a_won_deal()

        estate.run(put(opportunity(deal), EngagementStatus(paid=Money.of("1234567890.12", "GBP"))))

        assert estate.record("Opportunity", deal)["Amount_Paid__c"] == Decimal("1234567890.12")


class TestEffects:
    def test_every_write_names_its_look_up(self, estate):
        async def story(connector):
            writes = (connector.create_customer, connector.adopt_customer, connector.put_engagement_status)
            return [getattr(connector, effect_of(write).look_up).__name__ for write in writes]

        assert estate.run(story) == ["find_customers", "find_customers", "read_engagement_status"]
