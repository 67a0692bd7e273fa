import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from accordant.simulators.teams import TeamsSimulator

GRAPH = "https://graph.microsoft.com/v1.0"


class Tenant:
    """A tenant with three people and a client that has a token, driven synchronously."""

    def __init__(self) -> None:
        self.sim = TeamsSimulator()
        self.olga = self.sim.add_user("olga@meridian.example", "Olga O'Brien").id
        self.max = self.sim.add_user("max@meridian.example", "Max Muster").id
        self.ada = self.sim.add_user("ada@meridian.example", "Ada 🦊").id
        self.token: str | None = None

    def run(self, story: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
        async def told() -> Any:
            transport = httpx2.ASGITransport(app=self.sim.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as http:
                answer = await story(http)
                await self.sim.events.settle()
                return answer

        return asyncio.run(told())

    def sign_in(self, **overrides: str) -> httpx2.Response:
        identity = self.sim.identity
        form = {
            "grant_type": "client_credentials",
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "scope": "https://graph.microsoft.com/.default",
        } | overrides
        path = f"/{form.pop('tenant', identity.tenant_id)}/oauth2/v2.0/token"
        return self.run(lambda http: http.post(path, data=form))

    def as_person(self, user_id: str) -> dict[str, str]:
        refresh = self.sim.identity.delegate(user_id)
        answer = self.sign_in(grant_type="refresh_token", refresh_token=refresh)
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    def as_bot(self) -> dict[str, str]:
        answer = self.sign_in(scope="https://api.botframework.com/.default")
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        if self.token is None:
            self.token = self.sign_in().json()["access_token"]
        headers = {"authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        url = path if path.startswith(("/v3", "/beta", "http", "/workflows")) else f"/v1.0{path}"
        return self.run(lambda http: http.request(method, url, json=json, headers=headers, **options))

    def group(self, nickname: str = "meridian-p1", name: str = "Project one", **extra: Any) -> httpx2.Response:
        body = {
            "displayName": name,
            "mailNickname": nickname,
            "groupTypes": ["Unified"],
            "mailEnabled": True,
            "securityEnabled": False,
            "owners@odata.bind": [f"{GRAPH}/users/{self.olga}"],
        }
        return self.call("POST", "/groups", body | extra)

    def team(self, nickname: str = "meridian-p1") -> str:
        group_id = self.group(nickname).json()["id"]
        assert self.call("PUT", f"/groups/{group_id}/team", {}).status_code == 201
        return str(group_id)

    def channel_with_bot(self) -> tuple[str, str]:
        team_id = self.team()
        app = f"{GRAPH}/appCatalogs/teamsApps/{self.sim.catalog_app_id}"
        assert self.call("POST", f"/teams/{team_id}/installedApps", {"teamsApp@odata.bind": app}).status_code == 201
        return team_id, self.call("GET", f"/teams/{team_id}/primaryChannel").json()["id"]

    def books(self, kind: str) -> list[dict[str, Any]]:
        return [d.as_json() for d in self.sim.books.documents() if d.kind == kind]

    @staticmethod
    def bind(user_id: str, role: str = "") -> dict[str, Any]:
        return {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": [role] if role else [],
            "user@odata.bind": f"{GRAPH}/users('{user_id}')",
        }

    @staticmethod
    def card(key: str = "", text: str = "Ready to bill") -> dict[str, Any]:
        content = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "id": key, "text": text}]}
        return {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()
