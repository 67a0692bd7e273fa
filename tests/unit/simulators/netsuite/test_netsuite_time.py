"""Time entries and asynchronous batches."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from netsuite_account import Account, error_of

from accordant.simulators._shared import Fault

BATCH = {"Prefer": "respond-async", "Content-Type": "application/vnd.oracle.resource+json; type=collection"}


def put_batch(account: Account, items: list[dict[str, Any]], **headers: str) -> httpx2.Response:
    return account.call("PUT", "/record/v1/timeBill", json={"items": items}, headers=BATCH | headers)


def tasks_of(account: Account, reply: httpx2.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 202, reply.text
    job = reply.headers["Location"].removeprefix("/services/rest")
    return account.call("GET", f"{job}/task").json()["items"]


class TestTimeBill:
    def test_hours_are_hours_and_minutes(self, account: Account) -> None:
        time = account.create("timeBill", account.time_bill(account.project(account.customer()), hours="25:42"))

        assert account.read("timeBill", time)["hours"] == "25:42"
        assert account.query("SELECT hours FROM timebill") == [{"hours": "25.7"}]

    @pytest.mark.parametrize("hours", ["1.5", "1:75", "", 1.5])
    def test_other_hours_are_refused(self, account: Account, hours: Any) -> None:
        body = account.time_bill(account.project(account.customer()), hours=hours)

        assert error_of(account.call("POST", "/record/v1/timeBill", json=body))[1] == "INVALID_CONTENT"

    def test_approved_is_locked(self, account: Account) -> None:
        body = account.time_bill(account.project(account.customer()), approvalStatus={"id": "3"})
        account.call("PUT", "/record/v1/timeBill/eid:t-1", json=body)

        same = account.call("PUT", "/record/v1/timeBill/eid:t-1", json=body)
        other = account.call("PUT", "/record/v1/timeBill/eid:t-1", json={**body, "hours": "2:00"})
        deleted = account.call("DELETE", "/record/v1/timeBill/eid:t-1")

        assert same.status_code == 204
        assert "approved" in error_of(other)[2]
        assert error_of(deleted)[1] == "USER_ERROR"

    def test_reopened_can_change(self, account: Account) -> None:
        body = account.time_bill(account.project(account.customer()), approvalStatus={"id": "3"})
        time = account.create("timeBill", body)

        account.call("PATCH", f"/record/v1/timeBill/{time}", json={"approvalStatus": {"id": "1"}})
        reply = account.call("PATCH", f"/record/v1/timeBill/{time}", json={"hours": "2:00"})

        assert reply.status_code == 204

    def test_billed_is_locked_for_good(self, account: Account) -> None:
        customer = account.customer()
        time = account.create("timeBill", account.time_bill(account.project(customer), approvalStatus={"id": "3"}))
        lines = {"items": [{"doc": {"id": time}, "apply": True}]}
        account.create("invoice", {"entity": {"id": customer}, "tranDate": "2027-02-10", "time": lines})

        reply = account.call("PATCH", f"/record/v1/timeBill/{time}", json={"approvalStatus": {"id": "1"}})

        assert "billed" in error_of(reply)[2]

    def test_is_refused_for_an_inactive_project_or_employee(self, account: Account) -> None:
        project = account.project(account.customer())
        account.call("PATCH", f"/record/v1/job/{project}", json={"isInactive": True})
        on_project = account.call("POST", "/record/v1/timeBill", json=account.time_bill(project))
        account.call("PATCH", f"/record/v1/job/{project}", json={"isInactive": False})
        account.call("PATCH", f"/record/v1/employee/{account.employee}", json={"isInactive": True})
        by_employee = account.call("POST", "/record/v1/timeBill", json=account.time_bill(project))

        assert [error_of(r)[1] for r in (on_project, by_employee)] == ["USER_ERROR"] * 2

    def test_is_refused_on_a_task_of_another_project(self, account: Account) -> None:
        customer = account.customer()
        task = account.create("projectTask", {"title": "Plan", "project": {"id": account.project(customer, "A")}})

        body = account.time_bill(account.project(customer, "B"), caseTaskEvent={"id": task})

        assert "Invalid caseTaskEvent" in error_of(account.call("POST", "/record/v1/timeBill", json=body))[2]

    def test_books_carry_source_hours_and_amount(self, account: Account) -> None:
        body = account.time_bill(
            account.project(account.customer()), custcol_source_line="kantata-main/9001", hours="0:20"
        )
        account.call("PUT", "/record/v1/timeBill/eid:lin_1", json=body)

        (entry,) = [d for d in account.sim.books.documents() if d.kind == "time_bill"]

        assert (entry.key, entry.source, entry.entity, entry.currency) == ("lin_1", "kantata-main/9001", "uk01", "GBP")
        assert (str(entry.quantity), str(entry.amount), entry.state) == ("0.3333", "40.00", "open")


class TestBatch:
    def test_upserts_by_external_id(self, account: Account) -> None:
        project = account.project(account.customer())
        items = [account.time_bill(project, externalId=f"t-{n}") for n in range(100)]

        first, second = put_batch(account, items), put_batch(account, items)

        assert first.headers["Preference-Applied"] == "respond-async"
        assert [t["progress"] for t in tasks_of(account, first)] == ["succeeded"] * 100
        assert [t["progress"] for t in tasks_of(account, second)] == ["succeeded"] * 100
        assert len(account.sim.state.types["timeBill"]) == 100

    def test_one_bad_record_fails_alone(self, account: Account) -> None:
        project = account.project(account.customer())
        items = [account.time_bill(project, externalId=f"t-{n}") for n in range(3)]
        items[1]["employee"] = {"externalId": "nobody"}

        reply = put_batch(account, items)

        tasks = tasks_of(account, reply)
        assert [t["progress"] for t in tasks] == ["succeeded", "failed", "succeeded"]
        job = reply.headers["Location"].removeprefix("/services/rest")
        assert account.call("GET", job).json()["progress"] == "failed"
        good, bad = (account.call("GET", f"{job}/task/{n}/result") for n in (1, 2))
        assert (good.status_code, "/timeBill/" in good.headers["Location"]) == (204, True)
        assert error_of(bad)[1] == "INVALID_CONTENT"

    def test_partial_batch_fault_fails_every_second(self, account: Account) -> None:
        account.sim.faults.arm(Fault("partial_batch", on="PUT *", options={"every": 2}))
        project = account.project(account.customer())

        reply = put_batch(account, [account.time_bill(project, externalId=f"t-{n}") for n in range(4)])

        assert [t["progress"] for t in tasks_of(account, reply)] == ["succeeded", "failed"] * 2
        assert len(account.sim.state.types["timeBill"]) == 2

    def test_refuses_more_than_a_hundred_or_without_its_headers(self, account: Account) -> None:
        project = account.project(account.customer())
        items = [account.time_bill(project, externalId=f"t-{n}") for n in range(101)]

        assert put_batch(account, items).status_code == 400
        assert put_batch(account, items[:2], Prefer="").status_code == 400
        assert put_batch(account, items[:2], **{"Content-Type": "application/json"}).status_code == 400

    def test_idempotency_key_replays_are_refused_with_the_first_job(self, account: Account) -> None:
        project = account.project(account.customer())
        items = [account.time_bill(project, externalId="t-1")]
        key = {"X-NetSuite-Idempotency-Key": "0b7f7c0e-63a8-4a57-9e1b-5a3c1d1f0001"}

        first, again = put_batch(account, items, **key), put_batch(account, items, **key)

        assert (again.status_code, again.json()["title"]) == (400, "Conflict")
        assert error_of(again)[1] == "IDEMPOTENCY_ERROR"
        assert again.headers["Location"] == first.headers["Location"]

    def test_idempotency_key_is_ignored_when_synchronous(self, account: Account) -> None:
        key = {"X-NetSuite-Idempotency-Key": "0b7f7c0e-63a8-4a57-9e1b-5a3c1d1f0002"}
        body = {"companyName": "Larch", "subsidiary": {"id": account.uk}}

        replies = [account.call("POST", "/record/v1/customer", json=body, headers=key) for _ in range(2)]

        assert [r.status_code for r in replies] == [204, 204]
        assert len(account.sim.state.types["customer"]) == 2

    def test_runs_later_when_the_account_is_busy(self, account: Account) -> None:
        account.sim.async_delay_s = 30
        project = account.project(account.customer())

        reply = put_batch(account, [account.time_bill(project, externalId="t-1")])

        job = account.call("GET", reply.headers["Location"].removeprefix("/services/rest")).json()
        assert (job["completed"], job["progress"]) == (False, "processing")
        assert len(account.sim.state.types["timeBill"]) == 0

    def test_search_lag_hides_new_records_from_queries_only(self, account: Account) -> None:
        account.sim.faults.arm(Fault("search_lag", options={"lag_s": 60}))
        project = account.project(account.customer())
        account.call("PUT", "/record/v1/timeBill/eid:t-1", json=account.time_bill(project))

        assert account.query("SELECT id FROM timebill WHERE externalid = ?", "t-1") == []
        assert account.call("GET", "/record/v1/timeBill/eid:t-1").status_code == 200
