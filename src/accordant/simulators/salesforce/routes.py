"""The vendor's paths: tokens, and everything under `/services/data`, with its sessions and its daily limit."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from accordant.simulators._shared import FaultPlan
from accordant.simulators.salesforce.composite import Composite
from accordant.simulators.salesforce.errors import (
    Refusal,
    limit_exceeded,
    malformed_query,
    not_found,
    session_expired,
    unreadable,
)
from accordant.simulators.salesforce.oauth import Tokens
from accordant.simulators.salesforce.query import Queries
from accordant.simulators.salesforce.rows import Call, Rows
from accordant.simulators.salesforce.shapes import Reply, dumps
from accordant.simulators.salesforce.state import Org

VERSIONS = ("59.0", "60.0", "61.0", "62.0", "63.0", "64.0")
_METHODS = ["GET", "POST", "PATCH", "DELETE"]
_SMALLEST_PAGE, _LARGEST_PAGE = 200, 2_000
_DAY_HOURS = 24
Handler = Callable[..., Reply]


class DailyLimit:
    """The org's calls in the last 24 hours, counted by the hour."""

    def __init__(self, maximum: int, now: Callable[[], datetime]) -> None:
        self.maximum = maximum
        self._now = now
        self._hours: Counter[int] = Counter()

    @property
    def used(self) -> int:
        """How many calls were made in the last 24 hours."""
        oldest = self._hour() - _DAY_HOURS
        return sum(calls for hour, calls in self._hours.items() if hour > oldest)

    def count(self) -> None:
        """Count a call, or refuse it when nothing is left."""
        if self.used >= self.maximum:
            raise limit_exceeded()
        self._hours[self._hour()] += 1

    def _hour(self) -> int:
        return int(self._now().timestamp() // 3600)


class Api:
    """Everything under `/services`: who calls, how often, and which handler answers."""

    def __init__(
        self, org: Org, tokens: Tokens, limit: DailyLimit, faults: FaultPlan, now: Callable[[], datetime]
    ) -> None:
        self._org = org
        self._tokens = tokens
        self._limit = limit
        self._queries = Queries(org)
        rows, composite = Rows(org, now), Composite(org, faults, self.dispatch)
        self._table: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("GET", r"/limits", self._limits),
                ("GET", r"/query", self._query),
                ("GET", r"/queryAll", self._query_all),
                ("GET", r"/query(?:All)?/(?P<locator>[^/]+)", self._next_page),
                ("POST", r"/composite", composite.run),
                ("POST", r"/composite/sobjects", composite.create_all),
                ("PATCH", r"/composite/sobjects", composite.change_all),
                ("DELETE", r"/composite/sobjects", composite.delete_all),
                ("GET", r"/composite/sobjects/(?P<sobject>\w+)", composite.read_all),
                ("PATCH", r"/composite/sobjects/(?P<sobject>\w+)/(?P<key>\w+)", composite.upsert_all),
                ("GET", r"/sobjects", rows.list_objects),
                ("POST", r"/sobjects/(?P<sobject>\w+)", rows.create),
                ("GET", r"/sobjects/(?P<sobject>\w+)/describe", rows.describe),
                ("GET", r"/sobjects/(?P<sobject>\w+)/updated", rows.updated),
                ("GET", r"/sobjects/(?P<sobject>\w+)/deleted", rows.deleted),
                ("GET", r"/sobjects/(?P<sobject>\w+)/(?P<id>\w+)", rows.read),
                ("PATCH", r"/sobjects/(?P<sobject>\w+)/(?P<id>\w+)", rows.change),
                ("DELETE", r"/sobjects/(?P<sobject>\w+)/(?P<id>\w+)", rows.delete),
                ("GET", r"/sobjects/(?P<sobject>\w+)/(?P<key>\w+)/(?P<value>.+)", rows.read_by_key),
                ("PATCH", r"/sobjects/(?P<sobject>\w+)/(?P<key>\w+)/(?P<value>.+)", rows.upsert),
                ("DELETE", r"/sobjects/(?P<sobject>\w+)/(?P<key>\w+)/(?P<value>.+)", rows.delete_by_key),
            )
        ]

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes to serve."""
        return [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/oauth2/revoke", self._revoke, methods=["POST"]),
            Route("/services/data", self._versions),
            Route("/services/data/v{version}/{rest:path}", self._data, methods=_METHODS),
        ]

    def dispatch(self, call: Call) -> Reply:
        """Answer one call, or raise the vendor's refusal."""
        for method, pattern, handler in self._table:
            match = pattern.fullmatch(call.path.rstrip("/"))
            if match and method == call.method:
                parts = {name: unquote(part) for name, part in match.groupdict().items()}
                with self._org.transaction():
                    return handler(call, **parts)
        raise not_found()

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        origin = f"{request.url.scheme}://{request.url.netloc}"
        return _response(self._tokens.issue(form, request.headers.get("authorization", ""), origin))

    async def _revoke(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return _response(self._tokens.revoke(form))

    async def _versions(self, _: Request) -> Response:
        return _response(Reply(200, [{"label": v, "url": f"/services/data/v{v}", "version": v} for v in VERSIONS]))

    async def _data(self, request: Request) -> Response:
        body = await request.body()
        try:
            if not self._tokens.is_valid(request.headers.get("authorization", "")):
                raise session_expired()
            self._limit.count()
            reply = self.dispatch(_call(request, body))
        except Refusal as refusal:
            self._org.locks.free(self._org.locks.pass_on())
            reply = Reply(refusal.status, refusal.body())
        await self._hold_locks()
        return _response(reply, {"Sforce-Limit-Info": f"api-usage={self._limit.used}/{self._limit.maximum}"})

    async def _hold_locks(self) -> None:
        """Keep the rows of this call locked for as long as its transaction would have run."""
        if taken := self._org.locks.pass_on():
            try:
                await asyncio.sleep(self._org.locks.hold_s)
            finally:
                self._org.locks.free(taken)

    def _limits(self, _: Call) -> Reply:
        requests = {"Max": self._limit.maximum, "Remaining": self._limit.maximum - self._limit.used}
        return Reply(200, {"DailyApiRequests": requests, "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000}})

    def _query(self, call: Call) -> Reply:
        return self._first_page(call, with_deleted=False)

    def _query_all(self, call: Call) -> Reply:
        return self._first_page(call, with_deleted=True)

    def _first_page(self, call: Call, *, with_deleted: bool) -> Reply:
        text = call.query.get("q", "")
        if not text:
            raise malformed_query("SOQL statements cannot be empty or null")
        asked = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""))
        size = min(max(int(asked.group(1)), _SMALLEST_PAGE), _LARGEST_PAGE) if asked else _LARGEST_PAGE
        return Reply(200, self._queries.start(text, call.version, size, with_deleted=with_deleted))

    def _next_page(self, call: Call, locator: str) -> Reply:
        return Reply(200, self._queries.next(locator, call.version))


def _call(request: Request, body: bytes) -> Call:
    version = request.path_params["version"]
    if version not in VERSIONS:
        raise not_found()
    # The raw path keeps an escaped slash inside an external id apart from the slashes between parts.
    raw = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.decode("ascii").partition("?")[0].removeprefix(f"/services/data/v{version}")
    return Call(request.method, path, f"v{version}", dict(request.query_params), request.headers, _decoded(body))


def _decoded(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise unreadable(f"Unexpected character at [line:1, column:1]: {error}") from None


def _response(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    content = b"" if reply.body is None else dumps(reply.body)
    kind = "application/json;charset=UTF-8"
    merged = reply.headers | (headers or {})
    return Response(content, reply.status, headers=merged, media_type=kind if content else None)
