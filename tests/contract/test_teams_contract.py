"""Teams, simulated, under the contract of a place where people talk."""

from __future__ import annotations

from accordant.connectors.teams import TeamsConnector
from accordant.connectors.teams.settings import TeamsSettings
from accordant.simulators._shared import Document
from accordant.simulators.teams import TeamsSimulator
from accordant.testing import ConnectorContract, SimulatedBench, WorkspaceBench, WorkspacesContract


class TeamsBench(SimulatedBench, WorkspaceBench):
    """A tenant with two people."""

    calls = "* /v[13]*"  # Graph and the bot; not the logins
    enforces_keys = True
    in_parts = frozenset({"create_workspace", "post_card"})

    def __init__(self) -> None:
        sim = TeamsSimulator()
        for mail in self.members:
            sim.add_user(mail, mail)
        identity = sim.identity
        settings = TeamsSettings(
            graph_url="http://graph.example",
            login_url="http://graph.example",
            bot_url="http://graph.example",
            tenant_id=identity.tenant_id,
            client_id=identity.client_id,
            client_secret=identity.client_secret,
            teams_app_id=sim.catalog_app_id,
        )
        self.secrets = (identity.client_secret,)
        super().__init__(sim, lambda http: TeamsConnector("teams-main", settings, http))

    async def books(self) -> list[Document]:
        return [
            Document(d.kind, d.id, d.key, state=d.state, facts={"name": d.facts.get("displayName")})
            for d in self.sim.books.documents()
        ]


class OnTeams:
    connector = "teams"

    def bench(self) -> TeamsBench:
        return TeamsBench()


class TestConnector(OnTeams, ConnectorContract): ...


class TestWorkspaces(OnTeams, WorkspacesContract): ...
