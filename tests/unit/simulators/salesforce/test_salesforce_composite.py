"""Checklist 9: several things in one call."""

from __future__ import annotations

import pytest

from accordant.simulators._shared import Fault

ROOT = "/services/data/v59.0"


def part(method, path, reference, body=None):
    return {"method": method, "url": ROOT + path, "referenceId": reference, "body": body}


def accounts(*names):
    return [{"attributes": {"type": "Account"}, "Name": name} for name in names]


class TestComposite:
    def test_a_later_part_uses_what_an_earlier_one_answered(self, org):
        deal = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-11-20", "AccountId": "@{acc.id}"}
        parts = [
            part("PATCH", "/sobjects/Account/Accordant_Id__c/cus_1", "acc", {"Name": "Kestrel"}),
            part("POST", "/sobjects/Opportunity", "opp", deal),
            part("GET", "/sobjects/Opportunity/@{opp.id}?fields=AccountId", "back"),
            part("GET", "/query?q=SELECT+Id+FROM+Account", "all"),
        ]

        answer = org.post("/composite", {"allOrNone": True, "compositeRequest": parts})

        account, deal, back, found = answer.json()["compositeResponse"]
        assert [r["httpStatusCode"] for r in (account, deal, back, found)] == [201, 201, 200, 200]
        assert back["body"]["AccountId"] == account["body"]["id"]
        assert found["body"]["records"][0]["Id"] == account["body"]["id"]
        assert deal["httpHeaders"]["Location"].endswith(deal["body"]["id"])

    def test_all_or_none_keeps_nothing_after_a_failure(self, org):
        parts = [
            part("POST", "/sobjects/Account", "one", {"Name": "Kestrel"}),
            part("POST", "/sobjects/Account", "two", {}),
            part("POST", "/sobjects/Account", "three", {"Name": "Merlin"}),
        ]

        answer = org.post("/composite", {"allOrNone": True, "compositeRequest": parts})

        results = answer.json()["compositeResponse"]
        assert answer.status_code == 200
        assert [r["httpStatusCode"] for r in results] == [400, 400, 400]
        assert [r["body"][0]["errorCode"] for r in results] == [
            "PROCESSING_HALTED",
            "REQUIRED_FIELD_MISSING",
            "PROCESSING_HALTED",
        ]
        assert org.names("SELECT Name FROM Account") == []

    def test_otherwise_the_others_are_kept_and_dependents_halted(self, org):
        parts = [
            part("POST", "/sobjects/Account", "one", {}),
            part("POST", "/sobjects/Contract", "two", {"AccountId": "@{one.id}"}),
            part("POST", "/sobjects/Account", "three", {"Name": "Merlin"}),
        ]

        results = org.post("/composite", {"compositeRequest": parts}).json()["compositeResponse"]

        assert [r["httpStatusCode"] for r in results] == [400, 400, 201]
        assert results[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
        assert org.names("SELECT Name FROM Account") == ["Merlin"]

    @pytest.mark.parametrize(("count", "path"), [(26, "/sobjects/Account"), (6, "/query?q=SELECT+Id+FROM+Account")])
    def test_refuses_too_many_parts(self, org, count, path):
        parts = [part("GET", path, f"r{n}") for n in range(count)]

        assert org.post("/composite", {"compositeRequest": parts}).status_code == 400

    def test_counts_as_one_call(self, org):
        parts = [part("GET", "/sobjects", f"r{n}") for n in range(3)]

        assert org.post("/composite", {"compositeRequest": parts}).headers["Sforce-Limit-Info"] == "api-usage=1/100000"


class TestCollections:
    def test_one_bad_record_fails_alone_with_status_200(self, org):
        answer = org.post("/composite/sobjects", {"records": accounts("Kestrel", None, "Merlin")})

        good, bad, also_good = answer.json()
        assert answer.status_code == 200
        assert good["success"] is also_good["success"] is True
        assert bad == {
            "success": False,
            "errors": [
                {
                    "statusCode": "REQUIRED_FIELD_MISSING",
                    "message": "Required fields are missing: [Name]",
                    "fields": ["Name"],
                }
            ],
        }

    def test_all_or_none_keeps_nothing(self, org):
        outcomes = org.post(
            "/composite/sobjects", {"allOrNone": True, "records": accounts("Kestrel", None, "M")}
        ).json()

        assert [o["success"] for o in outcomes] == [False, False, False]
        assert outcomes[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        assert org.names("SELECT Name FROM Account") == []

    def test_upserts_by_external_id(self, org):
        path = "/composite/sobjects/Account/Accordant_Id__c"
        records = [record | {"Accordant_Id__c": record["Name"]} for record in accounts("a", "b")]

        first = org.patch(path, {"records": records[:1]}).json()
        both = org.patch(path, {"records": records}).json()

        assert [o["created"] for o in first + both] == [True, False, True]

    def test_changes_reads_and_deletes_by_id(self, sim, org):
        ids = [sim.create("Account", Name=name) for name in ("Kestrel", "Merlin")]
        changes = [{"attributes": {"type": "Account"}, "id": id, "Phone": "1"} for id in ids]

        changed = org.patch("/composite/sobjects", {"records": changes}).json()
        read = org.get(f"/composite/sobjects/Account?ids={','.join(ids)},001Ac0000000099&fields=Phone").json()
        deleted = org.delete(f"/composite/sobjects?ids={','.join(ids)}").json()

        assert all(o["success"] for o in changed + deleted)
        assert [row and row["Phone"] for row in read] == ["1", "1", None]
        assert org.names("SELECT Name FROM Account") == []

    def test_refuses_more_than_200_records(self, org):
        answer = org.post("/composite/sobjects", {"records": accounts(*["A"] * 201)})

        assert answer.json()[0]["errorCode"] == "EXCEEDED_ID_LIMIT"

    def test_the_fault_partial_batch_fails_every_second_record(self, sim, org):
        sim.faults.arm(Fault("partial_batch", on="POST */composite/sobjects", options={"every": 2}))

        outcomes = org.post("/composite/sobjects", {"records": accounts("A", "B", "C", "D")}).json()

        assert [o["success"] for o in outcomes] == [True, False, True, False]
        assert org.names("SELECT Name FROM Account") == ["A", "C"]
