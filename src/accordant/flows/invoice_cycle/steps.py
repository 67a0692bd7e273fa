"""The steps of an invoice cycle; each says by which key it happens once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from accordant import ledger
from accordant.canonical import (
    AccountingPeriod,
    BillingMethod,
    Contract,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceState,
    Project,
)
from accordant.cases import Action, Ask
from accordant.flows.invoice_cycle.models import BillPeriod, Drafted, Engagement
from accordant.kernel import ExternalId, Money, Period, Rejected
from accordant.platform.storage import rows
from accordant.ports import (
    CustomerRegistry,
    EngagementStatus,
    EngagementStatusBoard,
    InvoicePosting,
    PeriodCalendar,
    ProjectSetup,
    Written,
)
from accordant.process import Approved, Problem, Run, Saga

_BY_SCHEDULE = {BillingMethod.FIXED_FEE, BillingMethod.MILESTONE, BillingMethod.RETAINER, BillingMethod.MANAGED_SERVICE}


class Periods(BaseModel):
    """The ERP's periods from a day on."""

    periods: tuple[AccountingPeriod, ...]


async def read_engagement(run: Run, request: BillPeriod) -> Engagement:
    """Read contract, project, client and where they stand in the ERP."""
    (contract,) = await run.facts(Contract, request.contract_id)
    (project,) = await run.facts(Project, request.project_id)
    (customer,) = await run.facts(Customer, contract.customer_id)
    run.concerns(client=customer.name)
    accounts, projects = run.port(CustomerRegistry, "erp"), run.port(ProjectSetup, "erp")
    billed_to = await run.read("billed_to", lambda c: _billed_to(c, contract.id))
    return Engagement(
        contract=contract,
        project=project,
        customer=customer,
        account=ExternalId.parse(billed_to) if billed_to else await run.external(customer.id, accounts.system),
        erp_project=await run.external(project.id, projects.system),
    )


def _billed_to(connection: Connection, contract_id: str) -> str | None:
    """Return the ERP customer the project was set up for: it stays, even when the client is merged later."""
    found = rows(
        connection,
        """select outcome ->> 'erp_customer_ref' as ref from run
           where flow = 'activate-project' and subject = :contract and state = 'done' order by ended_at desc limit 1""",
        contract=contract_id,
    )
    return found[0].ref if found else None


# ------------------------------------------------------------------ what is billed without hours


async def add_scheduled_lines(run: Run, request: BillPeriod, engagement: Engagement) -> None:
    """Enter what the contract's schedule makes due: fees, milestones, retainers. Key: contract, version and date."""
    contract = engagement.contract
    if contract.billing_method not in _BY_SCHEDULE:
        return
    due = [
        _scheduled(run, engagement, *item)
        for item in _schedule(contract, engagement.project.start_on, request.until_on)
    ]

    def enter(connection: Connection) -> int:
        by = ledger.By(actor="system", cause=f"schedule of {contract.id} v{contract.version}", run=run.id)
        return len(ledger.approve(connection, due, by).new)

    if due:
        await run.change("schedule", enter)


def _schedule(contract: Contract, start_on: date, until_on: date) -> list[tuple[str, ledger.LineKind, date, Money]]:
    """Return what is due until a day: a key, its kind, the day and the amount."""
    method, kind = contract.billing_method, ledger.LineKind
    if method is BillingMethod.MILESTONE:
        return [
            (f"milestone-{m.code}", kind.MILESTONE, m.due_on, m.amount)
            for m in contract.milestones
            if m.due_on and m.due_on <= until_on and not m.is_evidence_required
        ]
    months = _months(start_on, contract.end_on or until_on)
    past = [month for month in months if month.end_on <= until_on or month.start_on <= until_on < month.end_on]
    if method is BillingMethod.FIXED_FEE and contract.fixed_fee:
        parts = _in_parts(contract.fixed_fee, len(months))
        return [
            (f"fee-{month.start_on:%Y-%m}", kind.FEE, min(month.end_on, until_on), part)
            for month, part in zip(months, parts, strict=True)
            if month in past
        ]
    monthly = contract.retainer or contract.fixed_fee
    if monthly is None:
        return []
    return [(f"retainer-{m.start_on:%Y-%m}", kind.RETAINER, max(m.start_on, start_on), monthly) for m in past]


