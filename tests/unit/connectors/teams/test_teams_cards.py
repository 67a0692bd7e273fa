"""Cards in Teams: posted once under our key, found by it, safe to show."""

import json

import pytest

from accordant.kernel import ExternalId, InvalidInput, Rejected, Retryable, UnknownOutcome
from accordant.ports import Absent, Found, Unsure

KEY = "prj_1/workspace/welcome#1"


@pytest.fixture
def workspace(house):
    return house.create().ref


def shown(house, number=0):
    """The card as readers of the channel get it."""
    messages = list(house.sim.tenant.messages)
    return json.loads(messages[number].data["attachments"][0]["content"])


class TestPostCard:
    def test_posts_under_our_key_and_installs_the_bot_first(self, house, workspace):
        written = house.post(workspace)

        assert written.ref.type == "messages"
        assert written.ref.value.startswith(f"{workspace.value}/")
        assert [d["key"] for d in house.books("message")] == [KEY]

    def test_does_not_post_the_same_key_twice(self, house, workspace):
        assert house.post(workspace) == house.post(workspace)
        assert len(house.books("message")) == 1

    def test_posts_another_key_beside_it(self, house, workspace):
        house.post(workspace)
        house.post(workspace, key="prj_1/workspace/nudge#1")

        assert len(house.books("message")) == 2

    def test_a_card_whose_answer_was_lost_is_found_and_not_posted_again(self, house, workspace):
        house.arm("timeout_after_commit", on="POST /v3/conversations", after=1)

        with pytest.raises(UnknownOutcome) as open_outcome:
            house.post(workspace)
        found = house.find_cards(open_outcome.value.lookup_key)[KEY]

        assert isinstance(found, Found)
        assert house.post(workspace) == found.written
        assert len(house.books("message")) == 1

    def test_an_answer_without_id_is_an_open_outcome(self, house, workspace):
        house.arm("drift", on="POST /v3/conversations", after=1, drop=["activityId"])

        with pytest.raises(UnknownOutcome) as open_outcome:
            house.post(workspace)

        assert open_outcome.value.code == "teams.no_id"
        assert open_outcome.value.lookup_key == KEY

    def test_waits_while_the_bot_arrives(self, house, workspace):
        house.sim.tenant.timing.bot_s = 60

        with pytest.raises(Retryable) as wait:
            house.post(workspace)

        assert wait.value.code == "teams.bot_arriving"

    def test_refuses_an_archived_workspace(self, house, workspace):
        house.post(workspace)
        house.run(lambda teams: teams.archive_workspace(workspace, key="undo"))

        with pytest.raises(Rejected) as refusal:
            house.post(workspace, key="prj_1/workspace/late#1")

        assert "unarchive" in refusal.value.remedy

    def test_refuses_a_reference_of_another_system(self, house):
        with pytest.raises(InvalidInput):
            house.post(ExternalId(system="teams-other", type="teams", value="1"))

    @pytest.mark.parametrize(
        "text", ["O'Brien", "=HYPERLINK(1)", "A|B", "\u202eשלום", "🦊", "[click](https://evil.example)"]
    )
    def test_shows_text_as_it_is(self, house, workspace, text):
        house.post(workspace, title=text, facts={"Client": text})

        runs = [run for element in shown(house)["body"] for run in element["inlines"]]
        assert [run["text"] for run in runs] == [text, "Two lines wait.", "Client: ", text]
        assert {element["type"] for element in shown(house)["body"]} == {"RichTextBlock"}

    def test_links_back_to_the_console(self, house, workspace):
        house.post(workspace)
        house.post(workspace, key="prj_1/workspace/plain#1", link="")

        assert shown(house, 0)["actions"] == [
            {"type": "Action.OpenUrl", "title": "Open", "url": "https://console.example/1"}
        ]
        assert "actions" not in shown(house, 1)


class TestFindCards:
    def test_answers_every_key(self, house, workspace):
        written = house.post(workspace)

        answers = house.find_cards(KEY, "prj_1/workspace/other#1")

        assert answers == {KEY: Found(written), "prj_1/workspace/other#1": Absent()}

    def test_finds_by_the_key_of_one_generation_of_the_workspace(self, house, workspace):
        second = house.create("prj_1/workspace#2").ref
        key = "prj_1/workspace#2/welcome#1"

        written = house.post(second, key=key)

        assert house.find_cards(key)[key] == Found(written)

    def test_is_unsure_without_the_workspace(self, house):
        assert isinstance(house.find_cards("prj_9/workspace/welcome#1")["prj_9/workspace/welcome#1"], Unsure)

    def test_is_unsure_about_a_key_without_a_workspace_in_it(self, house):
        assert isinstance(house.find_cards("welcome#1")["welcome#1"], Unsure)

    def test_is_unsure_when_two_messages_carry_the_key(self, house, workspace):
        house.post(workspace)
        message = next(iter(house.sim.tenant.messages))
        house.sim.tenant.messages.add("again", {**message.data, "message": "1"})

        assert isinstance(house.find_cards(KEY)[KEY], Unsure)

    def test_is_unsure_when_the_channel_is_longer_than_it_reads(self, house, workspace):
        written = house.post(workspace)
        _, channel_id, _ = written.ref.value.split("/")
        channel = house.sim.tenant.channels.get(channel_id)
        for _ in range(50):
            house.sim.tenant.say(channel, {}, {"body": {"content": "chatter"}})

        assert isinstance(house.find_cards(KEY, card_pages=1)[KEY], Unsure)
        assert house.find_cards(KEY)[KEY] == Found(written)

    def test_does_not_take_the_card_of_somebody_else_for_ours(self, house, workspace):
        house.post(workspace)
        message = next(iter(house.sim.tenant.messages))
        message.data["from"] = {"user": {"id": "someone"}}

        assert house.find_cards(KEY)[KEY] == Absent()

    def test_reads_past_cards_of_another_shape(self, house, workspace):
        written = house.post(workspace)
        message = next(iter(house.sim.tenant.messages))
        card = "application/vnd.microsoft.card.adaptive"
        for content in (None, "no json", "[]", '{"body": []}', '{"body": [{}]}'):
            attachments = [{"contentType": card, "content": content}, {"contentType": "reference"}]
            house.sim.tenant.messages.add(
                f"odd-{content}", {**message.data, "message": "1", "attachments": attachments}
            )

        assert house.find_cards(KEY)[KEY] == Found(written)
