"""Live numbers: told when they change, to each person their own, with one poll for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from fastapi import FastAPI, Request
from pages.console_client import Client
from pages.seed import to_group

from accordant import cases
from accordant.console import ConsoleDeps
from accordant.console.live import LiveFeed
from accordant.console.session import COOKIE
from accordant.console.visit import Visit, visit_of
from accordant.kernel import Money


def visit_by(console: FastAPI, person: str) -> Visit:
    cookie = f"{COOKIE}={Client(console).sign_in(person).cookie()}".encode()
    return visit_of(Request({"type": "http", "app": console, "headers": [(b"cookie", cookie)]}))


def open_case(deps: ConsoleDeps, subject: str, entity: str = "uk01") -> None:
    money = Money.of("10.00", "GBP")
    case = cases.Case(
        code="erp.period_closed",
        sentence="It is stopped.",
        stage=cases.Stage.BILLING,
        role="finance_operations",
        cause_key=subject,
        subject=subject,
        entity=entity,
        exposure=money,
        group_exposure=to_group(money),
        deadline=deps.clock.now() + timedelta(days=1),
    )
    with deps.worker.begin() as connection:
        cases.open_case(connection, case, at=deps.clock.now())


async def until(events: AsyncIterator[str], name: str) -> str:
    """Return the data of the next event of a name."""
    async for event in events:
        head, data = event.strip().split("\n")
        if head == f"event: {name}":
            return data.removeprefix("data:").strip()
    raise AssertionError(f"the stream ended before {name}")


class TestLiveFeed:
    def test_tells_a_number_again_only_when_it_changed(self, console: FastAPI, deps: ConsoleDeps) -> None:
        open_case(deps, "a")
        feed, visit = LiveFeed(deps.door, pause_s=0.02), visit_by(console, "orla.fennick")

        async def listen() -> list[str]:
            events = feed.stream(visit, beat_s=0.05)
            told = [await until(events, "cases")]
            told.append(await until(events, "beat"))
            told.append(await until(events, "beat"))
            await asyncio.to_thread(open_case, deps, "b")
            told.append(await until(events, "cases"))
            await events.aclose()
            return told

        told = asyncio.run(asyncio.wait_for(listen(), 10))

        assert (told[0], told[-1]) == ("1", "2")

    def test_tells_each_person_the_numbers_of_their_own_entities(self, console: FastAPI, deps: ConsoleDeps) -> None:
        open_case(deps, "a", "us01")
        open_case(deps, "b", "uk01")
        open_case(deps, "c", "uk01")
        visits = [visit_by(console, person) for person in PEOPLE]
        feed = LiveFeed(deps.door, pause_s=0.02)

        async def first(visit: Visit) -> str:
            events = feed.stream(visit, beat_s=0.05)
            number = await until(events, "cases")
            await events.aclose()
            return number

        async def all_of_them() -> list[str]:
            return list(await asyncio.gather(*(first(visit) for visit in visits)))

        assert asyncio.run(asyncio.wait_for(all_of_them(), 10)) == ["2", "1", "3"]

    def test_polls_only_while_somebody_listens(self, console: FastAPI, deps: ConsoleDeps) -> None:
        feed, visit = LiveFeed(deps.door, pause_s=0.02), visit_by(console, "orla.fennick")

        async def come_and_go() -> tuple[bool, bool]:
            streams = [feed.stream(visit, beat_s=0.05) for _ in range(3)]
            for events in streams:
                await until(events, "beat")
            while_listening = feed.is_polling
            for events in streams:
                await events.aclose()
            await asyncio.sleep(0.1)
            return while_listening, feed.is_polling

        assert asyncio.run(asyncio.wait_for(come_and_go(), 10)) == (True, False)

    def test_is_closed_to_who_is_not_signed_in(self, client: Client) -> None:
        assert client.send("GET", "/live").status_code == 303


PEOPLE = ("orla.fennick", "maren.quill", "juno.abelard")
