"""Doorbells: kept once, answered at once, refused when they come from elsewhere."""

from __future__ import annotations

import asyncio
from typing import Self

import httpx2
import pytest
from api_client import CRM, Caller

from accordant.api import ApiDeps
from accordant.platform.storage import Database, rows

PATH = f"/hooks/{CRM}"


class Line:
    """The wire between the org and the API; keeps what went over it."""

    def __init__(self, api: Caller) -> None:
        self._inner = httpx2.ASGITransport(app=api.app)
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(await request.aread())
        return await self._inner.handle_async_request(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._inner.aclose()

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.fixture
def deals(api: Caller, deps: ApiDeps) -> list[str]:
    """Two deals that the org has just told the API about."""
    sim = deps.connections.sim
    line = Line(api)
    sim.listen(f"http://us{PATH}", transport=line)
    made = [
        sim.create("Opportunity", Name=name, StageName="Negotiation", CloseDate="2026-11-20")
        for name in ("O'Brien <&> 😀", "Two")
    ]
    for deal in made:
        sim.update("Opportunity", deal, StageName="Closed Won")
    asyncio.run(sim.outbound.drain())
    deps.connections.line = line
    return made


@pytest.fixture
def message(deals: list[str], deps: ApiDeps) -> bytes:
    """The message as it came over the wire."""
    return deps.connections.line.bodies[-1]


def envelopes(database: Database) -> list:
    with database.begin() as connection:
        return rows(connection, "select system, kind, dedupe_key, subject, state, body from envelope order by id")


def audited(database: Database) -> list:
    with database.begin() as connection:
        return rows(connection, "select actor, action, detail from audit order by id")


class TestRing:
    def test_keeps_an_envelope_per_notification_and_the_org_is_content(self, deals, deps, database, message):
        kept = envelopes(database)

        assert [row.subject for row in kept] == [f"{CRM}/Opportunity/{deal}" for deal in deals]
        assert {row.state for row in kept} == {"open"}
        assert {row.kind for row in kept} == {"opportunity.changed"}
        assert [bytes(row.body) for row in kept] == [message, b""]
        assert [d.acknowledged for d in deps.connections.sim.outbound.deliveries] == [True]

    def test_again_is_acknowledged_counted_and_kept_once(self, api, database, message):
        before = envelopes(database)

        answers = [api.post(PATH, content=message) for _ in range(3)]

        assert {a.status_code for a in answers} == {200}
        assert all(b"<Ack>true</Ack>" in a.content for a in answers)
        assert envelopes(database) == before
        with database.begin() as connection:
            counted = rows(connection, "select outcome, sum(count)::int as n from observation_count group by outcome")
        assert [(row.outcome, row.n) for row in counted] == [("duplicate", 6)]

    def test_of_another_org_is_refused_and_audited(self, api, deps, database, message):
        before = len(envelopes(database))
        org = deps.connections.sim.org.organization_id

        answer = api.post(PATH, content=message.replace(org.encode(), b"00DAc0000000099AAA"))

        assert answer.status_code == 403
        assert answer.json()["code"] == "hook.foreign_organization"
        assert len(envelopes(database)) == before
        assert [(row.actor, row.action) for row in audited(database)] == [(f"hook:{CRM}", "hook.refused")]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"<not-closed>",
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
            b"\xff\xfe\x00",
        ],
    )
    def test_what_is_no_notification_is_a_problem_and_audited(self, api, database, body):
        answer = api.post(PATH, content=body)

        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "hook.unreadable"
        assert [row.detail["code"] for row in audited(database)] == ["hook.unreadable"]

    @pytest.mark.parametrize("system", ["nobody", "kantata-main"])
    def test_an_address_where_nobody_rings_is_not_found(self, api, system, monkeypatch):
        monkeypatch.setenv("KANTATA_MAIN_TOKEN", "token")

        answer = api.post(f"/hooks/{system}", content=b"<x/>")

        assert (answer.status_code, answer.json()["code"]) == (404, "hook.unknown")

    def test_a_system_that_is_set_up_wrongly_is_to_be_tried_later_and_tells_nothing(self, api, monkeypatch):
        monkeypatch.delenv("KANTATA_MAIN_TOKEN", raising=False)

        answer = api.post("/hooks/kantata-main", content=b"<x/>")

        assert (answer.status_code, answer.json()["code"]) == (503, "hook.not_ready")
        assert "KANTATA" not in answer.text
        assert answer.headers["retry-after"]

    def test_more_than_two_megabytes_are_refused(self, api, database):
        answer = api.post(PATH, content=b"<" + b"x" * 2_000_001)

        assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")
        assert envelopes(database) == []
