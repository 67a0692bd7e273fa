"""Systems that are down, throttled or slow, and notices that get lost: work waits in sight and ends the same."""

from __future__ import annotations

import httpx2
import pytest
from firm import CHAT, CRM, ERP, PSA

from accordant.cli.serve import open_doors
from accordant.platform.storage import DOOR, as_role


class TestOutage:
    def test_chat_down_during_activation_leaves_one_step_pending_in_sight_and_done_later(self, house):
        # given: the chat platform does not answer
        """R-SCN-14, R-FMC-23, R-RES-11."""
        house.systems.down(CHAT)

        # when
        house.win()

        # then: everything that earns money goes on; the workspace is one waiting step
        house.run_ends("activate-project")
        (run_id,) = house.runs("open-workspace")
        house.until(lambda: house.runs("open-workspace")[run_id] == "parked", "the workspace waits")
        assert house.rows("select 1 from run_note where run_id = :r and kind = 'waits' and name = :s", r=run_id, s=CHAT)
        house.approve(house.book(house.firm.deals[0], 8))
        house.run_ends("time-to-bill")
        assert house.totals(CHAT, "workspace").total() == 0

        # when: it is back
        house.systems.up(CHAT)

        # then
        house.run_ends("open-workspace")
        house.agrees()
        assert house.totals(CHAT, "workspace").total() == 1

    def test_erp_down_during_activation_holds_it_until_the_erp_is_back(self, house):
        """R-RES-12."""
        house.systems.down(ERP)

        house.win()
        house.until(lambda: "parked" in house.runs("activate-project").values(), "the activation waits")
        assert house.count("select count(*) as n from engagement_state where state = 'activated'") == 0

        house.systems.up(ERP)
        house.run_ends("activate-project")
        house.agrees()
        assert house.open_cases() == {}

    def test_a_storm_of_throttling_delays_and_loses_nothing(self, house):
        """R-FMC-24, R-RES-09."""
        house.win()
        for system, calls in ((PSA, "*"), (ERP, "* /services/rest/record/*")):  # the CRM's limit is one per day
            house.systems.fault(system, "429", on=calls, times=25, rate=0.5)

        house.run_ends("activate-project")
        house.approve(house.book(house.firm.deals[0], 8, 8))
        house.run_ends("time-to-bill")

        house.agrees()
        assert house.open_cases() == {}

    def test_each_create_kept_without_an_answer_is_found_and_adopted(self, house):
        """R-RES-06, R-MDM-05."""
        for system, call in (
            (PSA, "POST */workspace_groups.json"),
            (PSA, "POST */workspaces.json"),
            (PSA, "POST */resource_requests.json"),
            (ERP, "PUT */job/*"),
            (CHAT, "POST */groups"),
        ):
            house.systems.fault(system, "timeout_after_commit", on=call)

        house.win()
        house.run_ends("activate-project")
        house.run_ends("open-workspace")

        house.agrees()
        assert house.totals(PSA, "project").total() == house.totals(ERP, "project").total() == 1
        assert house.count("select count(*) as n from effect where adopted") > 0


class TestNotices:
    @pytest.fixture
    def rung(self, open_firm):
        """A firm whose feeds are read rarely: what happens soon comes from notices."""
        house = open_firm(deals=(0,), haste=1)
        with open_doors(
            house.settings,
            worker_url=house.database.url_text,
            door_url=as_role(house.url, DOOR).render_as_string(hide_password=False),
        ) as doors:
            transport = httpx2.ASGITransport(app=doors)
            house.systems[CRM].listen("http://accordant.example/hooks/salesforce-main", transport=transport)
            yield house

    def test_a_notice_starts_the_activation_and_its_copies_start_nothing(self, rung):
        # given: the CRM sends the notice of the contract after that of the deal, and each twice
        """R-RES-04, R-EVT-05."""
        for event in ("opportunity.closed_won", "contract.activated"):
            rung.systems.fault(CRM, "duplicate", on=event, times=None)
        rung.systems.fault(CRM, "out_of_order", on="contract.activated")

        rung.win()
        rung.run_ends("activate-project")

        rung.agrees()
        assert len(rung.runs("activate-project")) == 1
        assert rung.count("select count(*) as n from envelope") >= 1

    def test_a_lost_notice_is_found_by_reading_the_feed(self, open_firm):
        """R-PAT-09."""
        house = open_firm()
        house.systems.fault(CRM, "lost_event", on="*", times=None)

        house.win()

        house.run_ends("activate-project")
        house.agrees()
        assert house.count("select count(*) as n from envelope") == 0
