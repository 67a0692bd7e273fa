"""One engagement: terms and their versions, states, people, lines, documents. Each function answers one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from accordant import ledger
from accordant.canonical import BillingMethod, Contract, Project
from accordant.kernel import Money, NotFound, total
from accordant.platform.storage import rows
from accordant.process import engagement as states_of


@dataclass(frozen=True)
class Engagement:
    """A contract with its client, deal and project; the project is None until activation."""

    contract: Contract
    entity: str
    client: str
    project: Project | None
    deal_id: str | None
    sold: Money | None


@dataclass(frozen=True)
class State:
    """One business state with what proves it."""

    name: str
    status: str
    at: datetime | None
    source: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One version of the terms as it was recorded."""

    contract: Contract
    system: str
    recorded_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Staffed:
    """A role of the engagement: who is planned, what it costs per hour, what is left of the plan."""

    role: str
    people: tuple[str, ...]
    rate: Money | None
    planned_hours: Decimal | None
    worked_hours: Decimal


@dataclass(frozen=True)
class Document:
    """An invoice or credit note, with the payments on it; `amount` excludes tax, a credit's is negative."""

    id: str
    kind: str
    number: str
    state: str
    on: date | None
    due_on: date | None
    line_count: int
    amount: Money
    paid: Money
    at: datetime


@dataclass(frozen=True)
class Chain:
    """Sold, delivered, billed, collected, in the contract's currency; sold is None where the terms name no total."""

    sold: Money | None
    delivered: Money
    billed: Money
    collected: Money


def get_engagement(connection: Connection, id: str) -> Engagement:
    """Return an engagement; NotFound when it is not there or the connection may not see it."""
    found = rows(
        connection,
        """select r.body, r.entity, customer.body ->> 'name' as client, deal.id as deal_id,
                  deal.body -> 'amount' as sold, project.body as project
           from record r
           left join record customer on customer.id = r.body ->> 'customer_id' and customer.kind = 'customer'
           left join lateral (select d.id, d.body from record d
                              where d.kind = 'deal' and d.body ->> 'contract_id' = r.id limit 1) deal on true
           left join lateral (select p.body from record p where p.kind = 'project' and not p.deleted
                              and p.body ->> 'contract_id' = r.id limit 1) project on true
           where r.id = :id and r.kind = 'contract'""",
        id=id,
    )
    if not found:
        raise NotFound(
            f"There is no engagement {id} that you may see.",
            code="engagement.not_found",
            remedy="Look it up by client or project code.",
        )
    [row] = found
    contract = Contract.model_validate(row.body)
    return Engagement(
        contract=contract,
        entity=row.entity,
        client=row.client or "",
        project=Project.model_validate(row.project) if row.project else None,
        deal_id=row.deal_id,
        sold=Money.model_validate(row.sold) if row.sold else value_of(contract),
    )


def value_of(contract: Contract) -> Money | None:
    """Return what the terms add up to: fixed fee, cap, milestones, or planned hours at their rates; else None."""
    if contract.fixed_fee or contract.cap:
        return contract.fixed_fee or contract.cap
    if contract.billing_method is BillingMethod.MILESTONE and contract.milestones:
        return total((m.amount for m in contract.milestones), contract.currency)
    planned = [line.rate * line.planned_hours for line in contract.rate_lines if line.planned_hours]
    return total(planned, contract.currency) if planned else None


def states(connection: Connection, engagement: str) -> tuple[State, ...]:
    """Return the four business states in their fixed order; one that was never touched has status ''."""
    known = {row.state: row for row in states_of.of(connection, engagement)}
    return tuple(
        State(name, row.status, row.at, row.source, row.evidence) if (row := known.get(name)) else _untouched(name)
        for name in states_of.STATES
    )


def _untouched(name: str) -> State:
    return State(name, "", None, "", {})


def versions(connection: Connection, contract_id: str) -> tuple[Version, ...]:
    """Return the versions of the terms, the newest first; what was recorded again without a new version is left out."""
    found = rows(
        connection,
        """select distinct on ((body ->> 'version')::int) body, system, recorded_at, changed_at
           from record_version where id = :id order by (body ->> 'version')::int desc, version desc""",
        id=contract_id,
    )
    return tuple(Version(Contract.model_validate(r.body), r.system, r.recorded_at, r.changed_at) for r in found)


