"""The API over a fresh database, with the demo firm's people and a CRM whose notifications it knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_client import Caller, CrmConnections, Office
from api_seed import Book, seed
from sqlalchemy import URL

from accordant.api import ApiDeps, ApiSettings, Callers, create_api
from accordant.governance import Estate, load
from accordant.kernel import FixedClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, Database, as_role
from accordant.policies import PolicySet
from accordant.process import Answers, Intake
from accordant.runtime.house import FLOWS

NOW = datetime(2026, 11, 26, 9, 42, tzinfo=UTC)


DEMO = Path(__file__).parents[3] / "estates/demo"
CLIENTS = """
clients:
  - id: reporting
    name: Reporting
    owner: bi@meridian.example
    scopes: [engagements:read, billing:read, events:read, events:act, runs:read, runs:act, cases:read, approvals:read,
             masterdata:read, systems:read, estate:read]
    entities: [uk01]
    secret: "env:REPORTING_SECRET"
  - id: planner
    name: Planner
    owner: pmo@meridian.example
    scopes: [runs:act, billing:act, cases:act, approvals:decide, events:act, events:read]
    entities: "*"
"""


@pytest.fixture(scope="session")
def estate() -> Estate:
    """The demo firm."""
    return load(DEMO)


@pytest.fixture
def deps(owner_url: URL, database: Database, estate: Estate, tmp_path: Path) -> Iterator[ApiDeps]:
    """What the API is handed, on Thursday 26 November 2026, 09:42 UTC."""
    door = Database(as_role(owner_url, DOOR))
    starter = Starter(database)
    (tmp_path / "clients.yaml").write_text(CLIENTS)
    yield ApiDeps(
        door=door,
        worker=database,
        answers=Answers(starter, FLOWS),
        starter=starter,
        intake=Intake(estate, FLOWS, starter),
        flows=FLOWS,
        estate=estate,
        policies=PolicySet.load(DEMO / "policies"),
        callers=Callers.load(tmp_path, estate),
        connections=CrmConnections(estate),
        clock=FixedClock(NOW),
        key=b"k" * 32,
        settings=ApiSettings(requests_per_minute=6000),
    )
    door.dispose()


@pytest.fixture
def api(deps: ApiDeps) -> Caller:
    """The API, called by nobody in particular."""
    return Caller(create_api(deps))


@pytest.fixture
def office(api: Caller) -> Office:
    """The API, called by people and programs of the firm."""
    return Office(api.app)


@pytest.fixture
def books(database: Database) -> dict[str, Book]:
    """The same small book of work in uk01 and us01."""
    return seed(database)
