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
from accordant.kernel import ExternalId, UnknownOutcome
from accordant.platform.http import in_process
from accordant.ports import Absent, Card, WorkspaceRequest
from accordant.simulators._shared import Document, Fault
from accordant.simulators.teams import TeamsSimulator

SYSTEM = "teams-main"
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


class TestBooks:
    def test_a_workspace_has_its_people_once_and_a_card_is_one_message(self):
        world = World()

        for _ in range(2):
            world.run(lambda connector: create(world, connector))
            world.run(lambda connector: post(world, connector))

        assert len(world.books("workspace")) == len(world.books("message")) == 1
        assert sorted(document.state for document in world.books("member")) == ["member", "owner"]

    def test_an_archived_workspace_is_archived_there(self):
        world = World()
        world.run(lambda connector: create(world, connector))

        world.run(lambda connector: archive(world, connector))

        assert [document.state for document in world.books("workspace")] == ["archived"]


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
