"""Messages, cards, delta and approvals of the simulated tenant."""

import json

import pytest

from accordant.simulators._shared import Fault

CARD = "application/vnd.microsoft.card.adaptive"


def graph_message(key="k1"):
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "id": key, "text": "x"}]}
    return {
        "body": {"contentType": "html", "content": '<attachment id="a1"></attachment>'},
        "attachments": [{"id": "a1", "contentType": CARD, "content": json.dumps(card)}],
    }


class TestPostAsPerson:
    def post(self, tenant, body, headers=None):
        team_id, channel_id = tenant.channel_with_bot()
        path = f"/teams/{team_id}/channels/{channel_id}/messages"
        return tenant.call("POST", path, body, headers=headers or tenant.as_person(tenant.max))

    def test_refuses_an_app_of_its_own(self, tenant):
        tenant.call("GET", "/users")

        answer = self.post(tenant, graph_message(), {"authorization": f"Bearer {tenant.token}"})

        assert answer.status_code == 403
        assert "Teamwork.Migrate.All" in answer.json()["error"]["message"]

    def test_keeps_the_card_of_a_person(self, tenant):
        message = self.post(tenant, graph_message()).json()

        assert message["from"]["user"]["id"] == tenant.max
        assert json.loads(message["attachments"][0]["content"])["body"][0]["id"] == "k1"
        assert [d["key"] for d in tenant.books("message")] == ["k1"]

    def test_refuses_a_card_the_body_does_not_name(self, tenant):
        body = graph_message() | {"body": {"contentType": "html", "content": "no attachment"}}

        assert self.post(tenant, body).status_code == 400

    def test_refuses_an_oversized_card(self, tenant):
        assert self.post(tenant, graph_message("k" * 28_001)).status_code == 400


