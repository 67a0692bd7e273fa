"""The steps of an activation; each says by which key it happens once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from accordant.canonical import BillingMethod, Contract, Customer, Deal, Project, Task
from accordant.cases import Action, Ask, DoneByHand, Stage
from accordant.flows.activate_project.models import Accounts, ActivateProject, Activation, Places, Sold
from accordant.flows.open_workspace import OpenWorkspace
from accordant.kernel import ExternalId, Money, Rejected, total
from accordant.platform.storage import maybe, one, rows
from accordant.ports import (
    BillingRules,
    BillingSetup,
    CustomerRegistry,
    EngagementStatus,
    EngagementStatusBoard,
    ProjectSetup,
    Staffing,
    StaffingRequest,
)
from accordant.process import Accepted, FlowInput, Problem, Run, Saga

_REGIONS = {"GB": "emea", "DE": "emea", "US": "americas"}


class Candidates(BaseModel):
    """Customers in the ERP that may be the same client."""

    refs: tuple[ExternalId, ...]
    same_number: tuple[ExternalId, ...]


def won_deals(connection: Connection, accepted: Sequence[Accepted]) -> list[FlowInput]:
    """Return an activation for each deal that was won, and for each one that waits and now says something new.

    An engagement that is active is not activated again.
    """
    won = [a.id for a in accepted if a.event == "deal.won"]
    changed = [a.id for a in accepted if a.event != "deal.won"]
    found = rows(connection, _REQUESTS, won=won, changed=changed)
    return [
        ActivateProject(
            deal_id=row.id,
            deal_version=row.version,
            contract_id=row.contract_id,
            entity=row.entity,
            contract_version=row.contract_version,
            customer_version=row.customer_version,
        )
        for row in found
    ]


# A run that waits for people has its key still; what changed may be what they were asked for.
_REQUESTS = """
with waiting as (
  select r.key as id from run r
  where r.flow = 'activate-project' and r.state = 'parked' and not r.freed
    and exists (select 1 from gate g where g.run_id = r.id and g.passed_at is null and g.kind in ('case', 'approval'))
), concerned as (
  select d.id from record d where d.id = any(:won)
  union
  select d.id from waiting w join record d on d.id = w.id
  where d.id = any(:changed) or d.body ->> 'contract_id' = any(:changed) or d.body ->> 'customer_id' = any(:changed)
)
select d.id, d.version, d.entity, d.body ->> 'contract_id' as contract_id,
       coalesce(c.version, 0) as contract_version, coalesce(k.version, 0) as customer_version
from concerned join record d using (id)
left join record c on c.id = d.body ->> 'contract_id'
left join record k on k.id = d.body ->> 'customer_id'
where d.body ->> 'stage' = 'won' and not d.deleted
  and not exists (select 1 from engagement_state s
                  where s.engagement = d.body ->> 'contract_id' and s.state = 'activated' and s.status = 'reached')
order by d.id
"""


async def find_activation(run: Run) -> Activation | None:
    """Return what an earlier run made of this deal: it waited behind that run and has nothing left to do."""
    outcome = await run.read("activation", partial(_last_outcome, run.subject))
    return None if outcome is None else Activation.model_validate(outcome)


def _last_outcome(engagement: str, connection: Connection) -> Any:
    found = maybe(
        connection,
        """select r.outcome from run r join engagement_state s on s.engagement = r.subject
           where r.flow = 'activate-project' and r.subject = :engagement and r.state = 'done'
             and s.state = 'activated' and s.status = 'reached' order by r.ended_at desc limit 1""",
        engagement=engagement,
    )
    return None if found is None else found.outcome


# ------------------------------------------------------------------ contract validation


async def check_contract(run: Run, request: ActivateProject) -> Sold:
    """Read what was sold until it is complete; what is missing is a case for the deal's owner (R-FMC-01)."""
    async with run.stage(Stage.CONTRACT_VALIDATION):
        while True:
            (deal,) = await run.facts(Deal, request.deal_id)
            contract = (await run.facts(Contract, deal.contract_id))[0] if deal.contract_id else None
            customer = (await run.facts(Customer, deal.customer_id))[0] if deal.customer_id else None
            missing = await _missing(run, deal, contract, customer)
            if not missing and contract and customer:
                run.concerns(client=customer.name, exposure=deal.amount)
                await run.reach("sold", source="crm", deal=deal.id, contract=contract.id, version=contract.version)
                return Sold(deal, contract, customer)
            await run.case(_incomplete(deal, customer, missing))


