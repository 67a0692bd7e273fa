"""Graph's `$batch`: up to twenty calls in one, answered in any order."""

from __future__ import annotations

import json
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from accordant.simulators.teams.call import Call
from accordant.simulators.teams.errors import bad_request
from accordant.simulators.teams.rules import BATCH_SIZE


class Batch:
    """Answer `POST /$batch` by calling the tenant's own routes."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._app = Starlette(routes=routes)

    async def __call__(self, call: Call) -> Response:
        """Run the requests in order, each after what it depends on; the answers come back in reverse."""
        requests = (await call.body()).get("requests") or []
        _check(requests)
        answers: dict[str, dict[str, Any]] = {}
        transport = httpx2.ASGITransport(app=self._app)
        token = {"authorization": call.request.headers["authorization"]}
        async with httpx2.AsyncClient(transport=transport, base_url=str(call.request.base_url)) as http:
            for request in requests:
                failed = any(answers.get(id, {"status": 424})["status"] >= 400 for id in request.get("dependsOn", []))
                answers[request["id"]] = _failed_dependency(request) if failed else await _one(http, request, token)
        return JSONResponse({"responses": list(answers.values())[::-1]})


def _check(requests: list[dict[str, Any]]) -> None:
    ids = [request.get("id") for request in requests]
    if len(ids) > BATCH_SIZE:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {BATCH_SIZE}.")
    if not all(ids) or len(set(ids)) != len(ids):
        raise bad_request("Every request of a batch needs an id of its own.")
    for request in requests:
        headers = {name.lower() for name in request.get("headers", {})}
        if "body" in request and "content-type" not in headers:
            raise bad_request(f"Write request id : {request['id']} does not contain Content-Type header.")


async def _one(http: httpx2.AsyncClient, request: dict[str, Any], token: dict[str, str]) -> dict[str, Any]:
    content = json.dumps(request["body"]) if "body" in request else None
    url = f"/v1.0/{request['url'].lstrip('/')}"
    headers = {**request.get("headers", {}), **token}
    answer = await http.request(request["method"], url, content=content, headers=headers)
    kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
    body = answer.json() if answer.content else None
    return {"id": request["id"], "status": answer.status_code, "headers": kept, "body": body}


def _failed_dependency(request: dict[str, Any]) -> dict[str, Any]:
    error = {"code": "FailedDependency", "message": "A request this one depends on failed."}
    return {"id": request["id"], "status": 424, "headers": {}, "body": {"error": error}}
