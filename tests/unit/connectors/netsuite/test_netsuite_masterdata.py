"""Customers, projects and billing rules."""

from __future__ import annotations

import asyncio

import pytest
from netsuite_erp import HOSTILE, RECORDS, Erp, a_customer, a_project, connect, some_rules

from accordant.canonical import BillingMethod
from accordant.connectors.netsuite.keys import external_id, key_of
from accordant.kernel import ContractDrift, KeyConflict, Rejected, UnknownOutcome
from accordant.ports import Absent, Found


class TestKeys:
    @pytest.mark.parametrize("key", ["inv_01hx#1", "time_to_bill:con-1:7#2", "a/b c", "ключ#1", "🚀", "-", "a-23b"])
    def test_become_external_ids_and_back(self, key: str) -> None:
        text = external_id(key)

        assert text.replace("_", "").replace("-", "").isalnum()
        assert text.isascii()
        assert key_of(text) == key

    def test_of_two_kinds_never_meet(self) -> None:
        assert external_id("a-23") != external_id("a#")

    def test_too_long_are_hashed(self) -> None:
        assert len(external_id("k" * 500)) < 120
        assert external_id("k" * 500) != external_id("k" * 501)

    def test_of_others_read_as_they_are(self) -> None:
        assert key_of("LEGACY-zz-1") == "LEGACY-zz-1"
        assert key_of("bad-ff") == "bad-ff"


class TestCustomers:
    def test_are_created_once_under_their_key(self, erp: Erp) -> None:
        first, second = erp.customer(vat_number="GB111"), erp.customer(vat_number="GB111")

        assert first == second
        (customer,) = erp.books("customer")
        assert (customer.key, customer.entity, customer.currency) == ("cus_1-231", "uk01", "GBP")
        assert customer.facts == {"name": "Larch Foods", "vat": "GB111", "currencies": ["GBP"]}

    def test_are_billable_in_the_contracts_currency_too(self, erp: Erp) -> None:
        erp.customer(currency="USD")

        assert erp.books("customer")[0].facts["currencies"] == ["USD"]

    def test_are_found_by_our_keys(self, erp: Erp) -> None:
        ref = erp.customer()

        answers = erp.run(erp.connector.find_customers(("cus_1#1", "cus_2#1")))

        assert isinstance(answers["cus_1#1"], Found)
        assert answers["cus_1#1"].written.ref == ref
        assert answers["cus_2#1"] == Absent()

    def test_of_an_unknown_entity_or_currency_are_refused_before_any_write(self, erp: Erp) -> None:
        for fields, code in ({"entity": "fr01"}, "erp.entity.unknown"), ({"currency": "XAU"}, "erp.currency.unknown"):
            with pytest.raises(Rejected) as refused:
                erp.customer(**fields)
            assert refused.value.code == code

        assert not [c for c in erp.sim.calls if c[0].startswith("PUT")]

    def test_new_subsidiaries_are_seen_without_a_restart(self, erp: Erp) -> None:
        erp.customer()
        erp.sim.load_subsidiary("Meridian FR", currency="EUR", country="FR", external_id="fr01")

        erp.customer("Hêtre", key="cus_2#1", entity="fr01", currency="EUR")

        assert [c.entity for c in erp.books("customer")] == ["uk01", "fr01"]

    def test_the_estate_may_name_the_subsidiary(self, erp: Erp) -> None:
        erp.connector = connect(erp.sim, subsidiaries={"gb99": "Meridian UK"})

        erp.customer(entity="gb99")

        assert erp.books("customer")[0].entity == "uk01"

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_names_arrive_and_match_as_they_are(self, erp: Erp, name: str) -> None:
        ref = erp.customer(name)

        (match,) = erp.run(erp.connector.match_customers(a_customer(name)))

        assert (match.ref, match.body.name) == (ref, name)
        assert erp.books("customer")[0].facts["name"] == name


class TestMatching:
    def test_finds_by_number_and_by_name_in_the_same_country(self, erp: Erp) -> None:
        by_vat = erp.customer("Larch Foods Holding", key="cus_1#1", vat_number="GB111", country="DE")
        by_lei = erp.customer("LF", key="cus_2#1", lei="5493001KJTIIGC8Y1R12")
        by_name = erp.customer("LARCH FOODS", key="cus_3#1")
        erp.customer("Larch Foods", key="cus_4#1", country="FR")
        erp.customer("Elm", key="cus_5#1")

        wanted = a_customer(vat_number="GB111", lei="5493001KJTIIGC8Y1R12")
        matches = erp.run(erp.connector.match_customers(wanted))

        assert [m.ref for m in matches] == [by_vat, by_lei, by_name]
        assert (matches[0].body.country, matches[0].body.currency) == ("DE", "GBP")
        assert matches[0].unknown == frozenset()

    def test_drift_of_a_needed_field_is_told_by_its_name(self, erp: Erp) -> None:
        erp.customer()
        erp.arm("drift", on="GET */customer/*", options={"drop": ["companyName"]})

        with pytest.raises(ContractDrift) as drift:
            erp.run(erp.connector.match_customers(a_customer()))

        assert "companyName" in str(drift.value)

    def test_a_new_vendor_field_is_reported_as_unknown(self, erp: Erp) -> None:
        erp.customer()
        erp.arm("drift", on="GET */customer/*")

        (match,) = erp.run(erp.connector.match_customers(a_customer()))

        assert "newInThisRelease" in match.unknown


