"""Engagements as a list: states, blockers, unbilled value; one row per contract that the connection may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from accordant.insight.standing import standing
from accordant.kernel import Money
from accordant.platform.storage import rows
from accordant.process.engagement import STATES


class EngagementFilter(BaseModel):
    """Which engagements to list; what is empty does not narrow.

    Args:
        text: part of the client's name, the contract's name, the project code or the id.
        entity: legal entity.
        method: billing method.
        standing: `blocked` (a live case), `not_activated`, `not_ready`, `ready`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    entity: str = ""
    method: str = ""
    standing: str = ""


@dataclass(frozen=True)
class EngagementRow:
    """One engagement.

    Args:
        id: contract id.
        states: status of each business state in their fixed order, live cases looked at; '' is not reached.
        case_count: live cases.
        exposure: what they hold up, in the group's currency; None when no money hangs on any.
        unbilled: approved and not billed, in the contract's currency.
    """

    id: str
    name: str
    client: str
    project_code: str
    entity: str
    version: int
    currency: str
    method: str
    states: tuple[tuple[str, str], ...]
    case_count: int
    exposure: Money | None
    deadline: datetime | None
    unbilled: Money


_STANDINGS = {
    "blocked": "coalesce(cases.count, 0) > 0",
    "not_activated": "coalesce(states.reached, 0) between 1 and 1",
    "not_ready": "coalesce(states.reached, 0) < 4",
    "ready": "coalesce(states.reached, 0) = 4",
}

# A customer has no entity of its own: it is only ever reached through a contract that may be seen.
_FROM = """
from record r
left join record customer on customer.id = r.body ->> 'customer_id' and customer.kind = 'customer'
left join (select distinct on (1) body ->> 'contract_id' as contract_id, body ->> 'code' as code from record
           where kind = 'project' and not deleted order by 1, id) project on project.contract_id = r.id
left join (select engagement, count(*) filter (where status = 'reached') as reached,
                  json_object_agg(state, status) as status
           from engagement_state group by engagement) states on states.engagement = r.id
left join (select contract_id, count(*) as count, sum(group_minor)::bigint as minor, min(group_currency) as currency,
                  min(deadline) as deadline, array_agg(distinct stage) as stages
           from exception_case where state <> 'resolved' group by contract_id) cases on cases.contract_id = r.id
where r.kind = 'contract' and not r.deleted
"""


def list_engagements(
    connection: Connection, which: EngagementFilter | None = None, *, limit: int = 50, offset: int = 0
) -> tuple[EngagementRow, ...]:
    """Return engagements, those with the most money at risk first, then by client and name."""
    where, values = _where(which or EngagementFilter())
    found = rows(
        connection,
        f"""select r.id, r.entity, r.body, customer.body ->> 'name' as client, project.code, states.status,
                   coalesce(cases.count, 0) as case_count, cases.minor, cases.currency, cases.deadline, cases.stages
            {_FROM} {where}
            order by coalesce(cases.minor, 0) desc, coalesce(cases.count, 0) desc, client nulls last, r.id
            limit :limit offset :offset""",
        {**values, "limit": limit, "offset": offset},
    )
    unbilled = _unbilled(connection, [row.id for row in found])
    return tuple(_row(row, unbilled.get(row.id, 0)) for row in found)


def count_engagements(connection: Connection, which: EngagementFilter | None = None) -> int:
    """Return how many engagements the filter finds."""
    where, values = _where(which or EngagementFilter())
    return int(rows(connection, f"select count(*) as n {_FROM} {where}", values)[0].n)


def _where(which: EngagementFilter) -> tuple[str, dict[str, Any]]:
    clauses: list[str] = []
    values: dict[str, Any] = {}
    if which.text:
        clauses.append(
            """(r.id = :text or customer.body ->> 'name' ilike :like or r.body ->> 'name' ilike :like
                or project.code ilike :like)"""
        )
        escaped = which.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values |= {"text": which.text, "like": f"%{escaped}%"}
    if which.entity:
        clauses.append("r.entity = :entity")
        values["entity"] = which.entity
    if which.method:
        clauses.append("r.body ->> 'billing_method' = :method")
        values["method"] = which.method
    if which.standing in _STANDINGS:
        clauses.append(_STANDINGS[which.standing])
    return "".join(f" and {clause}" for clause in clauses), values


def _unbilled(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return approved and not billed in minor units, by contract; a contract bills in one currency."""
    found = rows(
        connection,
        """select contract_id, sum(open_m + over_m + drafted_m)::bigint as minor from ledger_state
           where contract_id = any(:ids) group by contract_id""",
        ids=list(ids),
    )
    return {row.contract_id: row.minor for row in found}


def _row(row: Any, unbilled: int) -> EngagementRow:
    body, status = row.body, row.status or {}
    return EngagementRow(
        id=row.id,
        name=body["name"],
        client=row.client or "",
        project_code=row.code or "",
        entity=row.entity,
        version=body["version"],
        currency=body["currency"],
        method=body.get("billing_method") or "",
        states=tuple((state, standing(state, status.get(state, ""), row.stages or ())) for state in STATES),
        case_count=row.case_count,
        exposure=Money.from_minor(row.minor, row.currency) if row.minor else None,
        deadline=row.deadline,
        unbilled=Money.from_minor(unbilled, body["currency"]),
    )
