"""Payment status back to CRM, project and delivery (R-WF-15)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from sqlalchemy import Connection

from accordant.canonical import Invoice, InvoiceState, Payment
from accordant.cases import Action, Stage
from accordant.kernel import Money
from accordant.platform.storage import rows
from accordant.ports import EngagementStatus, EngagementStatusBoard, InvoicePosting
from accordant.ports.erp import InvoiceStatus
from accordant.process import Accepted, FlowInput, FlowOutput, Problem, Run, flow


class PaymentReceived(FlowInput):
    """A payment that the ERP has booked against an invoice."""

    payment_id: str
    payment_version: int
    invoice_id: str
    entity: str
    contract_id: str


class PaymentTold(FlowOutput):
    """What the invoice stands at, as everybody was told."""

    status: str
    due: Money


class Answer(BaseModel):
    """The ERP's word on the invoice."""

    status: InvoiceStatus


def received(connection: Connection, accepted: Sequence[Accepted]) -> list[FlowInput]:
    """Return one telling for each payment."""
    invoices = {
        row.id: row
        for row in rows(
            connection,
            "select id, entity, body ->> 'contract_id' as contract from record where id = any(:ids)",
            ids=[a.body.invoice_id for a in accepted],
        )
    }
    return [
        PaymentReceived(
            payment_id=a.id,
            payment_version=a.version,
            invoice_id=a.body.invoice_id,
            entity=getattr(invoices.get(a.body.invoice_id), "entity", ""),
            contract_id=getattr(invoices.get(a.body.invoice_id), "contract", ""),
        )
        for a in accepted
    ]


@flow(
    "payment-status",
    version=1,
    owner="finance-operations",
    tier="standard",
    slo="1h",
    key=lambda request: request.payment_id,
    subject=lambda request: request.contract_id or request.payment_id,
    entity=lambda request: request.entity,
    rank=lambda request: request.payment_version,
    starts_on=("payment.created", "payment.changed"),
    trigger=received,
)
async def payment_status(run: Run, request: PaymentReceived) -> PaymentTold:
    """Tell account team, project and delivery what the client has paid; a payment nobody can place is a case."""
    async with run.stage(Stage.COLLECTION):
        (payment,) = await run.facts(Payment, request.payment_id)
        invoice = await _placed(run, payment)
        erp = run.port(InvoicePosting, "erp", entity=invoice.entity)
        ref = await run.external(invoice.id, erp.system)

        async def question() -> Answer:
            return Answer(status=await erp.fetch_invoice(ref))

        now = (await run.ask("invoice", question, Answer)).status
        status = _status(now)
        await _tell(run, request, invoice, status, now)
        if now.state is InvoiceState.PAID:
            await run.save(invoice.model_copy(update={"state": InvoiceState.PAID}), entity=invoice.entity)
        await run.publish("payment.received", payment=payment.id, invoice=invoice.id, amount=str(payment.amount))
    return PaymentTold(status=status, due=now.due)


async def _placed(run: Run, payment: Payment) -> Invoice:
    """Return the paid invoice; one we do not know is a case for finance."""
    while True:
        invoice = await run.current(Invoice, payment.invoice_id)
        if invoice is not None:
            return invoice
        await run.case(
            Problem(
                code="payment.unknown_invoice",
                sentence=f"A payment of {payment.amount} cannot be placed: its invoice is not known here.",
                remedy="Adopt the invoice, or dismiss when it belongs to no engagement.",
                role="finance_operations",
                about=payment.id,
                exposure=payment.amount,
                actions=(Action.RETRY, Action.DISMISS),
            )
        )


def _status(now: InvoiceStatus) -> str:
    if now.state is InvoiceState.PAID or now.due.amount <= 0:
        return "paid"
    return "part_paid" if now.due < now.total else "invoiced"


async def _tell(run: Run, request: PaymentReceived, invoice: Invoice, status: str, now: InvoiceStatus) -> None:
    """Put the status on deal and project. Key: the payment and where it is told."""
    crm = run.port(EngagementStatusBoard, "crm", entity=invoice.entity)
    psa = run.port(EngagementStatusBoard, "psa", entity=invoice.entity)
    told = EngagementStatus(payment_status=status, paid=now.total - now.due)
    key = f"{request.payment_id}/v{request.payment_version}"
    works = [
        run.effect(
            psa.put_engagement_status, await run.external(invoice.project_id, psa.system), told, key=f"{key}/psa"
        )
    ]
    deal = await run.read("deal", lambda c: _deal_of(c, invoice.contract_id))
    if deal:
        works.append(
            run.effect(crm.put_engagement_status, await run.external(deal, crm.system), told, key=f"{key}/crm")
        )
    await run.together(*works)


def _deal_of(connection: Connection, contract_id: str) -> str | None:
    found = rows(
        connection, "select id from record where kind = 'deal' and body ->> 'contract_id' = :c limit 1", c=contract_id
    )
    return found[0].id if found else None
