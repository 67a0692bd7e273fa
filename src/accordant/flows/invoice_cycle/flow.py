"""Bill a period: draft, review, exception to the project manager, approval bound to its view, post (R-WF-13)."""

from __future__ import annotations

from accordant.cases import Stage
from accordant.flows.invoice_cycle.models import BillPeriod, Invoiced
from accordant.flows.invoice_cycle.steps import (
    add_scheduled_lines,
    approve,
    draft_in_erp,
    draft_in_ledger,
    post,
    read_engagement,
    review,
    tell_everyone,
)
from accordant.process import Run, flow


@flow(
    "invoice-cycle",
    version=1,
    owner="finance-operations",
    tier="revenue",
    slo="2d",
    key=lambda request: f"{request.contract_id}:{request.until_on}",
    subject=lambda request: request.contract_id,
    entity=lambda request: request.entity,
)
async def invoice_cycle(run: Run, request: BillPeriod) -> Invoiced:
    """Bill a contract up to a day. Up to the posting everything can be taken back; after it, nothing is."""
    async with run.saga() as saga:
        async with run.stage(Stage.BILLING):
            engagement = await read_engagement(run, request)
            await add_scheduled_lines(run, request, engagement)
            invoice = await draft_in_ledger(run, saga, request, engagement)
            if invoice is None:
                return Invoiced()
            drafted = await draft_in_erp(run, saga, engagement, invoice)
            await review(run, engagement, drafted)
            approved, view = await approve(run, engagement, drafted)
        async with run.stage(Stage.ERP_POSTING):
            posted = await post(run, saga, drafted, approved, view)
    async with run.stage(Stage.COLLECTION):
        await tell_everyone(run, engagement, drafted, posted)
    return Invoiced(
        invoice_id=invoice.id,
        number=str(posted.facts.get("number", "")),
        net=invoice.net,
        line_count=len(invoice.lines),
    )