class TestPostAsBot:
    def start(self, tenant, channel_id, activity):
        body = {"isGroup": True, "channelData": {"channel": {"id": channel_id}}, "activity": activity}
        return tenant.call("POST", "/v3/conversations", body, headers=tenant.as_bot())

    def test_starts_a_thread_that_readers_of_the_channel_see(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()

        answer = self.start(tenant, channel_id, {"type": "message", "attachments": [tenant.card("c1#1")]})

        assert answer.status_code == 201
        assert answer.json()["id"] == f"{channel_id};messageid={answer.json()['activityId']}"
        rows = tenant.call("GET", f"/teams/{team_id}/channels/{channel_id}/messages").json()["value"]
        assert rows[0]["from"]["application"]["applicationIdentityType"] == "bot"
        assert json.loads(rows[0]["attachments"][0]["content"])["body"][0]["id"] == "c1#1"

    def test_posts_twice_what_is_sent_twice(self, tenant):
        _, channel_id = tenant.channel_with_bot()

        for _ in range(2):
            self.start(tenant, channel_id, {"type": "message", "attachments": [tenant.card("c1#1")]})

        assert [d["key"] for d in tenant.books("message")] == ["c1#1", "c1#1"]

    def test_keeps_hostile_text_as_it_is(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()
        text = '=HYPERLINK("x") A|B O\'Brien \u202eשלום 🦊'

        self.start(tenant, channel_id, {"type": "message", "attachments": [tenant.card("k", text)]})

        row = tenant.call("GET", f"/teams/{team_id}/channels/{channel_id}/messages").json()["value"][0]
        assert json.loads(row["attachments"][0]["content"])["body"][0]["text"] == text

    def test_must_be_installed_in_the_team(self, tenant):
        team_id = tenant.team()
        channel_id = tenant.call("GET", f"/teams/{team_id}/primaryChannel").json()["id"]

        answer = self.start(tenant, channel_id, {"type": "message", "text": "hello"})

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "BotNotInConversationRoster"

    def test_replies_and_updates_in_its_thread(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()
        thread = self.start(tenant, channel_id, {"type": "message", "text": "open"}).json()
        path = f"/v3/conversations/{thread['id']}/activities"

        reply = tenant.call("POST", path, {"type": "message", "text": "reply"}, headers=tenant.as_bot())
        change = {"type": "message", "text": "decided"}
        updated = tenant.call("PUT", f"{path}/{thread['activityId']}", change, headers=tenant.as_bot())

        messages = f"/teams/{team_id}/channels/{channel_id}/messages/{thread['activityId']}"
        assert (reply.status_code, updated.status_code) == (201, 200)
        assert tenant.call("GET", messages).json()["body"]["content"] == "decided"
        assert len(tenant.call("GET", f"{messages}/replies").json()["value"]) == 1

    def test_refuses_an_unknown_channel(self, tenant):
        assert self.start(tenant, "19:nowhere", {"type": "message", "text": "x"}).status_code == 404

    def test_installs_its_app_once(self, tenant):
        team_id, _ = tenant.channel_with_bot()
        bind = {"teamsApp@odata.bind": f"https://graph/appCatalogs/teamsApps/{tenant.sim.catalog_app_id}"}

        assert tenant.call("POST", f"/teams/{team_id}/installedApps", bind).status_code == 409
        assert len(tenant.call("GET", f"/teams/{team_id}/installedApps").json()["value"]) == 1


class TestWorkflowsWebhook:
    def send(self, tenant, channel_id, signature):
        body = {"type": "message", "attachments": [tenant.card("hook")]}
        return tenant.call("POST", f"/workflows/{channel_id}/invoke", body, params={"sig": signature})

    def test_accepts_without_an_id(self, tenant):
        _, channel_id = tenant.channel_with_bot()

        answer = self.send(tenant, channel_id, tenant.sim.webhook_signature)

        assert (answer.status_code, answer.content) == (202, b"")
        assert [d["key"] for d in tenant.books("message")] == ["hook"]

    def test_accepts_what_it_then_loses(self, tenant):
        assert self.send(tenant, "19:nowhere", tenant.sim.webhook_signature).status_code == 202
        assert tenant.books("message") == []

    def test_refuses_a_wrong_signature(self, tenant):
        assert self.send(tenant, "19:nowhere", "guess").status_code == 401


class TestDelta:
    def test_brings_each_change_once_and_then_the_next_link(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()
        path = f"/teams/{team_id}/channels/{channel_id}/messages"
        person = tenant.as_person(tenant.max)
        tenant.call("POST", path, {"body": {"content": "one"}}, headers=person)
        first = tenant.call("GET", f"{path}/delta").json()
        tenant.call("POST", path, {"body": {"content": "two"}}, headers=person)

        second = tenant.call("GET", first["@odata.deltaLink"]).json()
        third = tenant.call("GET", second["@odata.deltaLink"]).json()

        assert [m["body"]["content"] for m in first["value"]] == ["one"]
        assert [m["body"]["content"] for m in second["value"]] == ["two"]
        assert third["value"] == []

    def test_forgets_old_tokens(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()
        path = f"/teams/{team_id}/channels/{channel_id}/messages/delta"
        link = tenant.call("GET", path).json()["@odata.deltaLink"]
        tenant.sim.forget_delta_tokens()

        answer = tenant.call("GET", link)

        assert answer.status_code == 410
        assert answer.json()["error"]["code"] == "resyncRequired"
        assert tenant.call("GET", answer.headers["location"]).status_code == 200

    def test_limits_the_page_of_messages(self, tenant):
        team_id, channel_id = tenant.channel_with_bot()

        answer = tenant.call("GET", f"/teams/{team_id}/channels/{channel_id}/messages", params={"$top": "51"})

        assert answer.status_code == 400


class TestApprovals:
    def create(self, tenant, **extra):
        body = {
            "displayName": "Write off 1,200 GBP",
            "approvalType": "basic",
            "approvers": [{"user": {"id": tenant.max}}],
            "owner": {"user": {"id": tenant.olga}},
            "allowCancel": True,
        }
        return tenant.call("POST", "/beta/solutions/approval/approvalItems", body | extra)

    def item(self, tenant, **extra):
        location = self.create(tenant, **extra).headers["location"]
        where = tenant.call("GET", f"/beta{location}").json()["resourceLocation"]
        return f"/beta{where}"

    def respond(self, tenant, item, who, response="Approve"):
        return tenant.call("POST", f"{item}/responses", {"response": response}, headers=tenant.as_person(who))

    def test_completes_by_the_answer_of_an_approver(self, tenant):
        item = self.item(tenant)

        assert self.respond(tenant, item, tenant.max).status_code == 201

        state = tenant.call("GET", item).json()
        assert (state["state"], state["result"]) == ("completed", "Approve")
        answers = tenant.call("GET", f"{item}/responses").json()["value"]
        assert answers[0]["createdBy"]["user"]["id"] == tenant.max

    def test_waits_for_all_when_asked_to(self, tenant):
        both = [{"user": {"id": tenant.max}}, {"user": {"id": tenant.ada}}]
        item = self.item(tenant, approvalType="basicAwaitAll", approvers=both)

        self.respond(tenant, item, tenant.max)
        between = tenant.call("GET", item).json()["state"]
        self.respond(tenant, item, tenant.ada)

        assert between == "pending"
        assert tenant.call("GET", item).json()["state"] == "completed"

    def test_takes_no_answer_from_strangers_nor_twice(self, tenant):
        item = self.item(tenant)

        assert self.respond(tenant, item, tenant.ada).status_code == 403
        self.respond(tenant, item, tenant.max)
        assert self.respond(tenant, item, tenant.max).status_code == 400

    @pytest.mark.parametrize("broken", [{"owner": None}, {"approvers": []}, {"approvalType": "custom"}])
    def test_refuses_an_item_that_breaks_the_rules(self, tenant, broken):
        assert self.create(tenant, **broken).status_code == 400

    def test_can_be_canceled(self, tenant):
        item = self.item(tenant)

        assert tenant.call("POST", f"{item}/cancel").status_code == 204
        assert tenant.call("GET", item).json()["state"] == "canceled"
        assert self.respond(tenant, item, tenant.max).status_code == 400


class TestFaultsOfWrites:
    def test_timeout_after_commit_keeps_the_group(self, tenant):
        tenant.call("GET", "/users")
        tenant.sim.faults.arm(Fault("timeout_after_commit", on="POST /v1.0/groups", options={"hang_s": 0}))

        assert tenant.group("kept").status_code == 504
        assert tenant.group("kept").json()["error"]["details"][0]["code"] == "ObjectConflict"
