"""Restore a backup into an empty database and count what came back."""

from __future__ import annotations

from pathlib import Path

from accordant.kernel import InvalidInput
from accordant.platform.storage import Database, EmbeddedPostgres, create_database, one, restore
from accordant.runtime.settings import Settings

COUNTED = ("record", "run", "effect", "ledger_line", "ledger_act", "exception_case", "event_log", "audit")


def restore_into(settings: Settings, source: Path, name: str) -> dict[str, int]:
    """Fill a new database of the embedded server and return how many rows its main tables hold."""
    if settings.database_url:
        raise InvalidInput(
            "Accordant restores into its embedded server only.",
            code="storage.restore_elsewhere",
            remedy="Restore your own PostgreSQL with pg_restore; the file has its custom format.",
        )
    server = EmbeddedPostgres(settings.data / "postgres")
    was_running = server.pid() is not None
    try:
        target = create_database(server.start(), name)
        restore(target, source)
        database = Database(target)
        with database.begin() as connection:
            counts = {table: int(one(connection, f"select count(*) as n from {table}").n) for table in COUNTED}
        database.dispose()
        return counts
    finally:
        if not was_running:
            server.stop()
