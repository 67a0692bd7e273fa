"""The event log by position, and who subscribes to it."""

from __future__ import annotations

import pytest
from api_client import Office

from accordant.api import ApiDeps
from accordant.platform.events import Event, Sequencer, publish
from accordant.platform.storage import Database, execute, rows

HOOK = "http://127.0.0.1:9/hook"
WANTED = {"types": ["contract.*"], "target": HOOK, "secret_ref": "env:HOOK_SECRET"}


@pytest.fixture
def log(database: Database) -> None:
    """Five events of two engagements of uk01 and one of us01."""
    told = [("contract.approved", "con_1"), ("time_entry.approved", "tim_1"), ("contract.changed", "con_2")]
    told += [("invoice.posted", "inv_1"), ("contract.approved", "con_2")]
    with database.begin() as connection:
        publish(connection, [Event(type, key, f"eng_{key[-1]}", "uk01", {"id": key}) for type, key in told])
        publish(connection, [Event("contract.approved", "con_9", "eng_9", "us01", {"id": "con_9"})])
    Sequencer(database).move()


class TestEvents:
    def test_are_told_as_cloud_events_in_order(self, office: Office, log: None):
        page = office("reporting").get("/v1/events").json()

        assert [item["data"]["id"] for item in page["items"]] == ["con_1", "tim_1", "con_2", "inv_1", "con_2"]
        first = page["items"][0]
        assert (first["specversion"], first["type"], first["partitionkey"]) == ("1.0", "contract.approved", "con_1")
        assert (first["subject"], first["entity"]) == ("eng_1", "uk01")
        assert int(page["items"][-1]["sequence"]) == page["after"]

    def test_go_on_after_a_position(self, office: Office, log: None):
        reporting = office("reporting")
        first = reporting.get("/v1/events?limit=2").json()

        rest = reporting.get(f"/v1/events?after={first['after']}").json()
        nothing = reporting.get(f"/v1/events?after={rest['after']}").json()

        assert [item["data"]["id"] for item in rest["items"]] == ["con_2", "inv_1", "con_2"]
        assert nothing == {"items": [], "after": rest["after"]}

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("types=contract.*", ["con_1", "con_2", "con_2"]),
            ("types=contract.changed&types=invoice.*", ["con_2", "inv_1"]),
            ("subject=eng_2", ["con_2", "con_2"]),
            ("key=tim_1", ["tim_1"]),
        ],
    )
    def test_are_chosen(self, office: Office, log: None, query: str, ids: list[str]):
        items = office("reporting").get(f"/v1/events?{query}").json()["items"]

        assert [item["data"]["id"] for item in items] == ids

    @pytest.mark.parametrize("query", ["after=-1", "after=99999999999999999999", "types=%25", "types=a;b", "limit=0"])
    def test_of_no_such_choice_are_malformed(self, office: Office, query: str):
        assert office("reporting").get(f"/v1/events?{query}").status_code == 422


