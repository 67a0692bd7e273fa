"""The vendor's paths: authenticate, read the request, hand on, answer; no business rule."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accordant.simulators.netsuite import records
from accordant.simulators.netsuite.auth import TOKEN_PATH
from accordant.simulators.netsuite.errors import Refusal, malformed, not_found
from accordant.simulators.netsuite.jobs import ASYNC_PATH
from accordant.simulators.netsuite.records import WriteOptions
from accordant.simulators.netsuite.state import RECORD_PATH

if TYPE_CHECKING:
    from accordant.simulators.netsuite.simulator import NetSuiteSimulator

Handler = Callable[[Request], Awaitable[Response]]

QUERY_PATH = "/services/rest/query/v1/suiteql"
GOVERNANCE_PATH = "/services/rest/system/v1/governanceLimits"
_SINGULAR = "application/vnd.oracle.resource+json; type=singular"
_COLLECTION = "application/vnd.oracle.resource+json; type=collection"
_BATCH_LIMIT = 100


def routes_of(simulator: NetSuiteSimulator) -> list[Route]:
    """Return the routes of one account."""
    desk = _Desk(simulator)
    one, many = f"{RECORD_PATH}/{{type}}/{{address}}", f"{RECORD_PATH}/{{type}}"

    def route(path: str, handler: Handler, *methods: str) -> Route:
        return Route(path, _guarded(simulator, handler), methods=list(methods))

    return [
        Route(TOKEN_PATH, simulator.door.issue, methods=["POST"]),
        route(QUERY_PATH, desk.query, "POST"),
        route(GOVERNANCE_PATH, desk.governance, "GET"),
        route(f"{ASYNC_PATH}/{{job}}", desk.job, "GET"),
        route(f"{ASYNC_PATH}/{{job}}/task", desk.tasks, "GET"),
        route(f"{ASYNC_PATH}/{{job}}/task/{{task}}", desk.task, "GET"),
        route(f"{ASYNC_PATH}/{{job}}/task/{{task}}/result", desk.result, "GET"),
        route(f"{one}/!transform/{{target}}", desk.transform, "POST"),
        route(one, desk.read, "GET"),
        route(one, desk.write_one, "PATCH", "PUT", "DELETE"),
        route(f"{one}/{{sublist}}", desk.read_sublist, "GET"),
        route(f"{one}/{{sublist}}/{{line}}", desk.read_sublist, "GET"),
        route(many, desk.list_ids, "GET"),
        route(many, desk.write_many, "POST", "PATCH", "PUT", "DELETE"),
    ]


def _guarded(simulator: NetSuiteSimulator, handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            simulator.door.check(request)
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    return handle


def answer(body: Mapping[str, Any], media_type: str = _SINGULAR) -> Response:
    """Return a JSON answer; amounts as JSON numbers (a double prints every amount below 10^15 exactly)."""
    text = json.dumps(body, default=_number, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), 200, media_type=media_type)


def _number(value: Any) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} cannot be shown")


def _no_content(location: str) -> Response:
    return Response(None, 204, {"Location": location} if location else None)


async def _body(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw, parse_float=Decimal)
    except ValueError:
        raise malformed("The request body is not valid JSON.") from None


def _options(request: Request) -> WriteOptions:
    replace = request.query_params.get("replace", "")
    validation = request.headers.get("x-netsuite-propertynamevalidation", "warning").lower()
    return WriteOptions(frozenset(filter(None, replace.split(","))), validation)


def _is_async(request: Request) -> bool:
    return "respond-async" in request.headers.get("prefer", "")


class _Desk:
    """The handlers, over one simulator."""

    def __init__(self, simulator: NetSuiteSimulator) -> None:
        self.simulator = simulator
        self.state = simulator.state

    # -- reading

    async def read(self, request: Request) -> Response:
        type, record = self._addressed(request)
        return answer(records.show(self.state, type, record, request.query_params))

    async def read_sublist(self, request: Request) -> Response:
        type, record = self._addressed(request)
        path = request.path_params
        return answer(records.show_sublist(self.state, type, record, path["sublist"], path.get("line", "")))

    async def list_ids(self, request: Request) -> Response:
        type = records.type_named(request.path_params["type"])
        return answer(records.list_ids(self.state, type, request.query_params), _COLLECTION)

    async def query(self, request: Request) -> Response:
        if "transient" not in request.headers.get("prefer", ""):
            raise malformed("The request header 'Prefer: transient' is required.")
        body = await _body(request)
        if not isinstance(body, dict) or not isinstance(body.get("q"), str):
            raise malformed("The body must hold the query in the property 'q'.")
        limit, offset = records.page_of(request.query_params)
        rows, total = self.simulator.suiteql.run(body["q"], tuple(body.get("params", ())), limit=limit, offset=offset)
        items = [{"links": [], **row} for row in rows]
        return answer(records.page(f"{self.state.origin}{QUERY_PATH}", items, total, limit, offset), _COLLECTION)

    async def governance(self, _: Request) -> Response:
        limit = self.simulator.concurrency
        return answer(
            {
                "accountConcurrencyLimit": limit,
                "accountUnallocatedConcurrencyLimit": limit,
                "integrationLimitType": "accountLimit",
            }
        )

    # -- writing

    async def write_one(self, request: Request) -> Response:
        type, address = records.type_named(request.path_params["type"]), request.path_params["address"]
        body, options = await _body(request), _options(request)
        if request.method == "PUT" and not address.startswith("eid:"):
            raise malformed("PUT requires an external ID in the URL.")
        work = self._work(request.method, type, address, body, options)
        return self._do(request, work, options)

    async def write_many(self, request: Request) -> Response:
        type, body, options = records.type_named(request.path_params["type"]), await _body(request), _options(request)
        if request.method == "DELETE" or (isinstance(body, dict) and isinstance(body.get("items"), list)):
            return self._batch(request, type, body, options)
        if request.method != "POST":
            raise malformed()
        return self._do(request, lambda: records.create(self.state, type, body, options), options)

    async def transform(self, request: Request) -> Response:
        path, body, options = request.path_params, await _body(request), _options(request)
        type, target = records.type_named(path["type"]), records.type_named(path["target"])
        return self._do(
            request, lambda: records.transform(self.state, type, path["address"], target, body, options), options
        )

    def _work(self, method: str, type: str, address: str, body: Any, options: WriteOptions) -> Callable[[], str]:
        if method == "PUT":
            key = records.require_key(address[4:])
            return lambda: records.upsert(self.state, type, key, body, options)
        if method == "PATCH":
            return lambda: records.update(self.state, type, address, body, options)
        return lambda: records.delete(self.state, type, address)

    def _do(self, request: Request, work: Callable[[], str], options: WriteOptions) -> Response:
        if _is_async(request):
            return self._accept(request, [work])
        response = _no_content(work())
        if options.warnings:
            response.headers["Warning"] = f'199 - "Unknown properties were ignored: {", ".join(options.warnings)}"'
        return response

    def _batch(self, request: Request, type: str, body: Any, options: WriteOptions) -> Response:
        if not _is_async(request):
            raise malformed("Batch operations require the header 'Prefer: respond-async'.")
        if request.method == "DELETE":
            ids = request.query_params.get("ids", "").split(",")
            works = [self._work("DELETE", type, address, None, options) for address in ids if address]
        else:
            if "type=collection" not in request.headers.get("content-type", "").replace(" ", ""):
                raise malformed("Batch operations require a content type with type=collection.")
            works = [self._item(request.method, type, item, options) for item in body["items"]]
        if not 1 <= len(works) <= _BATCH_LIMIT:
            raise malformed(f"A batch may hold 1 to {_BATCH_LIMIT} records.")
        return self._accept(request, works)

    def _item(self, method: str, type: str, item: Any, options: WriteOptions) -> Callable[[], str]:
        def work() -> str:
            if not isinstance(item, dict):
                raise malformed()
            if method == "POST":
                return records.create(self.state, type, item, options)
            if item.get("id") is not None:  # the internal id wins when both are given
                return records.update(self.state, type, str(item["id"]), item, options)
            key = records.require_key(str(item.get("externalId") or ""))
            if method == "PUT":
                return records.upsert(self.state, type, key, item, options)
            return records.update(self.state, type, f"eid:{key}", item, options)

        return work

    def _accept(self, request: Request, works: list[Callable[[], str]]) -> Response:
        """Open a job and run it, now or after the account's delay."""
        jobs, simulator = self.simulator.jobs, self.simulator
        job = jobs.submit(request.headers.get("x-netsuite-idempotency-key"))
        fault = simulator.faults.take(f"{request.method} {request.url.path}", "partial_batch")
        every = int(fault.options.get("every", 2)) if fault else 0
        run = partial(jobs.run, job, works, fail_every=every)
        if simulator.async_delay_s:
            asyncio.get_running_loop().call_later(simulator.async_delay_s, run)
        else:
            run()
        return Response(None, 202, {"Location": f"{ASYNC_PATH}/{job.id}", "Preference-Applied": "respond-async"})

    # -- asynchronous requests

    async def job(self, request: Request) -> Response:
        return answer(self.simulator.jobs.job(request.path_params["job"]))

    async def tasks(self, request: Request) -> Response:
        return answer(self.simulator.jobs.tasks(request.path_params["job"]), _COLLECTION)

    async def task(self, request: Request) -> Response:
        return answer(self.simulator.jobs.task(request.path_params["job"], request.path_params["task"]))

    async def result(self, request: Request) -> Response:
        task = self.simulator.jobs.result(request.path_params["job"], request.path_params["task"])
        return task.refusal.response() if task.refusal else _no_content(task.location)

    def _addressed(self, request: Request) -> tuple[str, Any]:
        type = records.type_named(request.path_params["type"])
        record = records.find(self.state, type, request.path_params["address"])
        if record is None:
            raise not_found()
        return type, record
