"""The vendor's paths: one index and one record route per collection, and the few that stand alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from accordant.simulators._shared import Record
from accordant.simulators.kantata import rules, verbs
from accordant.simulators.kantata.errors import Refused, forbidden, invalid, not_found, system, throttled, unauthorized
from accordant.simulators.kantata.kinds import KINDS, SUBJECTS, Kind
from accordant.simulators.kantata.paging import Query, parse
from accordant.simulators.kantata.queries import Finder
from accordant.simulators.kantata.shapes import body_of, given, meta, page, present
from accordant.simulators.kantata.state import Account, Caller

if TYPE_CHECKING:
    from accordant.simulators.kantata.simulator import KantataSimulator

_MAX_BULK = 100
_THROTTLED = {
    ("GET", "workspaces"),
    ("POST", "workspaces"),
    ("GET", "custom_field_values"),
    ("POST", "custom_field_values"),
}
_RESOLVERS = {
    "timesheet_approvals": "approve",
    "timesheet_rejections": "reject",
    "timesheet_cancellations": "cancel",
}
_SUBMISSIONS = {"timesheet_submissions", "expense_report_submissions"}

Handler = Callable[[Request, Caller], Awaitable[Response]]


class Routes:
    """The handlers, over one simulated account."""

    def __init__(self, simulator: KantataSimulator) -> None:
        self._simulator = simulator
        self._account: Account = simulator.account
        self._finder = Finder(self._account)
        self._random = Random(simulator.seed)  # noqa: S311 - throttling must repeat itself
        self._resolutions = count(1)

    def routes(self) -> list[Route]:
        """Return the routes; `.json` at the end of a path is optional."""
        api = "/api/v1"
        return [
            Route("/oauth/token", self._token, methods=["POST"]),
            Route(f"{api}/external_references/{{action}}", self._door(self._put_reference), methods=["POST"]),
            Route(f"{api}/{{collection}}", self._door(self._index), methods=["GET"]),
            Route(f"{api}/{{collection}}", self._door(self._create), methods=["POST"]),
            Route(f"{api}/{{collection}}", self._door(self._delete_many), methods=["DELETE"]),
            Route(f"{api}/{{collection}}/{{id}}", self._door(self._show), methods=["GET"]),
            Route(f"{api}/{{collection}}/{{id}}", self._door(self._update), methods=["PUT"]),
            Route(f"{api}/{{collection}}/{{id}}", self._door(self._delete), methods=["DELETE"]),
            Route(f"{api}/{{collection}}/{{id}}/{{verb}}", self._door(self._act), methods=["PUT"]),
        ]

    def _door(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def opened(request: Request) -> Response:
            try:
                caller = self._caller(request)
                self._throttle(request)
                return await handler(request, caller)
            except Refused as refused:
                return refused.response()

        return opened

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        caller = self._simulator.tokens.get(token) if scheme.lower() == "bearer" else None
        if caller is None:
            raise unauthorized()
        return caller

    def _throttle(self, request: Request) -> None:
        listed = (request.method, _bare(request.path_params.get("collection", ""))) in _THROTTLED
        if listed and self._random.random() < self._simulator.throttle_rate:
            raise throttled()

    async def _token(self, request: Request) -> Response:
        body = await body_of(request)
        token = self._simulator.grant(body) if body.get("grant_type") == "authorization_code" else None
        if token is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": token, "token_type": "bearer"})

    # -- reading ---------------------------------------------------------------------------------------------------

    async def _index(self, request: Request, caller: Caller) -> Response:
        if _bare(request.path_params["collection"]) == "subscribed_events":
            return self._events(request, caller)
        kind = _kind(request, "index")
        query = parse(kind, request.query_params)
        total, records = self._finder.find(kind, caller, query)
        return page(self._account, kind, caller, records, total=total, query=query)

    async def _show(self, request: Request, caller: Caller) -> Response:
        name = _bare(request.path_params["collection"])
        if name == "subscribed_events":
            return self._event_types(caller)
        kind = _kind(request, "show")
        query = parse(kind, {**dict.fromkeys(kind.needs, ""), **request.query_params})
        record = self._record(request, kind)
        if not self._finder.is_shown(kind, record, _without(query, kind.needs)):
            raise not_found()
        return page(self._account, kind, caller, [record], total=1, query=query)

    def _events(self, request: Request, caller: Caller) -> Response:
        if not caller.admin:
            raise forbidden()

        def subject(collection: str, id: str) -> dict[str, Any] | None:
            record = self._account.get(collection, id)
            return present(KINDS[collection], caller, record) if record else None

        return self._simulator.events.answer(request.query_params, subject)

    def _event_types(self, caller: Caller) -> Response:
        if not caller.admin:
            raise forbidden()
        types = [
            f"{kind.one}:{verb}" for kind in KINDS.values() if kind.events for verb in ("created", "updated", "deleted")
        ]
        rows = {str(n): {"id": str(n), "name": name} for n, name in enumerate(types, 1)}
        return JSONResponse(
            {
                "count": len(rows),
                "results": [{"key": "event_types", "id": id} for id in rows],
                "event_types": rows,
                "meta": {"count": len(rows), "page_count": 1, "page_number": 1, "page_size": len(rows)},
            }
        )

    # -- writing ---------------------------------------------------------------------------------------------------

    async def _create(self, request: Request, caller: Caller) -> Response:
        name = _bare(request.path_params["collection"])
        if name in _RESOLVERS:
            return await self._resolve_many(request, caller, _RESOLVERS[name])
        kind = _kind(request, "create")
        if kind.name == "invoices" and not caller.financial:
            raise forbidden()
        body = await body_of(request)
        if kind.bulk and kind.name in body:
            return self._create_many(request, caller, kind, body[kind.name])
        record = self._create_one(kind, caller, self._prepare(kind, body.get(kind.one) or {}), body.get(kind.one) or {})
        return self._one(request, caller, kind, record)

    def _prepare(self, kind: Kind, raw: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise system(400, f"{kind.one} must be an object")
        fields = given(kind, raw, kind.create)
        rules.require_valid(self._account, kind, fields)
        if reference := raw.get("external_reference"):
            _require_reference(reference)
        return fields

    def _create_one(self, kind: Kind, caller: Caller, fields: dict[str, Any], raw: Mapping[str, Any]) -> Record:
        record = verbs.create(self._account, kind.name, caller, fields)
        self._attach(kind, caller, record, raw)
        return record

    def _attach(self, kind: Kind, caller: Caller, record: Record, raw: Mapping[str, Any]) -> None:
        if kind.referable and (reference := raw.get("external_reference")):
            _require_reference(reference)
            self._account.put_reference(kind.subject, record.id, caller.user_id, given(_REFERENCES, reference, _NESTED))
        for value in raw.get("custom_fields") or ():
            self._account.put_value(
                kind.subject, record.id, str(value["custom_field_id"]), caller.user_id, value.get("value")
            )

    def _create_many(self, request: Request, caller: Caller, kind: Kind, rows: list[dict[str, Any]]) -> Response:
        """Create up to 100: a problem in one refuses all; the `partial_batch` fault keeps the others."""
        if len(rows) > _MAX_BULK:
            raise system(400, f"Bulk requests accept up to {_MAX_BULK} objects")
        prepared = [(self._prepare(kind, row), row) for row in rows]
        fault = self._simulator.faults.take(f"{request.method} {request.url.path}", "partial_batch")
        every = int(fault.options.get("every", 2)) if fault else len(rows) + 1
        kept = [pair for number, pair in enumerate(prepared, 1) if number % every]
        records = [self._create_one(kind, caller, fields, raw) for fields, raw in kept]
        answer = self._page(request, caller, kind, records)
        if len(kept) == len(prepared):
            return answer
        errors = [
            {"type": "system", "message": f"Object {number} could not be saved"}
            for number in range(every, len(rows) + 1, every)
        ]
        return JSONResponse({"errors": errors, "created_ids": [r.id for r in records]}, 422)

    async def _update(self, request: Request, caller: Caller) -> Response:
        kind = _kind(request, "update")
        record = self._record(request, kind)
        raw = (await body_of(request)).get(kind.one) or {}
        fields = given(kind, raw, kind.update)
        if fields:
            rules.require_editable(self._account, kind, record)
            rules.require_valid(self._account, kind, fields, record)
            verbs.update(self._account, kind.name, caller, record, fields)
        self._attach(kind, caller, record, raw)
        return self._one(request, caller, kind, record)

    async def _delete(self, request: Request, caller: Caller) -> Response:
        kind = _kind(request, "delete")
        self._remove(kind, caller, self._record(request, kind))
        return Response(status_code=204)

    async def _delete_many(self, request: Request, caller: Caller) -> Response:
        kind = _kind(request, "delete")
        if kind.name != "time_entries":
            raise not_found()
        ids = request.query_params.get("ids") or (await body_of(request)).get("ids", "")
        records = [record for id in str(ids).split(",") if (record := self._account.get(kind.name, id))]
        for record in records:
            rules.require_editable(self._account, kind, record)
        for record in records:
            self._remove(kind, caller, record)
        return Response(status_code=204)

    def _remove(self, kind: Kind, caller: Caller, record: Record) -> None:
        rules.require_editable(self._account, kind, record)
        if kind.name == "invoices":
            verbs.release_invoice(self._account, caller, record)
        if kind.name == "stories":  # the only collection with a soft delete
            deleted_at = self._account.now().isoformat(timespec="seconds")
            self._account.change(kind.name, record, caller.user_id, deleted_at=deleted_at)
        else:
            self._account.remove(kind.name, record, caller.user_id)

    async def _act(self, request: Request, caller: Caller) -> Response:
        kind, verb = _kind(request, "show"), _bare(request.path_params["verb"])
        record = self._record(request, kind)
        description = ((await body_of(request)).get("resolution") or {}).get("description", "")
        if kind.name in _SUBMISSIONS and verb in {"approve", "reject", "cancel"}:
            verbs.resolve(self._account, kind.name, caller, [record.id], verb, description)
        elif kind.name == "resource_requests" and verb in {"approve", "reject", "cancel"}:
            verbs.decide_request(self._account, caller, record, verb)
        elif kind.name == "invoices" and verb == "cancel":
            verbs.cancel_invoice(self._account, caller, record)
        elif kind.name == "account_memberships" and verb == "disable":
            verbs.disable_membership(self._account, caller, record)
        else:
            raise not_found()
        return self._one(request, caller, kind, record)

    async def _resolve_many(self, request: Request, caller: Caller, verb: str) -> Response:
        asked = (await body_of(request)).get("resolution") or {}
        ids = [str(id) for id in asked.get("submission_ids") or ()]
        if not ids:
            raise invalid(("submission_ids", "Submission ids can't be blank"))
        records = verbs.resolve(
            self._account, "timesheet_submissions", caller, ids, verb, asked.get("description") or ""
        )
        made = [verbs.resolution(next(self._resolutions), r, "TimesheetSubmission", verb, caller) for r in records]
        query = parse(KINDS["timesheet_submissions"], {"per_page": "200"})
        return JSONResponse(
            {
                "count": len(made),
                "results": [{"key": "resolutions", "id": row["id"]} for row in made],
                "resolutions": {row["id"]: row for row in made},
                "meta": meta(len(made), query),
            }
        )

    async def _put_reference(self, request: Request, caller: Caller) -> Response:
        if _bare(request.path_params["action"]) != "create_or_update":
            raise not_found()
        raw = (await body_of(request)).get("external_reference") or {}
        fields = given(_REFERENCES, raw, _REFERENCES.create)
        rules.require_valid(self._account, _REFERENCES, fields)
        kind = KINDS.get(SUBJECTS.get(fields["subject_type"], ""))
        if kind is None or not kind.referable:
            raise invalid(("subject_type", "Subject type is not included in the list"))
        if self._account.get(kind.name, fields["subject_id"]) is None:
            raise not_found()
        record = self._account.put_reference(kind.subject, fields["subject_id"], caller.user_id, fields)
        return self._one(request, caller, _REFERENCES, record)

    # -- answering -------------------------------------------------------------------------------------------------

    def _record(self, request: Request, kind: Kind) -> Record:
        record = self._account.get(kind.name, _bare(request.path_params["id"]))
        if record is None:
            raise not_found()
        return record

    def _one(self, request: Request, caller: Caller, kind: Kind, record: Record) -> Response:
        return self._page(request, caller, kind, [record])

    def _page(self, request: Request, caller: Caller, kind: Kind, records: list[Record]) -> Response:
        asked = {k: v for k, v in request.query_params.items() if k in {"include", "optional_fields"}}
        query = parse(kind, dict.fromkeys(kind.needs, "") | asked)
        return page(self._account, kind, caller, records, total=len(records), query=query)


_REFERENCES = KINDS["external_references"]
_NESTED = _REFERENCES.create - {"subject_type", "subject_id"}


def _require_reference(reference: Any) -> None:
    missing = [k for k in ("service_name", "service_model", "service_model_ref") if not reference.get(k)]
    if missing:
        raise invalid(*((f"external_reference.{name}", f"{name} can't be blank") for name in missing))


def _bare(segment: str) -> str:
    return segment.removesuffix(".json")


def _kind(request: Request, verb: str) -> Kind:
    kind = KINDS.get(_bare(request.path_params["collection"]))
    if kind is None or verb not in kind.verbs:
        raise not_found()
    return kind


def _without(query: Query, names: frozenset[str]) -> Query:
    filters = {k: v for k, v in query.filters.items() if k not in names}
    return Query(filters, query.order, query.limit, query.offset, query.include, query.optional_fields)
