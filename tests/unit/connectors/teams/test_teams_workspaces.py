"""Workspaces in Teams: created once with the right people, found by key, archived."""

from datetime import timedelta

import pytest

from accordant.kernel import (
    AuthExpired,
    ExternalId,
    InvalidInput,
    RateLimited,
    Rejected,
    Retryable,
    Unavailable,
    UnknownOutcome,
)
from accordant.ports import Absent, Found, Unsure

KEY = "prj_1/workspace#1"


class TestCreateWorkspace:
    def test_makes_a_team_with_its_people(self, house):
        written = house.create()

        assert written.ref.type == "teams"
        assert written.facts == {"unknown_people": 0}
        assert [d["id"] for d in house.books("workspace")] == [written.ref.value]
        assert {(d["key"], d["state"]) for d in house.books("member")} == {
            ("pm@meridian.example", "owner"),
            ("lead@meridian.example", "member"),
        }

    def test_is_the_same_workspace_when_called_again_under_the_same_key(self, house):
        assert house.create() == house.create()
        assert len(house.books("workspace")) == 1

    def test_is_another_workspace_under_another_generation(self, house):
        first, second = house.create("prj_1/workspace#1"), house.create("prj_1/workspace#2")

        assert first.ref != second.ref

    def test_counts_addresses_that_nobody_has_here(self, house):
        written = house.create(members=("stranger@client.example", "LEAD@meridian.example"))

        assert written.facts["unknown_people"] == 1
        assert len(house.books("member")) == 2

    def test_refuses_a_workspace_without_a_known_owner(self, house):
        with pytest.raises(Rejected) as refusal:
            house.create(owners=("stranger@client.example",))

        assert refusal.value.code == "teams.no_owner"
        assert house.books("workspace") == []

    def test_asks_for_addresses_with_an_apostrophe(self, house):
        written = house.create(members=("o'hara@meridian.example",))

        assert written.facts["unknown_people"] == 0

    @pytest.mark.parametrize("name", ["O'Brien & Co", '=HYPERLINK("x")', "A|B", "\u202eשלום", "🦊 Fox", "x" * 300])
    def test_keeps_hostile_names_whole(self, house, name):
        house.create(name=name)

        assert house.books("workspace")[0]["facts"]["displayName"] == name[:256]

    def test_brings_more_people_than_one_creation_may_bind(self, house):
        crowd = tuple(f"p{n}@meridian.example" for n in range(45))
        for mail in crowd:
            house.sim.add_user(mail, mail)

        written = house.create(members=crowd)

        assert written.facts["unknown_people"] == 0
        assert len(house.books("member")) == 46

    def test_goes_on_where_it_stopped_when_the_group_replicates_late(self, house):
        house.sim.tenant.timing.replication_s = 600
        with pytest.raises(Retryable) as wait:
            house.create()
        assert wait.value.code == "teams.group_not_replicated"
        house.sim.clock.offset = timedelta(seconds=601)

        house.create()

        assert len(house.books("workspace")) == 1
        assert len(house.books("member")) == 2

    def test_adds_who_is_missing_when_it_goes_on(self, house):
        house.sim.tenant.timing.replication_s = 600
        with pytest.raises(Retryable):
            house.create(members=())
        house.sim.clock.offset = timedelta(seconds=601)

        house.create()

        assert {d["key"] for d in house.books("member")} == {"pm@meridian.example", "lead@meridian.example"}

    def test_knows_who_is_there_when_they_fill_several_pages(self, house):
        crowd = tuple(f"p{n}@meridian.example" for n in range(120))
        for mail in crowd:
            house.sim.add_user(mail, mail)
        house.sim.tenant.timing.replication_s = 600
        with pytest.raises(Retryable):
            house.create(members=crowd)
        house.sim.clock.offset = timedelta(seconds=601)
        house.sim.calls.clear()

        house.create(members=crowd)

        assert not [call for call in house.sim.calls if call[0].endswith("/members/$ref")]
        assert len(house.books("member")) == 121

    def test_takes_a_person_for_added_whom_readers_do_not_show_yet(self, house):
        house.sim.tenant.timing.replication_s = 600
        house.sim.tenant.timing.membership_s = 3600
        with pytest.raises(Retryable):
            house.create()
        house.sim.clock.offset = timedelta(seconds=601)

        house.create()

        assert len(house.books("member")) == 2

    def test_waits_when_the_name_is_taken_and_no_search_shows_it(self, house):
        house.arm("search_lag", lag_s=60)
        house.sim.tenant.timing.replication_s = 600
        with pytest.raises(Retryable):
            house.create()

        with pytest.raises(Retryable) as wait:
            house.create()

        assert wait.value.code == "teams.group_not_visible"
        assert house.calls("PUT /v1.0/groups") == 0


