"""Contracts of an HRIS, of a collaboration platform, and of any system that lists people."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import pytest

from accordant.kernel import ExternalId
from accordant.ports import PeopleDirectory, WorkerFeed, Workspaces
from accordant.testing.bench import Bench
from accordant.testing.builders import HOSTILE, HOSTILE_NAMES, a_card, a_workspace
from accordant.testing.crm import LOOK_UP_SIZES
from accordant.testing.feed import FeedContract
from accordant.testing.suite import ContractSuite, EffectContract, Write, check, is_found, require_plural


class WorkspaceBench(Bench):
    """A bench of a place where people talk; `pm@meridian.example` and `o'hara@meridian.example` work there."""

    members: ClassVar[tuple[str, ...]] = ("pm@meridian.example", "o'hara@meridian.example")


KEY = "prj_1/workspace"
CARD = "prj_1/workspace/welcome"


async def _create(bench: WorkspaceBench, _: Any) -> Any:
    return await bench.connector.create_workspace(a_workspace(name=HOSTILE), key=bench.key(KEY))


async def _is_there(bench: WorkspaceBench, _: Any) -> bool:
    key = bench.key(KEY)
    return is_found(await bench.connector.find_workspaces((key,)), key)


async def _made(bench: WorkspaceBench) -> ExternalId:
    return (await _create(bench, None)).ref  # type: ignore[no-any-return]  # a Written


async def _archive(bench: WorkspaceBench, workspace: ExternalId) -> None:
    await bench.connector.archive_workspace(workspace, key=bench.key(f"{KEY}/undo"))


async def _is_archived(bench: WorkspaceBench, _: Any) -> bool:
    key = bench.key(KEY)
    answer = (await bench.connector.find_workspaces((key,)))[key]
    return answer.written.facts.get("withdrawn") is True


async def _tell(bench: WorkspaceBench, workspace: ExternalId) -> Any:
    return await bench.connector.post_card(workspace, a_card(title=HOSTILE), key=bench.key(CARD))


async def _is_told(bench: WorkspaceBench, _: Any) -> bool:
    key = bench.key(CARD)
    return is_found(await bench.connector.find_cards((key,)), key)


class WorkspacesContract(EffectContract):
    """What `Workspaces` promises. The books show `workspace` and `message`."""

    capability = Workspaces
    writes: ClassVar = {
        "create_workspace": Write(_create, _is_there),
        "archive_workspace": Write(_archive, _is_archived, _made),
        "post_card": Write(_tell, _is_told, _made),
    }

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[WorkspaceBench]:
        """Return the bench."""

    @check()
    async def test_people_that_the_platform_does_not_know_are_counted_and_stop_nobody(
        self, bench: WorkspaceBench
    ) -> None:
        """The others are in."""
        request = a_workspace(members=("o'hara@meridian.example", "nobody@elsewhere.example"))

        written = await bench.connector.create_workspace(request, key=bench.key(KEY))

        assert written.facts["unknown_people"] == 1
        assert await _is_there(bench, None)

    @check()
    async def test_an_archived_workspace_is_found_as_withdrawn(self, bench: WorkspaceBench) -> None:
        """Archiving twice answers as archived."""
        ref = await _made(bench)

        await _archive(bench, ref)
        await _archive(bench, ref)

        assert await _is_archived(bench, ref)

    @check()
    async def test_a_message_is_posted_once_under_its_key(self, bench: WorkspaceBench) -> None:
        """Posted again, it answers as posted; another key is another message."""
        ref = await _made(bench)

        first = await _tell(bench, ref)
        again = await _tell(bench, ref)
        await bench.connector.post_card(ref, a_card(), key=bench.key(f"{KEY}/ready"))

        assert again.ref == first.ref
        assert len([d for d in await bench.books() if d.kind == "message"]) == 2

    @check()
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    async def test_a_hostile_name_is_kept_as_it_was_written(self, bench: WorkspaceBench, name: str) -> None:
        """Of a workspace, and in a message."""
        request = a_workspace(name=HOSTILE_NAMES[name])

        written = await bench.connector.create_workspace(request, key=bench.key(KEY))
        await bench.connector.post_card(written.ref, a_card(text=HOSTILE_NAMES[name]), key=bench.key(CARD))

        (workspace,) = [d for d in await bench.books() if d.kind == "workspace"]
        assert workspace.facts["name"] == HOSTILE_NAMES[name]
        assert await _is_told(bench, None)

    @check()
    @pytest.mark.parametrize("count", LOOK_UP_SIZES)
    async def test_a_look_up_answers_every_key_it_was_asked_for(self, bench: WorkspaceBench, count: int) -> None:
        """One known key among strangers, some of which only look like it."""
        ref = await _made(bench)

        await require_plural(bench.connector.find_workspaces, bench.key(KEY), count, ref=ref)


class WorkerFeedContract(FeedContract):
    """What `WorkerFeed` promises; its records are workers, and one worker comes as several segments."""

    capability = WorkerFeed
    in_order = False

    @check()
    async def test_every_segment_says_from_which_day_it_holds_and_when_it_was_entered(self, bench: Any) -> None:
        """Both axes of time, on every observation."""
        await bench.add("Ada")

        page = await bench.page(None)

        assert page.observations
        for seen in page.observations:
            assert seen.body.valid_from
            assert seen.body.entered_at.tzinfo is not None


class DirectoryBench(Bench):
    """A bench of a system that knows people by mail address."""

    @abstractmethod
    async def person(self, email: str) -> str:
        """Let a person be known there; returns the id of the record."""


class PeopleDirectoryContract(ContractSuite):
    """What `PeopleDirectory` promises."""

    capability = PeopleDirectory

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[DirectoryBench]:
        """Return the bench."""

    @check()
    async def test_everybody_with_a_mail_address_is_listed_once(self, bench: DirectoryBench) -> None:
        """More people than the vendor shows on a page, one of them with an apostrophe, one without address."""
        await bench.person("")
        known = {await bench.person(f"o'hara{n}@meridian.example"): f"o'hara{n}@meridian.example" for n in range(230)}

        people = await bench.connector.people()

        assert len(people) == len({entry.ref for entry in people})
        assert known.items() <= {entry.ref.value: entry.email for entry in people}.items()
        assert all(entry.email for entry in people)
