"""Every metric is read from the tables by its name, and says what is really there."""

from __future__ import annotations

import pytest

from accordant.platform.durable import Gate, RunState, Start, end_run, open_run
from accordant.platform.durable.gates import look
from accordant.platform.durable.runs import take_run
from accordant.platform.events import Event, Subscription, publish, subscribe
from accordant.platform.storage import DOOR, Database, as_role, execute
from accordant.platform.telemetry.metrics import GAUGES, collect, exposition


@pytest.fixture
def busy(database):
    """One of everything."""
    with database.begin() as connection:
        done = open_run(connection, Start("bill", 1, "a", {}))
        end_run(connection, done.run_id, RunState.DONE)
        open_run(connection, Start("bill", 1, "b", {}))
        parked = open_run(connection, Start("activate", 1, "c", {}))
        look(connection, take_run(connection, parked.run_id, "boot-1"), Gate("approval:1", "approval", "apr_1"))
        publish(connection, [Event("invoice.posted", "inv_1")] * 2)
        subscribe(connection, Subscription("bi", "bi", ("*",), "http://localhost/", "env:X"), allowed_hosts=())
        execute(connection, "insert into executor (id, lease_s) values ('boot-1', 30)")
        execute(connection, "insert into executor (id, lease_s, beat_at) values ('boot-0', 30, 'epoch')")
        execute(
            connection,
            """insert into effect (system, operation, base, generation, kind, run_id, payload_hash, state, adopted)
               values ('erp', 'post', 'inv_1', 1, 'act', 'r', 'h', 'done', true),
                      ('erp', 'post', 'inv_2', 1, 'act', 'r', 'h', 'unsure', false)""",
        )
        execute(connection, "insert into watermark (system, feed, value) values ('crm', 'deals', '1')")
        execute(
            connection,
            """insert into breaker (system, operation, state, open_until, changed_by)
               values ('erp', 'post', 'open', clock_timestamp(), 'boot-1')""",
        )
        execute(connection, "insert into audit (actor, action, subject, detail) values ('W', 'a', 's', '{}')")
    return database


def samples(database):
    with database.begin() as connection:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in collect(connection)
            for sample in family.samples
        }


class TestGauges:
    def test_they_count_what_is_there(self, busy):
        """R-OBS-05."""
        found = samples(busy)

        counted = {name: value for name, value in found.items() if "seconds" not in name[0]}
        assert counted == {
            ("accordant_runs", "bill", "done"): 1,
            ("accordant_runs", "bill", "running"): 1,
            ("accordant_runs", "activate", "parked"): 1,
            ("accordant_parked_gates", "approval"): 1,
            ("accordant_effects", "erp", "post", "adopted"): 1,
            ("accordant_effects", "erp", "post", "unsure"): 1,
            ("accordant_breaker", "erp", "post", "open"): 1,
            ("accordant_events_backlog",): 2,
            ("accordant_deliveries_behind", "bi"): 0,
            ("accordant_executors",): 1,
            ("accordant_audit_unsealed_rows",): 1,
        }

    def test_ages_are_in_seconds(self, busy):
        """R-OBS-02, R-OBS-13."""
        with busy.begin() as connection:
            execute(connection, "update run set started_at = started_at - interval '90 s' where key = 'b'")
            execute(connection, "update watermark set updated_at = updated_at - interval '1 hour'")
            execute(connection, "update effect set called_at = clock_timestamp() - interval '2 min'")

        found = samples(busy)
        assert 90 <= found["accordant_queue_age_seconds", "bill"] < 120
        assert 3600 <= found["accordant_sync_lag_seconds", "crm", "deals"] < 3700
        assert 120 <= found["accordant_effect_open_age_seconds", "erp"] < 150
        assert found["accordant_resume_age_seconds",] == 0

    def test_open_cases_are_counted_by_stage(self, database):
        with database.begin() as connection:
            execute(
                connection,
                """insert into exception_case (id, code, sentence, stage, tier, role, actions, cause_key, subject,
                                               details, opened_at, seen_at)
                   select 'cas_' || n, 'c', 's', 'invoicing', 2, 'r', '{}', 'k', n::text, '{}', now(), now()
                   from generate_series(1, 3) n""",
            )
        assert samples(database)["accordant_open_cases", "invoicing"] == 3


class TestExposition:
    def test_an_empty_database_is_served_too(self, database):
        with database.begin() as connection:
            text = exposition(connection).decode()

        assert "accordant_events_backlog 0.0" in text
        assert all(f"# HELP {gauge.name} " in text for gauge in GAUGES)

    def test_a_door_that_may_see_everything_reads_the_same(self, busy, owner_url):
        door = Database(as_role(owner_url, DOOR))
        with door.scoped(["*"]) as connection:
            text = exposition(connection).decode()
        door.dispose()

        assert 'accordant_runs{flow="bill",state="done"} 1.0' in text
        assert 'accordant_effects{operation="post",outcome="adopted",system="erp"} 1.0' in text
