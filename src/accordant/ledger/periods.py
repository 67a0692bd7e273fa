"""Periods that are closed for good: after sign-off no act has its accounting day in them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from accordant.kernel import Period
from accordant.ledger.lines import change, query


def sign_off(connection: Connection, entity: str, period: Period, *, signed_off_by: str) -> bool:
    """Close the days of a period for an entity; False when this very period was signed off before.

    Waits for the acts on their way into the books of the entity; there is no way back, corrections go to open days.
    """
    return bool(
        change(
            connection,
            """insert into ledger_period (entity, start_on, end_on, signed_off_by)
               values (%(entity)s, %(start)s, %(end)s, %(by)s) on conflict do nothing""",
            entity=entity,
            start=period.start_on,
            end=period.end_on,
            by=signed_off_by,
        )
    )


def is_signed_off(connection: Connection, entity: str, accounting_on: date) -> bool:
    """Say whether the day lies in a signed-off period of the entity."""
    [(found,)] = query(
        connection,
        """select exists (select from ledger_period
                          where entity = %(entity)s and %(day)s between start_on and end_on)""",
        entity=entity,
        day=accounting_on,
    )
    return bool(found)
