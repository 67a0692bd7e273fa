"""What the connector says when the server does not answer, or refuses the login; the server is a few lines here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import stamina
from pydantic import SecretStr

from accordant.connectors.tryton import TrytonConnector, TrytonSettings
from accordant.connectors.tryton.auth import auth_for
from accordant.kernel import ExternalId, FixedClock, Money, RateLimited, Rejected, Unavailable, UnknownOutcome
from accordant.platform.http import HttpClient
from accordant.ports import Failed, TimeToPost, Written

SETTINGS = TrytonSettings(
    url="http://erp.example", database="firm", user="accordant", password=SecretStr("s3cret"), unassigned="UNASSIGNED"
)
WORK = {"id": 7, "number": "P", "comment": "", "company": 1, "parent": None, "timesheet_works": [70]}


class Server:
    """A server that keeps lines of time, and fails where a test says so.

    Args:
        fails: number of the call of `timesheet.line.create`, counted from 1, that breaks off, and whether it is kept.
    """

    def __init__(self, *, fails: int = 0, kept: bool = False) -> None:
        self.uuids: list[str] = []
        self.creates = 0
        self._fails, self._kept = fails, kept

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        method, params = body["method"], body["params"]
        if method == "common.db.login":
            return answer([1, "token", None])
        if method == "model.timesheet.line.create":
            return self._create(params[0])
        rows = {
            "model.project.work.search_read": [WORK],
            "model.company.employee.search_read": [{"id": 5, "party.": {"code": "UNASSIGNED"}}],
            "model.timesheet.line.search_read": [
                {"id": i, "uuid": uuid} for i, uuid in enumerate(self.uuids, 100) if uuid in str(params)
            ],
        }
        return answer(rows[method])

    def _create(self, records: list[dict[str, Any]]) -> httpx2.Response:
        self.creates += 1
        breaks = self.creates == self._fails
        if breaks and not self._kept:
            raise httpx2.ReadError("gone")
        if any("bad" in record["description"] for record in records):
            return refusal('The value for field "Duration" is wrong')
        if any(record["uuid"] in self.uuids for record in records):
            return refusal("The UUID of timesheet line must be unique.")
        self.uuids += [record["uuid"] for record in records]
        if breaks:
            raise httpx2.ReadError("gone")
        return answer(list(range(100 + len(self.uuids) - len(records), 100 + len(self.uuids))))


def answer(result: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"id": 1, "result": result})


def refusal(sentence: str) -> httpx2.Response:
    return httpx2.Response(200, json={"id": 1, "error": ["UserError", [sentence, "", None]]})


def run(server: Callable[[httpx2.Request], httpx2.Response], story: Callable[[TrytonConnector], Awaitable[Any]]) -> Any:
    def http(**facts: Any) -> HttpClient:
        facts.pop("limits")
        retrying = stamina.AsyncRetryingCaller(attempts=1)
        return HttpClient(transport=httpx2.MockTransport(server), retrying=retrying, **facts)

    async def told() -> Any:
        connector = TrytonConnector("tryton-main", SETTINGS, http)
        try:
            return await story(connector)
        finally:
            await connector.aclose()

    return asyncio.run(told())


def lines(*names: str) -> dict[str, TimeToPost]:
    return {
        f"{name}#1": TimeToPost(
            line_id=name,
            source_ref=f"kantata-main/{name}",
            project=ExternalId(system="tryton-main", type="project.work", value="7"),
            worked_on=date(2026, 11, 2),
            hours=Decimal(1),
            rate=Money.of(100, "GBP"),
            amount=Money.of(100, "GBP"),
        )
        for name in names
    }


class TestBatches:
    def test_good_lines_go_in_one_call(self) -> None:
        server = Server()

        outcomes = run(server, lambda c: c.post_time(lines(*"abcdefgh")))

        assert server.creates == 1
        assert {outcome.ref.value for outcome in outcomes.values()} == {str(id) for id in range(100, 108)}

    def test_bad_lines_are_found_by_halves(self) -> None:
        names = ("a", "bad1", "c", "d", "e", "f", "bad2", "h")

        outcomes = run(Server(), lambda c: c.post_time(lines(*names)))

        assert {key for key, outcome in outcomes.items() if isinstance(outcome, Failed)} == {"bad1#1", "bad2#1"}
        assert sum(isinstance(outcome, Written) for outcome in outcomes.values()) == 6

    @pytest.mark.parametrize("kept", [True, False])
    def test_an_answer_that_never_came_leaves_the_outcome_open(self, *, kept: bool) -> None:
        server = Server(fails=1, kept=kept)

        with pytest.raises(UnknownOutcome):
            run(server, lambda c: c.post_time(lines("a", "b")))

        assert len(server.uuids) == (2 if kept else 0)

    def test_after_a_lost_answer_the_same_lines_are_recognized(self) -> None:
        server = Server(fails=1, kept=True)
        with pytest.raises(UnknownOutcome):
            run(server, lambda c: c.post_time(lines("a", "b")))

        outcomes = run(server, lambda c: c.post_time(lines("a", "b", "c")))

        assert [outcomes[key].ref.value for key in ("a#1", "b#1", "c#1")] == ["100", "101", "102"]
        assert len(server.uuids) == len(set(server.uuids)) == 3

    def test_an_outage_after_a_half_leaves_the_outcome_open_too(self) -> None:
        def server(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(503) if firm.uuids else firm(request)

        firm = Server()

        with pytest.raises(UnknownOutcome):
            run(server, lambda c: c.post_time(lines("a", "b", "c", "bad")))

        assert len(firm.uuids) == 2

    def test_an_outage_before_anything_was_done_says_so(self) -> None:
        def server(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(503) if b"line.create" in request.content else Server()(request)

        with pytest.raises(Unavailable):
            run(server, lambda c: c.post_time(lines("a")))


class TestLogin:
    def test_a_refused_password_is_held_back_for_five_minutes(self) -> None:
        clock = FixedClock(datetime(2026, 11, 20, tzinfo=UTC))
        asked: list[bytes] = []

        def refuse(request: httpx2.Request) -> httpx2.Response:
            asked.append(request.content)
            return httpx2.Response(401)

        async def story() -> None:
            auth = auth_for(SETTINGS, system="tryton-main", clock=clock)
            async with httpx2.AsyncClient(base_url=SETTINGS.url, transport=httpx2.MockTransport(refuse)) as client:
                for _ in range(7):
                    with pytest.raises(Rejected):
                        await auth.headers(client)
                clock.advance(timedelta(minutes=6))
                with pytest.raises(Rejected):
                    await auth.headers(client)

        asyncio.run(story())

        assert len(asked) == 2

    def test_a_locked_login_is_a_wait(self) -> None:
        with pytest.raises(RateLimited) as locked:
            run(lambda _: httpx2.Response(429), lambda c: c.probe())

        assert locked.value.retry_after_s >= 60

    def test_a_page_in_place_of_an_answer_is_an_outage(self) -> None:
        with pytest.raises(Unavailable):
            run(lambda _: httpx2.Response(200, text="<html>maintenance</html>"), lambda c: c.probe())

    def test_the_session_travels_under_tryton_s_own_scheme(self) -> None:
        seen: list[str] = []

        def server(request: httpx2.Request) -> httpx2.Response:
            seen.append(request.headers.get("authorization", ""))
            return Server()(request)

        run(server, lambda c: c.find_time(("a#1",)))

        assert seen[0] == ""
        assert seen[1].startswith("Session ")

    def test_no_secret_is_shown(self) -> None:
        assert "s3cret" not in repr(SETTINGS) + SETTINGS.model_dump_json()
