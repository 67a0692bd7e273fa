"""Writes of the Kantata connector: keyed, looked up, continued, put away."""

import asyncio
from datetime import date

import pytest
from kantata_builders import a_customer, a_project, a_request, ref

from accordant.kernel import InvalidInput, KeyConflict, Money, Rejected, UnknownOutcome
from accordant.ports import Absent, EngagementStatus, Found, Unsure, effect_of

GROUP = ref("workspace_groups", "1")
HOSTILE = ["O'Brien & Sons", '=HYPERLINK("http://evil.example")', "A|B", "شركة النور", "𝔑orth 🏗️", "a,b;c\nd"]


@pytest.fixture
def client_group(bench):
    bench.sim.load("workspace_groups", [{"name": "Northwind Energy", "company": True}])


@pytest.mark.usefixtures("client_group")
class TestCreateProject:
    def test_creates_the_workspace_with_terms_and_tasks_under_our_key(self, bench):
        written = bench.run(lambda k: k.create_project(a_project(), customer=GROUP, key="prj_1#1"))

        (project,) = bench.books("project")
        assert written.ref == ref("workspaces", project.id)
        assert written.facts == {"code": "P-1001", "tasks": {"T1": "1", "M1": "2"}, "withdrawn": False}
        assert (project.key, project.entity, project.currency, project.parent) == ("prj_1#1", "uk01", "GBP", "1")
        assert project.facts["contract_version"] == "2"
        assert (project.facts["start_date"], project.facts["due_date"]) == ("2026-06-01", "2026-09-30")
        assert [s.data["story_type"] for s in bench.sim.account["stories"]] == ["task", "milestone"]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_keeps_hostile_names_as_they_are(self, bench, name):
        bench.run(lambda k: k.create_project(a_project(name=name), customer=GROUP, key="prj_1#1"))

        assert bench.books("project")[0].facts["title"] == name

    def test_the_same_call_again_makes_nothing_new(self, bench):
        async def twice(k):
            return [await k.create_project(a_project(), customer=GROUP, key="prj_1#1") for _ in range(2)]

        first, second = bench.run(twice)

        assert first == second
        assert len(bench.books("project")) == 1
        assert len(bench.sim.account["stories"]) == 2

    def test_names_the_custom_fields_that_the_account_lacks(self, bench):
        bench.sim.account.remove("custom_fields", bench.sim.account.at("custom_fields", "5"), "1")

        with pytest.raises(Rejected) as caught:
            bench.run(lambda k: k.create_project(a_project(), customer=GROUP, key="prj_1#1"))

        assert caught.value.code == "kantata.custom_field_missing"
        assert caught.value.detail["fields"] == ["Project code"]
        assert bench.books("project") == []

    def test_two_records_under_one_key_are_for_a_person(self, bench):
        for _ in range(2):
            workspace = bench.a_workspace()
            bench.sim.account.put_reference(
                "Workspace", workspace, "1",
                {"service_name": "accordant", "service_model": "Project", "service_model_ref": "prj_1#1",
                 "status": "successful"},
            )  # fmt: skip

        async def both(k):
            with pytest.raises(Rejected):
                await k.create_project(a_project(), customer=GROUP, key="prj_1#1")
            return await k.find_projects(("prj_1#1",))

        found = bench.run(both)

        assert isinstance(found["prj_1#1"], Unsure)
        assert "2 records" in found["prj_1#1"].why

    def test_refuses_a_key_it_could_not_look_up(self, bench):
        with pytest.raises(InvalidInput):
            bench.run(lambda k: k.create_project(a_project(), customer=GROUP, key="a,b"))


