"""Envelope, querying, authentication and errors of the simulated Kantata OX."""

from datetime import timedelta

import pytest

from accordant.simulators._shared import Fault
from accordant.simulators.kantata import TOKEN_WITHOUT_MONEY


class TestEnvelope:
    def test_keeps_ids_as_text_and_lists_results_in_order(self, desk):
        for title in ("Beta", "Alpha", "Gamma"):
            desk.a_workspace(title=title)

        body = desk.get("workspaces.json", order="title:asc").json()

        titles = [body["workspaces"][r["id"]]["title"] for r in body["results"]]
        assert titles == ["Alpha", "Beta", "Gamma"]
        assert {r["key"] for r in body["results"]} == {"workspaces"}
        assert all(isinstance(id, str) for id in body["workspaces"])

    def test_has_a_meta_block_that_counts_all_matches(self, desk):
        for _ in range(5):
            desk.a_workspace()

        body = desk.get("workspaces", per_page=2, page=3).json()

        assert body["count"] == 5
        assert len(body["results"]) == 1
        assert body["meta"] == {"count": 5, "page_count": 3, "page_number": 3, "page_size": 2}

    def test_never_gives_more_than_200_in_a_page(self, desk):
        assert desk.get("users", per_page=5000).json()["meta"]["page_size"] == 200

    def test_lets_limit_and_offset_win_over_pages(self, desk):
        ids = [desk.a_workspace()["id"] for _ in range(3)]

        body = desk.get("workspaces", order="created_at:asc", page=9, limit=1, offset=1).json()

        assert [r["id"] for r in body["results"]] == [ids[1]]

    def test_side_loads_what_is_included_and_shows_its_ids_only_then(self, desk):
        workspace = desk.a_workspace()

        plain = desk.get(f"workspaces/{workspace['id']}").json()
        included = desk.get(f"workspaces/{workspace['id']}", include="participants,external_references").json()

        assert "participant_ids" not in plain["workspaces"][workspace["id"]]
        assert included["workspaces"][workspace["id"]]["participant_ids"] == ["1"]
        assert included["users"]["1"]["full_name"] == "Integration User"
        (reference,) = included["external_references"].values()
        assert reference["service_model_ref"] == "con-1"

    def test_shows_ids_of_columns_without_being_asked(self, desk):
        workspace = desk.a_workspace()

        entry = desk.an_entry(workspace["id"])

        assert entry["workspace_id"] == workspace["id"]
        assert entry["user_id"] == "1"
        assert "invoice_id" not in entry

    def test_gives_optional_fields_when_asked(self, desk):
        entry = desk.an_entry(desk.a_workspace()["id"])

        body = desk.get(f"time_entries/{entry['id']}", optional_fields="user_can_edit").json()

        assert body["time_entries"][entry["id"]]["user_can_edit"] is True

    def test_falls_back_to_the_default_order_for_an_unknown_one(self, desk):
        workspace = desk.a_workspace()
        old = desk.an_entry(workspace["id"], date_performed="2026-05-01")
        new = desk.an_entry(workspace["id"], date_performed="2026-05-09")

        body = desk.get("time_entries", order="nonsense:asc").json()

        assert [r["id"] for r in body["results"]] == [new["id"], old["id"]]

    def test_stamps_carry_an_offset_and_whole_seconds(self, desk):
        assert desk.a_workspace()["updated_at"].endswith("-07:00")

    def test_numbers_every_answer(self, desk):
        ok, missing = desk.get("users"), desk.get("workspaces/999")
        desk.sim.faults.arm(Fault("html_error"))
        gateway = desk.get("users")

        assert len({answer.headers["x-request-id"] for answer in (ok, missing, gateway)}) == 3

    def test_reads_a_rails_style_form_too(self, desk):
        answer = desk.call("POST", "roles", form={"role[name]": "Architect"})

        (role,) = answer.json()["roles"].values()
        assert role["name"] == "Architect"

    def test_refuses_a_body_that_is_neither(self, desk):
        answer = desk.call("POST", "roles", ["not", "an", "object"])

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["type"] == "system"


