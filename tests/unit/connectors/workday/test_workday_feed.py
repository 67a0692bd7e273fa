"""The feed of workers: segments with both time axes, nothing lost between two runs."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accordant.kernel import InvalidInput

SERVICE = "POST /ccx/service/meridian/Human_Resources/*"


def segments(seen, *fields):
    """The segments by day, as tuples of the fields."""
    bodies = sorted((o.body for o in seen), key=lambda worker: (worker.number, worker.valid_from))
    return [tuple(getattr(worker, field) for field in fields) for worker in bodies]


class TestFirstRead:
    def test_maps_a_worker(self, house):
        house.hire("20001", last_name="Boss")
        house.hire("21001", manager="20001")

        seen, _ = house.read()

        worker = next(o.body for o in seen if o.body.number == "21001")
        assert worker.model_dump(exclude={"extensions"}) == {
            "id": "workday-main/Worker/Employee_ID=21001",
            "number": "21001",
            "name": "Ada O'Brien",
            "email": "21001@meridian.example",
            "entity": "UK01",
            "cost_center": "CC-100",
            "manager_id": "workday-main/Worker/Employee_ID=20001",
            "role": "CONS",
            "location": "LON",
            "is_active": True,
            "hired_on": date(2024, 3, 1),
            "left_on": None,
            "valid_from": date(2024, 3, 1),
            "entered_at": datetime(2024, 2, 1, tzinfo=UTC),
        }

    def test_knows_every_field_of_the_answer(self, house):
        house.hire("20001")
        house.hire("21001", manager="20001", hourly_rate="61.50", business_title="Lead")

        seen, _ = house.read()

        assert {o.unknown for o in seen} == {frozenset()}

    def test_brings_each_segment_since_the_first_day(self, house):
        house.hire()
        house.force.change("21001", date(2024, 9, 1), cost_center="CC-200")
        house.force.change("21001", date(2025, 2, 1), job_profile="CONS-SR")

        seen, _ = house.read()

        assert segments(seen, "valid_from", "cost_center", "role") == [
            (date(2024, 3, 1), "CC-100", "CONS"),
            (date(2024, 9, 1), "CC-200", "CONS"),
            (date(2025, 2, 1), "CC-200", "CONS-SR"),
        ]

    def test_reads_what_is_older_as_of_the_first_day(self, house):
        house.hire(on=date(2019, 1, 1))
        house.force.change("21001", date(2022, 1, 1), cost_center="CC-200")

        seen, _ = house.read()

        assert segments(seen, "valid_from", "cost_center", "hired_on") == [
            (date(2024, 1, 1), "CC-200", date(2019, 1, 1))
        ]

    def test_brings_scheduled_changes_too(self, house):
        house.hire()
        ahead = house.today + timedelta(days=30)
        house.force.change("21001", ahead, location="BER")

        seen, _ = house.read()

        assert segments(seen, "valid_from", "location") == [(date(2024, 3, 1), "LON"), (ahead, "BER")]

    def test_brings_contingent_workers_beside_employees_of_the_same_number(self, house):
        house.hire("7")
        facts = {"first_name": "Max", "last_name": "Muster", "company": "DE01", "cost_center": "CC-100"}
        house.force.contract("C7", date(2024, 5, 1), job_profile="CONS", location="BER", **facts)

        seen, _ = house.read()

        assert {str(o.ref) for o in seen} == {
            "workday-main/Worker/Employee_ID=7",
            "workday-main/Worker/Contingent_Worker_ID=C7",
        }

    def test_is_empty_when_nobody_works_there(self, house):
        page = house.page()

        assert (page.observations, page.more) == ((), False)

    @pytest.mark.parametrize("name", ["O'Brien", "=HYPERLINK(1)", "A|B", "\u202eשלום", "🦊", "<&>"])
    def test_keeps_hostile_names_whole(self, house, name):
        house.hire(last_name=name)

        seen, _ = house.read()

        assert seen[0].body.name == f"Ada {name}"

    def test_keeps_what_came_as_evidence(self, house):
        house.hire()

        assert b"O'Brien" in house.page().raw


class TestIncrementalRead:
    def test_brings_only_what_was_entered_since(self, house):
        house.hire("21001")
        house.hire("21002")
        watermark = house.start()
        house.force.change("21002", house.today, location="BER")

        seen, _ = house.read(watermark)

        assert segments(seen, "number", "valid_from", "location") == [("21002", house.today, "BER")]

    def test_brings_nothing_when_nothing_was_entered(self, house):
        house.hire()
        watermark = house.start()

        seen, following = house.read(watermark)

        assert seen == []
        assert following != watermark

    def test_a_retroactive_change_brings_the_later_segments_again(self, house):
        """R-SYS-06."""
        house.hire()
        house.force.change("21001", date(2025, 1, 1), location="BER")
        watermark = house.start()
        entry = house.force.change("21001", date(2024, 6, 1), cost_center="CC-200")

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "cost_center", "location") == [
            (date(2024, 6, 1), "CC-200", "LON"),
            (date(2025, 1, 1), "CC-200", "BER"),
        ]
        assert all(abs(o.changed_at - entry.entered_at) < timedelta(milliseconds=1) for o in seen)

    def test_a_change_before_the_first_day_alters_the_first_segment(self, house):
        house.hire(on=date(2019, 1, 1))
        watermark = house.start()
        house.force.change("21001", date(2020, 1, 1), cost_center="CC-200")

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "cost_center") == [(date(2024, 1, 1), "CC-200")]

    def test_a_future_change_comes_when_it_is_entered(self, house):
        """R-SYS-06."""
        house.hire()
        watermark = house.start()
        ahead = house.today + timedelta(days=60)
        house.force.change("21001", ahead, company="DE01")

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "entity") == [(ahead, "DE01")]

    def test_a_future_hire_comes_when_it_is_entered(self, house):
        watermark = house.start()
        ahead = house.today + timedelta(days=60)
        house.hire(on=ahead, at=None)

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "is_active", "hired_on") == [(ahead, True, ahead)]

    def test_a_hire_beyond_the_horizon_comes_when_the_horizon_reaches_it(self, house):
        watermark = house.start()
        ahead = house.today + timedelta(days=400)
        house.hire(on=ahead, at=None)
        house.pass_time(minutes=6)
        nothing, watermark = house.read(watermark)
        house.pass_time(days=40)

        seen, _ = house.read(watermark)

        assert nothing == []
        assert segments(seen, "valid_from") == [(ahead,)]

    def test_a_termination_ends_the_day_after(self, house):
        house.hire()
        watermark = house.start()
        last_day = house.today + timedelta(days=10)
        house.force.terminate("21001", last_day)

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "is_active", "left_on") == [
            (last_day, True, last_day),
            (last_day + timedelta(days=1), False, last_day),
        ]

    def test_a_rehire_begins_a_new_active_segment_under_the_same_id(self, house):
        house.hire()
        house.force.terminate("21001", date(2024, 12, 31), at=datetime(2024, 12, 1, tzinfo=UTC))
        watermark = house.start()
        house.hire(on=date(2025, 6, 1), at=None)

        seen, _ = house.read(watermark)

        assert segments(seen, "number", "valid_from", "is_active", "left_on") == [
            ("21001", date(2025, 6, 1), True, None)
        ]

    def test_a_rescinded_change_restores_what_was_before(self, house):
        house.hire()
        change = house.force.change("21001", date(2024, 6, 1), cost_center="CC-200")
        watermark = house.start()
        house.force.rescind(change)

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "cost_center") == [
            (date(2024, 6, 1), "CC-100"),
            (date(2024, 6, 2), "CC-100"),
        ]

    def test_a_rescinded_termination_takes_the_day_after_back(self, house):
        house.hire()
        leaving = house.force.terminate("21001", date(2025, 3, 31))
        watermark = house.start()
        house.force.rescind(leaving)

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "is_active", "left_on") == [
            (date(2025, 3, 31), True, None),
            (date(2025, 4, 1), True, None),
        ]

    def test_a_corrected_termination_moves_the_end(self, house):
        house.hire()
        leaving = house.force.terminate("21001", date(2025, 3, 31))
        watermark = house.start()
        house.force.correct(leaving, on=date(2025, 5, 31), terminated_on=date(2025, 5, 31))

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "is_active") == [
            (date(2025, 3, 31), True),
            (date(2025, 4, 1), True),
            (date(2025, 5, 31), True),
            (date(2025, 6, 1), False),
        ]

    def test_a_corrected_hire_date_takes_the_days_before_it_back(self, house):
        wrong = house.hire()
        watermark = house.start()
        house.force.correct(wrong, on=date(2024, 5, 1), hire_on=date(2024, 5, 1))

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "is_active", "hired_on") == [
            (date(2024, 3, 1), False, date(2024, 5, 1)),
            (date(2024, 3, 2), False, date(2024, 5, 1)),
            (date(2024, 5, 1), True, date(2024, 5, 1)),
            (date(2024, 5, 2), True, date(2024, 5, 1)),
        ]

    def test_a_corrected_change_moves_to_its_new_day(self, house):
        house.hire()
        wrong = house.force.change("21001", date(2024, 6, 1), location="BER")
        watermark = house.start()
        house.force.correct(wrong, on=date(2024, 8, 1))

        seen, _ = house.read(watermark)

        assert segments(seen, "valid_from", "location") == [
            (date(2024, 6, 1), "LON"),
            (date(2024, 6, 2), "LON"),
            (date(2024, 8, 1), "BER"),
            (date(2024, 8, 2), "BER"),
        ]

    def test_looks_back_for_entries_that_committed_late(self, house):
        house.hire()
        _, watermark = house.read()
        house.force.change("21001", house.today, location="BER", at=house.sim.now() - timedelta(minutes=4))

        seen, _ = house.read(watermark)

        assert (house.today, "BER") in segments(seen, "valid_from", "location")

    def test_takes_its_watermark_from_the_tenants_clock(self, house):
        house.hire()
        house.arm("clock_skew", times=None, skew_s=-7200)
        _, watermark = house.read()
        house.force.change("21001", house.today, location="BER")

        seen, _ = house.read(watermark)

        assert (house.today, "BER") in segments(seen, "valid_from", "location")

    def test_orders_by_entry(self, house):
        watermark = house.start()
        house.hire("21002", at=house.sim.now())
        house.hire("21001", at=house.sim.now())

        seen, _ = house.read(watermark)

        assert [o.body.number for o in seen] == ["21002", "21001"]


class TestPaging:
    def test_brings_everybody_page_by_page(self, house):
        for number in range(5):
            house.hire(f"2100{number}")

        first = house.page(page_size=2)
        seen, _ = house.read(first.watermark, page_size=2)

        assert (len(first.observations), first.more) == (2, True)
        assert [o.body.number for o in (*first.observations, *seen)] == [f"2100{n}" for n in range(5)]

    def test_loses_nobody_when_data_changes_between_pages(self, house):
        for number in range(4):
            house.hire(f"2100{number}")
        first = house.page(page_size=2)
        house.pass_time(minutes=10)
        house.hire("20000", at=None)
        house.force.change("21003", house.today, location="BER")

        rest, watermark = house.read(first.watermark, page_size=2)
        later, _ = house.read(watermark, page_size=2)

        assert {o.body.number for o in rest} == {"21002", "21003"}
        assert {(o.body.number, o.body.location) for o in later} == {("20000", "LON"), ("21003", "BER")}

    def test_may_begin_a_page_again(self, house):
        house.hire("21001")
        house.hire("21002")
        first = house.page(page_size=1)

        once, again = house.page(first.watermark, page_size=1), house.page(first.watermark, page_size=1)

        assert once.observations == again.observations
        assert once.watermark == again.watermark

    @pytest.mark.parametrize("watermark", ["", "yesterday", "[]", '{"page": 1, "other": 2}'])
    def test_refuses_a_watermark_of_another_feed(self, house, watermark):
        if watermark == "":
            assert house.page(watermark).observations == ()
            return
        with pytest.raises(InvalidInput):
            house.page(watermark)

    def test_asks_once_per_day_and_not_once_per_worker(self, house):
        for number in range(20):
            house.hire(f"2100{number:02}")
        house.sim.calls.clear()

        house.read()

        services = [call for call in house.sim.calls if "Human_Resources" in call[0]]
        assert len(services) == 4  # clock, workers, logs, one day
