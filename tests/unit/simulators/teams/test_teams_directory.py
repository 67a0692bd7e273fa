"""Token endpoint, users and groups of the simulated tenant."""

from datetime import timedelta

import pytest

from accordant.simulators._shared import Fault


class TestTokenEndpoint:
    def test_gives_a_token_without_refresh_token(self, tenant):
        body = tenant.sign_in().json()

        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == 3599
        assert "refresh_token" not in body

    @pytest.mark.parametrize(
        ("overrides", "status", "error", "number"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
            ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
            ({"tenant": "elsewhere"}, 400, "invalid_request", 90002),
            ({"scope": "https://other.example/.default"}, 400, "invalid_resource", 500011),
            ({"grant_type": "refresh_token", "refresh_token": "old"}, 400, "invalid_grant", 70008),
        ],
    )
    def test_refuses_with_the_number_of_the_reason(self, tenant, overrides, status, error, number):
        answer = tenant.sign_in(**overrides)

        assert answer.status_code == status
        assert answer.json()["error"] == error
        assert answer.json()["error_codes"] == [number]
        assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")

    def test_refuses_an_expired_secret(self, tenant):
        tenant.sim.identity.secret_expired = True

        assert tenant.sign_in().json()["error_codes"] == [7000222]

    def test_rotates_the_refresh_token_of_a_person(self, tenant):
        first = tenant.sim.identity.delegate(tenant.olga)

        second = tenant.sign_in(grant_type="refresh_token", refresh_token=first).json()["refresh_token"]

        assert second != first
        assert tenant.sign_in(grant_type="refresh_token", refresh_token=first).status_code == 400


class TestDoor:
    def test_refuses_a_call_without_token(self, tenant):
        answer = tenant.call("GET", "/users", headers={"authorization": ""})

        assert answer.status_code == 401
        assert answer.json()["error"]["message"] == "Access token is empty."

    def test_refuses_a_token_past_its_life(self, tenant):
        tenant.call("GET", "/users")
        tenant.sim.clock.offset = timedelta(hours=2)

        answer = tenant.call("GET", "/users")

        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    def test_refuses_a_bot_token_at_graph(self, tenant):
        assert tenant.call("GET", "/users", headers=tenant.as_bot()).status_code == 401

    def test_refuses_without_permission(self, tenant):
        tenant.sim.identity.roles.discard("User.Read.All")

        answer = tenant.call("GET", "/users")

        assert answer.status_code == 403
        assert "User.Read.All" in answer.json()["error"]["message"]

    def test_echoes_the_request_id_of_the_client(self, tenant):
        answer = tenant.call("GET", "/users/nobody", headers={"client-request-id": "abc"})

        assert answer.headers["client-request-id"] == "abc"
        assert answer.json()["error"]["innerError"]["client-request-id"] == "abc"

    @pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("expired_token", 401)])
    def test_answers_faults_in_graph_form(self, tenant, fault, status):
        tenant.call("GET", "/users")
        tenant.sim.faults.arm(Fault(fault))

        answer = tenant.call("GET", "/users")

        assert answer.status_code == status
        assert answer.json()["error"]["code"]
        assert ("retry-after" in answer.headers) == (fault == "429")


class TestUsers:
    def test_finds_people_by_mail_in_one_call(self, tenant):
        query = {"$filter": "mail in ('olga@meridian.example','ADA@meridian.example')", "$select": "id,mail"}

        rows = tenant.call("GET", "/users", params=query).json()["value"]

        assert rows == [
            {"id": tenant.olga, "mail": "olga@meridian.example"},
            {"id": tenant.ada, "mail": "ada@meridian.example"},
        ]

    def test_finds_a_quoted_name(self, tenant):
        rows = tenant.call("GET", "/users", params={"$filter": "displayName eq 'Olga O''Brien'"}).json()["value"]

        assert [row["id"] for row in rows] == [tenant.olga]

    def test_refuses_a_filter_it_cannot_read(self, tenant):
        answer = tenant.call("GET", "/users", params={"$filter": "mail eq 'open"})

        assert answer.status_code == 400

    def test_pages_with_a_link_to_follow(self, tenant):
        first = tenant.call("GET", "/users", params={"$top": "2"}).json()
        second = tenant.call("GET", first["@odata.nextLink"]).json()

        assert len(first["value"]) == 2
        assert [row["id"] for row in second["value"]] == [tenant.ada]
        assert "@odata.nextLink" not in second

    def test_refuses_a_page_that_is_too_long(self, tenant):
        assert tenant.call("GET", "/users", params={"$top": "1000"}).status_code == 400

    def test_reads_a_person_by_principal_name(self, tenant):
        assert tenant.call("GET", "/users/max@meridian.example").json()["id"] == tenant.max

    def test_says_which_resource_is_missing(self, tenant):
        error = tenant.call("GET", "/users/nobody").json()["error"]

        assert error["code"] == "Request_ResourceNotFound"
        assert "'nobody'" in error["message"]


