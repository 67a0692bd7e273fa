"""The demo firm's ERP as a real Tryton: its books made once, kept under `.tryton/firms`, and served as a fresh copy."""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from accordant.canonical import Customer
from accordant.connectors.tryton import TrytonSettings, provision
from accordant.connectors.tryton.connector import client_for
from accordant.kernel import Period, content_hash
from accordant.platform.http import HttpClient
from accordant.runtime.simulated import SimulatedFirm
from accordant.runtime.tryton_server import TrytonHome, TrytonServer, tryton_server
from accordant.simulators.firm.firm import Firm

SYSTEM = "tryton-main"
INTEGRATION, BANK_DESK, JUDGE = "accordant", "bank-desk", "judge"

_TAXES = {"GB-STD-20": "0.20", "DE-STD-19": "0.19", "EU-REVERSE": "0", "US-NONE": "0", "EXPORT-ZERO": "0"}
_TERMS = (0, 7, 10, 14, 15, 20, 21, 28, 30, 45, 60, 90)
_KEPT = 6  # a day's firm differs from yesterday's
_MONTHS_BACK, _MONTHS_AHEAD, _MONTHS_OPEN = 14, 4, 5


@dataclass(frozen=True)
class TrytonFirm:
    """A running Tryton with the firm's books.

    Attributes:
        server: where it is.
        logins: database, user and password of the integration, the bank desk and the judge, by name.
    """

    server: TrytonServer
    logins: dict[str, dict[str, str]]

    @property
    def environment(self) -> dict[str, str]:
        """The integration's secret, under the name that `with_tryton` refers to."""
        return {"TRYTON_MAIN_PASSWORD": self.logins[INTEGRATION]["password"]}


@contextmanager
def tryton_firm(home: TrytonHome, folder: Path, books: provision.Books, *, port: int) -> Iterator[TrytonFirm]:
    """Serve a firm's books until the block ends; they are made when they are not kept yet (about ten seconds).

    Args:
        home: what `make tryton` has built.
        folder: for the served copy and the log.
        books: see `books_of`; users are added.
        port: on loopback.
    """
    home.require()
    kept = home.folder / "firms" / f"{_fingerprint(home, books)}.sqlite"
    if not kept.exists():
        _found(home, books, kept, port)
    passwords = json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))
    with tryton_server(home, folder, port=port, source=kept) as server:
        yield TrytonFirm(
            server,
            {
                user: {"database": server.database, "user": user, "password": password}
                for user, password in passwords.items()
            },
        )


@contextmanager
def tryton_in_place(home: TrytonHome, folder: Path, simulated: SimulatedFirm, played: Firm) -> Iterator[SimulatedFirm]:
    """Put a Tryton in the place of a running firm's ERP: the estate names it, clients pay there, the judge reads it.

    Args:
        home: what `make tryton` has built.
        folder: for the served copy and the log.
        simulated: the running firm; its estate is rewritten.
        played: the same firm, as its seed makes it.
    """
    file = simulated.estate / "accordant.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    years = {entity["id"]: entity["fiscal_year"] for entity in document["entities"]}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tryton_firm(home, folder, books_of(played, years), port=port) as running:
        server, judge = running.server, running.logins[JUDGE]
        changed = with_tryton(document, server)
        file.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
        addresses = {name: url for name, url in simulated.addresses.items() if name in changed["systems"]}
        yield replace(
            simulated,
            environment=simulated.environment | running.environment,
            addresses=addresses | {SYSTEM: server.url},
            logins={**simulated.logins, SYSTEM: running.logins[BANK_DESK]},
            judge_arguments=(*addresses.values(), "--tryton", server.url, *judge.values()),
        )


