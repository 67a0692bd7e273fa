"""When engagements are billed: at each entity's cut-off, every contract with something to bill gets its cycle."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from accordant.canonical import Contract
from accordant.flows.invoice_cycle import BillPeriod
from accordant.platform.durable import Starter
from accordant.platform.storage import rows
from accordant.process import FlowRegistry

_ACTIVE = """
select p.id as project_id, p.entity, c.id as contract_id, c.body as contract
from record p join record c on c.id = p.body ->> 'contract_id'
join engagement_state s on s.engagement = c.id and s.state = 'ready_to_bill' and s.status = 'reached'
where p.kind = 'project' and not p.deleted and (cast(:entity as text) is null or p.entity = :entity)
order by p.id
"""


def start_cycles(
    connection: Connection, starter: Starter, flows: FlowRegistry, until_on: date, *, entity: str | None = None
) -> list[str]:
    """Start the invoice cycle of every engagement that may be billed; one that has its cycle already keeps it.

    Returns:
        Ids of the runs that were created now.
    """
    flow = flows.newest("invoice-cycle")
    started = []
    for row in rows(connection, _ACTIVE, entity=entity):
        contract = Contract.model_validate(row.contract)
        if contract.start_on and contract.start_on > until_on:
            continue
        request = BillPeriod(
            contract_id=row.contract_id, project_id=row.project_id, entity=row.entity, until_on=until_on
        )
        opened = starter.start_in(connection, flow.start(request))
        if opened.outcome == "created":
            started.append(opened.run_id)
    return started
