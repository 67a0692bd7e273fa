"""A ledger per module; each test runs in a transaction that is rolled back after the ledger has checked itself."""

from __future__ import annotations

import pytest
from psycopg.pq import TransactionStatus

from accordant.ledger import invariants
from accordant.platform.storage import WORKER, Database, as_role


@pytest.fixture(scope="module")
def ledger(cluster):
    """One database for the whole module, opened as a worker."""
    url = cluster.clone()
    handle = Database(as_role(url, WORKER))
    yield handle
    handle.dispose()
    cluster.drop(url)


@pytest.fixture
def connection(ledger):
    """A transaction as a worker; whatever the test did, the ledger's own check must find nothing."""
    with ledger.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        if connection.connection.driver_connection.info.transaction_status is TransactionStatus.INTRANS:
            assert invariants(connection) == []
        transaction.rollback()
