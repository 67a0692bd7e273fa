"""Bring a database to the current schema: roles, schema, migrations, rights. Run by the owner, once, before workers."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine, make_url, text

WORKER = "accordant_worker"
DOOR = "accordant_door"

_ROLES = """
do $$
begin
  if not exists (select from pg_roles where rolname = '{worker}') then
    create role {worker} login nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
  if not exists (select from pg_roles where rolname = '{door}') then
    create role {door} login nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
end $$;
"""

_RIGHTS = """
grant usage on schema accordant to {worker}, {door};
grant select, insert, update, delete on all tables in schema accordant to {worker};
grant usage, select on all sequences in schema accordant to {worker}, {door};
grant execute on all functions in schema accordant to {worker}, {door};
grant select on all tables in schema accordant to {door};
"""


def create_database(owner: URL, name: str, *, template: str = "") -> URL:
    """Create the database when it is missing and return its URL; a template is cloned file by file."""
    engine = create_engine(owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        exists = connection.scalar(text("select 1 from pg_database where datname = :n"), {"n": name})
        if not exists:
            source = f' template "{template}" strategy wal_log' if template else ""
            connection.execute(text(f'create database "{name}"{source}'))
    engine.dispose()
    return owner.set(database=name)


def migrate(owner: URL | str, scripts: Path) -> None:
    """Create both roles and run the migrations in `scripts`; safe to repeat."""
    url = make_url(owner).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(hashtext('accordant.migrate'))"))
        connection.execute(text(_ROLES.format(worker=WORKER, door=DOOR)))
        connection.execute(text("create schema if not exists accordant"))
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes["connection"] = connection
        _quiet_alembic()
        command.upgrade(config, "head")
        connection.execute(text(_RIGHTS.format(worker=WORKER, door=DOOR)))
    engine.dispose()


def _quiet_alembic() -> None:
    """Keep the tool's own plug-in lines out of the log of a start."""
    for name in ("alembic", "alembic.runtime.plugins", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)


def as_role(owner: URL | str, role: str) -> URL:
    """Return the URL under which a role opens the same database."""
    return make_url(owner).set(username=role, password=None)
