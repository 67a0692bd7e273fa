"""Open the engagement's workspace with client, delivery and finance people in it (R-SYS-11)."""

from __future__ import annotations

from accordant.canonical import Deal, Project
from accordant.cases import Stage
from accordant.ports import Card, WorkspaceRequest, Workspaces
from accordant.process import FlowInput, FlowOutput, Run, flow


class OpenWorkspace(FlowInput):
    """The engagement that needs a place to talk."""

    project_id: str
    deal_id: str
    contract_id: str
    entity: str


class WorkspaceOpened(FlowOutput):
    """The workspace, and how many people could not be found in the directory."""

    ref: str
    unknown_people: int


@flow(
    "open-workspace",
    version=1,
    owner="delivery-operations",
    tier="standard",
    slo="4h",
    key=lambda request: request.project_id,
    subject=lambda request: request.contract_id,
    entity=lambda request: request.entity,
)
async def open_workspace(run: Run, request: OpenWorkspace) -> WorkspaceOpened:
    """Open one workspace per project; while the platform is away the run waits, and everything else goes on."""
    async with run.stage(Stage.WORKSPACE):
        (project,) = await run.facts(Project, request.project_id)
        (deal,) = await run.facts(Deal, request.deal_id)
        chat = run.port(Workspaces, "collaboration")
        people = run.people("finance_operations", "delivery")
        named = tuple(mail for mail in (deal.delivery_lead, deal.owner) if mail)
        written = await run.effect(
            chat.create_workspace,
            WorkspaceRequest(
                name=f"{project.code} {project.name}"[:120],
                description=f"Engagement {project.code}",
                owners=named[:1] or people[:1],
                members=tuple(dict.fromkeys((*named[1:], *people))),
            ),
            key=project.id,
            links=project.id,
            kind="project",
        )
        card = Card(
            title=f"{project.code} is active",
            text=f"{project.name} may be staffed, worked on and billed.",
            facts={"Project code": project.code, "Billing": str(project.billing_method).replace("_", " ")},
        )
        await run.effect(chat.post_card, written.ref, card, key=f"{project.id}/active")
    unknown = int(str(written.facts.get("unknown_people", 0)))
    return WorkspaceOpened(ref=str(written.ref), unknown_people=unknown)