async def _missing(run: Run, deal: Deal, contract: Contract | None, customer: Customer | None) -> list[tuple[str, str]]:
    """Return what the deal lacks, with the remedy of each."""
    terms = contract.model_dump() if contract else {}
    decision = await run.decide(
        "deal-completeness",
        {
            "billing_method": contract and contract.billing_method,
            "entity": deal.entity,
            "has_customer": customer is not None,
            "customer_country": customer and customer.country,
            "is_contract_approved": contract is not None and contract.is_approved,
            "currency": contract and contract.currency,
            "start_on": terms.get("start_on"),
            "end_on": terms.get("end_on"),
            "practice": deal.practice,
            "has_delivery_lead": bool(deal.delivery_lead),
            "rate_line_count": len(contract.rate_lines) if contract else 0,
            "milestone_count": len(contract.milestones) if contract else 0,
            "cap": contract and contract.cap and contract.cap.amount,
            "fixed_fee": contract and contract.fixed_fee and contract.fixed_fee.amount,
            "retainer": contract and contract.retainer and contract.retainer.amount,
            "payment_terms_days": terms.get("payment_terms_days"),
            "is_po_required": False,
            "has_po_number": bool(terms.get("po_number")),
        },
        on=deal.closed_on or await run.today(),
    )
    return [(str(h.result["field"]), h.remedy) for h in decision.hits if h.result["severity"] == "blocks"]


def _incomplete(deal: Deal, customer: Customer | None, missing: list[tuple[str, str]]) -> Problem:
    names = ", ".join(field.replace("_", " ").split(".")[-1] for field, _ in missing)
    return Problem(
        code="deal.incomplete",
        sentence=f"{deal.name} was won and cannot start: the deal lacks {names}.",
        remedy=" ".join(remedy for _, remedy in missing),
        role="account_team",
        client=customer.name if customer else "",
        about=deal.id,
        exposure=deal.amount,
        details=dict(missing),
    )


# ------------------------------------------------------------------ template


async def choose_template(run: Run, sold: Sold) -> str:
    """Return the work-breakdown template; an unusual combination is approved by delivery first (R-FMC-02)."""
    contract, deal = sold.contract, sold.deal
    amount = deal.amount or _value_of(contract)
    decision = await run.decide(
        "project-template",
        {
            "billing_method": contract.billing_method,
            "practice": deal.practice,
            "region": _REGIONS[run.country],
            "amount": amount.amount,
        },
        on=_start_of(contract),
    )
    template = str(decision.result["template"])
    if decision.result.get("approval") == "required":
        await _have_approved(run, sold, template, decision.reason, decision.row_id, amount)
    return template


async def _have_approved(run: Run, sold: Sold, template: str, why: str, rule: str, amount: Money) -> None:
    view = {
        "client": sold.customer.name,
        "contract": sold.contract.id,
        "contract_version": sold.contract.version,
        "billing_method": str(sold.contract.billing_method),
        "template": template,
        "amount": str(amount),
        "why": why,
    }
    decided = await run.approval(
        Ask(
            kind="project_template",
            subject=f"contract:{sold.contract.id}",
            view=view,
            money=amount.rounded(),
            requester="accordant",
            role="delivery",
            rule=f"project-template/{rule}",
        )
    )
    if not decided.yes:
        raise Rejected(
            f"The {template} project for {sold.customer.name} was not approved: {decided.reason}",
            code="activation.template_rejected",
            remedy="Change the deal's billing method or practice, and win it again.",
            correlation_id=run.subject,
        )


def _value_of(contract: Contract) -> Money:
    planned = (line.rate * (line.planned_hours or Decimal(0)) for line in contract.rate_lines)
    return contract.fixed_fee or contract.cap or total(planned, contract.currency)


def _start_of(contract: Contract) -> date:
    if contract.start_on is None:
        raise Rejected("The contract has no start date.", code="contract.no_start", correlation_id=contract.id)
    return contract.start_on


# ------------------------------------------------------------------ customer


async def settle_accounts(run: Run, sold: Sold) -> Accounts:
    """Find or create the client in the PSA and the billing entity in the ERP; never a second one (R-FMC-03)."""
    psa, erp = run.port(CustomerRegistry, "psa"), run.port(CustomerRegistry, "erp")
    in_psa, in_erp = await run.together(_settle(run, psa, sold), _settle(run, erp, sold))
    return Accounts(psa=in_psa, erp=in_erp)


