"""Checklist 5: the query language, its pages and its refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accordant.simulators._shared import Fault


@pytest.fixture
def accounts(sim):
    names = ("Alder", "birch", "O'Brien", "50% Club", "A|B")
    for number, name in enumerate(names):
        sim.create("Account", Name=name, AccountNumber=str(number) if number else None, BillingCountryCode="GB")
    return names


class TestConditions:
    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("Name = 'alder'", ["Alder"]),
            ("Name = 'O\\'Brien'", ["O'Brien"]),
            ("Name != 'Alder' AND Name != 'birch' AND AccountNumber > '2'", ["50% Club", "A|B"]),
            ("AccountNumber = null", ["Alder"]),
            ("AccountNumber != null AND AccountNumber <= '2'", ["birch", "O'Brien"]),
            ("AccountNumber != '1' AND Name < 'B'", ["Alder", "50% Club", "A|B"]),
            ("Name IN ('Alder', 'BIRCH', 'nobody')", ["Alder", "birch"]),
            ("Name NOT IN ('Alder', 'birch', 'A|B')", ["O'Brien", "50% Club"]),
            ("Name LIKE '%r%' AND (NOT Name LIKE 'O%')", ["Alder", "birch"]),
            ("Name LIKE '50\\% _lub'", ["50% Club"]),
            ("Name LIKE 'A\\%'", []),
            ("(Name = 'Alder' OR Name = 'birch') AND AccountNumber = '1'", ["birch"]),
            ("NOT (Name = 'Alder' OR Name LIKE 'b%' OR Name LIKE '%|%')", ["O'Brien", "50% Club"]),
            ("CreatedDate > 2024-01-01T00:00:00Z AND Name = 'A|B'", ["A|B"]),
            ("CreatedDate < 2024-01-01T00:00:00+02:00", []),
            ("IsDeleted = false AND name = 'birch'", ["birch"]),
        ],
    )
    def test_selects(self, org, accounts, where, names):
        assert org.names(f"SELECT Name FROM Account WHERE {where}") == names

    @pytest.mark.parametrize(
        ("soql", "code"),
        [
            ("SELECT Name FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
            ("SELECT Name FROM Account WHERE Name = 'O'Brien'", "MALFORMED_QUERY"),
            ("SELECT Name FROM Account WHERE", "MALFORMED_QUERY"),
            ("SELECT * FROM Account", "MALFORMED_QUERY"),
            ("SELECT Name Account", "MALFORMED_QUERY"),
            ("SELECT Name FROM Account LIMIT many", "MALFORMED_QUERY"),
            ("SELECT Name FROM Account WHERE Name = 'a\\x'", "MALFORMED_QUERY"),
            ("", "MALFORMED_QUERY"),
            ("SELECT Colour__c FROM Account", "INVALID_FIELD"),
            ("SELECT Boss.Name FROM Account", "INVALID_FIELD"),
            ("SELECT Name FROM Account WHERE CreatedDate > '2024-01-01'", "INVALID_FIELD"),
            ("SELECT Name FROM Account WHERE Name = 7", "INVALID_FIELD"),
            ("SELECT Name FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
            ("SELECT Name FROM Invoice", "INVALID_TYPE"),
            ("SELECT Id, (SELECT Id FROM Invoices) FROM Account", "INVALID_TYPE"),
            ("SELECT Name FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ],
    )
    def test_refuses(self, org, accounts, soql, code):
        answer = org.get("/query", params={"q": soql})

        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == code


class TestShape:
    def test_counts_without_records(self, org, accounts):
        counted = org.query("SELECT COUNT() FROM Account WHERE Name LIKE '%b%'")

        assert counted == {"totalSize": 4, "done": True, "records": []}

    def test_orders_limits_and_skips(self, org, accounts):
        names = org.names("SELECT Name FROM Account ORDER BY AccountNumber DESC NULLS LAST, Name LIMIT 3 OFFSET 1")

        assert names == ["50% Club", "O'Brien", "birch"]

    def test_nulls_come_first_in_both_directions(self, org, accounts):
        up = org.names("SELECT Name FROM Account ORDER BY AccountNumber LIMIT 2")
        down = org.names("SELECT Name FROM Account ORDER BY AccountNumber DESC LIMIT 2")

        assert (up, down) == (["Alder", "birch"], ["Alder", "A|B"])

    def test_follows_relationships(self, org, won_deal):
        (record,) = org.query(
            "SELECT Id, Account.Name, Account.BillingCountryCode, Contract.EndDate, Owner.Email "
            "FROM Opportunity WHERE Account.VAT_Number__c = 'GB123456789' AND IsWon = true"
        )["records"]

        assert record["Account"]["attributes"]["type"] == "Account"
        assert (record["Account"]["Name"], record["Account"]["BillingCountryCode"]) == ("Kestrel Foods", "GB")
        assert record["Contract"]["EndDate"] == "2027-04-30"
        assert record["Owner"]["Email"] == "integration@crm.example"

    def test_a_missing_relation_is_null(self, sim, org):
        sim.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-11-20")

        (record,) = org.query("SELECT Account.Name FROM Opportunity")["records"]

        assert record["Account"] is None

    def test_nests_children_and_answers_null_for_none(self, org, won_deal):
        soql = (
            "SELECT Id, (SELECT Product2.ProductCode, Quantity, UnitPrice FROM OpportunityLineItems "
            "WHERE Quantity > 5 ORDER BY UnitPrice DESC) FROM Opportunity"
        )

        (record,) = org.query(soql)["records"]
        lines = record["OpportunityLineItems"]
        (without,) = org.query(soql.replace("> 5", "> 500"))["records"]

        assert (lines["totalSize"], lines["done"]) == (2, True)
        assert [line["Product2"]["ProductCode"] for line in lines["records"]] == ["CONS-SR", "CONS-JR"]
        assert lines["records"][0]["UnitPrice"] == 150.5
        assert without["OpportunityLineItems"] is None

    def test_custom_children_go_by_their_relationship_name(self, org, won_deal):
        (record,) = org.query("SELECT Id, (SELECT Name, Amount__c FROM Milestones__r) FROM Contract")["records"]

        assert record["Milestones__r"]["records"][0]["Amount__c"] == 5000.0

    def test_compares_numbers_and_dates(self, sim, org):
        for day, amount in (("2026-11-19", "10.25"), ("2026-11-20", "20.5")):
            sim.create("Opportunity", Name=day, StageName="Prospecting", CloseDate=day, Amount=Decimal(amount))

        assert org.names("SELECT Name FROM Opportunity WHERE Amount >= 20.5") == ["2026-11-20"]
        assert org.names("SELECT Name FROM Opportunity WHERE CloseDate < 2026-11-20") == ["2026-11-19"]

    def test_answers_all_fields(self, org, accounts):
        record = org.query("SELECT FIELDS(ALL) FROM Account LIMIT 1")["records"][0]

        assert {"Id", "Name", "VAT_Number__c", "SystemModstamp"} <= set(record)

    def test_sees_a_write_only_after_the_search_lag(self, sim, org):
        sim.faults.arm(Fault("search_lag", times=None, options={"lag_s": 60}))

        id = sim.create("Account", Name="Kestrel Foods")

        assert org.names("SELECT Name FROM Account") == []
        assert org.get(f"/sobjects/Account/{id}").status_code == 200


class TestPages:
    SOQL = "SELECT AccountNumber FROM Account ORDER BY Id"

    @pytest.fixture(autouse=True)
    def many(self, sim):
        for number in range(450):
            sim.create("Account", Name=f"Client {number}", AccountNumber=str(number))

    def test_walks_to_the_end_by_next_url(self, org):
        page = org.query(self.SOQL, headers={"Sforce-Query-Options": "batchSize=200"})
        sizes, numbers = [len(page["records"])], [record["AccountNumber"] for record in page["records"]]
        while not page["done"]:
            page = org.send("GET", page["nextRecordsUrl"]).json()
            sizes.append(len(page["records"]))
            numbers += [record["AccountNumber"] for record in page["records"]]

        assert sizes == [200, 200, 50]
        assert numbers == [str(number) for number in range(450)]

    def test_a_page_has_2000_records_unless_asked_and_never_fewer_than_200(self, org):
        assert org.query(self.SOQL)["done"] is True
        assert len(org.query(self.SOQL, headers={"Sforce-Query-Options": "batchSize=5"})["records"]) == 200

    def test_an_eleventh_open_cursor_closes_the_first(self, org):
        small = {"Sforce-Query-Options": "batchSize=200"}
        first, *others = [org.query(self.SOQL, headers=small)["nextRecordsUrl"] for _ in range(11)]

        assert org.send("GET", first).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
        assert all(org.send("GET", url).status_code == 200 for url in others)