class TestDefaultFilters:
    def test_hide_archived_workspaces_from_index_and_show(self, desk):
        workspace = desk.a_workspace()
        desk.put(f"workspaces/{workspace['id']}", {"workspace": {"archived": True}})

        assert desk.get("workspaces").json()["count"] == 0
        assert desk.get(f"workspaces/{workspace['id']}").status_code == 404
        assert desk.get("workspaces", only=workspace["id"]).json()["count"] == 0
        assert desk.get("workspaces", include_archived="true").json()["count"] == 1
        assert desk.get("workspaces", archived="only").json()["count"] == 1
        assert desk.get(f"workspaces/{workspace['id']}", include_archived="true").status_code == 200

    def test_hide_time_of_archived_workspaces(self, desk):
        workspace = desk.a_workspace()
        desk.an_entry(workspace["id"])
        desk.put(f"workspaces/{workspace['id']}", {"workspace": {"archived": True}})

        assert desk.get("time_entries").json()["count"] == 0
        assert desk.get("time_entries", order="updated_at:asc").json()["count"] == 0
        assert desk.get("time_entries", from_archived_workspaces="true").json()["count"] == 1

    def test_hide_time_of_projects_of_other_accounts(self, desk):
        (foreign,) = desk.sim.load("workspaces", [{"title": "Theirs", "on_my_account": False}])
        desk.sim.load_time_entries(
            [{"workspace_id": foreign.id, "user_id": "2", "date_performed": "2026-05-06", "time_in_minutes": 60}]
        )

        assert desk.get("time_entries").json()["count"] == 0
        assert desk.get("time_entries", on_my_account="false").json()["count"] == 1

    def test_hide_unnamed_resources(self, desk):
        workspace = desk.a_workspace()
        desk.make("workspace_resources", "workspace_resource", workspace_id=workspace["id"], role_id="3")

        assert desk.get("workspace_resources").json()["count"] == 0
        assert desk.get("workspace_resources", include_unnamed="true").json()["count"] == 1
        assert desk.get("workspace_resources", only_unnamed="true").json()["count"] == 1

    def test_hide_deleted_stories(self, desk):
        workspace = desk.a_workspace()
        story = desk.make("stories", "story", workspace_id=workspace["id"], title="Design", story_type="milestone")

        assert desk.call("DELETE", f"stories/{story['id']}").status_code == 204

        assert desk.get("stories").json()["count"] == 0
        (kept,) = desk.get("stories", show_deleted="true").json()["stories"].values()
        assert kept["deleted_at"] is not None


class TestTimeEntryFilters:
    def test_presence_means_true_whatever_the_value(self, desk):
        workspace = desk.a_workspace()
        approved = desk.an_approved_entry(workspace["id"])
        desk.an_entry(workspace["id"])

        for value in ("true", "false", "0"):
            body = desk.get("time_entries", approved=value).json()
            assert [r["id"] for r in body["results"]] == [approved["id"]]
        assert desk.get("time_entries", uninvoiced="false").json()["count"] == 2
        assert desk.get("time_entries", invoiced="false").json()["count"] == 0

    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({"billable": "false"}, 1),
            ({"billable": "true"}, 2),
            ({"date_performed_between": "2026-05-02:2026-05-03"}, 2),
            ({"with_user_ids": "2,3"}, 1),
            ({"workspace_ids": "1,9"}, 3),
            ({"updated_after": "2999-01-01T00:00:00Z"}, 0),
            ({"updated_before": "2999-01-01T00:00:00Z", "order": "updated_at:asc"}, 3),
            ({"created_before": "2000-01-01T00:00:00Z"}, 0),
            ({"in_active_submission": "true"}, 0),
            ({"only": "1,3,77"}, 2),
            ({"nobody_knows_this": "1"}, 3),
        ],
    )
    def test_filters_as_documented(self, desk, params, count):
        workspace = desk.a_workspace()
        desk.an_entry(workspace["id"], date_performed="2026-05-01", user_id="2")
        desk.an_entry(workspace["id"], date_performed="2026-05-02", billable=False)
        desk.an_entry(workspace["id"], date_performed="2026-05-03")

        assert desk.get("time_entries", **params).json()["count"] == count

    def test_finds_by_up_to_200_external_ids(self, desk, reference):
        workspace = desk.a_workspace()
        entries = [
            desk.an_entry(workspace["id"], external_reference=reference(f"T-{n}", "TimeEntry")) for n in range(3)
        ]

        found = desk.get(
            "time_entries",
            external_reference_service_name="accordant",
            external_reference_service_model="TimeEntry",
            external_reference_service_model_refs="T-0,T-2,T-9",
        ).json()

        assert {r["id"] for r in found["results"]} == {entries[0]["id"], entries[2]["id"]}
        many = ",".join(f"T-{n}" for n in range(201))
        assert desk.get("time_entries", external_reference_service_model_refs=many).status_code == 400
        other = {"external_reference_service_name": "other", "external_reference_service_model_refs": "T-0"}
        assert desk.get("time_entries", **other).json()["count"] == 0
        assert desk.get("time_entries", without_external_reference_service_name="accordant").json()["count"] == 0

    def test_breaks_ties_of_the_order_by_id(self, desk):
        workspace = desk.a_workspace()
        ids = [desk.an_entry(workspace["id"])["id"] for _ in range(4)]

        up = desk.get("time_entries", order="date_performed:asc").json()["results"]
        down = desk.get("time_entries", order="date_performed:desc").json()["results"]

        assert [r["id"] for r in up] == ids
        assert [r["id"] for r in down] == ids

    def test_hides_fresh_writes_from_searches_while_the_search_lags(self, desk):
        workspace = desk.a_workspace()
        desk.sim.faults.arm(Fault("search_lag", times=None, options={"lag_s": 60}))
        entry = desk.an_entry(workspace["id"])

        assert desk.get("time_entries", order="updated_at:asc").json()["count"] == 0
        assert desk.get("time_entries").json()["count"] == 0
        assert desk.get(f"time_entries/{entry['id']}").status_code == 200


