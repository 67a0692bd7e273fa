"""Reading deals and customers, with everything that may go wrong on the way."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from accordant.canonical import BillingMethod, Customer, DealStage
from accordant.kernel import ContractDrift, ExternalId, Money, NotFound, RateLimited, Rejected, Unavailable
from accordant.ports import Absent, Found
from accordant.simulators._shared import Fault

HOSTILE = ["O'Brien", "=HYPERLINK(", "A|B", "50% off_", "back\\slash'", "שלום עולם", "\u202etxt.exe", "𝔘𝔫𝔦 😀", "a\nb"]


def fetch(deal):
    return lambda connector: connector.fetch_deal(deal)


class TestFetchDeal:
    def test_reads_the_deal_with_customer_contract_lines_and_milestones(self, estate):
        bundle = estate.run(fetch(estate.a_won_deal()))

        deal, customer, contract = bundle.deal.body, bundle.customer.body, bundle.contract.body
        assert (deal.stage, deal.entity, deal.practice) == (DealStage.WON, "uk01", "Risk")
        assert deal.amount == Money.of("6920.00", "GBP")
        assert deal.closed_on == date(2026, 11, 20)
        assert deal.customer_id == customer.id == str(bundle.customer.ref)
        assert deal.contract_id == contract.id == str(bundle.contract.ref)
        assert deal.owner == "integration@crm.example"
        assert (customer.name, customer.country, customer.vat_number) == ("O'Brien & Søn 😀", "GB", "GB123456789")
        assert (contract.version, contract.is_approved, contract.currency) == (2, True, "GBP")
        assert contract.billing_method is BillingMethod.CAPPED
        assert (contract.effective_on, contract.end_on) == (date(2026, 11, 15), date(2027, 4, 30))
        assert (contract.cap, contract.payment_terms_days) == (Money.of(60_000, "GBP"), 30)

    def test_reads_lines_and_milestones_in_order(self, estate):
        contract = estate.run(fetch(estate.a_won_deal())).contract.body

        assert [(line.role, line.rate, line.planned_hours) for line in contract.rate_lines] == [
            ("CONS-SR", Money.of("150.5", "GBP"), Decimal(40)),
            ("CONS-JR", Money.of(90, "GBP"), Decimal(10)),
        ]
        assert [(m.code, m.name, m.amount, m.is_evidence_required) for m in contract.milestones] == [
            ("M1", "Draft report", Money.of(5000, "GBP"), False),
            ("M2", "Final report", Money.of(10_000, "GBP"), True),
        ]

    def test_takes_two_calls_and_reports_no_drift(self, estate):
        bundle = estate.run(fetch(estate.a_won_deal()))

        assert estate.calls() == ["GET /services/data/v59.0/query"] * 2
        assert bundle.deal.unknown == bundle.customer.unknown == bundle.contract.unknown == frozenset()

    def test_an_incomplete_deal_is_read_as_it_is(self, estate):
        id = estate.sim.create("Opportunity", Name="Bare", StageName="Closed Won", CloseDate="2026-11-20")

        bundle = estate.run(fetch(id))

        assert bundle.deal.body.stage is DealStage.WON
        assert bundle.deal.body.entity is bundle.deal.body.amount is None
        assert bundle.customer is bundle.contract is None

    def test_a_line_without_product_has_no_role(self, estate):
        deal = estate.a_won_deal()
        estate.sim.create("OpportunityLineItem", OpportunityId=deal, Quantity=Decimal(1), UnitPrice=Decimal(10))

        contract = estate.run(fetch(deal)).contract.body

        assert [line.role for line in contract.rate_lines] == ["CONS-SR", "CONS-JR", ""]

    def test_amounts_keep_their_digits(self, estate):
        deal = estate.a_won_deal(Amount_Paid__c=Decimal("1234567890.12"))
        ref = ExternalId(system="salesforce-main", type="Opportunity", value=deal)

        status = estate.run(lambda connector: connector.read_engagement_status(ref))

        assert status.paid == Money.of("1234567890.12", "GBP")

    @pytest.mark.parametrize(("stage", "read"), [("Prospecting", DealStage.OPEN), ("Closed Lost", DealStage.LOST)])
    def test_other_stages(self, estate, stage, read):
        assert estate.run(fetch(estate.a_won_deal(StageName=stage))).deal.body.stage is read

    @pytest.mark.parametrize("id", ["006Ac0000000099", "' OR Name != '", "nonsense"])
    def test_an_unknown_deal_is_not_found_and_never_another_one(self, estate, id):
        estate.a_won_deal()

        with pytest.raises(NotFound):
            estate.run(fetch(id))


class TestTroubleOnTheWay:
    def test_a_token_refused_once_is_renewed(self, estate):
        deal = estate.a_won_deal()
        estate.sim.faults.arm(Fault("expired_token", on="GET */query*"))

        assert estate.run(fetch(deal)).deal.body.name == "Ledger review"
        assert [operation for operation, *_ in estate.sim.calls].count("POST /services/oauth2/token") == 2

    def test_a_session_that_ended_is_renewed(self, estate):
        deal = estate.a_won_deal()

        async def story(connector):
            await connector.fetch_deal(deal)
            estate.sim.clock.offset = timedelta(hours=3)
            return await connector.fetch_deal(deal)

        assert estate.run(story).deal.body.name == "Ledger review"

    def test_a_refused_login_names_its_remedy(self, estate):
        settings = estate.settings.model_dump() | {"client_secret": "wrong-secret"}

        with pytest.raises(Rejected) as caught:
            estate.run(fetch("006Ac0000000001"), client_secret=type(estate.settings)(**settings).client_secret)

        assert caught.value.code == "salesforce.login_refused"
        assert "wrong-secret" not in str(caught.value.as_dict())

    def test_the_daily_limit_is_handed_up_with_a_long_wait(self, estate):
        estate.sim.limit.maximum = 0

        with pytest.raises(RateLimited) as caught:
            estate.run(fetch("006Ac0000000001"))

        assert caught.value.code == "salesforce.daily_limit"
        assert caught.value.retry_after_s > 60

    def test_a_failure_and_a_page_and_half_an_answer_are_read_again(self, estate):
        deal = estate.a_won_deal()
        for fault in ("500", "html_error", "half_body"):
            estate.sim.faults.arm(Fault(fault, on="GET */query*"))
            assert estate.run(fetch(deal)).deal.body.name == "Ledger review"

    def test_a_lasting_failure_is_unavailable(self, estate):
        estate.sim.faults.arm(Fault("500", on="GET *", times=None))

        with pytest.raises(Unavailable):
            estate.run(fetch("006Ac0000000001"))

    def test_a_new_field_is_reported_and_does_no_harm(self, estate):
        deal = estate.a_won_deal()
        estate.sim.faults.arm(Fault("drift", on="GET */query*"))

        bundle = estate.run(fetch(deal))

        assert "newInThisRelease" in bundle.deal.unknown

    def test_a_lost_field_is_drift_that_names_it(self, estate):
        deal = estate.a_won_deal()
        estate.sim.faults.arm(Fault("drift", on="GET */query*", options={"drop": ["IsWon"]}))

        with pytest.raises(ContractDrift) as caught:
            estate.run(fetch(deal))

        assert "IsWon" in str(caught.value.as_dict())

    def test_the_budget_of_the_org_is_noted(self, estate):
        async def story(connector):
            return await connector.probe()

        found = estate.run(story)

        assert (found.usage.used, found.usage.maximum) == (3, 100_000)
        assert found.is_ready
        assert found.host == "crm.example"


class TestHostileNames:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_travel_unharmed_and_match_only_themselves(self, estate, name):
        async def story(connector):
            customer = Customer(id="cus_1", name=name, country="GB")
            written = await connector.create_customer(customer, entity="uk01", currency="GBP", key=f"{name}#1")
            other = Customer(id="cus_2", name="Kestrel", country="GB")
            await connector.create_customer(other, entity="uk01", currency="GBP", key="cus_2#1")
            matched = await connector.match_customers(customer)
            return written, matched, await connector.find_customers((f"{name}#1", "none"))

        written, matched, looked_up = estate.run(story)

        assert [observation.body.name for observation in matched] == [name]
        assert estate.record("Account", written.ref.value)["Name"] == name
        assert looked_up == {f"{name}#1": Found(written), "none": Absent()}


class TestCustomers:
    def test_candidates_share_a_tax_number_a_lei_or_the_beginning_of_the_name(self, estate):
        sim = estate.sim
        by_vat = sim.create("Account", Name="Somebody", VAT_Number__c="GB1")
        by_lei = sim.create("Account", Name="Someone", LEI__c="L" * 20)
        by_name = sim.create("Account", Name="KESTREL FOODS LTD", BillingCountryCode="GB")
        nowhere = sim.create("Account", Name="Kestrel Foods Holding")
        sim.create("Account", Name="Kestrel Foods", BillingCountryCode="FR")
        customer = Customer(id="cus_1", name="Kestrel Foods", country="GB", vat_number="GB1", lei="L" * 20)

        found = estate.run(lambda connector: connector.match_customers(customer))

        assert {o.ref.value for o in found} == {by_vat, by_lei, by_name, nowhere}

    def test_keys_are_looked_up_by_the_hundred_and_exactly(self, estate):
        estate.sim.create("Account", Name="Kestrel", Accordant_Id__c="CUS_1#1")
        keys = tuple(f"cus_{number}#1" for number in range(150))
        id = estate.sim.create("Account", Name="Merlin", Accordant_Id__c="cus_149#1")

        found = estate.run(lambda connector: connector.find_customers(keys))

        assert set(found) == set(keys)
        assert [key for key, answer in found.items() if isinstance(answer, Found)] == ["cus_149#1"]
        assert found["cus_149#1"].written.ref.value == id
        assert len(estate.calls()) == 2
