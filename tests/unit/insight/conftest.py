"""A door into the test's database, and instants moved to where a worked example needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import URL, create_engine, text

from accordant.platform.storage import DOOR, Database, as_role

SetActs = Callable[[dict[int, datetime]], None]


@pytest.fixture
def door(owner_url: URL) -> Iterator[Database]:
    """The database as the console opens it: row-level security applies."""
    handle = Database(as_role(owner_url, DOOR))
    yield handle
    handle.dispose()


@pytest.fixture
def set_acts(owner_url: URL) -> SetActs:
    """Return a function that dates ledger acts: their own clock is the database's and nobody else may change it."""

    def move(instants: dict[int, datetime]) -> None:
        engine = create_engine(owner_url)
        with engine.begin() as connection:
            connection.execute(text("set local session_replication_role = replica"))
            for act, at in instants.items():
                connection.execute(
                    text("update accordant.ledger_act set at = :at where id = :id"), {"at": at, "id": act}
                )
        engine.dispose()

    return move