@pytest.mark.usefixtures("client_group")
class TestCreateProjectThatBreaksOff:
    def test_a_write_without_answer_is_unknown_then_found_once(self, bench):
        bench.fault("timeout_after_commit", on="POST /api/v1/workspaces*")
        project = a_project(tasks=())

        async def write_then_look(k):
            with pytest.raises(UnknownOutcome) as caught:
                await k.create_project(project, customer=GROUP, key="prj_1#1")
            return caught.value.lookup_key, await k.find_projects(("prj_1#1",))

        key, found = bench.run(write_then_look)

        assert key == "prj_1#1"
        assert isinstance(found["prj_1#1"], Found)
        assert found["prj_1#1"].written.facts["code"] == "P-1001"
        assert len(bench.books("project")) == 1

    def test_a_late_commit_is_absent_first_and_found_later(self, bench):
        bench.fault("late_commit", on="POST /api/v1/workspaces*", delay_s=0.2)

        async def write_then_look_twice(k):
            with pytest.raises(UnknownOutcome):
                await k.create_project(a_project(tasks=()), customer=GROUP, key="prj_1#1")
            early = await k.find_projects(("prj_1#1",))
            await asyncio.sleep(0.1)
            return early, await k.find_projects(("prj_1#1",))

        early, late = bench.run(write_then_look_twice)

        assert early == {"prj_1#1": Absent()}
        assert isinstance(late["prj_1#1"], Found)

    def test_a_lagging_search_is_absent_and_counts_only_after_the_settling_time(self, bench):
        bench.fault("search_lag", times=None, lag_s=100)

        async def write_then_look(k):
            await k.create_project(a_project(tasks=()), customer=GROUP, key="prj_1#1")
            return await k.find_projects(("prj_1#1",)), k.settle_s

        found, settle_s = bench.run(write_then_look)

        assert found == {"prj_1#1": Absent()}
        assert settle_s > 180 + 10  # the vendor's longest request, and the lag of its searches
        bench.sim.faults.clear()

    @pytest.mark.parametrize("fault", ["429", "timeout_before_commit", "500", "html_error", "timeout_after_commit"])
    def test_goes_on_where_it_broke_off(self, bench, fault):
        bench.fault(fault, on="POST /api/v1/stories*", after=1, times=5)

        async def write_look_write(k):
            with pytest.raises(UnknownOutcome):
                await k.create_project(a_project(), customer=GROUP, key="prj_1#1")
            between = await k.find_projects(("prj_1#1",))
            bench.sim.faults.clear()
            written = await k.create_project(a_project(), customer=GROUP, key="prj_1#1")
            return between, written, await k.find_projects(("prj_1#1",))

        between, written, after = bench.run(write_look_write)

        assert between == {"prj_1#1": Absent()}  # begun is not done: it must be sent again
        assert after == {"prj_1#1": Found(written)}
        assert set(written.facts["tasks"]) == {"T1", "M1"}
        assert len(bench.books("project")) == 1
        assert len(bench.sim.account["stories"]) == 2

    def test_puts_away_what_it_began_when_a_task_is_refused(self, bench):
        broken = a_project(tasks=(a_project().tasks[0].model_copy(update={"name": ""}),))

        async def write_then_look(k):
            with pytest.raises(Rejected) as caught:
                await k.create_project(broken, customer=GROUP, key="prj_1#1")
            return caught.value, await k.find_projects(("prj_1#1",))

        error, found = bench.run(write_then_look)

        assert error.code == "kantata.validation"
        assert error.detail["errors"][0]["field"] == "title"
        assert bench.books("project")[0].state == "archived"
        assert found == {"prj_1#1": Absent()}

    def test_takes_it_up_again_under_the_same_key_once_it_is_corrected(self, bench):
        broken = a_project(tasks=(a_project().tasks[0].model_copy(update={"name": ""}),))
        mended = a_project(name="Rollout, second go", entity="de01")

        async def twice(k):
            with pytest.raises(Rejected):
                await k.create_project(broken, customer=GROUP, key="prj_1#1")
            return await k.create_project(mended, customer=GROUP, key="prj_1#1")

        written = bench.run(twice)

        (project,) = bench.books("project")
        assert written.ref == ref("workspaces", project.id)
        assert (project.state, project.facts["title"], project.entity) == ("active", "Rollout, second go", "de01")
        assert set(written.facts["tasks"]) == {"T1", "M1"}
        assert written.facts["withdrawn"] is False