class TestGroups:
    def test_refuses_a_nickname_twice(self, tenant):
        tenant.group("meridian-p1")

        answer = tenant.group("MERIDIAN-P1".lower())

        assert answer.status_code == 400
        assert answer.json()["error"]["details"][0]["code"] == "ObjectConflict"

    def test_allows_a_display_name_twice(self, tenant):
        assert tenant.group("one", "Same").status_code == 201
        assert tenant.group("two", "Same").status_code == 201

    @pytest.mark.parametrize("nickname", ["has space", "a@b", "x" * 65, "ünïcode", ""])
    def test_refuses_an_unlawful_nickname(self, tenant, nickname):
        assert tenant.group(nickname).status_code == 400

    def test_refuses_a_bind_to_nobody(self, tenant):
        answer = tenant.group(**{"members@odata.bind": ["https://graph.microsoft.com/v1.0/users/nobody"]})

        assert answer.status_code == 400

    def test_binds_at_most_twenty_people(self, tenant):
        many = [f"https://graph.microsoft.com/v1.0/users/{tenant.max}"] * 20

        assert tenant.group(**{"members@odata.bind": many}).status_code == 400

    def test_finds_groups_by_nickname_and_by_being_a_team(self, tenant):
        team_id = tenant.team("with-team")
        tenant.group("without-team")

        by_name = tenant.call("GET", "/groups", params={"$filter": "mailNickname in ('with-team','without-team')"})
        teams = tenant.call("GET", "/groups", params={"$filter": "resourceProvisioningOptions/Any(x:x eq 'Team')"})
        both = {"$filter": "startswith(displayName,'Proj') and resourceProvisioningOptions/Any(x:x eq 'Team')"}

        assert len(by_name.json()["value"]) == 2
        assert [g["id"] for g in teams.json()["value"]] == [team_id]
        assert [g["id"] for g in tenant.call("GET", "/groups", params=both).json()["value"]] == [team_id]

    def test_searches_lag_while_reads_by_id_do_not(self, tenant):
        tenant.sim.faults.arm(Fault("search_lag", options={"lag_s": 60}))
        group_id = tenant.group("late").json()["id"]

        assert tenant.call("GET", "/groups", params={"$filter": "mailNickname eq 'late'"}).json()["value"] == []
        assert tenant.call("GET", f"/groups/{group_id}").status_code == 200

    def test_tells_at_once_whether_a_nickname_is_taken(self, tenant):
        tenant.sim.faults.arm(Fault("search_lag", options={"lag_s": 60}))
        tenant.group("late")
        body = {"entityType": "Group", "mailNickname": "late"}

        taken = tenant.call("POST", "/directoryObjects/validateProperties", body)
        free = tenant.call("POST", "/directoryObjects/validateProperties", body | {"mailNickname": "other"})

        assert (taken.status_code, free.status_code) == (422, 204)
        assert taken.json()["error"]["details"][0]["target"] == "mailNickname"

    def test_refuses_to_add_a_member_twice(self, tenant):
        group_id = tenant.group().json()["id"]
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{tenant.max}"}

        first = tenant.call("POST", f"/groups/{group_id}/members/$ref", body)
        second = tenant.call("POST", f"/groups/{group_id}/members/$ref", body)

        assert (first.status_code, second.status_code) == (204, 400)
        assert "already exist" in second.json()["error"]["message"]
        assert len(tenant.call("GET", f"/groups/{group_id}/members").json()["value"]) == 2

    def test_deleting_a_group_takes_its_team_and_frees_the_nickname(self, tenant):
        team_id = tenant.team("meridian-p1")

        assert tenant.call("DELETE", f"/groups/{team_id}").status_code == 204

        assert tenant.call("GET", f"/teams/{team_id}").status_code == 404
        assert tenant.group("meridian-p1").status_code == 201