class TestFaultsOfCreation:
    @pytest.mark.parametrize("call", ["POST /v1.0/groups", "PUT /v1.0/groups/*/team"])
    @pytest.mark.parametrize("fault", ["timeout_before_commit", "timeout_after_commit", "half_body", "html_error"])
    def test_leaves_one_whole_team_whatever_call_was_lost(self, house, call, fault):
        house.arm(fault, on=call)

        with pytest.raises(UnknownOutcome) as open_outcome:
            house.create()
        assert open_outcome.value.lookup_key == KEY
        answer = house.find(KEY)[KEY]
        written = house.create()

        assert answer in (Found(written.model_copy(update={"facts": {}})), Absent())
        assert [d["id"] for d in house.books("workspace")] == [written.ref.value]
        assert len(house.books("member")) == 2

    def test_finds_the_team_whose_answer_was_lost(self, house):
        house.arm("timeout_after_commit", on="PUT /v1.0/groups/*/team")
        with pytest.raises(UnknownOutcome):
            house.create()

        answer = house.find(KEY)[KEY]

        assert isinstance(answer, Found)
        assert [d["id"] for d in house.books("workspace")] == [answer.written.ref.value]

    def test_a_group_that_is_no_team_yet_is_not_the_workspace(self, house):
        house.arm("timeout_after_commit", on="POST /v1.0/groups")
        with pytest.raises(UnknownOutcome):
            house.create()

        assert house.find(KEY)[KEY] == Absent()

    def test_hands_a_throttle_on_and_is_whole_afterwards(self, house):
        house.arm("429", on="PUT /v1.0/groups/*/team")

        with pytest.raises(RateLimited) as wait:
            house.create()
        house.create()

        assert wait.value.retry_after_s == 1.0

        assert len(house.books("workspace")) == 1

    def test_renews_an_expired_token_and_creates_once(self, house):
        house.arm("expired_token", on="POST /v1.0/groups")

        house.create()

        assert house.calls(f"POST /{house.settings.tenant_id}/oauth2/v2.0/token") == 2
        assert len(house.books("workspace")) == 1

    def test_says_so_when_the_new_token_is_refused_too(self, house):
        house.arm("expired_token", on="*/v1.0/*", times=None)

        with pytest.raises(AuthExpired):
            house.create()

    def test_says_so_when_the_secret_is_wrong(self, house):
        with pytest.raises(Rejected) as refusal:
            house.run(lambda teams: teams.probe(), client_secret=type(house.settings.client_secret)("wrong"))

        assert refusal.value.code == "graph.login_refused"
        assert refusal.value.detail["numbers"] == [7000215]
        assert "wrong" not in str(refusal.value.as_dict())

    def test_a_missing_permission_names_the_remedy(self, house):
        house.sim.identity.roles.discard("User.Read.All")

        with pytest.raises(Rejected) as refusal:
            house.create()

        assert refusal.value.code == "graph.forbidden"
        assert "permissions" in refusal.value.remedy


