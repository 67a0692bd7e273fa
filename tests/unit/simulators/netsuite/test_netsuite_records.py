"""The record service as the vendor documents it: writes, addresses, external ids, pages."""

from __future__ import annotations

import pytest
from netsuite_account import Account, error_of


class TestWrites:
    def test_answer_without_a_body_and_with_a_location(self, account: Account) -> None:
        reply = account.call(
            "POST", "/record/v1/customer", json={"companyName": "Larch", "subsidiary": {"id": account.uk}}
        )

        assert (reply.status_code, reply.content) == (204, b"")
        assert reply.headers["Location"].startswith(
            "https://1234567.suitetalk.api.netsuite.com/services/rest/record/v1/customer/"
        )

    def test_put_twice_by_external_id_keeps_one_record(self, account: Account) -> None:
        body = {"companyName": "Larch", "subsidiary": {"id": account.uk}}

        first = account.call("PUT", "/record/v1/customer/eid:cus_1", json=body)
        second = account.call("PUT", "/record/v1/customer/eid:cus_1", json={**body, "phone": "123"})

        assert first.headers["Location"] == second.headers["Location"]
        assert account.read("customer", "eid:cus_1")["phone"] == "123"
        assert len([d for d in account.sim.books.documents() if d.kind == "customer"]) == 1

    def test_put_needs_an_external_id(self, account: Account) -> None:
        customer = account.customer()

        reply = account.call("PUT", f"/record/v1/customer/{customer}", json={"phone": "1"})

        assert error_of(reply)[:2] == (400, "INVALID_REQUEST")

    def test_delete_is_gone_and_frees_the_external_id(self, account: Account) -> None:
        account.customer(externalId="cus_1")

        reply = account.call("DELETE", "/record/v1/customer/eid:cus_1")

        assert reply.status_code == 204
        assert account.call("GET", "/record/v1/customer/eid:cus_1").status_code == 404
        account.customer(externalId="cus_1")

    def test_patch_changes_only_what_is_given_and_null_clears(self, account: Account) -> None:
        customer = account.customer(phone="1", email="a@larch.example")

        account.call("PATCH", f"/record/v1/customer/{customer}", json={"phone": None})

        row = account.read("customer", customer)
        assert "phone" not in row
        assert row["email"] == "a@larch.example"

    @pytest.mark.parametrize(
        ("headers", "status", "warned"),
        [({}, 204, "compnyName"), ({"X-NetSuite-PropertyNameValidation": "Ignore"}, 204, "")],
    )
    def test_drop_unknown_properties_with_a_warning(
        self, account: Account, headers: dict[str, str], status: int, warned: str
    ) -> None:
        body = {"companyName": "Larch", "subsidiary": {"id": account.uk}, "compnyName": "x"}

        reply = account.call("POST", "/record/v1/customer", json=body, headers=headers)

        assert reply.status_code == status
        assert reply.headers.get("Warning", "").rpartition(": ")[2].rstrip('"') == warned

    def test_refuse_unknown_properties_when_asked_to(self, account: Account) -> None:
        strict = {"X-NetSuite-PropertyNameValidation": "Error"}
        line = {"item": {"id": account.item}, "amount": 5, "custcol_sorce": "x"}
        body = {"entity": {"id": account.customer()}, "item": {"items": [line]}}

        reply = account.call("POST", "/record/v1/invoice", json=body, headers=strict)

        assert error_of(reply)[:2] == (400, "INVALID_CONTENT")
        assert "item.custcol_sorce" in reply.text

    def test_refuse_a_reference_to_nothing_and_name_its_path(self, account: Account) -> None:
        body = {"entity": {"id": account.customer()}, "item": {"items": [{"item": {"id": "9999"}, "amount": 5}]}}

        reply = account.call("POST", "/record/v1/invoice", json=body)

        status, code, detail = error_of(reply)
        assert (status, code) == (400, "INVALID_CONTENT")
        assert "Invalid Field Value 9999" in detail
        assert reply.json()["o:errorDetails"][0]["o:errorPath"] == "item.items[0].item"

    def test_refuse_master_data_that_the_role_may_not_change(self, account: Account) -> None:
        reply = account.call("PATCH", f"/record/v1/accountingPeriod/{account.periods[0]}", json={"closed": False})

        assert error_of(reply)[:2] == (403, "INSUFFICIENT_PERMISSION")


