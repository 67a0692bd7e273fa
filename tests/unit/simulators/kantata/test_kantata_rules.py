"""Validation, locks, life cycles, references and books of the simulated Kantata OX."""

from decimal import Decimal

import pytest

from accordant.simulators._shared import Fault


def problems(answer):
    assert answer.status_code == 422, answer.text
    return {(e.get("field"), e["message"]) for e in answer.json()["errors"]}


class TestValidation:
    def test_a_project_needs_a_title_and_a_role(self, desk):
        answer = desk.post("workspaces.json", {"workspace": {}})

        assert problems(answer) == {
            ("title", "Please give your project a title"),
            ("creator_role", "Please select a role for this project"),
        }
        assert all(e["type"] == "validation" for e in answer.json()["errors"])

    def test_an_unknown_record_is_not_found(self, desk):
        answer = desk.get("workspaces/999.json")

        assert answer.status_code == 404
        assert answer.json() == {"errors": [{"type": "system", "message": "Not found"}]}

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"time_in_minutes": 0}, "time_in_minutes"),
            ({"time_in_minutes": 1441}, "time_in_minutes"),
            ({"date_performed": "06.05.2026"}, "date_performed"),
            ({"workspace_id": "99"}, "workspace_id"),
            ({"story_id": "99"}, "story_id"),
        ],
    )
    def test_time_must_make_sense(self, desk, fields, field):
        workspace = desk.a_workspace()
        given = {"workspace_id": workspace["id"], "date_performed": "2026-05-06", "time_in_minutes": 60} | fields

        answer = desk.post("time_entries", {"time_entry": given})

        assert field in {name for name, _ in problems(answer)}

    def test_drops_fields_nobody_may_write(self, desk):
        entry = desk.an_entry(desk.a_workspace()["id"], approved=True, is_invoiced=True)

        assert entry["approved"] is False
        assert entry["is_invoiced"] is False

    def test_no_time_on_an_archived_project(self, desk):
        workspace = desk.a_workspace()
        desk.put(f"workspaces/{workspace['id']}", {"workspace": {"archived": True}})
        given = {"workspace_id": workspace["id"], "date_performed": "2026-05-06", "time_in_minutes": 60}

        assert desk.post("time_entries", {"time_entry": given}).status_code == 422

    def test_an_expense_is_billable_on_create_and_is_billable_on_read(self, desk):
        workspace = desk.a_workspace()

        expense = desk.make("expenses", "expense", workspace_id=workspace["id"], date="2026-05-06", category="Travel",
                            amount_in_cents=4200, billable=False)  # fmt: skip

        assert expense["is_billable"] is False
        assert "billable" not in expense


class TestNoIdempotency:
    def test_a_second_post_creates_a_second_record(self, desk, reference):
        desk.a_workspace("con-7")
        desk.a_workspace("con-7")

        found = desk.get("workspaces", external_reference_service_model_refs="con-7").json()

        assert found["count"] == 2

    def test_keeps_the_write_of_a_call_that_timed_out(self, desk):
        desk.sim.faults.arm(Fault("timeout_after_commit", on="POST /api/v1/workspaces*", options={"hang_s": 0}))

        answer = desk.post("workspaces", {"workspace": {"title": "T", "creator_role": "maven"}})

        assert answer.status_code == 504
        assert desk.get("workspaces").json()["count"] == 1


