"""What the Teams connector promises whatever goes wrong: its answer and the tenant's own books never disagree.

R-SYS-11, R-SYS-25, R-TST-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from accordant.connectors.teams import TeamsConnector
from accordant.connectors.teams.settings import TeamsSettings
from accordant.kernel import AccordantError, ExternalId, UnknownOutcome
from accordant.platform.http import in_process
from accordant.ports import Absent, Card, Found, WorkspaceRequest
from accordant.simulators._shared import Document, Fault
from accordant.simulators.teams import TeamsSimulator

SYSTEM = "teams-main"
FAULTS = ("429", "500", "expired_token", "timeout_before_commit", "timeout_after_commit", "half_body", "html_error")
KEY, CARD_KEY = "prj_1/workspace#1", "prj_1/workspace/welcome#1"
REQUEST = WorkspaceRequest(
    name='=HYPERLINK("A|B") O\'Brien שלום 😀',
    description="Engagement con_1",
    owners=("pm@meridian.example",),
    members=("o'hara@meridian.example",),
)
CARD = Card(title="Welcome", text="Work may begin.", facts={"Client": "A|B"}, link="https://console.example/1")


class World:
    """A tenant with two people."""

    def __init__(self) -> None:
        self.sim = TeamsSimulator()
        for mail in ("pm@meridian.example", "o'hara@meridian.example"):
            self.sim.add_user(mail, mail)

    def run(self, story: Callable[[TeamsConnector], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            settings = TeamsSettings(
                graph_url="http://graph.example",
                login_url="http://graph.example",
                bot_url="http://graph.example",
                tenant_id=self.sim.identity.tenant_id,
                client_id=self.sim.identity.client_id,
                client_secret=self.sim.identity.client_secret,
                teams_app_id=self.sim.catalog_app_id,
            )
            connector = TeamsConnector(SYSTEM, settings, in_process(self.sim.app, timeout_s=0.15))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(whole())

    def books(self, kind: str) -> list[Document]:
        return [document for document in self.sim.books.documents() if document.kind == kind]

    @property
    def workspace(self) -> ExternalId:
        (document,) = self.books("workspace")
        return ExternalId(system=SYSTEM, type="teams", value=document.id)


async def create(_, connector):
    return await connector.create_workspace(REQUEST, key=KEY)


async def archive(world, connector):
    return await connector.archive_workspace(world.workspace, key=f"{world.workspace}/undo#1")


async def post(world, connector):
    return await connector.post_card(world.workspace, CARD, key=CARD_KEY)


async def found_workspace(_, connector):
    return is_found((await connector.find_workspaces((KEY,)))[KEY])


async def found_archived(_, connector):
    return int((await connector.find_workspaces((KEY,)))[KEY].written.facts == {"withdrawn": True})


async def found_card(_, connector):
    return is_found((await connector.find_cards((CARD_KEY,)))[CARD_KEY])


def is_found(answer):
    assert isinstance(answer, Found | Absent)
    return int(isinstance(answer, Found))


def workspaces(world):
    return len(world.books("workspace"))


def archived(world):
    return sum(document.state == "archived" for document in world.books("workspace"))


def cards(world):
    return len(world.books("message"))


WRITES = {
    "create": (create, workspaces, found_workspace),
    "archive": (archive, archived, found_archived),
    "post": (post, cards, found_card),
}

# Every write with every kind of call it makes.
PLACES = [
    ("create", "GET *"),
    ("create", "POST */token"),
    ("create", "POST */groups"),
    ("create", "PUT *"),
    ("archive", "GET *"),
    ("archive", "POST */archive"),
    ("post", "GET *"),
    ("post", "POST */installedApps"),
    ("post", "POST /v3/*"),
]


def begin(write):
    world = World()
    if write != "create":
        world.run(lambda connector: create(world, connector))
    return world


@pytest.mark.parametrize(("write", "call"), PLACES)
@pytest.mark.parametrize("fault", FAULTS)
class TestWriteUnderFault:
    def test_its_word_agrees_with_the_books(self, write, call, fault):
        world = begin(write)
        operation, in_books, look_up = WRITES[write]
        armed = world.sim.faults.arm(Fault(fault, on=call, options={"hang_s": 1}))

        async def story(connector):
            try:
                await operation(world, connector)
                said = "done"
            except UnknownOutcome:
                said = "unknown"
            except AccordantError:
                said = "not done"
            world.sim.faults.clear()
            return said, await look_up(world, connector)

        said, found = world.run(story)

        assert armed.struck == 1
        assert in_books(world) == found
        assert said == "unknown" or (said == "done") == bool(found)

    def test_once_more_after_any_outcome_it_is_there_once_and_whole(self, write, call, fault):
        world = begin(write)
        operation, in_books, _ = WRITES[write]
        world.sim.faults.arm(Fault(fault, on=call, options={"hang_s": 1}))

        async def story(connector):
            try:
                await operation(world, connector)
            except AccordantError:
                world.sim.faults.clear()
                await operation(world, connector)

        world.run(story)

        assert in_books(world) == 1
        assert len(world.books("member")) == 2


class TestLateCommit:
    def test_a_group_that_comes_after_the_look_up_is_taken_and_not_doubled(self):
        world = World()
        world.sim.faults.arm(Fault("late_commit", on="POST /v1.0/groups", options={"delay_s": 0.25, "hang_s": 1}))

        async def story(connector):
            with pytest.raises(UnknownOutcome):
                await create(world, connector)
            before = (await connector.find_workspaces((KEY,)))[KEY]
            await asyncio.sleep(0.15)
            return before, await create(world, connector)

        before, written = world.run(story)

        assert before == Absent()
        assert [document.id for document in world.books("workspace")] == [written.ref.value]