class TestPagingOfManyEntries:
    def test_reads_every_entry_once_in_the_order_of_updates(self, desk):
        workspace = desk.a_workspace()
        row = {"workspace_id": workspace["id"], "user_id": "2", "date_performed": "2026-05-06", "time_in_minutes": 60}
        rows = (row | {"approved": n % 2 == 0} for n in range(1000))
        desk.sim.load_time_entries(rows)

        pages = [
            desk.get("time_entries", approved="", order="updated_at:asc", per_page=200, page=n).json()
            for n in (1, 2, 3)
        ]

        ids = [r["id"] for page in pages for r in page["results"]]
        assert len(ids) == len(set(ids)) == 500
        assert ids == sorted(ids, key=int)
        assert pages[2]["meta"]["page_count"] == 3

    def test_a_changed_entry_moves_to_the_end(self, desk):
        workspace = desk.a_workspace()
        first, second = desk.an_entry(workspace["id"]), desk.an_entry(workspace["id"])
        desk.sim.clock.offset = timedelta(minutes=1)
        desk.put(f"time_entries/{first['id']}", {"time_entry": {"notes": "more"}})

        body = desk.get("time_entries", order="updated_at:asc").json()

        assert [r["id"] for r in body["results"]] == [second["id"], first["id"]]


class TestAuthentication:
    def test_refuses_a_call_without_token(self, desk):
        answer = desk.call("GET", "users", headers={})

        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}

    def test_exchanges_a_code_once_for_a_lasting_token(self, desk):
        form = {"grant_type": "authorization_code", "client_id": "id", "client_secret": "s", "code": "code-1",
                "redirect_uri": "https://accordant.example/back"}  # fmt: skip

        first, again = desk.post("/oauth/token", form), desk.post("/oauth/token", form)

        assert first.json().keys() == {"access_token", "token_type"}
        assert again.status_code == 400
        desk.token = first.json()["access_token"]
        assert desk.get("users").status_code == 200

    def test_forgets_the_token_when_told_to(self, desk):
        desk.sim.faults.arm(Fault("expired_token"))

        assert desk.get("users").status_code == 401


class TestFinancialAccess:
    def test_money_vanishes_without_it(self, desk):
        workspace = desk.a_workspace(price="1000.00")
        entry = desk.an_entry(workspace["id"])
        desk.token = TOKEN_WITHOUT_MONEY

        seen = desk.get(f"time_entries/{entry['id']}", include="workspace").json()

        assert "rate_in_cents" not in seen["time_entries"][entry["id"]]
        assert "price_in_cents" not in seen["workspaces"][workspace["id"]]
        assert seen["time_entries"][entry["id"]]["time_in_minutes"] == 90
        assert desk.get("invoices").json()["count"] == 0
        assert desk.post("invoices", {"invoice": {}}).status_code == 403

    def test_a_given_user_is_ignored_without_proxy_permission(self, desk):
        workspace = desk.a_workspace()
        desk.token = TOKEN_WITHOUT_MONEY

        assert desk.an_entry(workspace["id"], user_id="3")["user_id"] == "2"


class TestThrottling:
    def test_answers_429_without_headers_on_the_listed_endpoints_only(self, desk):
        desk.sim.throttle_rate = 1.0

        answer = desk.get("workspaces")

        assert answer.status_code == 429
        assert not {"retry-after", "x-ratelimit-limit", "ratelimit"} & set(answer.headers)
        assert desk.get("users").status_code == 200

    def test_answers_504_after_its_own_timeout(self, desk):
        desk.sim.faults.arm(Fault("timeout_before_commit", options={"hang_s": 0}))

        assert desk.post("roles", {"role": {"name": "Architect"}}).status_code == 504
        assert desk.get("roles").json()["count"] == 4

    def test_names_a_malformed_filter(self, desk):
        for params in ({"page": "x"}, {"updated_after": "yesterday"}, {"updated_after": "2026-01-01T00:00:00"}):
            answer = desk.get("workspaces", **params)
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["type"] == "system"

    def test_needs_the_subject_type_of_references_and_values(self, desk):
        assert desk.get("external_references").status_code == 400
        assert desk.get("custom_field_values").status_code == 400
