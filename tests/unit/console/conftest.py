"""The console over a fresh database, and a browser-like client that carries cookies and tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from pages.console_client import Client
from pages.seed import to_group
from sqlalchemy import URL

from accordant.console import ConsoleDeps, create_console
from accordant.governance import Estate, load
from accordant.kernel import FixedClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, Database, as_role
from accordant.process import Answers, FlowRegistry

NOW = datetime(2026, 11, 26, 9, 42, tzinfo=UTC)


@pytest.fixture(scope="session")
def estate() -> Estate:
    """The demo firm."""
    return load(Path(__file__).parents[3] / "estates/demo")


@pytest.fixture
def deps(owner_url: URL, database: Database, estate: Estate) -> Iterator[ConsoleDeps]:
    """What the console is handed, on Thursday 26 November 2026, 09:42 UTC."""
    door = Database(as_role(owner_url, DOOR))
    answers = Answers(Starter(database), FlowRegistry([]))
    yield ConsoleDeps(
        door=door, worker=database, answers=answers, estate=estate, clock=FixedClock(NOW), to_group=to_group
    )
    door.dispose()


@pytest.fixture
def console(deps: ConsoleDeps) -> FastAPI:
    """The console."""
    return create_console(deps)


@pytest.fixture
def client(console: FastAPI) -> Client:
    """A browser in which nobody is signed in."""
    return Client(console)