def _months(start_on: date, end_on: date) -> list[Period]:
    months, day = [], start_on
    while day <= end_on:
        month = Period.month_of(day)
        months.append(month)
        day = month.end_on + timedelta(days=1)
    return months or [Period.month_of(start_on)]


def _in_parts(whole: Money, count: int) -> list[Money]:
    """Split an amount into equal parts at the minor unit; the last part takes the remainder."""
    part = Money(amount=whole.amount / count, currency=whole.currency).rounded()
    return [part] * (count - 1) + [whole - part * (count - 1)]


def _scheduled(
    run: Run, engagement: Engagement, key: str, kind: ledger.LineKind, day: date, amount: Money
) -> ledger.ApprovedLine:
    contract, project = engagement.contract, engagement.project
    return ledger.ApprovedLine(
        id=run.new_id("lin", f"{contract.id}/{key}").replace(
            "lin_", "mil_" if kind is ledger.LineKind.MILESTONE else "lin_"
        ),
        kind=kind,
        entity=project.entity,
        currency=contract.currency,
        contract_id=contract.id,
        contract_version=contract.version,
        project_id=project.id,
        worked_on=day,
        source_ref=f"contract/{contract.id}/{key}",
        quantity=Decimal(1),
        unit_price=amount,
    )


# ------------------------------------------------------------------ draft


async def draft_in_ledger(run: Run, saga: Saga, request: BillPeriod, engagement: Engagement) -> Invoice | None:
    """Put everything open on a draft, as it is now; None when nothing is. Key: the invoice's id."""
    invoice_id = run.new_id("inv", f"{run.id}")

    def draft(connection: Connection) -> list[Any]:
        if not _anything_open(connection, request):
            return []
        by = ledger.By(actor="system", cause=f"cut-off {request.until_on}", run=run.id)
        drafted = ledger.draft(connection, invoice_id, ledger.AllOpen(request.contract_id, request.until_on), by)
        lines = ledger.line_states(connection, [share.line_id for share in drafted.lines])
        return [_invoice_line(line).model_dump(mode="json") for line in lines]

    lines = await run.change_or_case("draft", draft, about=invoice_id)
    if not lines:
        return None
    invoice = _invoice(invoice_id, request, engagement, [InvoiceLine.model_validate(line) for line in lines])
    run.concerns(client=engagement.customer.name, exposure=invoice.net)
    saga.when_given_up(partial(_take_back, run, invoice))
    return invoice


def _anything_open(connection: Connection, request: BillPeriod) -> bool:
    waiting = ledger.open_lines(connection, request.contract_id, request.until_on)
    return any(line.unit_price is not None and not line.hold_reason for line in waiting)


def _invoice(invoice_id: str, request: BillPeriod, engagement: Engagement, lines: Sequence[InvoiceLine]) -> Invoice:
    contract = engagement.contract
    days = contract.payment_terms_days if contract.payment_terms_days is not None else 30
    return Invoice(
        id=invoice_id,
        customer_id=contract.customer_id,
        contract_id=contract.id,
        contract_version=contract.version,
        project_id=engagement.project.id,
        entity=engagement.project.entity,
        currency=contract.currency,
        invoice_on=request.until_on,
        due_on=request.until_on + timedelta(days=days),
        po_number=contract.po_number,
        lines=tuple(lines),
    )


def _invoice_line(line: ledger.Line) -> InvoiceLine:
    what = f"{line.role or 'Services'}, {line.worked_on:%d %b %Y}"
    if line.kind is not ledger.LineKind.TIME:
        what = f"{str(line.kind).capitalize()} {line.worked_on:%b %Y}"
    return InvoiceLine(
        id=line.id,
        sources=(line.id,),
        source_refs=(line.source_ref,),
        description=what,
        quantity=line.quantity.drafted,
        unit_price=line.unit_price or line.amount.drafted,
        amount=line.amount.drafted,
    )


