from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from accordant.kernel import NotFound
from accordant.platform.storage import DOOR, Database, as_role, execute, one, rows

RECORD = """insert into record (id, kind, entity, version, hash, changed_at, body)
            values (:i, 'contract', :e, 1, '', now(), '{}')"""


@pytest.fixture
def door(owner_url, database):
    with database.begin() as connection:
        execute(connection, RECORD, i="con_1", e="uk01")
        execute(connection, RECORD, i="con_2", e="us01")
    handle = Database(as_role(owner_url, DOOR))
    yield handle
    handle.dispose()


class TestEntityScope:
    def test_nothing_set_is_nothing_seen(self, door):
        with door.begin() as connection:
            assert rows(connection, "select id from record") == []

    def test_a_door_sees_only_the_entities_it_was_given(self, door):
        """R-SEC-02."""
        with door.scoped(["uk01"]) as connection:
            assert [r.id for r in rows(connection, "select id from record")] == ["con_1"]

    def test_a_star_sees_every_entity(self, door):
        with door.scoped(["*"]) as connection:
            assert len(rows(connection, "select id from record")) == 2

    def test_the_scope_ends_with_the_transaction(self, door):
        with door.scoped(["uk01"]) as connection:
            rows(connection, "select 1")
        with door.begin() as connection:
            assert rows(connection, "select id from record") == []

    def test_a_door_cannot_write_records(self, door):
        with pytest.raises(DBAPIError, match="permission denied"), door.scoped(["*"]) as connection:
            execute(connection, "update record set entity = 'us01'")

    def test_every_table_with_an_entity_has_a_policy(self, database):
        """R-SEC-02."""
        with database.begin() as connection:
            bare = rows(
                connection,
                """select c.table_name from information_schema.columns c
                   join pg_class t on t.oid = ('accordant.' || quote_ident(c.table_name))::regclass
                   where c.table_schema = 'accordant' and c.column_name = 'entity' and t.relkind = 'r'
                     and not t.relrowsecurity""",
            )
        assert bare == []


class TestOne:
    def test_says_so_when_there_is_no_row(self, database):
        with pytest.raises(NotFound), database.begin() as connection:
            one(connection, "select id from record where id = :i", i="con_0")
