"""Contracts of a PSA's capabilities; project set-up is an ERP's, too."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import pytest

from accordant.kernel import ExternalId, Rejected
from accordant.ports import Absent, ProjectSetup, Staffing, TimeFeed
from accordant.testing.bench import Bench
from accordant.testing.builders import HOSTILE, HOSTILE_NAMES, a_project, a_staffing_request, a_task
from accordant.testing.crm import LOOK_UP_SIZES
from accordant.testing.feed import FeedContract, drain
from accordant.testing.suite import EffectContract, Write, check, is_found, require_plural


class ProjectBench(Bench):
    """A bench of a system that keeps projects.

    Attributes:
        entity: legal entity of the projects; `currency` is its own.
        forbidden: characters that the system takes in no name of a project, and what the connector writes instead.
    """

    entity: str = "uk01"
    currency: str = "GBP"
    forbidden: ClassVar[dict[str, str]] = {}

    @abstractmethod
    async def customer(self) -> ExternalId:
        """Return a customer whose projects may be set up."""

    @abstractmethod
    async def book_time(self, project: ExternalId) -> None:
        """Let somebody work for the project."""

    def kept(self, name: str) -> str:
        """Return a name as the system keeps it."""
        return "".join(self.forbidden.get(letter, letter) for letter in name)


def _project(bench: ProjectBench, name: str = HOSTILE, **fields: Any) -> Any:
    code = f"P-{bench.key('p')[:-2]}"
    return a_project(code=code, name=name, entity=bench.entity, currency=bench.currency, **fields)


async def _create(bench: ProjectBench, customer: ExternalId) -> Any:
    tasks = (a_task(name=HOSTILE), a_task("T2", name="Go-live"))
    return await bench.connector.create_project(_project(bench, tasks=tasks), customer=customer, key=bench.key("prj_1"))


async def _is_there(bench: ProjectBench, _: Any) -> bool:
    key = bench.key("prj_1")
    return is_found(await bench.connector.find_projects((key,)), key)


async def _made(bench: ProjectBench) -> ExternalId:
    written = await _create(bench, await bench.customer())
    return written.ref  # type: ignore[no-any-return]  # a Written


async def _withdraw(bench: ProjectBench, project: ExternalId) -> None:
    await bench.connector.withdraw_project(project, key=bench.key("prj_1/undo"))


async def _is_withdrawn(bench: ProjectBench, _: Any) -> bool:
    key = bench.key("prj_1")
    answer = (await bench.connector.find_projects((key,)))[key]
    return answer.written.facts.get("withdrawn") is True


class ProjectSetupContract(EffectContract):
    """What `ProjectSetup` promises. The books show projects as `project`."""

    capability = ProjectSetup
    writes: ClassVar = {
        "create_project": Write(_create, _is_there, lambda bench: bench.customer()),
        "withdraw_project": Write(_withdraw, _is_withdrawn, _made),
    }

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[ProjectBench]:
        """Return the bench."""

    @check()
    async def test_a_project_is_made_with_its_tasks_and_found_as_it_was_made(self, bench: ProjectBench) -> None:
        """Facts carry the code and the tasks' ids by code; the look-up says the very same."""
        written = await _create(bench, await bench.customer())

        key = bench.key("prj_1")
        found = (await bench.connector.find_projects((key,)))[key].written
        assert (written.facts["code"], set(written.facts["tasks"])) == (_project(bench).code, {"T/1", "T2"})
        assert (found.ref, found.facts["code"], found.facts["tasks"]) == (
            written.ref,
            written.facts["code"],
            written.facts["tasks"],
        )
        assert not found.facts.get("withdrawn")

    @check()
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    async def test_a_hostile_name_is_kept_as_it_was_written(self, bench: ProjectBench, name: str) -> None:
        """Of the project and of a task."""
        tasks = (a_task(name=HOSTILE_NAMES[name]),)
        project = _project(bench, HOSTILE_NAMES[name], tasks=tasks)

        await bench.connector.create_project(project, customer=await bench.customer(), key=bench.key("prj_1"))

        document = await bench.document("project", bench.key("prj_1"))
        shown = document.facts.get("name") or document.facts.get("title")
        assert shown == bench.kept(project.name)

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: ProjectBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        ref = await _made(bench)

        await require_plural(bench.connector.find_projects, bench.key("prj_1"), count, ref=ref)

    @check()
    async def test_a_withdrawn_project_is_found_as_withdrawn(self, bench: ProjectBench) -> None:
        """Withdrawing twice answers as withdrawn; the key stays with it, so that it is never taken for absent."""
        ref = await _made(bench)

        for _ in range(2):
            written = await bench.connector.withdraw_project(ref, key=bench.key("prj_1/undo"))
            assert written.ref == ref

        assert await _is_withdrawn(bench, ref)

    @check()
    async def test_a_project_with_booked_time_is_not_withdrawn(self, bench: ProjectBench) -> None:
        """It is refused with a remedy, and the project stays as it is."""
        ref = await _made(bench)
        await bench.book_time(ref)

        with pytest.raises(Rejected) as refused:
            await bench.connector.withdraw_project(ref, key=bench.key("prj_1/undo"))

        assert refused.value.remedy
        assert not await _is_withdrawn(bench, ref)


