"""The connected systems of an estate: each connector built once, asked for by capability, role, entity and day."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from accordant.governance import Estate, System, resolve
from accordant.kernel import InvalidInput, NotFound
from accordant.platform.http import Auth, Classify, HttpClient, HttpFactory, Limits, SharedBreaker, SharedLane
from accordant.platform.storage import Database
from accordant.ports import Port
from accordant.runtime.permissions import Standing, standing_of, within

P = TypeVar("P", bound=Port)

CONNECTORS = {
    "kantata": "KantataConnector",
    "netsuite": "NetSuiteConnector",
    "salesforce": "SalesforceConnector",
    "teams": "TeamsConnector",
    "tryton": "TrytonConnector",
    "workday": "WorkdayConnector",
}
"""Connectors of this release, by the name that the estate file uses."""


class Connections:
    """Builds connectors when they are first asked for, with the lane and breaker that all workers share.

    Args:
        estate: systems, routing and references to secrets.
        folder: the estate's folder, for `file:` secrets.
        http: makes the client of a system.
        standing: says what a connector may do, by its name; whatever goes beyond is refused.
    """

    def __init__(
        self, estate: Estate, folder: Path, http: HttpFactory, standing: Callable[[str], Standing] = standing_of
    ) -> None:
        self._estate = estate
        self._folder = folder
        self._http = http
        self._standing = standing
        self._built: dict[str, Any] = {}

    def port(self, capability: type[P], role: str, entity: str, on: date) -> P:
        """Return the system that serves a capability in a role.

        Raises:
            NotFound: no route, or the routed system cannot do it.
        """
        connector = self.system(self._estate.route(role, entity, on))
        if not isinstance(connector, capability):
            raise NotFound(
                f"{connector.system} serves as {role} for {entity} and has no {capability.__name__}.",
                code="estate.no_capability",
                remedy=f"Route {role} to a system with {capability.__name__}; see `accordant check`.",
                system=connector.system,
            )
        return connector

    def serving(self, capability: type[P]) -> list[P]:
        """Return every system of the estate that has a capability."""
        found = (self.system(id) for id in self._estate.systems)
        return [connector for connector in found if isinstance(connector, capability)]

    def system(self, id: str) -> Any:
        """Return the connector of an instance, built on first use."""
        if id not in self._built:
            self._built[id] = self._build(id, self._estate.system(id))
        return self._built[id]

    def role_of(self, id: str) -> str:
        """Return the first role of an instance."""
        return self._estate.system(id).roles[0]

    async def aclose(self) -> None:
        """Close every connection, and give back what lanes hold."""
        for connector in self._built.values():
            await connector.aclose()
        if isinstance(self._http, SharedHttp):
            await self._http.aclose()

    def _build(self, id: str, system: System) -> Any:
        if system.connector not in CONNECTORS:
            raise InvalidInput(
                f"{id} asks for the connector {system.connector!r}.",
                code="estate.unknown_connector",
                remedy=f"There are: {', '.join(sorted(CONNECTORS))}.",
                system=id,
            )
        package = f"accordant.connectors.{system.connector}"
        connector = getattr(importlib.import_module(package), CONNECTORS[system.connector])
        permitted = within(connector, self._standing(system.connector).permission)
        return permitted(id, self._settings(id, system, f"{package}.settings"), self._http)

    def _settings(self, id: str, system: System, module: str) -> BaseModel:
        """Read the connector's settings from the estate; secrets are fetched here and nowhere else."""
        name = CONNECTORS[system.connector].removesuffix("Connector") + "Settings"
        model: type[BaseModel] = getattr(importlib.import_module(module), name)
        values = {**system.settings}
        if "url" in model.model_fields:
            values["url"] = system.url
        for field, reference in system.secrets.items():
            secret = resolve(reference, folder=self._folder)
            is_secret = "Secret" in str(model.model_fields[field].annotation) if field in model.model_fields else True
            values[field] = secret if is_secret else secret.get_secret_value()
        try:
            return model.model_validate(values)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise InvalidInput(
                f"The settings of {id} do not fit its connector: {problems}.",
                code="estate.settings",
                remedy=f"Mend `systems: {id}:` in accordant.yaml; the connector's README lists its settings.",
                system=id,
            ) from error


class SharedHttp:
    """Makes clients that share lanes and breakers with every other worker.

    Args:
        database: holds the lanes.
        overrides: what the estate says about a system's limits, by instance id.
    """

    def __init__(self, database: Database, overrides: Callable[[str], dict[str, int]]) -> None:
        self._database = database
        self._overrides = overrides
        self._lanes: dict[str, SharedLane] = {}

    def __call__(
        self,
        *,
        system: str,
        base_url: str,
        auth: Auth | None,
        classify: Classify,
        limits: Limits,
        allowed_hosts: frozenset[str] = frozenset(),
    ) -> HttpClient:
        """Return the client of a system."""
        if system not in self._lanes:
            narrowed = limits.model_copy(update=self._overrides(system))
            self._lanes[system] = SharedLane(self._database.engine, system, narrowed)
        return HttpClient(
            system=system,
            base_url=base_url,
            auth=auth,
            classify=classify,
            lane=self._lanes[system],
            breaker=SharedBreaker(self._database.engine, system),
            allowed_hosts=allowed_hosts,
        )

    async def aclose(self) -> None:
        """Give back what the lanes hold."""
        for lane in self._lanes.values():
            await lane.aclose()
