"""The customer hierarchy: no circles, no parent that does not exist (R-MDM-06)."""

from __future__ import annotations

from sqlalchemy import Connection

from accordant.kernel import InvalidInput
from accordant.masterdata.alias import current_ids
from accordant.platform.storage import execute, maybe


def require_parent(connection: Connection, customer_id: str, parent_id: str | None) -> None:
    """Judge a customer's parent before it is recorded; merges are followed, other changes wait for this one.

    Raises:
        InvalidInput: `masterdata.parent_missing` when no such customer was ever matched;
            `masterdata.hierarchy_loop` with the path when the customer would be above itself.
    """
    execute(connection, "select pg_advisory_xact_lock(hashtextextended('masterdata.hierarchy', 0))")
    start = current_ids(connection, [customer_id])[customer_id]
    path = [customer_id]
    above = parent_id
    while above is not None:
        path.append(above)
        now = current_ids(connection, [above])[above]
        if now == start:
            raise InvalidInput(
                f"Customer {customer_id} would be its own parent over {len(path) - 1} steps.",
                code="masterdata.hierarchy_loop",
                remedy="Correct the parent in the system that owns it.",
                detail={"path": path},
            )
        row = maybe(connection, "select parent_id from customer_key where id = :i", i=now)
        if row is None:
            raise InvalidInput(
                f"The parent {above} of customer {customer_id} is not known.",
                code="masterdata.parent_missing",
                remedy="Load the parent first, or correct it in the system that owns it.",
                detail={"path": path},
            )
        above = row.parent_id
