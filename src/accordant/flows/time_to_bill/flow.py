"""From approved time to billable lines: claim, validate, price, post (R-WF-02)."""

from __future__ import annotations

from accordant.cases import Stage
from accordant.flows.time_to_bill.models import TimeBilled, TimeToBill
from accordant.flows.time_to_bill.steps import (
    check_lines,
    claim_again,
    claim_approved,
    enter_ledger,
    find_terms,
    post_to_erp,
    read_batch,
    withdraw,
)
from accordant.process import Run, flow


@flow(
    "time-to-bill",
    version=1,
    owner="finance-operations",
    tier="revenue",
    slo="1h",
    key=lambda request: f"{request.project_id}:{request.batch}",
    subject=lambda request: request.project_id,
    entity=lambda request: request.entity,
    starts_on=("time_entry.approved", "time_entry.pending", "time_entry.rejected", "time_entry.deleted"),
    trigger=claim_approved,
    again=claim_again,
    queue="bulk",
)
async def time_to_bill(run: Run, request: TimeToBill) -> TimeBilled:
    """Bring a batch of lines into the ledger and the ERP; one bad line becomes a case, the others go on.

    A line that lost its approval is taken back; one that changed is corrected where it stands.
    """
    async with run.stage(Stage.TIME_CAPTURE):
        lines = await read_batch(run, request)
        terms = await find_terms(run, request, lines)
        good, doubts = await check_lines(run, request, terms, [line for line in lines if line.is_approved])
    async with run.stage(Stage.BILLING):
        withdrawn = await withdraw(run, terms, [line for line in lines if not line.is_approved])
        entered = await enter_ledger(run, request, terms, good)
    async with run.stage(Stage.ERP_POSTING):
        posted = await post_to_erp(run, terms, [line for line in good if line.id in entered.accepted])
    return TimeBilled(
        in_ledger=len(entered.accepted),
        in_erp=posted,
        refused=len(doubts) + entered.refused,
        over_billed=entered.over_billed,
        withdrawn=withdrawn,
    )
