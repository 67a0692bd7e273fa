"""Not-to-exceed contracts: drafts and posted invoices, less credits, stay within the cap; the surplus stays open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import ContractId, Money
from accordant.ledger.lines import change, query, take_open
from accordant.ledger.models import Part, Share


def set_cap(connection: Connection, contract_id: ContractId, entity: str, cap: Money) -> None:
    """Set what may be billed of a contract in the cap's currency, excluding tax; a later cap replaces it.

    A cap below what is already billed is recorded; nothing more can be drafted then.
    """
    change(
        connection,
        """insert into ledger_cap (contract_id, currency, entity, cap_m)
           values (%(contract)s, %(currency)s, %(entity)s, %(m)s)
           on conflict (contract_id, currency) do update set cap_m = excluded.cap_m""",
        contract=contract_id,
        currency=cap.currency,
        entity=entity,
        m=cap.minor,
    )


def room_under_cap(connection: Connection, contract_id: ContractId, currency: str) -> Money | None:
    """Return what may still be drafted of a contract, None when it has no cap; no other draft changes it meanwhile."""
    caps = query(
        connection,
        "select cap_m from ledger_cap where contract_id = %(contract)s and currency = %(currency)s for update",
        contract=contract_id,
        currency=currency,
    )
    if not caps:
        return None
    [(used,)] = query(
        connection,
        """select coalesce(sum(drafted_m + billed_m - credited_m), 0) from ledger_line
           where contract_id = %(contract)s and currency = %(currency)s""",
        contract=contract_id,
        currency=currency,
    )
    return Money.from_minor(max(caps[0].cap_m - int(used), 0), currency)


def cut_to_cap(
    connection: Connection, contract_id: ContractId, shares: Sequence[Share], rows: Mapping[str, Any]
) -> list[Share]:
    """Keep what fits under the cap: corrections first, then the oldest work; the line that reaches it is cut."""
    room = room_under_cap(connection, contract_id, shares[0].currency) if shares else None
    if room is None:
        return list(shares)
    left, kept = room.minor, []
    for share in sorted(shares, key=lambda share: (share.minor > 0, rows[share.line_id].worked_on, share.line_id)):
        if share.minor <= left:
            kept.append(share)
        elif left > 0:
            part = Part(share.line_id, amount=Money.from_minor(left, share.currency))
            kept.append(take_open(rows[share.line_id], part))
        left -= min(share.minor, left)
    return sorted(kept, key=lambda share: share.line_id)
