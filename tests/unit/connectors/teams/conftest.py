import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from accordant.connectors.teams import TeamsConnector
from accordant.connectors.teams.settings import TeamsSettings
from accordant.kernel import ExternalId
from accordant.platform.http import in_process
from accordant.ports import Card, WorkspaceRequest, Written
from accordant.simulators._shared import Fault
from accordant.simulators.teams import TeamsSimulator

T = TypeVar("T")


class House:
    """A tenant with a few people, and our connector to it."""

    def __init__(self) -> None:
        self.sim = TeamsSimulator()
        for mail, name in (
            ("pm@meridian.example", "Olga O'Brien"),
            ("lead@meridian.example", "=HYPERLINK(1)"),
            ("o'hara@meridian.example", "שלום 🦊"),
        ):
            self.sim.add_user(mail, name)
        identity = self.sim.identity
        self.settings = TeamsSettings(
            graph_url="http://sim",
            login_url="http://sim",
            bot_url="http://sim",
            tenant_id=identity.tenant_id,
            client_id=identity.client_id,
            client_secret=identity.client_secret,
            teams_app_id=self.sim.catalog_app_id,
        )

    def run(self, story: Callable[[TeamsConnector], Awaitable[T]], **settings: Any) -> T:
        async def told() -> T:
            connection = self.settings.model_copy(update=settings)
            connector = TeamsConnector("teams-main", connection, in_process(self.sim.app, timeout_s=0.2))
            try:
                return await story(connector)
            finally:
                await connector.aclose()

        return asyncio.run(told())

    def create(self, key: str = "prj_1/workspace#1", **request: Any) -> Written:
        return self.run(lambda teams: teams.create_workspace(a_workspace(**request), key=key))

    def post(self, workspace: ExternalId, key: str = "prj_1/workspace/welcome#1", **card: Any) -> Written:
        return self.run(lambda teams: teams.post_card(workspace, a_card(**card), key=key))

    def find(self, *keys: str) -> Any:
        return self.run(lambda teams: teams.find_workspaces(keys))

    def find_cards(self, *keys: str, **settings: Any) -> Any:
        return self.run(lambda teams: teams.find_cards(keys), **settings)

    def arm(self, name: str, on: str = "*", **options: Any) -> Fault:
        plan = {k: options.pop(k) for k in ("times", "after") if k in options}
        return self.sim.faults.arm(Fault(name, on=on, options=options, **plan))

    def books(self, kind: str) -> list[dict[str, Any]]:
        return [d.as_json() for d in self.sim.books.documents() if d.kind == kind]

    def calls(self, *operations: str) -> int:
        return sum(call[0] in operations for call in self.sim.calls)


def a_workspace(**request: Any) -> WorkspaceRequest:
    defaults: dict[str, Any] = {
        "name": "Northwind | Transformation",
        "description": "Engagement con_1",
        "owners": ("pm@meridian.example",),
        "members": ("lead@meridian.example",),
    }
    return WorkspaceRequest(**(defaults | request))


def a_card(**card: Any) -> Card:
    return Card(**({"title": "Ready to bill", "text": "Two lines wait.", "link": "https://console.example/1"} | card))


@pytest.fixture
def house() -> House:
    return House()