class TestExternalIds:
    def test_are_unique_across_the_entity_family(self, account: Account) -> None:
        customer = account.customer(externalId="shared")

        reply = account.call(
            "POST", "/record/v1/job", json={"companyName": "Move", "parent": {"id": customer}, "externalId": "shared"}
        )

        status, code, detail = error_of(reply)
        assert (status, code) == (400, "USER_ERROR")
        assert "already exists" in detail

    def test_customer_and_project_share_one_sequence_of_ids(self, account: Account) -> None:
        customer = account.customer()
        project = account.project(customer)

        assert int(project) == int(customer) + 1
        assert account.call("GET", f"/record/v1/customer/{project}").status_code == 404

    def test_address_references_too(self, account: Account) -> None:
        account.customer(externalId="cus_1")

        project = account.create("job", {"companyName": "Move", "parent": {"externalId": "cus_1"}})

        assert account.read("job", project)["parent"]["refName"] == "Larch Foods"

    def test_with_a_pipe_are_refused_in_the_address(self, account: Account) -> None:
        reply = account.call("GET", "/record/v1/customer/eid:A%7CB")

        assert error_of(reply)[:2] == (400, "INVALID_REQUEST")

    def test_a_second_entity_of_one_name_is_refused(self, account: Account) -> None:
        account.customer(entityId="LARCH")

        reply = account.call(
            "POST",
            "/record/v1/customer",
            json={"companyName": "L", "entityId": "LARCH", "subsidiary": {"id": account.uk}},
        )

        assert "This entity already exists" in error_of(reply)[2]


class TestReads:
    def test_sublists_are_links_unless_expanded(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100)

        folded, open_ = account.read("invoice", invoice, ""), account.read("invoice", invoice)

        assert list(folded["item"]) == ["links"]
        assert open_["item"]["items"][0]["grossAmt"] == 120
        line = account.call("GET", f"/record/v1/invoice/{invoice}/item/1").json()
        assert line["amount"] == 100

    def test_enums_are_objects_unless_simple(self, account: Account) -> None:
        invoice = account.invoice(account.customer(), 100)

        assert account.read("invoice", invoice)["approvalStatus"] == {"id": "1", "refName": "Pending Approval"}
        assert account.read("invoice", invoice, "simpleEnumFormat=true")["approvalStatus"] == "1"

    def test_of_nothing_answer_with_the_vendors_error(self, account: Account) -> None:
        assert error_of(account.call("GET", "/record/v1/customer/1"))[:2] == (404, "NONEXISTENT_ID")

    @pytest.mark.parametrize("query", ["limit=1001", "limit=0", "limit=10&offset=5", "limit=x"])
    def test_refuse_pages_that_do_not_divide(self, account: Account, query: str) -> None:
        assert error_of(account.call("GET", f"/record/v1/customer?{query}"))[:2] == (400, "INVALID_REQUEST")

    def test_collections_give_ids_only_in_pages(self, account: Account) -> None:
        ids = [account.customer(f"Client {n}") for n in range(5)]

        page = account.call("GET", "/record/v1/customer?limit=2&offset=2").json()

        assert [i["id"] for i in page["items"]] == ids[2:4]
        assert set(page["items"][0]) == {"id", "links"}
        assert (page["count"], page["hasMore"], page["totalResults"]) == (2, True, 5)
        assert {"self", "next", "prev", "first"} == {link["rel"] for link in page["links"]}

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ('companyName START_WITH "Lar"', ["Larch"]),
            ('companyName IS "Larch" OR companyName IS "Elm" AND isPerson IS true', ["Larch"]),
            ('companyName CONTAIN_NOT "arc"', ["Elm"]),
            ('externalId IS "A|B"', ["Elm"]),
            ("creditLimit BETWEEN [10, 30]", ["Larch"]),
            ("creditLimit GREATER_OR_EQUAL 50", ["Elm"]),
            ("lastModifiedDate EMPTY AND (phone EMPTY)", ["Larch", "Elm"]),
            ('dateCreated ON_OR_AFTER "1/1/2020"', ["Larch", "Elm"]),
        ],
    )
    def test_q_filters_by_operators(self, account: Account, q: str, found: list[str]) -> None:
        account.customer("Larch", creditLimit=20)
        account.customer("Elm", creditLimit=50, externalId="A|B")

        ids = [i["id"] for i in account.call("GET", "/record/v1/customer", params={"q": q}).json()["items"]]

        assert [account.read("customer", id)["companyName"] for id in ids] == found

    @pytest.mark.parametrize(
        "q",
        [
            'dateCreated AFTER "2027-01-01"',
            "nothing IS 1",
            "companyName GREATER 1",
            'companyName IS "a" AND',
            "(phone EMPTY",
        ],
    )
    def test_q_refuses_iso_dates_and_nonsense(self, account: Account, q: str) -> None:
        assert error_of(account.call("GET", "/record/v1/customer", params={"q": q}))[:2] == (400, "INVALID_REQUEST")

    def test_hostile_names_come_back_as_they_went(self, account: Account) -> None:
        for name in ("O'Brien", "=HYPERLINK(", "A|B", "שלום עולם", "𝔇elta 🚀"):
            customer = account.customer(name)

            assert account.read("customer", customer)["companyName"] == name
            assert account.query("SELECT id FROM customer WHERE companyname = ?", name) == [{"id": customer}]
