from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from accordant.canonical import Contract, Customer, Deal, DealStage
from accordant.governance import ObjectOwnership, Ownership, load
from accordant.kernel import InvalidInput, OwnershipConflict

ESTATE = Path(__file__).parent / "estate"
ON = date(2026, 11, 20)


def a_customer(**fields):
    return Customer(**{"id": "cus_1", "name": "Castellan Rail", "country": "GB", "vat_number": "GB100", **fields})


def rows(object="Customer", *fields):
    return Ownership([ObjectOwnership.model_validate({"object": object, "steward": "steward", "fields": fields})])


def judge(ownership, before, after, roles, *, kind="customer", entity="", on=ON):
    return ownership.judge(kind, before, after, roles=roles, entity=entity, on=on)


@pytest.fixture(scope="module")
def estate():
    return load(ESTATE).ownership


class TestJudge:
    def test_accepts_what_the_owner_changes(self, estate):
        judgement = judge(estate, a_customer(), a_customer(city="York"), "crm")

        assert judgement.accepted == {"city": "York"}
        assert judgement.refused == ()
        assert judgement.merged() == a_customer(city="York")

    def test_refuses_what_another_changes_and_names_the_owner(self, estate):
        """R-SOR-02."""
        judgement = judge(estate, a_customer(), a_customer(vat_number="GB999"), "crm")

        (refusal,) = judgement.refused
        assert (refusal.field, refusal.owner, refusal.steward) == ("vat_number", "erp", "steward")
        assert (refusal.kept, refusal.offered) == ("GB100", "GB999")
        assert judgement.merged() == a_customer()

    def test_takes_the_owned_part_of_a_two_sided_change(self, estate):
        judgement = judge(estate, a_customer(), a_customer(vat_number="GB999", city="York"), "erp")

        assert judgement.accepted == {"vat_number": "GB999"}
        assert [refusal.field for refusal in judgement.refused] == ["city"]
        assert judgement.merged() == a_customer(vat_number="GB999")

    def test_gives_the_same_result_whichever_system_speaks_first(self, estate):
        """R-SOR-07."""
        start = a_customer()
        from_crm, from_erp = a_customer(city="York", vat_number="GB1"), a_customer(city="Leeds", vat_number="GB2")

        crm_first = judge(estate, judge(estate, start, from_crm, "crm").merged(), from_erp, "erp").merged()
        erp_first = judge(estate, judge(estate, start, from_erp, "erp").merged(), from_crm, "crm").merged()

        assert crm_first == erp_first == a_customer(city="York", vat_number="GB2")

    def test_lets_the_crm_name_the_vat_number_of_a_new_customer_only(self, estate):
        assert judge(estate, None, a_customer(), "crm").refused == ()

    def test_refuses_a_new_object_whose_required_field_is_anothers(self, estate):
        judgement = judge(estate, None, a_customer(), "erp")

        with pytest.raises(OwnershipConflict, match="needs `name`, which only the crm may set"):
            judgement.merged()

    def test_drops_an_optional_field_of_a_new_object_that_is_anothers(self):
        ownership = rows("Customer", {"field": "lei", "owner": "erp"}, {"field": "*", "owner": "crm"})

        judgement = judge(ownership, None, a_customer(lei="L1"), "crm")

        assert judgement.merged().lei is None
        assert [refusal.offered for refusal in judgement.refused] == ["L1"]

    def test_sees_no_change_where_there_is_none(self, estate):
        judgement = judge(estate, a_customer(), a_customer(), "psa")

        assert judgement.accepted == {}
        assert judgement.refused == ()

    def test_judges_extensions_one_by_one(self):
        ownership = rows(
            "Customer",
            {"field": "extensions.credit_*", "owner": "erp"},
            {"field": "extensions.*", "owner": "any"},
            {"field": "*", "owner": "crm"},
        )
        before = a_customer(extensions={"credit_limit": 10})

        judgement = judge(ownership, before, a_customer(extensions={"credit_limit": 99, "tier": "A"}), "crm")

        assert judgement.accepted == {"extensions.tier": "A"}
        assert judgement.merged().extensions == {"credit_limit": 10, "tier": "A"}

    def test_lets_a_system_with_two_roles_use_both(self, estate):
        judgement = judge(estate, a_customer(), a_customer(vat_number="GB999", city="York"), ["crm", "erp"])

        assert judgement.refused == ()

    def test_has_no_silent_default(self):
        ownership = rows("Customer", {"field": "city", "owner": "crm"})

        with pytest.raises(InvalidInput, match="Nobody owns `street` of a customer") as refused:
            judge(ownership, a_customer(), a_customer(street="High Street"), "crm")
        assert refused.value.code == "ownership.no_owner"

    def test_refuses_an_object_without_rows(self, estate):
        with pytest.raises(InvalidInput, match="Nobody owns a tax_rule"):
            estate.owner("tax_rule", "rate", entity="", on=ON)


class TestConditions:
    CUT_OVER = (
        {"field": "vat_number", "owner": "crm", "when": {"entity": "de01", "from": "2027-01-01"}},
        {"field": "vat_number", "owner": "psa", "when": {"until": "2026-12-31", "entity": "us01"}},
        {"field": "*", "owner": "erp"},
    )

    @pytest.mark.parametrize(
        ("entity", "on", "owner"),
        [
            ("de01", date(2026, 12, 31), "erp"),
            ("de01", date(2027, 1, 1), "crm"),
            ("uk01", date(2027, 1, 1), "erp"),
            ("us01", date(2026, 12, 31), "psa"),
            ("us01", date(2027, 1, 1), "erp"),
        ],
    )
    def test_an_owner_changes_by_entity_and_day(self, entity, on, owner):
        assert rows("Customer", *self.CUT_OVER).owner("customer", "vat_number", entity=entity, on=on) == owner

    def test_a_condition_speaks_of_the_state_before_the_change(self):
        ownership = rows(
            "Deal", {"field": "amount", "owner": "erp", "when": {"state": "won"}}, {"field": "*", "owner": "crm"}
        )
        opened = Deal(id="dea_1", name="Deal", stage=DealStage.OPEN)
        won = opened.model_copy(update={"stage": DealStage.WON})

        closing = judge(ownership, opened, won, "crm", kind="deal")
        renaming = judge(ownership, won, won.model_copy(update={"name": "New"}), "crm", kind="deal")

        assert closing.accepted == {"stage": DealStage.WON}
        assert renaming.accepted == {"name": "New"}
        assert ownership.owner("deal", "amount", entity="uk01", on=ON, state="won") == "erp"

    def test_an_approved_contract_is_its_own_state(self):
        ownership = rows(
            "Contract", {"field": "cap", "owner": "erp", "when": {"state": "approved"}}, {"field": "*", "owner": "crm"}
        )
        approved = Contract(id="con_1", customer_id="cus_1", name="C", currency="GBP", is_approved=True)
        changed = approved.model_copy(update={"po_number": "4711", "cap": {"amount": "1", "currency": "GBP"}})

        judgement = judge(ownership, approved, changed, "crm", kind="contract")

        assert set(judgement.accepted) == {"po_number"}
        assert [refusal.field for refusal in judgement.refused] == ["cap"]
