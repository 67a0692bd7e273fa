"""Teams, operations, members, channels, batch and limits of the simulated tenant."""

from datetime import timedelta

import pytest

from accordant.simulators._shared import Fault

GRAPH = "https://graph.microsoft.com/v1.0"
STANDARD = {"template@odata.bind": f"{GRAPH}/teamsTemplates('standard')"}


class TestCreateTeam:
    def create(self, tenant, name="Project one", **extra):
        return tenant.call("POST", "/teams", {**STANDARD, "displayName": name, **extra})

    def test_accepts_with_relative_locations_and_no_body(self, tenant):
        answer = self.create(tenant, members=[tenant.bind(tenant.olga, "owner")])

        assert answer.status_code == 202
        assert answer.content == b""
        assert answer.headers["location"].startswith(f"{answer.headers['content-location']}/operations('")
        assert answer.headers["content-location"].startswith("/teams('")

    def test_is_not_there_until_its_operation_ends(self, tenant):
        tenant.sim.tenant.timing.operation_s = 60
        answer = self.create(tenant, members=[tenant.bind(tenant.olga, "owner")])
        team_id = answer.headers["content-location"].split("'")[1]
        operation = f"/teams/{team_id}/operations/{answer.headers['location'].split(chr(39))[3]}"

        before = tenant.call("GET", operation).json()
        missing = tenant.call("GET", f"/teams/{team_id}")
        tenant.sim.clock.offset = timedelta(seconds=61)
        after = tenant.call("GET", operation).json()

        assert (before["status"], missing.status_code) == ("inProgress", 404)
        assert (after["status"], after["targetResourceId"]) == ("succeeded", team_id)
        assert tenant.call("GET", f"/teams/{team_id}").json()["displayName"] == "Project one"

    def test_reports_a_failed_operation(self, tenant):
        tenant.sim.fail_next_operation("Forbidden", "The owner has no licence.")
        answer = self.create(tenant, members=[tenant.bind(tenant.olga, "owner")])
        team_id = answer.headers["content-location"].split("'")[1]
        operation_id = answer.headers["location"].split("'")[3]

        operation = tenant.call("GET", f"/teams/{team_id}/operations/{operation_id}").json()

        assert operation["status"] == "failed"
        assert operation["error"] == {"code": "Forbidden", "message": "The owner has no licence."}
        assert tenant.books("workspace") == []

    def test_needs_exactly_one_owner(self, tenant):
        none = self.create(tenant)
        two = self.create(tenant, members=[tenant.bind(tenant.olga, "owner"), tenant.bind(tenant.max, "owner")])

        assert (none.status_code, two.status_code) == (400, 400)
        assert "owner must be provided" in none.json()["error"]["message"]

    def test_has_no_unique_name_of_its_own(self, tenant):
        for _ in range(2):
            assert self.create(tenant, "Same", members=[tenant.bind(tenant.olga, "owner")]).status_code == 202

        assert {d["facts"]["displayName"] for d in tenant.books("workspace")} == {"Same"}
        assert {d["key"] for d in tenant.books("workspace")} == {"Same", "Same2"}

    def test_from_a_group_takes_its_names(self, tenant):
        group_id = tenant.group().json()["id"]
        bound = {**STANDARD, "group@odata.bind": f"{GRAPH}/groups('{group_id}')"}

        assert tenant.call("POST", "/teams", {**bound, "displayName": "Other"}).status_code == 400
        assert tenant.call("POST", "/teams", bound).status_code == 202
        assert tenant.call("GET", f"/teams/{group_id}").json()["displayName"] == "Project one"


class TestTeamify:
    def test_finds_no_group_until_it_has_replicated(self, tenant):
        tenant.sim.tenant.timing.replication_s = 900
        group_id = tenant.group().json()["id"]

        before = tenant.call("PUT", f"/groups/{group_id}/team", {})
        tenant.sim.clock.offset = timedelta(seconds=901)

        assert before.status_code == 404
        assert tenant.call("PUT", f"/groups/{group_id}/team", {}).status_code == 201

    def test_refuses_a_second_time(self, tenant):
        team_id = tenant.team()

        assert tenant.call("PUT", f"/groups/{team_id}/team", {}).status_code == 409

    def test_refuses_a_group_without_owner(self, tenant):
        group_id = tenant.group(**{"owners@odata.bind": []}).json()["id"]

        assert tenant.call("PUT", f"/groups/{group_id}/team", {}).status_code == 400

    def test_enters_the_books_by_nickname(self, tenant):
        team_id = tenant.team("meridian-p1")

        assert [(d["id"], d["key"], d["state"]) for d in tenant.books("workspace")] == [
            (team_id, "meridian-p1", "active")
        ]


