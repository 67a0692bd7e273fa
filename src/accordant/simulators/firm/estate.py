"""The simulated estate of a firm: its systems, loaded, with their secrets, ready to serve on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from accordant.simulators._shared import Simulator, serve
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.opening import (
    SERVICE_ITEM,
    open_kantata,
    open_netsuite,
    open_salesforce,
    open_teams,
    open_workday,
)
from accordant.simulators.firm.staff import ROLES
from accordant.simulators.kantata import KantataSimulator
from accordant.simulators.kantata.state import Caller
from accordant.simulators.netsuite import NetSuiteSimulator
from accordant.simulators.salesforce import SalesforceSimulator
from accordant.simulators.teams import TeamsSimulator
from accordant.simulators.workday import WorkdaySimulator

ADDRESSES = {
    "salesforce-main": "http://127.0.0.1:8401",
    "kantata-main": "http://127.0.0.1:8402",
    "netsuite-main": "http://127.0.0.1:8403",
    "workday-main": "http://127.0.0.1:8404",
    "teams-main": "http://127.0.0.1:8405",
}
_INTEGRATION_USER = "1"  # of a fresh Kantata account


def read_addresses(estate: Path) -> dict[str, str]:
    """Return the addresses of the simulated systems that an estate file names, by system, without any path.

    A system that this package does not simulate, a real one beside the others, is left out.
    """
    systems = yaml.safe_load(estate.read_text(encoding="utf-8"))["systems"]
    urls = {name: urlsplit(row["url"]) for name, row in systems.items() if row.get("simulated") and name in ADDRESSES}
    return {name: f"{url.scheme}://{url.netloc}" for name, url in urls.items()}


class SimulatedEstate:
    """The systems of one firm, as they stand before day one.

    Args:
        firm: whom they belong to.
        addresses: by system, `http://127.0.0.1:8401`; only the systems named here exist. All of them by default.

    Attributes:
        simulators: by system.
        secrets: what the integration needs, by system and name of the secret.
        settings: what an estate must say besides: tenants, organizations, certificates; no secrets.
        logins: what the firm's own people log in with, by system; no integration uses them.
    """

    def __init__(self, firm: Firm, addresses: Mapping[str, str] | None = None) -> None:
        self.firm = firm
        self.addresses = dict(ADDRESSES if addresses is None else addresses)
        self.simulators: dict[str, Simulator] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.logins: dict[str, dict[str, str]] = {}
        founders: Mapping[str, Callable[[str], Simulator]] = {
            "salesforce-main": self._salesforce,
            "kantata-main": self._kantata,
            "netsuite-main": self._netsuite,
            "workday-main": self._workday,
            "teams-main": self._teams,
        }
        if unknown := self.addresses.keys() - founders.keys():
            raise ValueError(f"no simulator plays {', '.join(sorted(unknown))}; there are: {', '.join(founders)}")
        for system in self.addresses:
            self.simulators[system] = founders[system](system)

    @property
    def environment(self) -> dict[str, str]:
        """The secrets as environment variables: `KANTATA_MAIN_TOKEN`."""
        return {
            f"{system}_{name}".replace("-", "_").upper(): value
            for system, named in self.secrets.items()
            for name, value in named.items()
        }

    def ring(self, hooks: str) -> None:
        """Let the CRM send its outbound messages to `<hooks>/<system>`."""
        for system, simulator in self.simulators.items():
            if isinstance(simulator, SalesforceSimulator):
                simulator.listen(f"{hooks.rstrip('/')}/{system}")

    async def serve(self) -> None:
        """Serve every system on its port, on loopback, in this event loop, until cancelled."""
        await serve({_port(self.addresses[system]): simulator for system, simulator in self.simulators.items()})

    def _salesforce(self, system: str) -> Simulator:
        app, secret = "integrations", secrets.token_urlsafe(24)
        sim = SalesforceSimulator(seed=self.firm.seed, client_id=app, client_secret=secret)
        open_salesforce(sim, self.firm)
        self.secrets[system] = self.logins[system] = {"client_id": app, "client_secret": secret}
        self.settings[system] = {"organization_id": sim.org.organization_id}
        return sim

    def _kantata(self, system: str) -> Simulator:
        sim = KantataSimulator(seed=self.firm.seed)
        office = open_kantata(sim, self.firm)
        ours, theirs = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        sim.tokens = {ours: Caller(_INTEGRATION_USER), theirs: Caller(office)}
        self.secrets[system] = {"token": ours}
        self.logins[system] = {"token": theirs}
        self.settings[system] = {"approver_ids": [office]}
        return sim

    def _netsuite(self, system: str) -> Simulator:
        sim = NetSuiteSimulator(seed=self.firm.seed)
        open_netsuite(sim, self.firm)
        ours, theirs = sim.enroll("integrations"), sim.enroll("bank-desk")
        self.secrets[system] = {"client_id": ours.client_id, "private_key": ours.private_key_pem}
        self.settings[system] = {
            "certificate_id": ours.certificate_id,
            "service_item": SERVICE_ITEM,
            "role_items": {code: code for code in ROLES},
        }
        self.logins[system] = {
            "client_id": theirs.client_id,
            "certificate_id": theirs.certificate_id,
            "private_key": theirs.private_key_pem,
        }
        return sim

    def _workday(self, system: str) -> Simulator:
        sim = WorkdaySimulator(seed=self.firm.seed)
        open_workday(sim, self.firm)
        login = sim.login
        login.client_secret, login.password = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        login.refresh_token = secrets.token_urlsafe(24)
        self.secrets[system] = {
            "client_id": login.client_id,
            "client_secret": login.client_secret,
            "refresh_token": login.refresh_token,
            "user": login.user,
            "password": login.password,
        }
        self.settings[system] = {"tenant": login.tenant}
        return sim

    def _teams(self, system: str) -> Simulator:
        sim = TeamsSimulator(seed=self.firm.seed)
        open_teams(sim, self.firm)
        sim.identity.client_secret = secrets.token_urlsafe(24)
        self.secrets[system] = {"client_id": sim.identity.client_id, "client_secret": sim.identity.client_secret}
        url = self.addresses[system]
        self.settings[system] = {
            "tenant_id": sim.identity.tenant_id,
            "teams_app_id": sim.catalog_app_id,
            "graph_url": url,
            "login_url": url,
            "bot_url": url,
        }
        return sim


def choose(systems: Sequence[str], ports: Sequence[int]) -> dict[str, str]:
    """Return the addresses of the named systems (`kantata` or `kantata-main`) on these ports, in the same order."""
    names = [system if system.endswith("-main") else f"{system}-main" for system in systems]
    return {name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}


def _port(address: str) -> int:
    url = urlsplit(address)
    if url.hostname not in ("127.0.0.1", "localhost") or url.port is None:
        raise ValueError(f"a simulated system is served on a port of this machine, not at {address}")
    return url.port