class TestFindWorkspaces:
    def test_answers_every_key(self, house):
        written = house.create()

        answers = house.find(KEY, "prj_2/workspace#1")

        assert answers[KEY] == Found(written.model_copy(update={"facts": {}}))
        assert answers["prj_2/workspace#1"] == Absent()

    def test_is_unsure_while_the_search_lags_behind(self, house):
        house.arm("search_lag", lag_s=60)
        house.create()

        answer = house.find(KEY)[KEY]
        house.sim.faults.clear()
        house.sim.clock.offset = timedelta(seconds=61)

        assert isinstance(answer, Unsure)
        assert isinstance(house.find(KEY)[KEY], Found)

    def test_is_unsure_while_the_team_is_being_made(self, house):
        written = house.create()
        house.sim.tenant.teams.change(written.ref.value, ready_at=house.sim.now() + timedelta(minutes=1))

        assert isinstance(house.find(KEY)[KEY], Unsure)

    def test_asks_for_many_keys_in_few_calls(self, house):
        keys = tuple(f"prj_{n}/workspace#1" for n in range(20))
        house.create(keys[3])
        house.sim.calls.clear()

        answers = house.find(*keys)

        assert [key for key, answer in answers.items() if isinstance(answer, Found)] == [keys[3]]
        assert house.calls("GET /v1.0/groups") == 2

    def test_says_so_when_the_tenant_is_away(self, house):
        house.arm("500", times=None)

        with pytest.raises(Unavailable):
            house.find(KEY)

    @pytest.mark.parametrize("base", ["O'Brien", "A|B/c", "\u202eשלום", "🦊", "x" * 300, "UPPER", "upper"])
    def test_carries_any_key_in_a_lawful_nickname(self, house, base):
        written = house.create(f"{base}#1")

        answers = house.find(f"{base}#1", f"{base}#2", f"{base}?#1")

        assert answers[f"{base}#1"] == Found(written.model_copy(update={"facts": {}}))
        assert answers[f"{base}#2"] == answers[f"{base}?#1"] == Absent()


class TestArchiveWorkspace:
    def archive(self, house, ref):
        return house.run(lambda teams: teams.archive_workspace(ref, key=f"{ref}/undo#1"))

    def test_archives_and_is_found_withdrawn(self, house):
        ref = house.create().ref

        written = self.archive(house, ref)

        assert written.facts == {"withdrawn": True}
        assert house.books("workspace")[0]["state"] == "archived"
        assert house.find(KEY)[KEY] == Found(written)

    def test_does_nothing_to_one_that_is_archived_or_gone(self, house):
        ref = house.create().ref
        self.archive(house, ref)
        house.sim.calls.clear()

        self.archive(house, ref)
        self.archive(house, ExternalId(system="teams-main", type="teams", value="gone"))

        assert house.calls(f"POST /v1.0/teams/{ref.value}/archive") == 0

    def test_is_open_until_the_tenant_has_done_it(self, house):
        ref = house.create().ref
        house.sim.tenant.timing.operation_s = 60

        with pytest.raises(UnknownOutcome) as open_outcome:
            self.archive(house, ref)
        before = house.find(KEY)[KEY]
        house.sim.clock.offset = timedelta(seconds=61)

        assert open_outcome.value.code == "teams.archiving"
        assert before.written.facts == {}
        assert self.archive(house, ref).facts == {"withdrawn": True}

    def test_may_be_ordered_again_after_a_lost_answer(self, house):
        ref = house.create().ref
        house.arm("timeout_after_commit", on="POST */archive")

        with pytest.raises(UnknownOutcome):
            self.archive(house, ref)

        assert self.archive(house, ref).facts == {"withdrawn": True}
        assert house.calls(f"POST /v1.0/teams/{ref.value}/archive") == 1

    def test_refuses_a_reference_to_something_else(self, house):
        with pytest.raises(InvalidInput):
            self.archive(house, ExternalId(system="teams-main", type="messages", value="1"))


class TestSettling:
    def test_takes_as_long_as_the_vendor_or_as_the_estate_says(self, house):
        async def patience(teams):
            return teams.settle_s

        assert house.run(patience) == 120
        assert house.run(patience, settle_s=2.0) == 2.0


class TestProbe:
    def test_names_hosts_and_tenant_and_no_secret(self, house):
        found = house.run(lambda teams: teams.probe())

        assert (found.host, found.tenant_id) == ("sim", house.settings.tenant_id)
        assert house.settings.client_secret.get_secret_value() not in repr(found)