def books_of(firm: Firm, fiscal_years: Mapping[str, str]) -> provision.Books:
    """Return the ERP of a simulated firm as it stands before day one.

    Args:
        firm: companies, people and clients.
        fiscal_years: first day of the fiscal year, `04-01`, by company.
    """
    months = [Period.month_of(firm.today)]
    for _ in range(_MONTHS_BACK):
        months.insert(0, Period.month_of(months[0].start_on - timedelta(days=1)))
    for _ in range(_MONTHS_AHEAD):
        months.append(Period.month_of(months[-1].end_on + timedelta(days=1)))
    return provision.Books(
        companies=tuple(
            provision.Company(e.code, e.name, e.country, e.currency, fiscal_years.get(e.code, "01-01"))
            for e in firm.entities
        ),
        taxes={code: Decimal(rate) for code, rate in _TAXES.items()},
        terms_days=_TERMS,
        people=tuple(provision.Person(w.number, w.name, w.entity) for w in (*firm.workers, *firm.office)),
        customers=tuple(
            Customer(
                id=c.code,
                name=c.name.upper(),  # as finance typed it years ago
                country=c.country,
                city=c.city,
                street=c.street,
                postal_code=c.postal_code,
                vat_number=c.vat_number,
            )
            for c in firm.clients
            if c.is_in_ledger
        ),
        users=(),
        months=tuple(months),
        closed_until=months[_MONTHS_BACK + 1 - _MONTHS_OPEN].start_on,
    )


def with_tryton(document: dict[str, Any], server: TrytonServer) -> dict[str, Any]:
    """Return an estate document in which this server is the ERP; the systems that were are left out."""
    systems = {name: row for name, row in document["systems"].items() if "erp" not in row["roles"]}
    systems[SYSTEM] = {
        "connector": "tryton",
        "roles": ["erp"],
        "url": server.url,
        "secrets": {"password": "env:TRYTON_MAIN_PASSWORD"},
        "settings": {
            "database": server.database,
            "user": INTEGRATION,
            "unassigned": provision.UNASSIGNED,
            "settle_s": 20,
        },
        "limits": {"concurrency": 2},
    }
    return {**document, "systems": systems, "routing": {**document["routing"], "erp": [{"use": SYSTEM}]}}


def _found(home: TrytonHome, books: provision.Books, kept: Path, port: int) -> None:
    """Make the books on an empty server and keep its database, with the passwords beside it."""
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    groups = {INTEGRATION: "integration", BANK_DESK: "finance", JUDGE: "finance"}
    users = tuple(provision.Account(name, secrets.token_urlsafe(16), group) for name, group in groups.items())
    with tempfile.TemporaryDirectory(prefix="accordant-tryton-") as scratch:
        with tryton_server(home, Path(scratch), port=port) as server:
            asyncio.run(_provision(home, server, replace(books, users=users)))
        passwords = {user.login: user.password for user in users}
        kept.with_suffix(".json").write_text(json.dumps(passwords), encoding="utf-8")
        # Into one file without a journal; renamed at the end, so that a half-made one is never taken for whole.
        with closing(sqlite3.connect(server.file)) as connection:
            connection.execute("vacuum into ?", (str(kept.with_suffix(".part")),))
    kept.with_suffix(".part").rename(kept)
    for old in sorted(kept.parent.glob("*.sqlite"), key=lambda file: file.stat().st_mtime)[:-_KEPT]:
        old.unlink()
        old.with_suffix(".json").unlink(missing_ok=True)


async def _provision(home: TrytonHome, server: TrytonServer, books: provision.Books) -> None:
    password = SecretStr(home.admin_password)
    settings = TrytonSettings(url=server.url, database=server.database, user="admin", password=password)
    client = client_for(SYSTEM, settings, direct_http)
    try:
        await provision.provision(client, books)
    finally:
        await client.aclose()


def direct_http(*, system: str, base_url: str, auth: Any, classify: Any, **_: Any) -> HttpClient:
    """Make a client with a lane of its own, for set-up beside the product."""
    return HttpClient(system=system, base_url=base_url, auth=auth, classify=classify)


def _fingerprint(home: TrytonHome, books: provision.Books) -> str:
    """Return what tells these books, made by this code on this Tryton, from any others."""
    code = [inspect.getsource(module) for module in (provision, sys.modules[__name__])]
    return content_hash({"books": repr(asdict(books)), "code": code, "tryton": home.version})[:24]
