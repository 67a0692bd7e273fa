"""Subscribed events of the simulated Kantata OX."""

from datetime import UTC, datetime, timedelta

import pytest

from accordant.simulators._shared import Fault
from accordant.simulators.kantata import TOKEN_WITHOUT_MONEY, KantataSimulator


def events(desk, **params):
    body = desk.get("subscribed_events.json", **{"order": "created_at:asc", "per_page": 200} | params).json()
    return [body["subscribed_events"][r["id"]] for r in body["results"]]


class TestSubscribedEvents:
    def test_tell_what_changed(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"])
        desk.put(f"time_entries/{entry['id']}", {"time_entry": {"time_in_minutes": 120}})

        (event,) = events(desk, event_types="time_entry:updated", optional_fields="payload_changes")

        assert (event["subject_type"], event["subject_id"]) == ("TimeEntry", entry["id"])
        assert event["payload_changes"]["time_in_minutes"] == {"from": 90, "to": 120}

    def test_lead_to_their_subject_unless_it_is_gone(self, desk):
        workspace = desk.a_workspace()
        kept, gone = desk.an_entry(workspace["id"]), desk.an_entry(workspace["id"])
        desk.call("DELETE", f"time_entries/{gone['id']}")

        rows = events(desk, event_types="time_entry:created,time_entry:deleted", include="subject")

        refs = [(e["event_type"], e["subject_ref"]) for e in rows]
        assert ("time_entry:created", {"id": kept["id"], "key": "time_entries"}) in refs
        assert refs.count(("time_entry:created", None)) == 1
        assert ("time_entry:deleted", None) in refs

    def test_expire_after_nine_days(self, desk):
        desk.a_workspace()
        assert events(desk, event_types="workspace:created")

        desk.sim.clock.offset = timedelta(days=9, seconds=1)

        assert events(desk) == []

    def test_are_for_administrators(self, desk):
        desk.token = TOKEN_WITHOUT_MONEY

        assert desk.get("subscribed_events").status_code == 403
        assert desk.get("subscribed_events/event_types").status_code == 403

    def test_list_their_types(self, desk):
        names = {t["name"] for t in desk.get("subscribed_events/event_types.json").json()["event_types"].values()}

        assert {"time_entry:updated", "workspace:created", "invoice:deleted"} <= names
        assert not any(name.startswith("external_payment") for name in names)

    def test_can_be_reduced_to_the_most_recent_of_each_subject(self, desk):
        workspace = desk.a_workspace()
        entry = desk.an_entry(workspace["id"])
        desk.put(f"time_entries/{entry['id']}", {"time_entry": {"notes": "a"}})
        of_entry = {"subject_type": "TimeEntry", "subject_id": entry["id"]}

        assert [e["event_type"] for e in events(desk, most_recent="true", **of_entry)] == ["time_entry:updated"]
        assert len(events(desk, most_recent_by_event_type="true", **of_entry)) == 2
        both = {"most_recent": "true", "most_recent_by_event_type": "true"}
        assert desk.get("subscribed_events", **both).status_code == 400

    @pytest.mark.parametrize(("after_s", "count"), [(-60, 1), (60, 0)])
    def test_filter_by_the_instant_of_generation(self, desk, after_s, count):
        desk.a_workspace()
        after = (datetime.now(UTC) + timedelta(seconds=after_s)).isoformat()

        assert len(events(desk, created_after=after, event_types="workspace:created")) == count


class TestEventFaults:
    def test_lose_an_event(self, desk):
        desk.sim.faults.arm(Fault("lost_event", on="workspace:created"))

        desk.a_workspace()

        assert events(desk, event_types="workspace:created") == []

    def test_send_an_event_twice(self, desk):
        desk.sim.faults.arm(Fault("duplicate", on="workspace:created"))

        workspace = desk.a_workspace()

        rows = events(desk, event_types="workspace:created")
        assert [e["subject_id"] for e in rows] == [workspace["id"]] * 2
        assert rows[0]["id"] != rows[1]["id"]

    def test_send_an_event_after_its_successor(self, desk):
        workspace = desk.a_workspace()
        desk.sim.faults.arm(Fault("out_of_order", on="time_entry:created", options={"delay_s": 30}))
        entry = desk.an_entry(workspace["id"])
        desk.put(f"time_entries/{entry['id']}", {"time_entry": {"notes": "a"}})
        of_entry = {"subject_type": "TimeEntry", "subject_id": entry["id"]}
        assert [e["event_type"] for e in events(desk, **of_entry)] == ["time_entry:updated"]

        desk.sim.clock.offset = timedelta(seconds=31)

        first, second = events(desk, **of_entry)
        assert [first["event_type"], second["event_type"]] == ["time_entry:updated", "time_entry:created"]
        assert second["subject_changed_at"] <= first["subject_changed_at"]
        assert second["created_at"] > first["created_at"]


class TestOrdinaryDisorder:
    """Without any fault: what the vendor warns of happens now and then."""

    @pytest.fixture
    def rows(self):
        sim = KantataSimulator(seed=3, event_delay_s=60.0, event_duplicate_rate=0.1)
        made = [sim.account.add("roles", "1", name=f"Role {n}") for n in range(100)]
        at_once = len(list(sim.events.visible()))
        sim.clock.offset = timedelta(seconds=61)
        return [r.id for r in made], [row["subject_id"] for row in sim.events.visible()], at_once

    def test_every_event_arrives_late(self, rows):
        made, arrived, at_once = rows

        assert at_once < len(made) / 10
        assert set(made) == set(arrived)

    def test_some_arrive_twice(self, rows):
        assert len(rows[1]) > len(rows[0])

    def test_some_arrive_out_of_order(self, rows):
        assert rows[1] != sorted(rows[1], key=int)
