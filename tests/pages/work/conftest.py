"""The console over a firm at work; each test has a database of its own and may act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from pages.console_client import Client
from pages.seed import to_group
from pages.work.firm_at_work import Told, at_work
from sqlalchemy import URL

from accordant.console import ConsoleDeps, create_console
from accordant.governance import Estate
from accordant.kernel import SystemClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, Database, as_role
from accordant.process import Answers
from accordant.runtime.house import FLOWS


@pytest.fixture
def deps(owner_url: URL, database: Database, estate: Estate) -> Iterator[ConsoleDeps]:
    """What the console is handed, with the product's own flows."""
    door = Database(as_role(owner_url, DOOR))
    yield ConsoleDeps(door, database, Answers(Starter(database), FLOWS), estate, SystemClock(), to_group)
    door.dispose()


@pytest.fixture
def told(deps: ConsoleDeps) -> Told:
    """The ids of what was told."""
    return at_work(deps.worker, datetime.now(UTC))


@pytest.fixture
def console(deps: ConsoleDeps, told: Told) -> FastAPI:
    """The console over the firm at work."""
    return create_console(deps)


@pytest.fixture
def as_person(console: FastAPI) -> Callable[[str], Client]:
    """Return a client in which a person is signed in."""
    return lambda person: Client(console).sign_in(person)