async def draft_in_erp(run: Run, saga: Saga, engagement: Engagement, invoice: Invoice) -> Drafted:
    """Create the draft in the ERP and compare its net with ours to the minor unit. Key: the invoice's id."""
    erp = run.port(InvoicePosting, "erp")
    written = await saga.effect(
        erp.draft_invoice,
        invoice,
        customer=engagement.account,
        project=engagement.erp_project,
        key=invoice.id,
        undo=erp.delete_draft,
        links=invoice.id,
        kind="invoice",
    )
    await run.save(invoice)
    net = Money.of(str(written.facts["net"]), invoice.currency)
    drafted = Drafted(
        invoice,
        written.ref,
        tax=Money.of(str(written.facts["tax"]), invoice.currency),
        total=Money.of(str(written.facts["total"]), invoice.currency),
    )
    if net != invoice.net:
        await _report_difference(run, drafted, net)
    await run.publish("invoice.drafted", invoice=invoice.id, net=str(invoice.net), lines=len(invoice.lines))
    return drafted


async def _report_difference(run: Run, drafted: Drafted, net: Money) -> None:
    await run.case(
        Problem(
            code="invoice.totals_differ",
            sentence=f"The ERP's draft asks for {net} and our lines sum to {drafted.invoice.net}.",
            remedy="Compare the lines of both; correct the draft in the ERP, then retry.",
            role="finance_operations",
            about=drafted.invoice.id,
            invoice_id=drafted.invoice.id,
            exposure=drafted.invoice.net,
            details={"ours": str(drafted.invoice.net), "erp": str(net)},
        )
    )


# ------------------------------------------------------------------ review and approval


async def review(run: Run, engagement: Engagement, drafted: Drafted) -> None:
    """Send what a project manager must look at before anybody approves it (R-WF-13)."""
    contract = engagement.contract
    while contract.cap is not None:
        cap, billed = contract.cap, await run.read("billed", lambda c: _billed_to_date(c, engagement))
        if Money.from_minor(billed, cap.currency) <= cap:
            return
        await run.case(
            Problem(
                code="invoice.over_cap",
                sentence=f"The draft for {engagement.customer.name} is stopped: "
                f"with it {Money.from_minor(billed, cap.currency)} is billed and the cap is {cap.rounded()}.",
                remedy="Agree a higher cap with the client, write hours down, or dismiss the draft.",
                role="delivery",
                about=drafted.invoice.id,
                invoice_id=drafted.invoice.id,
                project_id=drafted.invoice.project_id,
                exposure=drafted.invoice.net,
                actions=(Action.RETRY, Action.DISMISS),
            )
        )
        (contract,) = await run.facts(Contract, contract.id)


def _billed_to_date(connection: Connection, engagement: Engagement) -> int:
    """Return what is billed and drafted of the contract, in minor units."""
    found = ledger.balance_by(connection, "contract_id", contract_id=engagement.contract.id)
    return sum((b.amount.billed - b.amount.credited + b.amount.drafted).minor for b in found)


async def approve(run: Run, engagement: Engagement, drafted: Drafted) -> tuple[Approved, dict[str, Any]]:
    """Have exactly this invoice approved, by whom and by how many the policy says; the last approval is returned."""
    invoice = drafted.invoice
    rule = await run.decide(
        "invoice-approval", {"entity": invoice.entity, "amount": invoice.net.amount}, on=invoice.invoice_on
    )
    view = {
        "client": engagement.customer.name,
        "project": engagement.project.code,
        "contract": f"{engagement.contract.id} v{engagement.contract.version}",
        "invoice_on": invoice.invoice_on.isoformat(),
        "lines": len(invoice.lines),
        "hours": str(sum((line.quantity for line in invoice.lines), Decimal(0))),
        "net": str(invoice.net),
        "tax": str(drafted.tax),
        "total": str(drafted.total),
        "po_number": invoice.po_number or "",
        "content": [[line.id, str(line.amount)] for line in invoice.lines],
    }
    ask = Ask(
        kind="post_invoice",
        subject=f"invoice:{invoice.id}",
        view=view,
        money=invoice.net,
        requester="accordant",
        role=_approver(str(rule.result["approver"])),
        rule=f"invoice-approval/{rule.row_id}",
    )
    approved = _require_yes(run, await run.approval(ask))
    for number in range(2, int(str(rule.result["approvals"])) + 1):
        # Whoever approved before presents it to the next one: nobody approves twice.
        view = {**view, f"approval_{number - 1}": approved.id}
        again = ask.model_copy(update={"kind": f"post_invoice_{number}", "view": view, "requester": approved.by})
        approved = _require_yes(run, await run.approval(again))
    return approved, view


def _require_yes(run: Run, approved: Approved) -> Approved:
    if approved.yes:
        return approved
    raise Rejected(
        f"The invoice was not approved: {approved.reason}",
        code="invoice.not_approved",
        remedy="Mend what was criticized and bill the period again.",
        correlation_id=run.subject,
    )