class TestExternalReferences:
    def test_are_one_per_service_and_subject(self, desk, reference):
        workspace = desk.a_workspace("con-1")
        change = reference("con-2") | {"subject_type": "Workspace", "subject_id": workspace["id"]}

        answer = desk.post("external_references/create_or_update.json", {"external_reference": change})

        (row,) = answer.json()["external_references"].values()
        assert row["service_model_ref"] == "con-2"
        assert desk.get("external_references", subject_type="Workspace").json()["count"] == 1
        assert desk.get("workspaces", external_reference_service_model_refs="con-1").json()["count"] == 0
        assert desk.get("workspaces", external_reference_service_model_refs="con-2").json()["count"] == 1

    def test_are_written_with_an_update_too(self, desk, reference):
        workspace = desk.a_workspace("con-1")

        desk.put(f"workspaces/{workspace['id']}", {"workspace": {"external_reference": reference("con-3")}})

        assert desk.get("workspaces", external_reference_service_model_refs="con-3").json()["count"] == 1

    def test_do_not_exist_for_staffing_requests(self, desk, reference):
        given = reference("x") | {"subject_type": "ResourceRequest", "subject_id": "1"}

        answer = desk.post("external_references/create_or_update", {"external_reference": given})

        assert "subject_type" in {field for field, _ in problems(answer)}

    def test_lock_their_subject_when_told_to(self, desk, reference):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"], external_reference=reference("T-1", "TimeEntry") | {"locked": True})

        answer = desk.put(f"time_entries/{entry['id']}", {"time_entry": {"notes": "late"}})

        assert problems(answer) == {("base", "Time entry is locked by an external system")}

    def test_are_forgotten_when_deleted(self, desk):
        desk.a_workspace("con-1")

        assert desk.call("DELETE", "external_references/1").status_code == 204

        assert desk.get("workspaces", external_reference_service_model_refs="con-1").json()["count"] == 0