class TestArchive:
    def test_closes_the_team_to_writes_until_unarchived(self, tenant):
        team_id = tenant.team()

        assert tenant.call("POST", f"/teams/{team_id}/archive").status_code == 202
        refused = tenant.call("POST", f"/teams/{team_id}/channels", {"displayName": "Delivery"})
        tenant.call("POST", f"/teams/{team_id}/unarchive")

        assert refused.status_code == 403
        assert tenant.call("POST", f"/teams/{team_id}/channels", {"displayName": "Delivery"}).status_code == 201

    def test_shows_in_the_books(self, tenant):
        team_id = tenant.team()
        tenant.call("POST", f"/teams/{team_id}/archive")

        assert tenant.books("workspace")[0]["state"] == "archived"


class TestMembers:
    def add(self, tenant, team_id, *people):
        return tenant.call("POST", f"/teams/{team_id}/members/add", {"values": [tenant.bind(p) for p in people]})

    def test_adds_one_and_refuses_the_repeat(self, tenant):
        team_id = tenant.team()

        first = tenant.call("POST", f"/teams/{team_id}/members", tenant.bind(tenant.max))
        second = tenant.call("POST", f"/teams/{team_id}/members", tenant.bind(tenant.max))

        assert (first.status_code, second.status_code) == (201, 409)
        assert first.json()["id"] != tenant.max
        assert first.json()["userId"] == tenant.max

    def test_adds_many_at_once_and_passes_repeats(self, tenant):
        team_id = tenant.team()

        first = self.add(tenant, team_id, tenant.max, tenant.ada)
        second = self.add(tenant, team_id, tenant.max)

        assert (first.status_code, second.status_code) == (200, 200)
        assert len(tenant.books("member")) == 3

    def test_answers_207_when_only_some_were_added(self, tenant):
        team_id = tenant.team()
        tenant.sim.faults.arm(Fault("partial_batch", on="POST */members/add", options={"every": 2}))

        answer = self.add(tenant, team_id, tenant.max, tenant.ada)

        assert answer.status_code == 207
        assert [bool(row["error"]) for row in answer.json()["value"]] == [False, True]
        assert {d["key"] for d in tenant.books("member")} == {"olga@meridian.example", "max@meridian.example"}

    def test_names_the_person_that_does_not_exist(self, tenant):
        answer = self.add(tenant, tenant.team(), "nobody")

        assert answer.status_code == 207
        assert answer.json()["value"][0]["error"]["code"] == "NotFound"

    @pytest.mark.parametrize("count", [0, 201])
    def test_limits_the_batch(self, tenant, count):
        assert self.add(tenant, tenant.team(), *[tenant.max] * count).status_code == 400

    def test_keeps_the_last_owner(self, tenant):
        team_id = tenant.team()
        owner = tenant.call("GET", f"/teams/{team_id}/members").json()["value"][0]

        removed = tenant.call("DELETE", f"/teams/{team_id}/members/{owner['id']}")
        demoted = tenant.call("PATCH", f"/teams/{team_id}/members/{owner['id']}", {"roles": []})

        assert (removed.status_code, demoted.status_code) == (400, 400)

    def test_changes_a_role_and_removes_a_member(self, tenant):
        team_id = tenant.team()
        member = tenant.call("POST", f"/teams/{team_id}/members", tenant.bind(tenant.max)).json()
        path = f"/teams/{team_id}/members/{member['id']}"

        assert tenant.call("PATCH", path, {"roles": ["owner"]}).json()["roles"] == ["owner"]
        assert tenant.call("DELETE", path).status_code == 204
        assert len(tenant.call("GET", f"/teams/{team_id}/members").json()["value"]) == 1

    def test_become_visible_late(self, tenant):
        team_id = tenant.team()
        tenant.sim.tenant.timing.membership_s = 3600
        self.add(tenant, team_id, tenant.max)

        assert len(tenant.call("GET", f"/teams/{team_id}/members").json()["value"]) == 1
        tenant.sim.clock.offset = timedelta(seconds=3601)
        tenant.token = None
        assert len(tenant.call("GET", f"/teams/{team_id}/members").json()["value"]) == 2