def _approver(name: str) -> str:
    return {"engagement-manager": "delivery"}.get(name, "finance_operations")


async def _take_back(run: Run, invoice: Invoice) -> None:
    """Open the lines of a draft again that will not be posted."""

    def open_again(connection: Connection) -> int:
        by = ledger.By(actor="system", cause=f"draft {invoice.id} given up", run=run.id)
        return len(ledger.undraft(connection, invoice.id, by))

    await run.change("undraft", open_again)
    await run.save(invoice.model_copy(update={"state": InvoiceState.VOID}))
    await run.publish("invoice.rejected", invoice=invoice.id)


# ------------------------------------------------------------------ post


async def post(run: Run, saga: Saga, drafted: Drafted, approved: Approved, view: dict[str, Any]) -> Written:
    """Post what was approved: the pivot. Key: the document and its transition."""
    erp, invoice = run.port(InvoicePosting, "erp"), drafted.invoice
    await _open_period(run, invoice)
    await run.require_approved(approved, view)
    posted = await run.effect(erp.post_invoice, drafted.ref, key=f"{invoice.id}/post")
    saga.pivot()
    accounting_on = date.fromisoformat(str(posted.facts.get("accounting_on") or invoice.invoice_on))
    number = str(posted.facts["number"])

    def bill(connection: Connection) -> str:
        by = ledger.By(actor="system", cause=f"approval {approved.id}", run=run.id)
        ledger.post(connection, invoice.id, accounting_on=accounting_on, document_ref=number, by=by)
        return number

    await run.change("bill", bill)
    total = Money.of(str(posted.facts["total"]), invoice.currency)
    if total != drafted.total:
        await _report_difference(run, drafted, total)
    return posted


async def _open_period(run: Run, invoice: Invoice) -> None:
    """Wait while the period of the invoice is closed; finance opens it or has the invoice dated later (R-FIN-11)."""
    calendar = run.port(PeriodCalendar, "erp")

    async def question() -> Periods:
        return Periods(periods=await calendar.periods(invoice.entity, since=invoice.invoice_on))

    while True:
        known = (await run.ask("periods", question, Periods)).periods
        period = next((p for p in known if invoice.invoice_on in p.period), None)
        if period is None or period.is_open:
            return
        following = next((p for p in known if p.is_open), None)
        await run.case(
            Problem(
                code="erp.invoice.period_closed",
                sentence=f"The invoice of {invoice.net} cannot be posted: {period.name} is closed in {invoice.entity}.",
                remedy="Open the period, then retry"
                + (f"; or dismiss and bill again in {following.name}." if following else "."),
                role="finance_operations",
                about=invoice.id,
                invoice_id=invoice.id,
                exposure=invoice.net,
                actions=(Action.RETRY, Action.DISMISS),
            )
        )


async def tell_everyone(run: Run, engagement: Engagement, drafted: Drafted, posted: Written) -> None:
    """Keep the posted invoice and tell CRM and PSA. Key: the invoice and its state."""
    number = str(posted.facts["number"])
    invoice = drafted.invoice.model_copy(update={"state": InvoiceState.POSTED, "number": number})
    await run.save(invoice)
    crm, psa = run.port(EngagementStatusBoard, "crm"), run.port(EngagementStatusBoard, "psa")
    status = EngagementStatus(payment_status="invoiced")
    deal_id = await run.read("deal", lambda c: _deal_of(c, engagement.contract.id))
    works = [
        run.effect(
            psa.put_engagement_status,
            await run.external(engagement.project.id, psa.system),
            status,
            key=f"{invoice.id}/posted/psa",
        )
    ]
    if deal_id:
        target = await run.external(deal_id, crm.system)
        works.append(run.effect(crm.put_engagement_status, target, status, key=f"{invoice.id}/posted/crm"))
    await run.together(*works)
    period = str(posted.facts.get("period") or "")
    await run.publish("invoice.posted", invoice=invoice.id, number=number, period=period, net=str(invoice.net))


def _deal_of(connection: Connection, contract_id: str) -> str | None:
    found = rows(
        connection, "select id from record where kind = 'deal' and body ->> 'contract_id' = :c limit 1", c=contract_id
    )
    return found[0].id if found else None