def team(connection: Connection, contract: Contract, project_id: str) -> tuple[Staffed, ...]:
    """Return the roles of an engagement: of the rate card, of assignments and of the time that was approved."""
    people = rows(
        connection,
        """select a.body ->> 'role' as role, w.body ->> 'name' as name
           from record a join record w on w.id = a.body ->> 'worker_id' and w.kind = 'worker'
           where a.kind = 'assignment' and a.body ->> 'project_id' = :project and not a.deleted order by name""",
        project=project_id,
    )
    worked = rows(
        connection,
        """select role, sum(approved_q) as hours from ledger_line
           where contract_id = :contract and kind = 'time' and role is not null group by role""",
        contract=contract.id,
    )
    hours = {row.role: row.hours for row in worked}
    priced = {line.role: line for line in contract.rate_lines}
    roles = list(dict.fromkeys([*priced, *(p.role for p in people), *sorted(hours)]))
    return tuple(
        Staffed(
            role=role,
            people=tuple(p.name for p in people if p.role == role),
            rate=priced[role].rate if role in priced else None,
            planned_hours=priced[role].planned_hours if role in priced else None,
            worked_hours=hours.get(role, Decimal(0)),
        )
        for role in roles
    )


def lines_by_kind(connection: Connection, contract_id: str) -> tuple[ledger.Balance, ...]:
    """Return the balances of the engagement's lines, by kind of line."""
    return ledger.balance_by(connection, "kind", contract_id=contract_id)


def documents(connection: Connection, contract_id: str, currency: str) -> tuple[Document, ...]:
    """Return invoices and credits with their payments, the newest first.

    What was billed comes from the ledger, the number and due day from the document, what was paid from the ERP's
    payments.
    """
    found = rows(
        connection,
        """with acts as (
             select a.id, a.kind, a.invoice_id, a.document_ref, a.accounting_on, a.at, count(*) as lines,
                    sum(j.amount)::bigint as minor
             from ledger_act a join ledger_journal j on j.act = a.id join ledger_line l on l.id = j.line_id
             where l.contract_id = :contract and a.kind in ('draft', 'post', 'credit') group by a.id)
           select acts.*, r.body ->> 'number' as number, r.body ->> 'state' as state,
                  (r.body ->> 'due_on')::date as due_on, (r.body ->> 'invoice_on')::date as invoice_on
           from acts left join record r on r.id = acts.invoice_id and r.kind = 'invoice'
           where acts.kind <> 'draft'
              or exists (select from ledger_line l where l.open_invoice = acts.invoice_id and l.contract_id = :contract)
           order by acts.at desc""",
        contract=contract_id,
    )
    paid = _paid(connection, [row.invoice_id for row in found], currency)
    return tuple(_document(row, currency, paid) for row in found)


def _paid(connection: Connection, invoice_ids: Sequence[str], currency: str) -> dict[str, Money]:
    """Return what was paid by invoice. A payment has no entity: it is only reached through an invoice that is seen."""
    found = rows(
        connection,
        """select body ->> 'invoice_id' as invoice, sum((body -> 'amount' ->> 'amount')::numeric) as amount
           from record where kind = 'payment' and body ->> 'invoice_id' = any(:ids) and not deleted group by 1""",
        ids=list(set(invoice_ids)),
    )
    return {row.invoice: Money.of(row.amount, currency) for row in found}


def _document(row: Any, currency: str, paid: dict[str, Money]) -> Document:
    amount = Money.from_minor(row.minor, currency)
    is_credit, is_draft = row.kind == "credit", row.kind == "draft"
    mine = Money.zero(currency) if is_credit else paid.get(row.invoice_id, Money.zero(currency))
    state = "credit" if is_credit else "draft" if is_draft else "paid" if row.state == "paid" else "open"
    return Document(
        id=row.invoice_id,
        kind=row.kind,
        number=row.document_ref or row.number or "",
        state=state,
        on=row.accounting_on or row.invoice_on,
        due_on=row.due_on,
        line_count=row.lines,
        amount=-amount if is_credit else amount,
        paid=mine,
        at=row.at,
    )


def chain(found: Engagement, lines: Sequence[ledger.Balance], papers: Sequence[Document]) -> Chain:
    """Add up what was sold, delivered (approved), billed net of credits, and collected."""
    currency = found.contract.currency
    return Chain(
        sold=found.sold,
        delivered=total((b.amount.approved for b in lines), currency),
        billed=total((b.amount.billed - b.amount.credited for b in lines), currency),
        collected=total((d.paid for d in papers), currency),
    )


def run_ids(connection: Connection, engagement: str) -> frozenset[str]:
    """Return the runs that work for an engagement."""
    return frozenset(row.id for row in rows(connection, "select id from run where subject = :s", s=engagement))
