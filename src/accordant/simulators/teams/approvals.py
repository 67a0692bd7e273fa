"""The Approvals app (beta): an item, its approvers, their responses."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from accordant.simulators._shared import Record
from accordant.simulators.teams import shapes
from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import bad_request, forbidden, no_resource

_KINDS = ("basic", "basicAwaitAll", "custom", "customAwaitAll")
_BASIC_PROMPTS = ["Approve", "Reject"]


async def create(call: Call) -> Response:
    """Answer `POST …/approvalItems` with 202 and the operation to poll."""
    body = await call.body()
    _check(call, body)
    item = call.tenant.approvals.add(call.tenant.guid(), {**body, "state": "created", "result": None, "answers": []})
    return Response(status_code=202, headers={"Location": f"/solutions/approval/operations/{item.id}"})


async def get_operation(call: Call) -> Response:
    """Answer `GET …/operations/{id}`."""
    item = _named(call)
    return JSONResponse(
        {"id": item.id, "status": "succeeded", "resourceLocation": f"/solutions/approval/approvalItems/{item.id}"}
    )


async def get(call: Call) -> Response:
    """Answer `GET …/approvalItems/{id}`."""
    return JSONResponse(_shape(_named(call)))


async def cancel(call: Call) -> Response:
    """Answer `POST …/approvalItems/{id}/cancel`."""
    item = _named(call)
    if not item.data.get("allowCancel") or item.data["state"] in ("completed", "canceled"):
        raise bad_request("The approval cannot be canceled.")
    call.tenant.approvals.change(item.id, state="canceled", completedDateTime=shapes.instant(call.sim.now()))
    return Response(status_code=204)


async def list_responses(call: Call) -> Response:
    """Answer `GET …/approvalItems/{id}/responses`."""
    return JSONResponse({"value": _named(call).data["answers"]})


async def respond(call: Call) -> Response:
    """Answer `POST …/approvalItems/{id}/responses`; a person among the approvers, once."""
    item, body = _named(call), await call.body()
    approvers = _approver_ids(item.data)
    who = call.session.user_id
    if who not in approvers:
        raise forbidden("Only an approver may respond.")
    answers = item.data["answers"]
    if item.data["state"] in ("completed", "canceled") or any(a["createdBy"]["user"]["id"] == who for a in answers):
        raise bad_request("The approval takes no further response from this person.")
    prompts = item.data.get("responsePrompts") or _BASIC_PROMPTS
    if body.get("response") not in prompts:
        raise bad_request(f"The response must be one of {prompts}.")
    answer = {
        "id": call.tenant.guid(),
        "createdBy": {"user": {"id": who}},
        "createdDateTime": shapes.instant(call.sim.now()),
        "response": body["response"],
        "comments": body.get("comments"),
    }
    _conclude(call, item, [*answers, answer], prompts[0], len(approvers))
    return JSONResponse(answer, 201)


def _conclude(call: Call, item: Record, answers: list[dict[str, Any]], yes: str, approvers: int) -> None:
    last = answers[-1]["response"]
    await_all = item.data["approvalType"].endswith("AwaitAll")
    ended = not await_all or last != yes or len(answers) == approvers
    ended_at = shapes.instant(call.sim.now()) if ended else None
    state = "completed" if ended else "pending"
    result = last if ended else None
    call.tenant.approvals.change(item.id, answers=answers, state=state, result=result, completedDateTime=ended_at)


def _check(call: Call, body: dict[str, Any]) -> None:
    if not body.get("displayName") or body.get("approvalType") not in _KINDS:
        raise bad_request("displayName and a known approvalType are required.")
    if body["approvalType"].startswith("custom") and len(body.get("responsePrompts") or []) != 2:
        raise bad_request("A custom approval needs exactly two responsePrompts.")
    if call.session.user_id is None and not body.get("owner"):
        raise bad_request("An owner is required in application context.")
    approvers = _approver_ids(body)
    if not approvers or any(call.tenant.users.get(id) is None for id in approvers):
        raise bad_request("Every approver must be a person of the tenant.")


def _approver_ids(body: dict[str, Any]) -> list[str]:
    return [str((approver.get("user") or {}).get("id")) for approver in body.get("approvers") or []]


def _named(call: Call) -> Record:
    item = call.tenant.approvals.get(call.path("id"))
    if item is None:
        raise no_resource(call.path("id"))
    return item


def _shape(item: Record) -> dict[str, Any]:
    shown = {name: value for name, value in item.data.items() if name != "answers"}
    return {"id": item.id, "createdDateTime": shapes.instant(item.created_at), **shown}