class TestAdoption:
    def by_hand(self, erp: Erp, **fields: object) -> str:
        uk = erp.sim.state.by_external_id("subsidiary", "uk01")
        assert uk is not None
        return erp.sim.load("customer", {"companyName": "Larch", "subsidiary": {"id": uk.id}, **fields})

    def test_puts_our_key_and_the_currency_on_the_record(self, erp: Erp) -> None:
        ref = erp.connector.ref("customer", self.by_hand(erp))

        erp.run(erp.connector.adopt_customer(ref, entity="uk01", currency="USD", key="cus_1#1"))

        found = erp.run(erp.connector.find_customers(("cus_1#1",)))["cus_1#1"]
        assert isinstance(found, Found)
        assert found.written.ref == ref
        assert erp.books("customer")[0].facts["currencies"] == ["GBP", "USD"]

    def test_again_for_another_currency_keeps_the_first_key(self, erp: Erp) -> None:
        ref = erp.customer()

        for currency in ("GBP", "USD", "USD"):
            key = f"cus_1/uk01/{currency}#1"
            erp.run(erp.connector.adopt_customer(ref, entity="uk01", currency=currency, key=key))

        (customer,) = erp.books("customer")
        assert customer.key == "cus_1-231"
        assert customer.facts["currencies"] == ["GBP", "USD"]

    def test_never_takes_another_integrations_record(self, erp: Erp) -> None:
        ref = erp.connector.ref("customer", self.by_hand(erp, externalId="LEGACY-7"))

        with pytest.raises(KeyConflict) as refused:
            erp.run(erp.connector.adopt_customer(ref, entity="uk01", currency="GBP", key="cus_1#1"))

        assert refused.value.code == "erp.customer.key_taken"
        assert erp.books("customer")[0].key == "LEGACY-7"

    def test_refuses_the_wrong_entity(self, erp: Erp) -> None:
        ref = erp.connector.ref("customer", self.by_hand(erp))

        with pytest.raises(Rejected) as refused:
            erp.run(erp.connector.adopt_customer(ref, entity="de01", currency="EUR", key="cus_1#1"))

        assert refused.value.code == "erp.customer.wrong_entity"


class TestProjects:
    def test_are_created_with_their_tasks(self, erp: Erp) -> None:
        customer = erp.customer()

        written = erp.run(erp.connector.create_project(a_project(), customer=customer, key="prj_1#1"))

        (project,) = erp.books("project")
        assert (project.key, project.parent, project.source) == ("prj_1-231", customer.value, "con_1")
        assert written.facts["code"] == "P-1001"
        assert set(written.facts["tasks"]) == {"PLAN", "MOVE"}

    def test_are_found_with_the_same_facts_as_written(self, erp: Erp) -> None:
        customer = erp.customer()
        written = erp.run(erp.connector.create_project(a_project(), customer=customer, key="prj_1#1"))

        found = erp.run(erp.connector.find_projects(("prj_1#1",)))["prj_1#1"]

        assert found == Found(written)

    def test_half_made_count_as_absent_and_are_completed_by_the_same_call(self, erp: Erp) -> None:
        customer = erp.customer()
        erp.arm("500", on=f"PUT {RECORDS}/projectTask/*")
        with pytest.raises(UnknownOutcome) as unknown:
            erp.project(customer)

        assert unknown.value.lookup_key == "prj_1#1"
        assert erp.run(erp.connector.find_projects(("prj_1#1",)))["prj_1#1"] == Absent()
        erp.project(customer)
        assert isinstance(erp.run(erp.connector.find_projects(("prj_1#1",)))["prj_1#1"], Found)
        assert len(erp.books("project")) == 1
        assert len(erp.sim.state.types["projectTask"]) == 2

    def test_without_time_are_withdrawn_and_found_so(self, erp: Erp) -> None:
        _, project = erp.engagement()

        erp.run(erp.connector.withdraw_project(project, key="prj_1:withdraw#1"))

        found = erp.run(erp.connector.find_projects(("prj_1#1",)))["prj_1#1"]
        assert isinstance(found, Found)
        assert found.written.facts["withdrawn"] is True
        assert erp.books("project")[0].state == "inactive"

    def test_with_time_are_not_withdrawn(self, erp: Erp) -> None:
        from netsuite_erp import a_line

        _, project = erp.engagement()
        erp.run(erp.connector.post_time({"lin_1#1": a_line(project)}))

        with pytest.raises(Rejected) as refused:
            erp.run(erp.connector.withdraw_project(project, key="prj_1:withdraw#1"))

        assert refused.value.code == "erp.project.has_time"
        assert erp.books("project")[0].state == "active"

    def test_a_code_that_is_taken_is_a_key_conflict(self, erp: Erp) -> None:
        customer, _ = erp.engagement()

        with pytest.raises(KeyConflict) as refused:
            erp.project(customer, key="prj_2#1", id="prj_2")

        assert refused.value.code == "erp.key.taken"

    def test_for_a_customer_of_another_entity_are_refused(self, erp: Erp) -> None:
        customer = erp.customer()

        with pytest.raises(Rejected) as refused:
            erp.project(customer, entity="de01")

        assert refused.value.code == "erp.customer.wrong_entity"


