"""The time feed of the Kantata connector: watermark, ties, overlap, deletions, disorder."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from kantata_builders import ref

from accordant.canonical import ApprovalState
from accordant.connectors.kantata.changes import Watermark
from accordant.kernel import ContractDrift, InvalidInput, Money, RateLimited, Unavailable
from accordant.simulators.kantata import TOKEN_WITHOUT_MONEY

START = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


async def drain(connector, watermark=None, *, pages=200):
    """Read until caught up; return the observations and the watermark."""
    seen = []
    for _ in range(pages):
        page = await connector.time_since(watermark)
        seen += page.observations
        watermark = page.watermark
        if not page.more:
            return seen, watermark
    raise AssertionError("the feed never catches up")


def ids(observations):
    return [o.ref.value for o in observations]


class TestOneEntry:
    def test_is_mapped_with_ids_of_its_system(self, bench):
        workspace = bench.a_workspace()
        bench.entries(workspace, 1, approved=True, notes="O'Brien 🏗️ =HYPERLINK(", updated_at=START)

        ((entry,), _) = bench.run(drain)

        assert entry.ref == ref("time_entries", "1")
        assert entry.changed_at == START
        assert entry.unknown == frozenset()
        body = entry.body
        assert (body.project_id, body.worker_id) == (f"kantata-main/workspaces/{workspace}", "kantata-main/users/2")
        assert (body.worked_on, body.hours, body.role) == (date(2026, 5, 6), Decimal("1.5"), "Consultant")
        assert (body.approval, body.is_billable) == (ApprovalState.APPROVED, True)
        assert body.rate == Money.of("200.00", "GBP")
        assert body.note == "O'Brien 🏗️ =HYPERLINK("

    @pytest.mark.parametrize(("currency", "amount"), [("JPY", "20000"), ("KWD", "20.000"), ("USD", "200.00")])
    def test_counts_rates_by_the_currency_s_base_unit(self, bench, currency, amount):
        bench.entries(bench.a_workspace(currency=currency), 1)

        ((entry,), _) = bench.run(drain)

        assert entry.body.rate == Money.of(amount, currency)

    def test_has_no_rate_where_the_user_may_not_see_money(self, bench):
        bench.entries(bench.a_workspace(), 1)
        bench.settings = bench.settings.model_copy(
            update={"access_token": type(bench.settings.access_token)(TOKEN_WITHOUT_MONEY), "reads_deletions": False}
        )

        ((entry,), _) = bench.run(drain)

        assert entry.body.rate is None

    def test_is_seen_in_archived_and_foreign_projects_too(self, bench):
        bench.entries(bench.a_workspace(archived=True), 1)
        bench.entries(bench.a_workspace(on_my_account=False), 1)

        seen, _ = bench.run(drain)

        assert len(seen) == 2

    def test_may_need_its_associations_asked_for(self, bench):
        bench.settings = bench.settings.model_copy(update={"asks_for_ids": True})
        bench.entries(bench.a_workspace(), 1)

        ((entry,), _) = bench.run(drain)

        assert entry.body.worker_id == "kantata-main/users/2"

    def test_reports_fields_nobody_declared(self, bench):
        bench.entries(bench.a_workspace(), 1)
        bench.fault("drift", on="GET /api/v1/time_entries*")

        ((entry,), _) = bench.run(drain)

        assert entry.unknown == {"newInThisRelease"}

    def test_stops_when_a_field_it_needs_is_gone(self, bench):
        bench.entries(bench.a_workspace(), 1)
        bench.fault("drift", on="GET /api/v1/time_entries*", rename={"time_in_minutes": "minutes"})

        with pytest.raises(ContractDrift) as caught:
            bench.run(drain)

        assert "time_in_minutes" in str(caught.value.detail)


class TestWatermark:
    def test_reads_everything_once_across_pages(self, bench):
        workspace = bench.a_workspace()
        for n in range(9):
            bench.entries(workspace, 60, updated_at=START + timedelta(seconds=n))

        seen, _ = bench.run(drain)

        assert set(ids(seen)) == {str(n) for n in range(1, 541)}
        assert [o.changed_at for o in seen] == sorted(o.changed_at for o in seen)

    def test_goes_on_where_it_stopped(self, bench):
        workspace = bench.a_workspace()
        bench.entries(workspace, 3, updated_at=START)

        async def in_two_goes(k):
            _, mark = await drain(k)
            bench.clock.step(60)
            _, mark = await drain(k, mark)
            bench.entries(workspace, 2, updated_at=START + timedelta(minutes=5))
            return await drain(k, mark)

        seen, _ = bench.run(in_two_goes)

        assert ids(seen) == ["4", "5"]

    @pytest.mark.parametrize("count", [199, 200, 201, 400, 1001])
    def test_reads_a_second_that_fills_several_pages(self, bench, count):
        workspace = bench.a_workspace()
        bench.entries(workspace, count, updated_at=START)
        bench.entries(workspace, 1, updated_at=START + timedelta(seconds=1))

        seen, _ = bench.run(drain)

        assert set(ids(seen)) == {str(n) for n in range(1, count + 2)}

    def test_misses_nothing_when_a_second_shrinks_under_the_reader(self, bench):
        workspace = bench.a_workspace()
        bench.entries(workspace, 700, updated_at=START)

        async def read_while_changing(k):
            seen, mark = [], None
            for step in range(30):
                page = await k.time_since(mark)
                seen += page.observations
                mark = page.watermark
                if step < 3:  # the first entries of the window leave it: those behind move forward
                    for number in range(step * 50 + 1, step * 50 + 51):
                        record = bench.sim.account.at("time_entries", str(number))
                        bench.sim.account.change("time_entries", record, "1", notes="changed")
                if not page.more:
                    return seen
            raise AssertionError("never caught up")

        seen = bench.run(read_while_changing)

        assert set(ids(seen)) == {str(n) for n in range(1, 701)}
        changed = {o.ref.value for o in seen if o.body.note == "changed"}
        assert changed == {str(n) for n in range(1, 151)}

    def test_misses_nothing_when_entries_change_between_pages(self, bench):
        workspace = bench.a_workspace()
        for n in range(600):
            bench.entries(workspace, 1, updated_at=START + timedelta(seconds=n))

        async def read_while_changing(k):
            seen, mark, more = [], None, True
            while more:
                page = await k.time_since(mark)
                seen += page.observations
                mark, more = page.watermark, page.more
                for entry in page.observations[:1]:
                    record = bench.sim.account.at("time_entries", entry.ref.value)
                    bench.sim.account.change("time_entries", record, "1", notes="x")
                if len(seen) > 5000:
                    raise AssertionError("never catches up")
            return seen

        assert set(ids(bench.run(read_while_changing))) == {str(n) for n in range(1, 601)}

    def test_reads_hardly_anything_twice_when_nothing_changes(self, bench):
        workspace = bench.a_workspace()
        for n in range(40):
            bench.entries(workspace, 150, updated_at=START + timedelta(seconds=n))

        seen, _ = bench.run(drain)

        assert set(ids(seen)) == {str(n) for n in range(1, 6001)}
        assert len(seen) < 6300

    def test_reads_the_overlap_again_until_it_is_settled(self, bench):
        workspace = bench.a_workspace()
        bench.entries(workspace, 1, updated_at=START)

        async def with_a_straggler(k):
            _, mark = await drain(k)
            bench.entries(workspace, 1, updated_at=START - timedelta(seconds=10))  # stamped before, visible after
            seen, mark = await drain(k, mark)
            bench.clock.step(31)
            _, mark = await drain(k, mark)
            return seen, (await drain(k, mark))[0]

        overlap, settled = bench.run(with_a_straggler)

        assert set(ids(overlap)) == {"1", "2"}
        assert settled == []

    def test_does_not_depend_on_the_vendor_s_clock(self, bench):
        workspace = bench.a_workspace()
        ahead = datetime(2031, 1, 1, tzinfo=UTC)
        bench.entries(workspace, 1, updated_at=ahead)

        async def twice(k):
            first, mark = await drain(k)
            bench.clock.step(60)
            _, mark = await drain(k, mark)
            bench.entries(workspace, 1, updated_at=ahead + timedelta(seconds=1))
            return first, (await drain(k, mark))[0]

        first, second = bench.run(twice)

        assert (ids(first), ids(second)) == (["1"], ["2"])

    def test_keeps_the_page_as_it_came(self, bench):
        bench.entries(bench.a_workspace(), 1)

        page = bench.run(lambda k: k.time_since(None))

        assert page.raw.startswith(b'{"count":1,')

    def test_refuses_a_foreign_watermark(self, bench):
        with pytest.raises(InvalidInput):
            bench.run(lambda k: k.time_since('{"page": 3}'))

    def test_is_text_that_reads_back(self):
        mark = Watermark(since=START, offset=200, anchor="7", newest=START, newest_at=START)

        assert Watermark.read(mark.model_dump_json()) == mark


class TestDeletions:
    def delete(self, bench, id):
        bench.sim.account.remove("time_entries", bench.sim.account.at("time_entries", id), "1")

    def test_come_as_tombstones(self, bench):
        bench.entries(bench.a_workspace(), 2)

        async def read_delete_read(k):
            _, mark = await drain(k)
            bench.clock.step(60)
            _, mark = await drain(k, mark)
            self.delete(bench, "1")
            return await drain(k, mark)

        seen, _ = bench.run(read_delete_read)

        assert [(o.ref.value, o.body) for o in seen] == [("1", None)]

    def test_told_twice_or_early_change_nothing(self, bench):
        bench.entries(bench.a_workspace(), 2)
        bench.fault("duplicate", on="time_entry:deleted")
        self.delete(bench, "1")
        # An event about an entry that is still there is only a doorbell.
        bench.sim.events.record("time_entry:deleted", ("TimeEntry", "time_entries", "2"), "1", None, None)

        seen, _ = bench.run(drain)

        assert sorted((o.ref.value, o.body is None) for o in seen) == [("1", True), ("2", False), ("2", False)]

    def test_that_arrive_out_of_order_are_not_lost(self, bench):
        bench.entries(bench.a_workspace(), 3)
        bench.fault("out_of_order", on="time_entry:deleted", delay_s=30)
        self.delete(bench, "1")
        self.delete(bench, "2")

        async def before_and_after(k):
            first, mark = await drain(k)
            bench.sim.clock.offset = timedelta(seconds=31)
            second, _ = await drain(k, mark)
            return first, second

        first, second = bench.run(before_and_after)

        assert {o.ref.value for o in first if o.body is None} == {"2"}
        assert "1" in {o.ref.value for o in second if o.body is None}

    def test_are_not_asked_for_without_the_add_on(self, bench):
        bench.settings = bench.settings.model_copy(update={"reads_deletions": False})

        bench.run(drain)

        assert bench.calls("GET", "subscribed_events.json") == []


class TestFetchTime:
    def test_reads_by_id_and_gives_a_tombstone_for_what_is_gone(self, bench):
        bench.entries(bench.a_workspace(archived=True), 250)

        seen = bench.run(lambda k: k.fetch_time((*map(str, range(1, 251)), "999")))

        assert ids(seen) == [*map(str, range(1, 251)), "999"]
        assert [o.ref.value for o in seen if o.body is None] == ["999"]
        assert len(bench.calls("GET", "time_entries.json")) == 2

    def test_asks_nothing_for_nothing(self, bench):
        assert bench.run(lambda k: k.fetch_time(())) == ()
        assert bench.calls("GET", "time_entries.json") == []


class TestTrouble:
    @pytest.mark.parametrize("fault", ["429", "500", "html_error", "half_body", "timeout_before_commit"])
    def test_a_read_is_repeated(self, bench, fault):
        bench.entries(bench.a_workspace(), 1)
        bench.fault(fault, on="GET /api/v1/time_entries*")

        seen, _ = bench.run(drain)

        assert ids(seen) == ["1"]

    def test_throttling_without_headers_waits_a_little(self, bench):
        bench.fault("429", times=None)

        with pytest.raises(RateLimited) as caught:
            bench.run(drain)

        assert 0.001 <= caught.value.retry_after_s <= 0.002
        assert caught.value.code == "kantata.throttled"

    def test_an_outage_is_unavailable(self, bench):
        bench.fault("500", times=None)

        with pytest.raises(Unavailable):
            bench.run(drain)