class TestSubscription:
    def test_gets_events_of_its_owners_entities_only(self, office: Office, database: Database):
        made = office("reporting").write("/v1/subscriptions", WANTED)

        assert made.status_code == 201
        assert made.headers["location"] == made.json()["href"]
        assert (made.json()["owner"], made.json()["entities"]) == ("client:reporting", ["uk01", ""])
        assert "secret" not in made.text.lower()

    def test_begins_with_the_next_event_or_where_it_is_told(self, office: Office, log: None):
        reporting = office("reporting")

        assert reporting.write("/v1/subscriptions", WANTED).json()["position"] == 6
        assert reporting.write("/v1/subscriptions", {**WANTED, "after": 2}).json()["position"] == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"target": "https://elsewhere.example/hook"},
            {"target": "https://user:pass@127.0.0.1/hook"},
            {"target": "file:///etc/passwd"},
            {"target": "http://169.254.169.254/latest"},
            {"target": "https://[::"},
            {"target": ""},
            {"secret_ref": "plain-secret"},
            {"types": []},
            {"types": ["'; drop"]},
        ],
    )
    def test_is_refused(self, office: Office, database: Database, change: dict):
        answer = office("reporting").write("/v1/subscriptions", {**WANTED, **change})

        assert answer.status_code == 422
        with database.begin() as connection:
            assert rows(connection, "select 1 from subscription") == []

    def test_goes_to_an_allowed_host(self, office: Office, deps: ApiDeps):
        office.app.state.deps = type(deps)(**{**vars(deps), "event_hosts": ("bi.example",)})

        answer = office("reporting").write("/v1/subscriptions", {**WANTED, "target": "https://bi.example/hook"})

        assert answer.status_code == 201

    def test_leads_to_this_machine_only_beside_simulators(self, office: Office, deps: ApiDeps, estate):
        crm = estate.systems["salesforce-main"].model_copy(update={"simulated": False})
        real = estate.model_copy(update={"systems": {**estate.systems, "salesforce-main": crm}})
        office.app.state.deps = type(deps)(**{**vars(deps), "estate": real})

        answer = office("reporting").write("/v1/subscriptions", WANTED)

        assert (answer.status_code, answer.json()["code"]) == (422, "subscription.target")

    def test_changes_only_as_it_was_seen(self, office: Office):
        reporting = office("reporting")
        path = reporting.write("/v1/subscriptions", WANTED).json()["href"]
        seen = reporting.get(path)

        blind = reporting.write(path, {"paused": True}, method="PATCH")
        first = reporting.write(path, {"paused": True}, method="PATCH", If_Match=seen.headers["etag"])
        late = reporting.write(path, {"paused": False}, method="PATCH", If_Match=seen.headers["etag"])

        assert (blind.status_code, blind.json()["code"]) == (428, "api.precondition_missing")
        assert (first.status_code, first.json()["paused"]) == (200, True)
        assert (late.status_code, late.json()["code"]) == (412, "api.precondition_failed")

    def test_of_others_entities_is_neither_shown_nor_changed(self, office: Office):
        path = office("wren.tallis").write("/v1/subscriptions", WANTED).json()["href"]
        reporting = office("reporting")

        assert reporting.get("/v1/subscriptions").json()["items"] == []
        assert reporting.get(path).status_code == 404
        assert reporting.write(path, {"paused": True}, method="PATCH", If_Match="*").status_code == 404
        assert reporting.write(path, None, method="DELETE").status_code == 404
        assert reporting.write(f"{path}/replay", {"key": "con_1"}).status_code == 404

    def test_sends_past_events_again(self, office: Office, log: None, database: Database):
        """R-EVT-07."""
        reporting = office("reporting")
        path = reporting.write("/v1/subscriptions", WANTED).json()["href"]

        answer = reporting.write(f"{path}/replay", {"positions": [1, 3]})

        assert (answer.status_code, answer.json()) == (202, {"count": 2})
        assert reporting.write(f"{path}/replay", {}).json()["code"] == "events.replay"

    def test_ends_with_what_it_had_not_delivered(self, office: Office, log: None, database: Database):
        reporting = office("reporting")
        path = reporting.write("/v1/subscriptions", WANTED).json()["href"]
        reporting.write(f"{path}/replay", {"positions": [1, 3]})

        ended = reporting.write(path, None, method="DELETE", key="delete-0001")
        again = reporting.write(path, None, method="DELETE", key="delete-0001")

        assert (ended.status_code, ended.content) == (again.status_code, again.content) == (204, b"")
        assert reporting.get(path).status_code == 404
        with database.begin() as connection:
            assert execute(connection, "delete from delivery") == 0
            audited = rows(connection, "select action from audit order by id")
        assert [row.action for row in audited] == [
            "subscription.created",
            "subscription.replayed",
            "subscription.deleted",
        ]
