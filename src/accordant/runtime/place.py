"""Where the database is: a PostgreSQL of your own, or the embedded one; ready, migrated, opened by role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, make_url

from accordant.platform.durable import migrate_engine
from accordant.platform.storage import DOOR, WORKER, EmbeddedPostgres, as_role, create_database, migrate
from accordant.runtime.settings import MIGRATIONS, Settings

DATABASE = "accordant"


@dataclass(frozen=True)
class Place:
    """A ready database: the owner's URL, and those under which workers and doors open it."""

    owner: URL

    @property
    def worker(self) -> str:
        """The URL of a worker."""
        return _text(as_role(self.owner, WORKER))

    @property
    def door(self) -> str:
        """The URL of API and console: they see what their entity scope says."""
        return _text(as_role(self.owner, DOOR))


@contextmanager
def open_place(settings: Settings, *, name: str = DATABASE) -> Iterator[Place]:
    """Make the database ready and hold the embedded server while the context is open.

    With a `database_url`, its roles must let `accordant_worker` and `accordant_door` log in as the URL's host demands.
    """
    if settings.database_url:
        owner = make_url(settings.database_url).set(drivername="postgresql+psycopg")
        yield _ready(owner)
        return
    server = EmbeddedPostgres(settings.data / "postgres")
    is_ours = server.pid() is None
    try:
        yield _ready(create_database(server.start(), name))
    finally:
        if is_ours:
            server.stop()


def _ready(owner: URL) -> Place:
    migrate(owner, MIGRATIONS)
    migrate_engine(owner, WORKER)
    return Place(owner)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