async def _settle(run: Run, registry: CustomerRegistry, sold: Sold) -> ExternalId:
    """Key: the customer's id. What exists under our key, or by tax number, is adopted."""
    currency = sold.contract.currency
    while True:
        customer = await run.current(Customer, sold.customer.id) or sold.customer  # a steward may have merged it
        known = await run.find_external(customer.id, registry.system) or await _match(run, registry, customer)
        if known is UNDECIDED:
            continue
        if known is None:
            written = await run.effect(
                registry.create_customer,
                customer,
                entity=run.entity,
                currency=currency,
                key=customer.id,
                content=customer,
                links=customer.id,
                kind="customer",
            )
            return written.ref
        written = await run.effect(
            registry.adopt_customer,
            known,
            entity=run.entity,
            currency=currency,
            key=f"{customer.id}/{run.entity}/{currency}",
            links=customer.id,
            kind="customer",
        )
        return written.ref


UNDECIDED = ExternalId(system="", type="", value="")
"""Somebody answered in another way than by naming a record: look again."""


async def _match(run: Run, registry: CustomerRegistry, customer: Customer) -> ExternalId | None:
    """Return the record that is surely the same client, None for a new one; a doubt is a case for the steward."""

    async def question() -> Candidates:
        found = [o for o in await registry.match_customers(customer) if o.body is not None]
        return Candidates(
            refs=tuple(o.ref for o in found),
            same_number=tuple(o.ref for o in found if o.body is not None and _same_number(o.body, customer)),
        )

    candidates = await run.ask(f"match:{registry.system}", question, Candidates)
    taken = await run.stands_for(candidates.refs)
    same = [ref for ref in candidates.same_number if str(ref) not in taken]
    if len(same) == 1:
        return same[0]
    if not candidates.refs:
        return None
    answer = await run.case(_ambiguous(registry.system, customer, candidates, taken))
    return answer.external_id if isinstance(answer, DoneByHand) else UNDECIDED


def _ambiguous(system: str, customer: Customer, candidates: Candidates, taken: dict[str, str]) -> Problem:
    free = [str(ref) for ref in candidates.refs if str(ref) not in taken]
    return Problem(
        code="customer.ambiguous",
        sentence=f"{customer.name} cannot be billed yet: {len(candidates.refs)} clients in {system} may be the same.",
        remedy="Name the right client, merge the two that are one, or correct the name and retry.",
        role="steward",
        client=customer.name,
        about=f"{customer.id}@{system}",
        actions=(Action.DONE_BY_HAND, Action.ADD_MAPPING, Action.RETRY, Action.DISMISS),
        details={
            "customer": customer.id,
            "candidates": ", ".join(free),
            "same_as": ", ".join(sorted(set(taken.values()))),
        },
    )


def _same_number(a: Customer, b: Customer) -> bool:
    def plain(number: str | None) -> str:
        return "".join(filter(str.isalnum, number or "")).upper()

    return any(plain(x) and plain(x) == plain(y) for x, y in ((a.vat_number, b.vat_number), (a.lei, b.lei)))


# ------------------------------------------------------------------ project


async def plan_project(run: Run, sold: Sold, template: str) -> Project:
    """Make the project with its work-breakdown structure, as every system shall know it, and keep it."""
    contract = sold.contract
    project_id = run.new_id("prj", contract.id)
    if contract.billing_method is None:
        raise Rejected("The contract has no billing method.", code="contract.no_method", correlation_id=contract.id)
    project = Project(
        id=project_id,
        code=await _project_code(run, project_id),
        name=sold.deal.name,
        customer_id=sold.customer.id,
        contract_id=contract.id,
        contract_version=contract.version,
        entity=run.entity,
        currency=contract.currency,
        billing_method=contract.billing_method,
        start_on=_start_of(contract),
        end_on=contract.end_on,
        template=template,
        tasks=await _breakdown(run, contract, template),
    )
    await run.save(project)
    return project


async def _project_code(run: Run, project_id: str) -> str:
    """Return the code that people know the project by; one that was withdrawn keeps its own, as systems demand."""

    def withdrawn(connection: Connection) -> int:
        sql = "select count(distinct generation) as n from effect where base = :id and state = 'undone'"
        return int(one(connection, sql, id=project_id).n)

    earlier = await run.read("withdrawn", withdrawn)
    code = f"{run.entity.upper()}-{project_id[-6:].upper()}"
    return f"{code}-{earlier + 1}" if earlier else code


async def _breakdown(run: Run, contract: Contract, template: str) -> tuple[Task, ...]:
    decision = await run.decide("project-wbs", {"template": template}, on=_start_of(contract))
    planned = tuple(
        Task(code=str(h.result["code"]), name=str(h.result["name"]), is_billable=bool(h.result["is_billable"]))
        for h in decision.hits
    )
    milestones = tuple(
        Task(code=m.code, name=m.name, is_milestone=True, due_on=m.due_on)
        for m in contract.milestones
        if contract.billing_method is BillingMethod.MILESTONE
    )
    return planned + milestones