@pytest.mark.usefixtures("client_group")
class TestWithdrawProject:
    def test_archives_it_and_it_is_still_found(self, bench):
        async def make_and_withdraw(k):
            written = await k.create_project(a_project(), customer=GROUP, key="prj_1#1")
            await k.withdraw_project(written.ref, key="prj_1#1:withdraw")
            await k.withdraw_project(written.ref, key="prj_1#1:withdraw")
            return await k.find_projects(("prj_1#1",))

        found = bench.run(make_and_withdraw)

        assert found["prj_1#1"].written.facts["withdrawn"] is True
        assert set(found["prj_1#1"].written.facts["tasks"]) == {"T1", "M1"}
        assert bench.books("project")[0].state == "archived"

    def test_refuses_a_project_with_booked_time(self, bench):
        workspace = bench.a_workspace()
        bench.entries(workspace, 1)

        with pytest.raises(Rejected) as caught:
            bench.run(lambda k: k.withdraw_project(ref("workspaces", workspace), key="w"))

        assert caught.value.code == "psa.project.has_time"
        assert bench.books("project")[0].state == "active"


class TestFindProjects:
    def test_asks_for_many_keys_in_few_calls(self, bench):
        keys = tuple(f"prj_{n}#1" for n in range(450))

        found = bench.run(lambda k: k.find_projects(keys))

        assert found == dict.fromkeys(keys, Absent())
        assert len(bench.calls("GET", "workspaces.json")) == 3

    def test_keeps_urls_short_for_long_keys(self, bench):
        keys = tuple(f"{'x' * 200}-{n}" for n in range(40))

        bench.run(lambda k: k.find_projects(keys))

        assert len(bench.calls("GET", "workspaces.json")) == 3

    def test_every_write_names_its_look_up(self, bench):
        async def looks(k):
            writes = (
                k.create_project,
                k.withdraw_project,
                k.request_staffing,
                k.create_customer,
                k.put_engagement_status,
            )
            return [hasattr(k, effect_of(w).look_up) for w in writes]

        assert all(bench.run(looks))


class TestStaffing:
    def test_asks_for_an_unnamed_resource_in_a_role(self, bench):
        project = ref("workspaces", bench.a_workspace())

        written = bench.run(lambda k: k.request_staffing(a_request(), project=project, key="prj_1/CONS#1"))

        (request,) = bench.books("resource_request")
        assert written.ref == ref("resource_requests", request.id)
        assert (request.key, request.parent, request.state) == ("prj_1/CONS#1", project.value, "new")
        assert request.facts["role_id"] == "3"
        (allocation,) = bench.sim.account["workspace_allocations"]
        assert (allocation.data["minutes"], allocation.data["end_date"]) == (4800, "2026-06-30")

    def test_is_found_by_its_key_and_can_be_withdrawn_twice(self, bench):
        project = ref("workspaces", bench.a_workspace())

        async def all_of_it(k):
            written = await k.request_staffing(a_request(), project=project, key="s#1")
            first = await k.find_staffing_requests(("s#1", "s#2"))
            for _ in range(2):
                await k.withdraw_staffing(written.ref, key="s#1:withdraw")
            return written, first, await k.find_staffing_requests(("s#1",))

        written, first, second = bench.run(all_of_it)

        assert first == {"s#1": Found(written), "s#2": Absent()}
        assert second["s#1"].written.facts == {"status": "cancelled", "withdrawn": True}

    @pytest.mark.parametrize(
        "part", ["workspace_resources", "workspace_allocations", "resource_requests", "external_references"]
    )
    def test_goes_on_where_it_broke_off(self, bench, part):
        project = ref("workspaces", bench.a_workspace())
        bench.fault("timeout_after_commit", on=f"POST /api/v1/{part}*")

        async def twice(k):
            with pytest.raises(UnknownOutcome):
                await k.request_staffing(a_request(), project=project, key="s#1")
            return await k.request_staffing(a_request(), project=project, key="s#1")

        written = bench.run(twice)

        account = bench.sim.account
        assert [len(account[n]) for n in ("workspace_resources", "workspace_allocations", "resource_requests")] == [
            1,
            1,
            1,
        ]
        assert written.ref == ref("resource_requests", "1")

    def test_takes_the_resource_back_when_the_request_is_refused(self, bench):
        bench.settings = bench.settings.model_copy(update={"approver_ids": ("99",)})
        project = ref("workspaces", bench.a_workspace())

        with pytest.raises(Rejected):
            bench.run(lambda k: k.request_staffing(a_request(), project=project, key="s#1"))

        assert len(bench.sim.account["workspace_resources"]) == 0

    @pytest.mark.parametrize(
        ("fields", "settings", "code"),
        [({"role": "Wizard"}, {}, "kantata.unknown_role"), ({}, {"approver_ids": ()}, "kantata.no_approver")],
    )
    def test_says_what_is_missing_before_writing_anything(self, bench, fields, settings, code):
        bench.settings = bench.settings.model_copy(update=settings)
        project = ref("workspaces", bench.a_workspace())

        with pytest.raises(Rejected) as caught:
            bench.run(lambda k: k.request_staffing(a_request(**fields), project=project, key="s#1"))

        assert caught.value.code == code
        assert caught.value.remedy
        assert len(bench.sim.account["workspace_resources"]) == 0


