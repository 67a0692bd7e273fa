"""Foundation: every table of the first release, room by room.

Revision ID: 0001
Revises: None
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Run this revision's files in order of name; the platform's comes first."""
    connection = op.get_bind()
    connection.exec_driver_sql("set local search_path = accordant, public")
    for file in sorted(SQL.glob("0001_*.sql"), key=lambda f: (f.stem != "0001_platform", f.stem)):
        # Straight to the driver: a statement list with dollar-quoted functions and no bind parameters.
        connection.connection.cursor().execute(file.read_text())
