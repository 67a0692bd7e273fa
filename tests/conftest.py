"""Fixtures that every test may use: a fresh, migrated database in milliseconds."""

from __future__ import annotations

import fcntl
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from accordant.platform.durable import migrate_engine
from accordant.platform.storage import WORKER, Database, EmbeddedPostgres, as_role, create_database, migrate

MIGRATIONS = Path(__file__).parent.parent / "src/accordant/runtime/migrations"


class Cluster:
    """The test run's PostgreSQL with one migrated template."""

    def __init__(self, owner: URL) -> None:
        self.owner = owner

    def clone(self) -> URL:
        """Return the owner's URL of a new database with the current schema."""
        return create_database(self.owner, f"t_{uuid.uuid4().hex[:12]}", template="template_accordant")

    def drop(self, url: URL) -> None:
        """Remove a clone."""
        engine = create_engine(self.owner, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'drop database if exists "{url.database}" with (force)'))
        engine.dispose()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One embedded server for the whole run, shared by the workers of pytest-xdist; the last one out stops it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)
    folder = Path(tempfile.gettempdir()) / f"accordant-test-{run[:12]}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = folder / "users"
        server = EmbeddedPostgres(folder / "pg", durable=False)
        owner = server.start()
        if not users.exists():
            template = create_database(owner, "template_accordant")
            migrate(template, MIGRATIONS)
            migrate_engine(template, WORKER)
        users.write_text(str(int(users.read_text() if users.exists() else 0) + 1))
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield Cluster(owner)
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = int(users.read_text()) - 1
        users.write_text(str(left))
        if left == 0:
            server.stop()


@pytest.fixture
def owner_url(cluster: Cluster) -> Iterator[URL]:
    """The owner's URL of a fresh database, dropped after the test."""
    url = cluster.clone()
    yield url
    cluster.drop(url)


@pytest.fixture
def database(owner_url: URL) -> Iterator[Database]:
    """A fresh database, opened as a worker opens it."""
    handle = Database(as_role(owner_url, WORKER))
    yield handle
    handle.dispose()