async def create_projects(run: Run, saga: Saga, project: Project, accounts: Accounts) -> Places:
    """Create the project in PSA and ERP as one logical act (R-ORC-07). Key: the project's id."""
    psa, erp = run.port(ProjectSetup, "psa"), run.port(ProjectSetup, "erp")
    in_psa, in_erp = await run.together(
        saga.effect(
            psa.create_project,
            project,
            customer=accounts.psa,
            key=project.id,
            undo=psa.withdraw_project,
            links=project.id,
            kind="project",
        ),
        saga.effect(
            erp.create_project,
            project,
            customer=accounts.erp,
            key=project.id,
            undo=erp.withdraw_project,
            links=project.id,
            kind="project",
        ),
    )
    saga.when_given_up(partial(run.retract, "activated"))
    await run.reach("activated", source="psa", project=project.id, code=project.code, psa=str(in_psa.ref))
    return Places(psa=in_psa.ref, erp=in_erp.ref)


# ------------------------------------------------------------------ billing, people, news


async def agree_billing(run: Run, sold: Sold, places: Places) -> str:
    """Set tax, currency and billing rules in the ERP and have it confirm them (R-MAP-11, R-MAP-12, R-FMC-04)."""
    contract, erp = sold.contract, run.port(BillingSetup, "erp")
    start_on = _start_of(contract)
    tax = await run.decide(
        "tax-treatment",
        {
            "entity_country": run.country,
            "customer_country": sold.customer.country,
            "is_vat_registered": bool(sold.customer.vat_number),
        },
        on=start_on,
    )
    terms = await run.decide(
        "billing-terms",
        {"billing_method": contract.billing_method, "amount": _value_of(contract).amount},
        on=start_on,
    )
    days = contract.payment_terms_days
    rules = BillingRules(
        contract_id=contract.id,
        contract_version=contract.version,
        billing_method=contract.billing_method,
        currency=contract.currency,
        tax_code=str(tax.result["tax_code"]),
        payment_terms_days=days if days is not None else int(str(terms.result["payment_days"])),
        cap=contract.cap,
        po_number=contract.po_number,
    )
    await run.effect(erp.put_billing_rules, places.erp, rules, key=f"{contract.id}/v{contract.version}/billing")
    evidence = {"tax_rule": tax.row_id, "tax_code": rules.tax_code, "method": str(rules.billing_method)}
    await run.reach("financially_approved", source="erp", project=str(places.erp), **evidence)
    await run.reach("ready_to_bill", source="erp", terms_days=rules.payment_terms_days, currency=rules.currency)
    return rules.tax_code


async def ask_for_people(run: Run, sold: Sold, places: Places) -> None:
    """Ask for people, one request per role of the rate card. Key: contract, version and role."""
    psa, contract = run.port(Staffing, "psa"), sold.contract
    await run.together(
        *(
            run.effect(
                psa.request_staffing,
                StaffingRequest(
                    role=line.role,
                    hours=line.planned_hours or Decimal(0),
                    start_on=_start_of(contract),
                    end_on=contract.end_on,
                ),
                project=places.psa,
                key=f"{contract.id}/v{contract.version}/{line.role}",
            )
            for line in contract.rate_lines
            if line.planned_hours
        )
    )


async def tell_sales(run: Run, sold: Sold, project: Project, places: Places) -> str:
    """Write the state back to CRM and PSA and begin the workspace; chat never holds an activation up (R-RES-11)."""
    crm, psa = run.port(EngagementStatusBoard, "crm"), run.port(EngagementStatusBoard, "psa")
    status = EngagementStatus(state="ready_to_bill", project_code=project.code)
    deal = await run.external(sold.deal.id, crm.system)
    key = f"{sold.contract.id}/v{sold.contract.version}/active"
    await run.together(
        run.effect(crm.put_engagement_status, deal, status, key=f"{key}/crm"),
        run.effect(psa.put_engagement_status, places.psa, status, key=f"{key}/psa"),
    )
    workspace = OpenWorkspace(
        project_id=project.id, deal_id=sold.deal.id, contract_id=sold.contract.id, entity=run.entity
    )
    started = await run.start(workspace, "open-workspace")
    await run.publish("project.activated", project=project.id, code=project.code, contract=sold.contract.id)
    return started