class TestApproval:
    def test_approves_the_time_of_a_submission(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"])
        sheet = desk.a_submission(workspace["id"], entry["id"])
        assert sheet["line_item_total_in_cents"] == 30000

        desk.put(f"timesheet_submissions/{sheet['id']}/approve", {"resolution": {"description": "fine"}})

        seen = desk.get(f"time_entries/{entry['id']}", include="active_submission").json()
        assert seen["time_entries"][entry["id"]]["approved"] is True
        assert seen["timesheet_submissions"][sheet["id"]]["status"] == "approved"

    def test_approves_many_submissions_at_once(self, desk):
        workspace = desk.a_workspace()
        sheets = [desk.a_submission(workspace["id"], desk.an_entry(workspace["id"])["id"]) for _ in range(2)]
        ids = [int(s["id"]) for s in sheets]

        body = desk.post("timesheet_approvals", {"resolution": {"submission_ids": ids}}).json()

        assert [r["type"] for r in body["resolutions"].values()] == ["approval", "approval"]
        assert desk.get("time_entries", approved="").json()["count"] == 2

    def test_rejecting_frees_the_entries(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"])
        sheet = desk.a_submission(workspace["id"], entry["id"])

        desk.put(f"timesheet_submissions/{sheet['id']}/reject")

        assert desk.put(f"time_entries/{entry['id']}", {"time_entry": {"time_in_minutes": 60}}).status_code == 200
        assert desk.a_submission(workspace["id"], entry["id"])["id"] != sheet["id"]

    def test_cancelling_an_approved_submission_withdraws_the_approval(self, desk):
        workspace = desk.a_workspace()
        desk.an_approved_entry(workspace["id"])

        assert desk.put("timesheet_submissions/1/cancel").status_code == 200

        assert desk.get("time_entries", approved="").json()["count"] == 0
        assert desk.put("timesheet_submissions/1/approve").status_code == 422

    def test_takes_one_project_per_submission(self, desk):
        one, two = desk.a_workspace(), desk.a_workspace()
        entry = desk.an_entry(two["id"])
        given = {"workspace_id": one["id"], "line_item_ids": [entry["id"]]}

        answer = desk.post("timesheet_submissions", {"timesheet_submission": given})

        assert problems(answer) == {("line_item_ids", "Line items must all belong to the project")}

    def test_approves_an_expense_report(self, desk):
        workspace = desk.a_workspace()
        expense = desk.make("expenses", "expense", workspace_id=workspace["id"], date="2026-05-06", category="Travel",
                            amount_in_cents=4200)  # fmt: skip
        report = desk.make("expense_report_submissions", "expense_report_submission", workspace_id=workspace["id"],
                           line_item_ids=[expense["id"]])  # fmt: skip

        desk.put(f"expense_report_submissions/{report['id']}/approve")

        assert desk.get("expenses", approved="").json()["count"] == 1


class TestLocks:
    def test_submitted_approved_and_invoiced_time_cannot_be_changed(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"])

        def said(method="PUT"):
            answer = desk.call(method, f"time_entries/{entry['id']}", {"time_entry": {"time_in_minutes": 30}})
            return next(iter(problems(answer)))[1].rpartition("been ")[2]

        sheet = desk.a_submission(workspace["id"], entry["id"])
        assert said() == "submitted for approval"
        desk.put(f"timesheet_submissions/{sheet['id']}/approve")
        assert said() == "approved"
        an_invoice(desk, workspace, entry)
        assert said() == "invoiced"
        assert said("DELETE") == "invoiced"

    def test_time_is_corrected_by_an_adjustment(self, desk):
        workspace = desk.a_workspace()

        adjustment = desk.make("time_adjustments", "time_adjustment", workspace_id=workspace["id"], user_id="2",
                               original_date="2026-05-06", posted_on_date="2026-05-31", time=-30)  # fmt: skip

        assert adjustment["time"] == -30
        assert adjustment["currency"] == "USD"


def an_invoice(desk, workspace, *entries, **fields):
    given = {"payment_schedule": 30, "expense_ids": [], "time_entry_ids": [e["id"] for e in entries]} | fields
    return desk.make("invoices", "invoice", workspace_id=workspace["id"], **given)


class TestInvoices:
    def test_marks_its_entries_and_frees_them_when_cancelled(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_approved_entry(workspace["id"])

        invoice = an_invoice(desk, workspace, entry)

        assert invoice["balance_in_cents"] == 30000
        assert desk.get("time_entries", invoiced="").json()["count"] == 1
        assert desk.put(f"invoices/{invoice['id']}/cancel").status_code == 200
        assert desk.get("time_entries", uninvoiced="").json()["count"] == 1
        assert desk.put(f"invoices/{invoice['id']}/cancel").status_code == 422

    def test_takes_only_approved_time_that_is_not_invoiced(self, desk):
        workspace = desk.a_workspace()
        given = {"workspace_id": workspace["id"], "payment_schedule": 30, "expense_ids": []}
        pending = desk.an_entry(workspace["id"])
        answer = desk.post("invoices", {"invoice": given | {"time_entry_ids": [pending["id"]]}})
        assert problems(answer) == {("time_entry_ids", "Line items must be approved before they are invoiced")}

        done = desk.an_approved_entry(workspace["id"])
        an_invoice(desk, workspace, done)
        answer = desk.post("invoices", {"invoice": given | {"time_entry_ids": [done["id"]]}})
        assert problems(answer) == {("time_entry_ids", "Line items have already been invoiced")}

    def test_needs_its_arrays_even_if_empty(self, desk):
        answer = desk.post("invoices", {"invoice": {"workspace_id": desk.a_workspace()["id"], "payment_schedule": 30}})

        assert {"time_entry_ids", "expense_ids"} <= {field for field, _ in problems(answer)}

    def test_deleting_frees_the_entries_and_leaves_nothing(self, desk):
        workspace = desk.a_workspace()
        invoice = an_invoice(desk, workspace, desk.an_approved_entry(workspace["id"]))

        assert desk.call("DELETE", f"invoices/{invoice['id']}").status_code == 204

        assert desk.get("time_entries", uninvoiced="").json()["count"] == 1
        assert desk.get(f"invoices/{invoice['id']}").status_code == 404

    def test_a_payment_pays_the_whole_invoice_once(self, desk):
        workspace = desk.a_workspace()
        invoice = an_invoice(desk, workspace, desk.an_approved_entry(workspace["id"]))
        given = {"workspace_id": workspace["id"], "invoice_id": invoice["id"], "amount_in_cents": 1}

        paid = desk.make("external_payments", "external_payment", **given)

        assert paid["amount_in_cents"] == 30000
        assert desk.get("invoices", paid="true").json()["count"] == 1
        assert desk.post("external_payments", {"external_payment": given}).status_code == 422
        assert desk.put("external_payments/1", {"external_payment": {"message": "x"}}).status_code == 404

    @pytest.mark.parametrize(
        ("currency", "base_unit", "rate", "amount"),
        [("USD", 100, 20000, "300.00"), ("JPY", 1, 15001, "22502"), ("KWD", 1000, 33333, "50.000")],
    )
    def test_counts_in_the_currency_s_own_subunits(self, desk, currency, base_unit, rate, amount):
        workspace = desk.a_workspace(currency=currency)
        entry = desk.an_approved_entry(workspace["id"], rate_in_cents=rate)
        assert entry["currency_base_unit"] == base_unit

        an_invoice(desk, workspace, entry)

        (document,) = desk.books("invoice")
        assert document.amount == Decimal(amount)
        assert document.currency == currency


class TestStaffing:
    def test_a_request_creates_an_unnamed_resource_and_is_decided_once(self, desk):
        workspace = desk.a_workspace()
        request = desk.make("resource_requests", "resource_request", resource_workspace_id=workspace["id"],
                            resource_role_id="3", approver_ids=["2"], workspace_allocation_start_date="2026-06-01",
                            workspace_allocation_end_date="2026-06-30", workspace_allocation_percentage=50)  # fmt: skip

        seen = desk.get("resource_requests", include="resource").json()

        (resource,) = seen["workspace_resources"].values()
        assert resource["id"] == request["resource_id"]
        assert resource["display_label"] == "Consultant"
        assert desk.get("workspace_allocations").json()["count"] == 1
        assert desk.put(f"resource_requests/{request['id']}/approve").status_code == 200
        assert desk.put(f"resource_requests/{request['id']}/reject").status_code == 422

    def test_a_request_needs_approvers(self, desk):
        answer = desk.post("resource_requests", {"resource_request": {"approver_ids": [], "resource_id": None}})

        assert {field for field, _ in problems(answer)} == {"approver_ids", "resource_id"}

    def test_a_named_resource_joins_the_project(self, desk):
        workspace = desk.a_workspace()

        desk.make("workspace_resources", "workspace_resource", workspace_id=workspace["id"], user_id="3")

        seen = desk.get(f"workspaces/{workspace['id']}", include="participants").json()
        assert set(seen["users"]) == {"1", "3"}

    def test_a_membership_is_disabled_by_its_verb(self, desk):
        answer = desk.put("account_memberships/3/disable")

        assert answer.json()["account_memberships"]["3"]["disabled_at"]
        assert desk.get("users/3").json()["users"]["3"]["disabled"] is True


class TestRates:
    def test_the_rate_card_of_the_project_wins(self, desk):
        card = desk.make("rate_cards", "rate_card", title="Standard", currency="USD")
        version = desk.make("rate_card_versions", "rate_card_version", rate_card_id=card["id"], default_rate=17000)
        desk.make("rate_card_roles", "rate_card_role", rate_card_version_id=version["id"], role_id="1", rate=40000)
        workspace = desk.a_workspace(rate_card_id=card["id"])

        partner = desk.an_entry(workspace["id"], rate_in_cents=None, role_id="1")
        other = desk.an_entry(workspace["id"], rate_in_cents=None)

        assert partner["rate_in_cents"] == 40000
        assert other["rate_in_cents"] == 17000

    def test_a_member_without_card_has_the_own_rate(self, desk):
        assert desk.an_entry(desk.a_workspace()["id"], rate_in_cents=None, user_id="2")["rate_in_cents"] == 20000


class TestBulkCreate:
    def test_creates_up_to_100(self, desk):
        workspace = desk.a_workspace()
        row = {"workspace_id": workspace["id"], "date_performed": "2026-05-06", "time_in_minutes": 60}

        made = desk.post("time_entries", {"time_entries": [row] * 100})
        many = desk.post("time_entries", {"time_entries": [row] * 101})

        assert made.json()["count"] == 100
        assert len(made.json()["results"]) == 100
        assert many.status_code == 400

    def test_one_bad_row_refuses_all(self, desk):
        row = {"workspace_id": desk.a_workspace()["id"], "date_performed": "2026-05-06", "time_in_minutes": 60}

        answer = desk.post("time_entries", {"time_entries": [row, row | {"time_in_minutes": -1}]})

        assert answer.status_code == 422
        assert desk.get("time_entries").json()["count"] == 0

    def test_keeps_the_others_of_a_partial_batch(self, desk):
        row = {"workspace_id": desk.a_workspace()["id"], "date_performed": "2026-05-06", "time_in_minutes": 60}
        desk.sim.faults.arm(Fault("partial_batch", options={"every": 2}))

        answer = desk.post("time_entries", {"time_entries": [row] * 5})

        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == 2
        assert desk.get("time_entries").json()["count"] == 3

    def test_deletes_all_or_none(self, desk):
        workspace = desk.a_workspace()
        free, locked = desk.an_entry(workspace["id"]), desk.an_approved_entry(workspace["id"])

        refused = desk.call("DELETE", "time_entries", ids=f"{free['id']},{locked['id']}")

        assert refused.status_code == 422
        assert desk.get("time_entries").json()["count"] == 2
        assert desk.call("DELETE", "time_entries", ids=free["id"]).status_code == 204


class TestCustomFields:
    def test_setting_a_value_again_overwrites_it(self, desk):
        workspace = desk.a_workspace()
        fields = desk.get("custom_fields", subject_type="Workspace").json()["custom_fields"]
        id = next(i for i, f in fields.items() if f["name"] == "Engagement state")
        row = {"subject_type": "Workspace", "subject_id": workspace["id"], "custom_field_id": id}

        for value in ("sold", "activated"):
            desk.post("custom_field_values", {"custom_field_values": [row | {"value": value}]})

        seen = desk.get("custom_field_values", subject_type="Workspace", with_subject_id=workspace["id"]).json()
        assert [v["value"] for v in seen["custom_field_values"].values()] == ["activated"]
        assert desk.books("project")[0].facts["engagement_state"] == "activated"

    def test_are_set_with_a_new_project(self, desk):
        fields = desk.get("custom_fields").json()["custom_fields"]
        id = next(i for i, f in fields.items() if f["name"] == "Legal entity")

        desk.a_workspace(custom_fields=[{"custom_field_id": id, "value": "uk01"}])

        assert desk.books("project")[0].entity == "uk01"


class TestBooks:
    def test_show_what_was_accepted(self, desk, reference):
        group = desk.make("workspace_groups", "workspace_group", name="O'Brien & Söhne", company=True,
                          external_reference=reference("cus-1", "Customer"))  # fmt: skip
        workspace = desk.a_workspace("con-1", primary_workspace_group_id=group["id"], title="=HYPERLINK(")
        desk.an_approved_entry(workspace["id"], time_in_minutes=100, rate_in_cents=10001)

        (customer,), (project,), (entry,) = desk.books("customer"), desk.books("project"), desk.books("time_entry")

        assert (customer.key, customer.facts["name"]) == ("cus-1", "O'Brien & Söhne")
        assert (project.key, project.parent, project.facts["title"]) == ("con-1", group["id"], "=HYPERLINK(")
        assert (entry.amount, entry.state, entry.parent) == (Decimal("166.68"), "approved", workspace["id"])
        assert round(entry.quantity, 4) == Decimal("1.6667")

    def test_follow_the_life_of_an_invoice(self, desk):
        workspace = desk.a_workspace()
        invoice = an_invoice(desk, workspace, desk.an_approved_entry(workspace["id"]))
        desk.make("external_payments", "external_payment", workspace_id=workspace["id"], invoice_id=invoice["id"])

        (document,), (payment,) = desk.books("invoice"), desk.books("payment")

        assert (document.state, document.amount) == ("paid", Decimal("300.00"))
        assert (payment.parent, payment.amount) == (invoice["id"], Decimal("300.00"))
        assert desk.books("time_entry")[0].state == "invoiced"
