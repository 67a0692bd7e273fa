"""Live numbers by SSE: one poll a second for everybody, a query per person only when something happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog
from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse

from accordant.console import words
from accordant.console.session import LASTS
from accordant.console.visit import Visit, Visiting
from accordant.insight.pulse import position, pulse
from accordant.platform.storage import ALL_ENTITIES, Database

log = structlog.get_logger(__name__)
router = APIRouter()
BEAT_S = 10.0


class LiveFeed:
    """Tells its listeners when the log or a case moved; polls only while somebody listens."""

    def __init__(self, door: Database, *, pause_s: float = 1.0) -> None:
        self._door = door
        self._pause_s = pause_s
        self._position = (0, 0)
        self._moved = asyncio.Condition()
        self._listeners = 0
        self._poller: asyncio.Task[None] | None = None

    @property
    def is_polling(self) -> bool:
        """Tell whether the log is being watched."""
        return self._poller is not None

    async def stream(self, visit: Visit, *, beat_s: float = BEAT_S) -> AsyncIterator[str]:
        """Yield server-sent events: a `beat` at least every `beat_s` seconds, and each number when it changes."""
        self._listeners += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        told: dict[str, str] = {}
        seen: tuple[int, int] | None = None
        try:
            while visit.deps.clock.now() - visit.session.begun_at < LASTS:
                if seen != self._position:
                    seen = self._position
                    numbers = await asyncio.to_thread(numbers_of, visit)
                    for name, text in numbers.items():
                        if told.get(name) != text:
                            yield _event(name, text)
                    told = numbers
                yield _event("beat", f"{visit.deps.clock.now():%H:%M:%S}")
                await self._wait(seen, beat_s)
        finally:
            self._listeners -= 1

    async def _wait(self, seen: tuple[int, int], beat_s: float) -> None:
        async with self._moved:
            try:
                async with asyncio.timeout(beat_s):
                    await self._moved.wait_for(lambda: self._position != seen)
            except TimeoutError:
                return

    async def _poll(self) -> None:
        while self._listeners:
            try:
                await self._look()
            except SQLAlchemyError as error:
                log.warning("console.live_unread", error=type(error).__name__)
            await asyncio.sleep(self._pause_s)
        self._poller = None

    async def _look(self) -> None:
        now_at = await asyncio.to_thread(self._read)
        async with self._moved:
            if now_at != self._position:
                self._position = now_at
                self._moved.notify_all()

    def _read(self) -> tuple[int, int]:
        with self._door.scoped((ALL_ENTITIES,)) as connection:
            return position(connection)


def numbers_of(visit: Visit) -> dict[str, str]:
    """Return the few numbers that stand on every page, as text; those that the person may not see are absent."""
    with visit.read() as connection:
        now = pulse(connection, visit.actor)
    numbers = {}
    if visit.may("cases:read"):
        numbers["cases"] = words.number(now.case_count) if now.case_count else ""
    if visit.may("approvals:read"):
        numbers["approvals"] = words.number(now.approval_count) if now.approval_count else ""
    return numbers


def _event(name: str, text: str) -> str:
    return f"event: {name}\ndata: {text}\n\n"


@router.get("/live")
async def live(request: Request, visit: Visiting) -> StreamingResponse:
    """Stream the numbers of this person."""
    feed: LiveFeed = request.app.state.live
    return StreamingResponse(feed.stream(visit), media_type="text/event-stream", headers={"x-accel-buffering": "no"})
