"""A database handle: transactions, what a door may see, and rows as dictionaries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.engine import make_url

from accordant.kernel import NotFound

ALL_ENTITIES = "*"


class Database:
    """A pool of connections to one database, in the schema `accordant`.

    Args:
        url: SQLAlchemy URL or its text; `postgresql://` is read as psycopg 3.
        pool_size: connections kept; workers have 8 for us beside 8 for the engine.
    """

    def __init__(self, url: URL | str, *, pool_size: int = 8) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self.engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=2,
            pool_pre_ping=False,
            connect_args={"options": "-c search_path=accordant,public -c timezone=UTC"},
        )

    @property
    def url_text(self) -> str:
        """The URL with its password, to hand to a child process."""
        return self.url.render_as_string(hide_password=False)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction: committed at the end, rolled back on any exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def scoped(self, entities: Sequence[str], *, actor: str = "") -> Iterator[Connection]:
        """Open a transaction that sees only rows of these entities, for a door; `*` is every entity.

        Row-level security keeps it so: with nothing set, a door sees nothing.
        """
        with self.engine.begin() as connection:
            connection.execute(
                text("select set_config('accordant.entities', :e, true), set_config('accordant.actor', :a, true)"),
                {"e": ",".join(entities), "a": actor},
            )
            yield connection

    def dispose(self) -> None:
        """Close every connection; threads that still work with one have two seconds to give it back."""
        until = time.monotonic() + 2
        while self.engine.pool.checkedout() and time.monotonic() < until:  # type: ignore[attr-defined]  # a queue pool
            time.sleep(0.01)
        self.engine.dispose()


def rows(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None, /, **named: Any) -> list[Any]:
    """Run a query and return its rows; columns are attributes: `row.id`."""
    return list(connection.execute(text(sql), {**(parameters or {}), **named}).all())


def one(connection: Connection, sql: str, /, **named: Any) -> Any:
    """Return the single row of a query; NotFound when there is none."""
    row = connection.execute(text(sql), named).one_or_none()
    if row is None:
        raise NotFound("No row answers this question.", detail={"parameters": {k: str(v) for k, v in named.items()}})
    return row


def maybe(connection: Connection, sql: str, /, **named: Any) -> Any | None:
    """Return the single row of a query, or None."""
    return connection.execute(text(sql), named).one_or_none()


def execute(connection: Connection, sql: str, /, **named: Any) -> int:
    """Run a statement and return how many rows it touched."""
    return connection.execute(text(sql), named).rowcount


def bulk(connection: Connection, sql: str, /, **columns: Any) -> list[Any]:
    """Run a set-based statement straight on the driver: `%(ids)b` sends a list as a binary array (15 µs a row, not 48).

    Returns the rows of a `returning`, as plain tuples; empty when the statement returns none.
    """
    driver = connection.connection.cursor()
    driver.execute(sql, columns)
    return list(driver.fetchall()) if driver.description else []