class TestCustomers:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_are_created_with_their_name_and_found_by_key(self, bench, name):
        async def make_and_find(k):
            written = await k.create_customer(a_customer(name=name), entity="uk01", currency="GBP", key="cus_1#1")
            return written, await k.find_customers(("cus_1#1",)), await k.match_customers(a_customer(name=name))

        written, found, matches = bench.run(make_and_find)

        assert found == {"cus_1#1": Found(written)}
        assert [m.body.name for m in matches] == [name]
        assert bench.books("customer")[0].facts["name"] == name

    def test_are_adopted_by_putting_our_key_on_them(self, bench):
        (group,) = bench.sim.load("workspace_groups", [{"name": "Northwind", "company": True}])
        target = ref("workspace_groups", group.id)

        async def adopt(k):
            await k.adopt_customer(target, entity="uk01", currency="GBP", key="cus_1#1")
            with pytest.raises(KeyConflict):
                await k.adopt_customer(target, entity="uk01", currency="GBP", key="cus_2#1")
            return await k.find_customers(("cus_1#1", "cus_2#1"))

        found = bench.run(adopt)

        assert found["cus_1#1"].written.ref == target
        assert found["cus_2#1"] == Absent()


class TestEngagementStatus:
    def test_sets_what_is_given_and_reads_it_back(self, bench):
        target = ref("workspaces", bench.a_workspace())
        status = EngagementStatus(
            state="activated", payment_status="part_paid", invoiced=Money.of("1250.50", "GBP"),
            paid=Money.of("1000", "JPY"), as_of=date(2026, 6, 30),
        )  # fmt: skip

        async def put_and_read(k):
            await k.put_engagement_status(target, status, key="e#1")
            await k.put_engagement_status(target, EngagementStatus(state="ready_to_bill"), key="e#2")
            return await k.read_engagement_status(target)

        seen = bench.run(put_and_read)

        assert seen == status.model_copy(update={"state": "ready_to_bill"})
        facts = bench.books("project")[0].facts
        assert (facts["engagement_state"], facts["payment_status"]) == ("ready_to_bill", "part_paid")

    def test_writes_nothing_for_an_empty_status(self, bench):
        target = ref("workspaces", bench.a_workspace())

        bench.run(lambda k: k.put_engagement_status(target, EngagementStatus(), key="e#1"))

        assert bench.calls("POST", "custom_field_values.json") == []

    def test_reads_an_archived_project_too(self, bench):
        target = ref("workspaces", bench.a_workspace(archived=True))

        assert bench.run(lambda k: k.read_engagement_status(target)) == EngagementStatus()
