"""The Teams simulator: one tenant with its door, its faults and its books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from accordant.simulators._shared import Document, Record, Simulator
from accordant.simulators.teams import errors
from accordant.simulators.teams.events import Announcer
from accordant.simulators.teams.identity import Identity
from accordant.simulators.teams.routes import PERMISSIONS, teams_routes
from accordant.simulators.teams.rules import Buckets, card_key
from accordant.simulators.teams.state import Tenant

TENANT_ID = str(UUID(int=0x7E57, version=4))
CLIENT_ID = str(UUID(int=0xC11E, version=4))


class TeamsSimulator(Simulator):
    """Microsoft 365 with Teams: `tenant` holds its records, `identity` its app registration, `buckets` its limits.

    Args:
        seed: makes ids repeat themselves.
        latency_s: how long each answer takes.
        http: client that delivers notifications; a new one per delivery when None.
    """

    name = "microsoft-teams"

    def __init__(self, *, seed: int = 1, latency_s: float = 0.0, http: httpx2.AsyncClient | None = None) -> None:
        super().__init__(seed=seed, latency_s=latency_s)
        self.tenant = Tenant(self)
        self.identity = Identity(self, TENANT_ID, CLIENT_ID, "simulated-secret", set(PERMISSIONS))
        self.events = Announcer(self, self.tenant.subscriptions, TENANT_ID, http)
        self.buckets = Buckets()
        self.catalog_app_id = str(UUID(int=0xB07, version=4))
        self.webhook_signature = "simulated-signature"
        self.delta_epoch = 0
        self.books.chapter(self._workspaces)
        self.books.chapter(self._members)
        self.books.chapter(self._messages)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the vendor's routes."""
        return teams_routes(self)

    def refuse(self, fault: str, request: Request) -> Response:
        """Return Graph's own answer for the faults that every vendor has."""
        refusal = {"429": errors.throttled(), "500": errors.server_error(), "expired_token": errors.expired_token()}
        return refusal[fault].response(request, self.now())

    def add_user(self, mail: str, name: str, **facts: Any) -> Record:
        """Add a person of the firm, with Graph's property names for further facts."""
        data = {"displayName": name, "mail": mail, "userPrincipalName": mail, "accountEnabled": True}
        return self.tenant.users.add(self.tenant.guid(), {**data, **facts})

    def fail_next_operation(self, code: str = "BadRequest", message: str = "Failed to create the team.") -> None:
        """Let the next asynchronous operation end as failed."""
        self.tenant.failing_operations.append((code, message))

    def forget_delta_tokens(self) -> None:
        """Make every delta token given out so far too old, so that its next use answers 410."""
        self.delta_epoch += 1

    def _workspaces(self) -> Iterator[Document]:
        for team in self.tenant.teams:
            if self.tenant.team(team.id):
                group = self.tenant.groups.get(team.id)
                facts = group.data if group else {}
                yield Document(
                    kind="workspace",
                    id=team.id,
                    key=facts.get("mailNickname", ""),
                    state="archived" if team.data["isArchived"] else "active",
                    facts={"displayName": facts.get("displayName")},
                )

    def _members(self) -> Iterator[Document]:
        for member in self.tenant.members:
            person = self.tenant.users.get(member.data["user"])
            yield Document(
                kind="member",
                id=member.id,
                key=person.data["mail"] if person else "",
                parent=member.data["group"],
                state="owner" if member.data["owner"] else "member",
            )

    def _messages(self) -> Iterator[Document]:
        for message in self.tenant.messages:
            yield Document(
                kind="message",
                id=message.id,
                key=card_key(message.data["attachments"]),
                parent=message.data["team"],
                state="deleted" if message.data.get("deletedDateTime") else "posted",
            )