class TestChannels:
    def create(self, tenant, team_id, name, **extra):
        return tenant.call("POST", f"/teams/{team_id}/channels", {"displayName": name, **extra})

    def test_starts_with_general(self, tenant):
        rows = tenant.call("GET", f"/teams/{tenant.team()}/channels").json()["value"]

        assert [row["displayName"] for row in rows] == ["General"]

    def test_refuses_a_name_twice_without_regard_to_case(self, tenant):
        team_id = tenant.team()
        self.create(tenant, team_id, "Delivery")

        answer = self.create(tenant, team_id, "delivery")

        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "Channel name already existed, please use other name"

    def test_blocks_the_name_of_a_deleted_channel_for_a_month(self, tenant):
        team_id = tenant.team()
        channel_id = self.create(tenant, team_id, "Delivery").json()["id"]
        tenant.call("DELETE", f"/teams/{team_id}/channels/{channel_id}")

        assert self.create(tenant, team_id, "Delivery").status_code == 400
        tenant.sim.clock.offset = timedelta(days=31)
        tenant.token = None
        assert self.create(tenant, team_id, "Delivery").status_code == 201

    @pytest.mark.parametrize("name", ["_hidden", ".dot", "A|B", "what?", "O'Brien", "x" * 51, " "])
    def test_refuses_an_unlawful_name(self, tenant, name):
        assert self.create(tenant, tenant.team(), name).status_code == 400

    def test_needs_an_owner_when_private(self, tenant):
        team_id = tenant.team()
        owner = tenant.bind(tenant.olga, "owner")

        assert self.create(tenant, team_id, "Money", membershipType="private").status_code == 400
        assert self.create(tenant, team_id, "Money", membershipType="private", members=[owner]).status_code == 201

    def test_limits_private_channels(self, tenant):
        team_id = tenant.team()
        for number in range(30):
            tenant.sim.tenant.open_channel(team_id, {"displayName": f"p{number}", "membershipType": "private"})

        answer = self.create(
            tenant, team_id, "one more", membershipType="private", members=[tenant.bind(tenant.olga, "owner")]
        )

        assert answer.status_code == 400


class TestThrottling:
    def test_holds_one_team_to_four_calls_a_second(self, tenant):
        team_id = tenant.team()
        tenant.sim.buckets.enabled = True

        statuses = [tenant.call("GET", f"/teams/{team_id}").status_code for _ in range(5)]

        assert statuses == [200, 200, 200, 200, 429]

    def test_says_how_long_to_wait(self, tenant):
        tenant.sim.buckets.enabled = True
        tenant.sim.buckets.limits["read"] = 0

        answer = tenant.call("GET", "/users")

        assert answer.json()["error"]["code"] == "TooManyRequests"
        assert answer.headers["retry-after"] == "1"

    def test_counts_each_bucket_by_itself(self, tenant):
        tenant.sim.buckets.enabled = True
        tenant.sim.buckets.limits["read"] = 0

        assert tenant.group().status_code == 201


class TestBatch:
    def send(self, tenant, *requests):
        return tenant.call("POST", "/$batch", {"requests": list(requests)})

    def test_answers_each_in_its_own_order(self, tenant):
        answer = self.send(
            tenant,
            {"id": "1", "method": "GET", "url": f"/users/{tenant.olga}"},
            {"id": "2", "method": "GET", "url": "/users/nobody"},
        )

        assert answer.status_code == 200
        assert [(r["id"], r["status"]) for r in answer.json()["responses"]] == [("2", 404), ("1", 200)]

    def test_fails_what_depends_on_a_failure(self, tenant):
        answer = self.send(
            tenant,
            {"id": "1", "method": "GET", "url": "/users/nobody"},
            {"id": "2", "method": "GET", "url": f"/users/{tenant.olga}", "dependsOn": ["1"]},
        )

        assert {r["id"]: r["status"] for r in answer.json()["responses"]} == {"1": 404, "2": 424}

    def test_throttles_item_by_item(self, tenant):
        tenant.sim.buckets.enabled = True
        tenant.sim.buckets.limits["read"] = 2

        items = [{"id": str(n), "method": "GET", "url": f"/users/{tenant.olga}"} for n in range(2)]
        statuses = {r["id"]: r["status"] for r in self.send(tenant, *items).json()["responses"]}

        assert statuses == {"0": 200, "1": 429}

    def test_refuses_more_than_twenty_and_doubled_ids(self, tenant):
        many = [{"id": str(n), "method": "GET", "url": "/users"} for n in range(21)]

        assert self.send(tenant, *many).status_code == 400
        assert self.send(tenant, many[0], many[0]).status_code == 400

    def test_needs_a_content_type_beside_each_body(self, tenant):
        item = {"id": "1", "method": "POST", "url": "/groups", "body": {}}

        assert self.send(tenant, item).status_code == 400