class TestBillingRules:
    def test_read_back_as_they_were_set(self, erp: Erp) -> None:
        _, project = erp.engagement()
        before = erp.run(erp.connector.read_billing_rules(project))

        erp.run(erp.connector.put_billing_rules(project, some_rules(), key="rules#1"))

        assert before is None
        assert erp.run(erp.connector.read_billing_rules(project)) == some_rules()

    @pytest.mark.parametrize("method", list(BillingMethod))
    def test_keep_our_billing_method_beside_the_vendors(self, erp: Erp, method: BillingMethod) -> None:
        _, project = erp.engagement()

        erp.run(erp.connector.put_billing_rules(project, some_rules(billing_method=method), key="rules#1"))

        rules = erp.run(erp.connector.read_billing_rules(project))
        assert rules is not None
        assert rules.billing_method is method

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"tax_code": "XX-0"}, "erp.tax_code.unknown"),
            ({"currency": "USD", "cap": None}, "erp.customer.currency_missing"),
        ],
    )
    def test_that_the_erp_cannot_bill_are_refused(self, erp: Erp, fields: dict[str, object], code: str) -> None:
        _, project = erp.engagement()

        with pytest.raises(Rejected) as refused:
            erp.run(erp.connector.put_billing_rules(project, some_rules(**fields), key="rules#1"))

        assert refused.value.code == code
        assert refused.value.remedy
        assert erp.run(erp.connector.read_billing_rules(project)) is None


class TestLostAnswers:
    def test_timeout_after_commit_is_unknown_and_then_found(self, erp: Erp) -> None:
        erp.arm("timeout_after_commit", on=f"PUT {RECORDS}/customer/*")

        with pytest.raises(UnknownOutcome) as unknown:
            erp.customer()

        found = erp.run(erp.connector.find_customers((unknown.value.lookup_key,)))
        assert isinstance(found["cus_1#1"], Found)
        assert len(erp.books("customer")) == 1

    def test_timeout_before_commit_is_unknown_and_then_absent(self, erp: Erp) -> None:
        erp.arm("timeout_before_commit", on=f"PUT {RECORDS}/customer/*")

        with pytest.raises(UnknownOutcome):
            erp.customer()

        assert erp.run(erp.connector.find_customers(("cus_1#1",)))["cus_1#1"] == Absent()
        erp.customer()
        assert len(erp.books("customer")) == 1

    def test_late_commit_is_absent_first_and_never_doubled(self, erp: Erp) -> None:
        erp.arm("late_commit", on=f"PUT {RECORDS}/customer/*", options={"delay_s": 0.25})

        async def lose_and_look() -> tuple[object, object]:
            connector, customer = erp.connector, a_customer()
            with pytest.raises(UnknownOutcome):
                await connector.create_customer(customer, entity="uk01", currency="GBP", key="cus_1#1")
            early = (await connector.find_customers(("cus_1#1",)))["cus_1#1"]
            await connector.create_customer(customer, entity="uk01", currency="GBP", key="cus_1#1")
            await asyncio.sleep(0.2)
            return early, (await connector.find_customers(("cus_1#1",)))["cus_1#1"]

        early, late = erp.run(lose_and_look())

        assert early == Absent()
        assert isinstance(late, Found)
        assert len(erp.books("customer")) == 1

    @pytest.mark.parametrize("fault", ["half_body", "html_error"])
    def test_broken_answers_to_reads_are_asked_again(self, erp: Erp, fault: str) -> None:
        erp.customer()
        erp.arm(fault, on="POST */suiteql")

        assert isinstance(erp.run(erp.connector.find_customers(("cus_1#1",)))["cus_1#1"], Found)

    def test_a_proxys_page_after_a_write_is_unknown(self, erp: Erp) -> None:
        erp.arm("html_error", on=f"PUT {RECORDS}/customer/*")

        with pytest.raises(UnknownOutcome):
            erp.customer()
