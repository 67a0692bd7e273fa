"""Service clients: programs that call the API in their own name, declared in the estate's `clients.yaml`."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accordant.governance import Access, Actor, Estate, is_reference, resolve
from accordant.governance.access import Scope
from accordant.kernel import InvalidInput
from accordant.platform.yaml import read_yaml

FILE = "clients.yaml"


class Client(BaseModel):
    """A program with an owner; it may read and start work, but decides nothing: no worker stands behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9._-]+$")
    name: str
    owner: str = Field(min_length=1, description="Who answers for it.")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    entities: tuple[str, ...] | Literal["*"]
    secret: str = Field(default="", description="Reference to its secret; empty where the firm's issuer keeps it.")

    @property
    def actor(self) -> Actor:
        """The client as an actor: scopes and entities, no worker number, no role."""
        return Actor(
            id=self.id,
            name=self.name,
            worker_number="",
            roles=frozenset(),
            entities=("*",) if self.entities == "*" else self.entities,
            scopes=frozenset(self.scopes),
            approval_limits={},
        )


class Callers:
    """Everyone who may call: the estate's people and its service clients, by the subject of a token."""

    def __init__(self, access: Access, clients: Mapping[str, Client], folder: Path) -> None:
        self._access = access
        self._clients = dict(clients)
        self._folder = folder

    @classmethod
    def load(cls, folder: Path, estate: Estate) -> Self:
        """Read the clients of an estate; InvalidInput `api.clients` names what is wrong."""
        file = folder / FILE
        document = read_yaml(file.read_text(encoding="utf-8"), name=FILE) if file.exists() else {}
        try:
            clients = [Client.model_validate(item) for item in (document or {}).get("clients", [])]
        except ValidationError as error:
            first = error.errors()[0]
            raise _wrong(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        people = {person.id for person in estate.access.people}
        entities = {entity.id for entity in estate.entities}
        for client in clients:
            if client.id in people or sum(c.id == client.id for c in clients) > 1:
                raise _wrong(f"{client.id} is the id of somebody else")
            if client.secret and not is_reference(client.secret):
                raise _wrong(f"the secret of {client.id} is not a reference")
            if client.entities != "*" and not set(client.entities) <= entities:
                raise _wrong(f"{client.id} has an entity that the firm does not have")
        return cls(estate.access, {client.id: client for client in clients}, folder)

    def actor(self, subject: str) -> Actor:
        """Return who a token speaks of; NotFound when nobody here has that name."""
        client = self._clients.get(subject)
        return client.actor if client else self._access.actor(subject)

    def person(self, id: str) -> Actor:
        """Return a person; NotFound for clients and strangers."""
        return self._access.actor(id)

    def proved(self, id: str, secret: str) -> Actor | None:
        """Return the client whose secret this is, or None."""
        client = self._clients.get(id)
        if client is None or not client.secret:
            return None
        try:
            kept = resolve(client.secret, folder=self._folder).get_secret_value()
        except InvalidInput:
            return None
        return client.actor if hmac.compare_digest(kept.encode(), secret.encode()) else None


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"{FILE} cannot be used: {what}.", code="api.clients", remedy="Mend the file.")
