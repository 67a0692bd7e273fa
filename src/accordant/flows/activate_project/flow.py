"""Activate a project from an approved contract: the five stages of R-API-07, in order."""

from __future__ import annotations

from accordant.cases import Stage
from accordant.flows.activate_project.models import ActivateProject, Activation
from accordant.flows.activate_project.steps import (
    agree_billing,
    ask_for_people,
    check_contract,
    choose_template,
    create_projects,
    find_activation,
    plan_project,
    settle_accounts,
    tell_sales,
    won_deals,
)
from accordant.process import Run, flow


@flow(
    "activate-project",
    version=1,
    owner="delivery-operations",
    tier="revenue",
    slo="15m",
    key=lambda request: request.deal_id,
    subject=lambda request: request.engagement,
    entity=lambda request: request.entity,
    rank=lambda request: request.deal_version + request.contract_version + request.customer_version,
    starts_on=("deal.won", "deal.changed", "contract.approved", "contract.changed", "customer.changed"),
    trigger=won_deals,
    overtaking="supersede",
)
async def activate_project(run: Run, request: ActivateProject) -> Activation:
    """Bring a won deal to a project that every system knows and that may be billed.

    Until billing rules are confirmed, whatever was created is taken back when the work is given up.
    """
    if (standing := await find_activation(run)) is not None:
        return standing
    sold = await check_contract(run, request)
    async with run.saga() as saga:
        template = await choose_template(run, sold)
        async with run.stage(Stage.MASTER_DATA):
            accounts = await settle_accounts(run, sold)
        async with run.stage(Stage.PROJECT_CREATION):
            project = await plan_project(run, sold, template)
            places = await create_projects(run, saga, project, accounts)
        async with run.stage(Stage.BILLING):
            tax_code = await agree_billing(run, sold, places)
            saga.pivot()
    async with run.stage(Stage.STAFFING):
        _, workspace = await run.together(ask_for_people(run, sold, places), tell_sales(run, sold, project, places))
    return Activation(
        project_id=project.id,
        project_code=project.code,
        contract_id=sold.contract.id,
        contract_version=sold.contract.version,
        tax_code=tax_code,
        psa_ref=str(places.psa),
        erp_ref=str(places.erp),
        erp_customer_ref=str(accounts.erp),
        workspace_run=workspace,
    )
