"""The API over a fresh database, with the demo firm's people and a CRM whose notifications it knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_client import Caller, CrmConnections
from sqlalchemy import URL

from accordant.api import ApiDeps, create_api
from accordant.governance import Estate, load
from accordant.kernel import FixedClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, Database, as_role
from accordant.process import Answers
from accordant.runtime.house import FLOWS

NOW = datetime(2026, 11, 26, 9, 42, tzinfo=UTC)


@pytest.fixture(scope="session")
def estate() -> Estate:
    """The demo firm."""
    return load(Path(__file__).parents[3] / "estates/demo")


@pytest.fixture
def deps(owner_url: URL, database: Database, estate: Estate) -> Iterator[ApiDeps]:
    """What the API is handed, on Thursday 26 November 2026, 09:42 UTC."""
    door = Database(as_role(owner_url, DOOR))
    starter = Starter(database)
    yield ApiDeps(
        door=door,
        worker=database,
        answers=Answers(starter, FLOWS),
        starter=starter,
        flows=FLOWS,
        estate=estate,
        connections=CrmConnections(estate),
        clock=FixedClock(NOW),
    )
    door.dispose()


@pytest.fixture
def api(deps: ApiDeps) -> Caller:
    """The API, called by nobody in particular."""
    return Caller(create_api(deps))