class StaffingBench(Bench):
    """A bench of a system in which people are asked for.

    Attributes:
        role: a role that the system knows.
    """

    role: str = "Consultant"

    @abstractmethod
    async def project(self) -> ExternalId:
        """Return a project that people may be asked for."""


async def _ask(bench: StaffingBench, project: ExternalId) -> Any:
    request = a_staffing_request(role=bench.role)
    return await bench.connector.request_staffing(request, project=project, key=bench.key("prj_1/staffing/1"))


async def _is_asked(bench: StaffingBench, _: Any) -> bool:
    key = bench.key("prj_1/staffing/1")
    return is_found(await bench.connector.find_staffing_requests((key,)), key)


async def _asked(bench: StaffingBench) -> ExternalId:
    return (await _ask(bench, await bench.project())).ref  # type: ignore[no-any-return]  # a Written


async def _take_back(bench: StaffingBench, request: ExternalId) -> None:
    await bench.connector.withdraw_staffing(request, key=bench.key("prj_1/staffing/1/undo"))


async def _is_taken_back(bench: StaffingBench, _: Any) -> bool:
    key = bench.key("prj_1/staffing/1")
    answer = (await bench.connector.find_staffing_requests((key,)))[key]
    return answer.written.facts.get("withdrawn") is True


class StaffingContract(EffectContract):
    """What `Staffing` promises."""

    capability = Staffing
    writes: ClassVar = {
        "request_staffing": Write(_ask, _is_asked, lambda bench: bench.project()),
        "withdraw_staffing": Write(_take_back, _is_taken_back, _asked),
    }

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[StaffingBench]:
        """Return the bench."""

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: StaffingBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        ref = await _asked(bench)

        await require_plural(bench.connector.find_staffing_requests, bench.key("prj_1/staffing/1"), count, ref=ref)

    @check()
    async def test_a_request_that_is_taken_back_is_found_as_withdrawn(self, bench: StaffingBench) -> None:
        """Taking it back twice answers as withdrawn."""
        ref = await _asked(bench)

        await _take_back(bench, ref)
        await _take_back(bench, ref)

        assert await _is_taken_back(bench, ref)

    @check()
    async def test_a_role_that_the_system_lacks_is_refused(self, bench: StaffingBench) -> None:
        """With a remedy, and nothing half made is found."""
        request, key = a_staffing_request(role="Astronaut"), bench.key("prj_1/staffing/2")

        with pytest.raises(Rejected) as refused:
            await bench.connector.request_staffing(request, project=await bench.project(), key=key)

        assert refused.value.remedy
        assert (await bench.connector.find_staffing_requests((key,)))[key] == Absent()


class TimeFeedContract(FeedContract):
    """What `TimeFeed` promises."""

    capability = TimeFeed

    @check()
    async def test_entries_are_fetched_by_id_and_a_missing_one_is_a_tombstone(self, bench: Any) -> None:
        """The feed and the single read agree."""
        stays, gone = await bench.add("Stays"), await bench.add("Gone")
        seen, _ = await drain(bench)
        await bench.remove(gone)

        fetched = await bench.connector.fetch_time((stays, gone))

        bodies = {o.ref.value: o.body for o in fetched}
        assert bodies[stays] == next(o.body for o in seen if o.ref.value == stays)
        assert bodies[gone] is None

    @check()
    async def test_three_hundred_entries_are_fetched_at_once(self, bench: Any) -> None:
        """One observation for each, whatever the vendor takes per call."""
        added = [await bench.add(f"Entry {number}") for number in range(300)]

        fetched = await bench.connector.fetch_time(tuple(added))

        assert sorted(o.ref.value for o in fetched) == sorted(added)
        assert all(o.body is not None for o in fetched)
