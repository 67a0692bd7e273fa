"""PostgreSQL: embedded or given, its roles and migrations, transactions with entity scope, backup.

What the tables mean belongs to the rooms that own them.
"""

from accordant.platform.storage.backup import backup, restore
from accordant.platform.storage.database import ALL_ENTITIES, Database, bulk, execute, maybe, one, rows
from accordant.platform.storage.embedded import EmbeddedPostgres
from accordant.platform.storage.migrate import DOOR, WORKER, as_role, create_database, migrate

__all__ = [
    "ALL_ENTITIES",
    "DOOR",
    "WORKER",
    "Database",
    "EmbeddedPostgres",
    "as_role",
    "backup",
    "bulk",
    "create_database",
    "execute",
    "maybe",
    "migrate",
    "one",
    "restore",
    "rows",
]
