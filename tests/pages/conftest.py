"""The console over a filled database: in process for what a person may read, in a browser for what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from pages.console_client import Client
from pages.seed import Seeded, seed, to_group

from accordant.console import ConsoleDeps, create_console
from accordant.governance import Estate, load
from accordant.kernel import SystemClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, WORKER, Database, as_role
from accordant.process import Answers, FlowRegistry

SignIn = Callable[[str], Client]


@pytest.fixture(scope="session")
def estate() -> Estate:
    """The demo firm."""
    return load(Path(__file__).parents[2] / "estates/demo")


@pytest.fixture(scope="session")
def filled(cluster, estate: Estate) -> Iterator[tuple[ConsoleDeps, Seeded]]:
    """A database with nine engagements, read by all tests of this folder and changed by none."""
    owner = cluster.clone()
    worker, door = Database(as_role(owner, WORKER)), Database(as_role(owner, DOOR))
    seeded = seed(worker, datetime.now(UTC))
    answers = Answers(Starter(worker), FlowRegistry([]))
    yield ConsoleDeps(door, worker, answers, estate, SystemClock(), to_group), seeded
    worker.dispose()
    door.dispose()
    cluster.drop(owner)


@pytest.fixture(scope="session")
def seeded(filled: tuple[ConsoleDeps, Seeded]) -> Seeded:
    """The ids of what was seeded."""
    return filled[1]


@pytest.fixture(scope="session")
def console(filled: tuple[ConsoleDeps, Seeded]) -> FastAPI:
    """The console over the filled database."""
    return create_console(filled[0])


@pytest.fixture
def as_person(console: FastAPI) -> SignIn:
    """Return a client in which a person is signed in."""
    return lambda person: Client(console).sign_in(person)
