"""Checklist 6, 7, 8, 11, 12, 15, 16: records, upserts, the duplicate rule, errors, describes, locks and ids."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from accordant.simulators.salesforce.ids import long_form, with_checksum


class TestIds:
    def test_the_checksum_is_the_published_one(self):
        assert with_checksum("001A0000006Vm9r") == "001A0000006Vm9rIAC"

    def test_the_long_form_survives_a_change_of_case(self):
        assert long_form("001a0000006vm9rIAC") == "001A0000006Vm9rIAC"

    def test_both_forms_reach_the_record(self, sim, org):
        id = sim.create("Account", Name="Kestrel Foods")

        assert len(id) == 18
        assert org.get(f"/sobjects/Account/{id[:15]}").json()["Id"] == id
        assert org.names(f"SELECT Name FROM Account WHERE Id = '{id[:15]}'") == ["Kestrel Foods"]

    @pytest.mark.parametrize("id", ["001", "0019999999", "a!b"])
    def test_refuses_what_is_no_id(self, org, id):
        answer = org.get(f"/sobjects/Account/{id}")

        assert answer.status_code in (400, 404)

    def test_refuses_an_id_of_another_object(self, sim, org):
        id = sim.create("Product2", Name="Senior consultant")

        answer = org.get(f"/sobjects/Account/{id}")

        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "MALFORMED_ID")


class TestCreate:
    def test_answers_the_id_and_its_location(self, org):
        answer = org.post("/sobjects/Account", {"Name": "O'Brien & Søn 你好 😀"})

        assert answer.status_code == 201
        assert answer.json() == {"id": answer.json()["id"], "success": True, "errors": []}
        assert answer.headers["Location"].endswith(answer.json()["id"])
        assert org.get(f"/sobjects/Account/{answer.json()['id']}").json()["Name"] == "O'Brien & Søn 你好 😀"

    def test_fills_defaults_and_stamps_to_the_second(self, org):
        id = org.post("/sobjects/Account", {"Name": "Kestrel Foods"}).json()["id"]

        record = org.get(f"/sobjects/Account/{id}").json()

        assert record["CurrencyIsoCode"] == "GBP"
        assert record["CreatedDate"].endswith(".000+0000")
        assert record["attributes"] == {"type": "Account", "url": f"/services/data/v59.0/sobjects/Account/{id}"}

    def test_resolves_a_reference_by_external_id(self, sim, org):
        account = sim.create("Account", Name="Kestrel Foods", Accordant_Id__c="cus_1")

        id = org.post("/sobjects/Contract", {"Account": {"Accordant_Id__c": "cus_1"}}).json()["id"]

        assert org.get(f"/sobjects/Contract/{id}?fields=AccountId").json()["AccountId"] == account

    @pytest.mark.parametrize(
        ("sobject", "body", "code", "fields"),
        [
            ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
            ("Account", {"Name": ""}, "REQUIRED_FIELD_MISSING", ["Name"]),
            ("Account", {"Name": "A", "Colour__c": "red"}, "INVALID_FIELD", None),
            ("Account", {"Name": "A" * 256}, "STRING_TOO_LONG", ["Name"]),
            ("Account", {"Name": "A", "CurrencyIsoCode": "XXX"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", None),
            ("Account", {"Name": "A", "CreatedDate": "2026-11-20"}, "INVALID_FIELD_FOR_INSERT_UPDATE", None),
            ("Account", {"Name": "A", "ParentId": "nonsense"}, "MALFORMED_ID", ["ParentId"]),
            ("Account", {"Name": "A", "ParentId": "001Ac0000000009"}, "INVALID_CROSS_REFERENCE_KEY", []),
            ("Account", {"Name": 7}, "JSON_PARSER_ERROR", None),
            ("Opportunity", {"Name": "D", "StageName": "X", "CloseDate": "soon"}, "JSON_PARSER_ERROR", None),
            ("Opportunity", {"Amount": "12.5"}, "JSON_PARSER_ERROR", None),
            ("Contract", {"Account": {"Accordant_Id__c": "nobody"}}, "INVALID_FIELD", []),
        ],
    )
    def test_refuses_with_an_array_that_names_the_fields(self, org, sobject, body, code, fields):
        answer = org.post(f"/sobjects/{sobject}", body)

        assert answer.status_code == 400
        (error,) = answer.json()
        assert error["errorCode"] == code
        if fields is not None:
            assert error["fields"] == fields

    def test_refuses_a_body_that_is_no_json(self, org):
        answer = org.send("POST", "/services/data/v59.0/sobjects/Account", content=b'{"Name": ')

        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")

    def test_refuses_an_object_that_the_org_does_not_have(self, org):
        assert org.post("/sobjects/Invoice", {"Name": "A"}).json()[0]["errorCode"] == "NOT_FOUND"


class TestChange:
    def test_leaves_absent_fields_and_clears_null_ones(self, sim, org):
        id = sim.create("Account", Name="Kestrel Foods", Phone="1", Website="https://kestrel.example")

        answer = org.patch(f"/sobjects/Account/{id}", {"Phone": None})

        record = org.get(f"/sobjects/Account/{id}?fields=Name,Phone,Website").json()
        assert (answer.status_code, answer.content) == (204, b"")
        assert (record["Name"], record["Phone"], record["Website"]) == (
            "Kestrel Foods",
            None,
            "https://kestrel.example",
        )

    def test_an_unmodified_since_in_the_past_refuses_a_record_changed_later(self, sim, org):
        id = sim.create("Account", Name="Kestrel Foods")
        before = {"If-Unmodified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}
        after = {"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}

        refused = org.patch(f"/sobjects/Account/{id}", {"Phone": "1"}, headers=before)
        taken = org.patch(f"/sobjects/Account/{id}", {"Phone": "2"}, headers=after)

        assert (refused.status_code, taken.status_code) == (412, 204)
        assert org.get(f"/sobjects/Account/{id}").json()["Phone"] == "2"

    def test_a_modified_since_in_the_future_answers_not_modified(self, sim, org):
        id = sim.create("Account", Name="Kestrel Foods")

        answer = org.get(f"/sobjects/Account/{id}", headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})

        assert answer.status_code == 304

    def test_the_stage_decides_what_is_won(self, sim, org):
        id = sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")
        fields = "?fields=IsWon,IsClosed,Probability"
        before = org.get(f"/sobjects/Opportunity/{id}{fields}").json()

        org.patch(f"/sobjects/Opportunity/{id}", {"StageName": "Closed Won"})

        after = org.get(f"/sobjects/Opportunity/{id}{fields}").json()
        assert (before["IsWon"], before["IsClosed"]) == (False, False)
        assert (after["IsWon"], after["IsClosed"], after["Probability"]) == (True, True, 100.0)

    def test_the_amount_of_a_deal_follows_its_lines(self, sim, org):
        deal = sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20", Amount=1)
        line = {"OpportunityId": deal, "Quantity": 40, "UnitPrice": 150.5}
        first = org.post("/sobjects/OpportunityLineItem", line).json()["id"]
        org.post("/sobjects/OpportunityLineItem", {"OpportunityId": deal, "Quantity": 8, "TotalPrice": 720})

        org.patch(f"/sobjects/Opportunity/{deal}", {"Amount": 7})
        both = org.get(f"/sobjects/Opportunity/{deal}").json()["Amount"]
        org.delete(f"/sobjects/OpportunityLineItem/{first}")

        assert both == 6740.0
        assert org.get(f"/sobjects/Opportunity/{deal}").json()["Amount"] == 720.0

    def test_a_contract_ends_after_its_term(self, sim, org):
        account = sim.create("Account", Name="Kestrel Foods")
        body = {"AccountId": account, "StartDate": "2026-08-31", "ContractTerm": 6}

        id = org.post("/sobjects/Contract", body).json()["id"]

        record = org.get(f"/sobjects/Contract/{id}").json()
        assert record["EndDate"] == "2027-02-27"
        assert (record["Status"], record["ContractNumber"]) == ("Draft", "00000101")


class TestUpsert:
    PATH = "/sobjects/Account/Accordant_Id__c/cus_1"

    def test_creates_once_and_changes_after(self, org):
        created = org.patch(self.PATH, {"Name": "Kestrel"})
        changed = org.patch(self.PATH, {"Name": "Kestrel Foods"})

        assert (created.status_code, created.json()["created"]) == (201, True)
        assert (changed.status_code, changed.json()["created"]) == (200, False)
        assert changed.json()["id"] == created.json()["id"]
        assert org.get(self.PATH).json()["Name"] == "Kestrel Foods"

    def test_keeps_a_value_with_a_slash_and_letters_of_the_world(self, org):
        path = "/sobjects/Account/Accordant_Id__c/a%2Fb%3Fc%20%C3%A9%F0%9F%98%80"

        org.patch(path, {"Name": "Kestrel"})

        assert org.get(path).json()["Accordant_Id__c"] == "a/b?c é😀"

    def test_answers_a_choice_when_the_key_is_not_unique(self, sim, org):
        ids = [sim.create("Account", Name=name, VAT_Number__c="GB123456789") for name in ("Kestrel", "Kestrel Two")]

        answer = org.patch("/sobjects/Account/VAT_Number__c/gb123456789", {"Phone": "1"})

        assert answer.status_code == 300
        assert answer.json() == [f"/services/data/v59.0/sobjects/Account/{id}" for id in ids]

    def test_only_updates_when_asked(self, org):
        assert org.patch(f"{self.PATH}?updateOnly=true", {"Name": "Kestrel"}).status_code == 404

    def test_refuses_the_key_in_the_body(self, org):
        answer = org.patch(self.PATH, {"Name": "Kestrel", "Accordant_Id__c": "cus_1"})

        assert answer.json()[0]["errorCode"] == "INVALID_FIELD"

    def test_refuses_a_field_that_is_no_external_id(self, org):
        answer = org.patch("/sobjects/Account/Phone/1", {"Name": "Kestrel"})

        assert answer.status_code == 404
        assert "external ID field does not exist" in answer.json()[0]["message"]

    def test_refuses_a_second_record_with_a_unique_value(self, sim, org):
        first = sim.create("Account", Name="Kestrel", Accordant_Id__c="cus_1")

        answer = org.post("/sobjects/Account", {"Name": "Other", "Accordant_Id__c": "cus_1"})

        assert answer.json()[0]["errorCode"] == "DUPLICATE_VALUE"
        assert answer.json()[0]["message"].endswith(first)

    def test_a_value_is_free_again_after_deletion_and_after_a_change(self, sim, org):
        gone = sim.create("Account", Name="Kestrel", Accordant_Id__c="cus_1")
        moved = sim.create("Account", Name="Merlin", Accordant_Id__c="cus_2")
        org.delete(f"/sobjects/Account/{gone}")
        org.patch(f"/sobjects/Account/{moved}", {"Accordant_Id__c": "cus_3"})

        answers = [org.patch(f"/sobjects/Account/Accordant_Id__c/{key}", {"Name": key}) for key in ("cus_1", "cus_2")]

        assert [answer.status_code for answer in answers] == [201, 201]

    def test_deletes_by_key(self, sim, org):
        sim.create("Account", Name="Kestrel", Accordant_Id__c="cus_1")

        assert org.delete(self.PATH).status_code == 204
        assert org.get(self.PATH).status_code == 404


INSIST = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


class TestDuplicateRule:
    @pytest.fixture(autouse=True)
    def rule(self, sim):
        sim.create("Account", Name="Kestrel Foods Ltd")
        sim.duplicate_rule.active = True
        return sim.duplicate_rule

    def test_detects_the_same_name_in_other_letters(self, org):
        answer = org.post("/sobjects/Account", {"Name": "KESTREL FOODS, Limited"})

        (error,) = answer.json()
        assert (answer.status_code, error["errorCode"]) == (400, "DUPLICATES_DETECTED")
        assert error["duplicateResult"]["allowSave"] is True
        assert error["duplicateResult"]["matchResults"][0]["matchRecords"][0]["matchConfidence"] == 100.0

    def test_lets_a_caller_insist(self, org):
        assert org.post("/sobjects/Account", {"Name": "Kestrel Foods"}, headers=INSIST).status_code == 201

    def test_blocks_when_the_rule_does_not_allow_saving(self, org, rule):
        rule.allow_save = False

        answer = org.post("/sobjects/Account", {"Name": "Kestrel Foods"}, headers=INSIST)

        assert answer.json()[0]["duplicateResult"]["allowSave"] is False

    def test_lets_another_name_pass(self, org):
        assert org.post("/sobjects/Account", {"Name": "Kestrel Freight"}).status_code == 201


class TestDeletion:
    def test_hides_the_record_and_its_children(self, sim, org):
        account = sim.create("Account", Name="Kestrel Foods")
        contact = sim.create("Contact", LastName="Lane", AccountId=account)

        org.delete(f"/sobjects/Account/{account}")

        gone = org.get(f"/sobjects/Account/{account}")
        assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
        assert org.get(f"/sobjects/Contact/{contact}").status_code == 404
        assert org.names("SELECT Name FROM Account") == []

    def test_query_all_shows_it(self, sim, org):
        account = sim.create("Account", Name="Kestrel Foods")
        org.delete(f"/sobjects/Account/{account}")

        answer = org.get("/queryAll", params={"q": "SELECT Id FROM Account WHERE IsDeleted = true"})

        assert [record["Id"] for record in answer.json()["records"]] == [account]

    def test_windows_list_what_changed_and_what_was_deleted(self, sim, org):
        kept, gone = sim.create("Account", Name="Kestrel"), sim.create("Account", Name="Merlin")
        org.delete(f"/sobjects/Account/{gone}")
        now = datetime.now(UTC)
        window = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(seconds=1)).isoformat()}
        sim.clock.offset = timedelta(minutes=1)

        updated = org.get("/sobjects/Account/updated/", params=window).json()
        deleted = org.get("/sobjects/Account/deleted/", params=window).json()

        assert updated["ids"] == [kept]
        assert [row["id"] for row in deleted["deletedRecords"]] == [gone]
        assert deleted["latestDateCovered"].endswith(".000+0000")

    @pytest.mark.parametrize("days", [0, -40])
    def test_windows_refuse_an_empty_or_an_old_span(self, org, days):
        now = datetime.now(UTC)
        window = {"start": (now + timedelta(days=days)).isoformat(), "end": (now - timedelta(hours=1)).isoformat()}

        answer = org.get("/sobjects/Account/updated/", params=window)

        assert answer.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


class TestDescribe:
    def test_shows_custom_fields_with_their_traits(self, org):
        described = org.get("/sobjects/Opportunity/describe").json()

        fields = {field["name"]: field for field in described["fields"]}
        assert fields["Accordant_Id__c"]["externalId"] is True
        assert fields["Accordant_Id__c"]["unique"] is True
        assert fields["IsWon"]["createable"] is False
        assert fields["AccountId"]["referenceTo"] == ["Account"]
        states = [choice["value"] for choice in fields["Engagement_State__c"]["picklistValues"]]
        assert states == ["Sold", "Activated", "Financially approved", "Ready to bill"]

    def test_lists_the_objects(self, org):
        names = {sobject["name"] for sobject in org.get("/sobjects").json()["sobjects"]}

        assert {"Account", "Contract", "Milestone__c", "Opportunity", "OpportunityLineItem"} <= names

    def test_reading_an_unknown_field_is_refused(self, sim, org):
        id = sim.create("Account", Name="Kestrel Foods")

        assert org.get(f"/sobjects/Account/{id}?fields=Name,Colour__c").json()[0]["errorCode"] == "INVALID_FIELD"


class TestRowLocks:
    def lines(self, org, *deals):
        async def both():
            bodies = [{"OpportunityId": deal, "Quantity": 1, "UnitPrice": 1} for deal in deals]
            path = "/services/data/v59.0/sobjects/OpportunityLineItem"
            return await asyncio.gather(*(org.asend("POST", path, json=body) for body in bodies))

        return asyncio.run(both())

    def deal(self, sim):
        return sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")

    def test_two_children_of_one_parent_at_once_collide(self, sim, org):
        sim.locks.hold_s = 0.05
        deal = self.deal(sim)
        sim.locks.free(sim.locks.pass_on())

        answers = self.lines(org, deal, deal)

        assert sorted(answer.status_code for answer in answers) == [201, 400]
        refused = next(answer for answer in answers if answer.status_code == 400)
        assert refused.json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
        assert self.lines(org, deal)[0].status_code == 201

    def test_children_of_different_parents_do_not(self, sim, org):
        one, other = self.deal(sim), self.deal(sim)
        sim.locks.hold_s = 0.05

        assert [answer.status_code for answer in self.lines(org, one, other)] == [201, 201]
