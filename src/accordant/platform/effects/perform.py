"""Perform writes outside so that each happens once: intent, call, outcome, and a look before anything is sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from accordant.kernel import AccordantError, AuthExpired, Bug, RateLimited, Retryable, UnknownOutcome
from accordant.platform.durable import during, reach
from accordant.platform.effects import ledger
from accordant.platform.effects.controls import Controls
from accordant.platform.effects.ledger import Ending, Item, Scope, Standing, Turn
from accordant.platform.storage import Database
from accordant.platform.telemetry import span


@dataclass(frozen=True, slots=True)
class Ack:
    """The system's record of a write, as text of an external id, and what it added."""

    ref: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The system's refusal of one item; `error` is `AccordantError.as_dict()`."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """A look-up did not find the key; `sure` is False when the system cannot tell, with the reason."""

    sure: bool = True
    why: str = ""


class StillUnsure(AccordantError):
    """Nobody can say yet whether the write happened: wait, do not send."""

    default_code = "effect.unsure"


Send = Callable[[Mapping[str, Item]], Coroutine[Any, Any, Mapping[str, "Ack | Refusal"]]]
"""Send items under their keys; answers per key. Raises UnknownOutcome when any may have happened."""

LookUp = Callable[[Sequence[str]], Awaitable[Mapping[str, "Ack | Missing"]]]
"""Look keys up; answers per key."""


@dataclass(frozen=True, slots=True)
class Write:
    """One kind of write, with its two ends and its patience.

    Args:
        settle_s: seconds after a call until `absent` counts.
        patience_s: how long to wait in process, for a settling look-up, a held key or a throttled system.
        concluding: writes the caller's own rows in the transaction that stores outcomes.
    """

    scope: Scope
    send: Send
    look_up: LookUp
    settle_s: float
    patience_s: float = 9.0
    concluding: Callable[[Connection, Sequence[Ending]], None] = lambda *_: None


@dataclass(slots=True)
class _Round:
    """What is left of a write, and how long we have waited for it."""

    open: list[Item]
    endings: dict[str, Ending]
    deadline: float
    tries: int = 0
    last_error: AccordantError | None = None


class Effects:
    """The one way out; everything else in the product only asks it."""

    def __init__(self, database: Database, controls: Controls | None = None) -> None:
        self._database = database
        self._controls = controls or Controls()

    async def perform(self, write: Write, items: Sequence[Item]) -> dict[str, Ending]:
        """Bring every item to its end, by base: done, adopted or refused.

        Raises:
            StillUnsure: patience ended while a look-up could not tell.
            Retryable: patience ended while the system did not take calls; nothing of the rest happened.
            KeyConflict: a key carries another payload.
            Fenced: another process has the run.
        """
        scope = write.scope
        with span("effect", system=scope.system, operation=scope.operation, kind=scope.kind, items=len(items)):
            return await self._perform(write, items)

    async def _perform(self, write: Write, items: Sequence[Item]) -> dict[str, Ending]:
        work = _Round(list(items), {}, time.monotonic() + write.patience_s)
        while work.open:
            reach("effect.before_intent")
            standings = await self._db(ledger.intend, write.scope, work.open, self._controls)
            reach("effect.after_intent")
            self._take_ended(work, standings)
            to_send = [s for s in standings if s.turn is Turn.SEND]
            to_look = [s for s in standings if s.turn is Turn.LOOK_UP]
            if to_look:
                to_send += await self._settle(write, work, to_look)
            if to_send:
                await self._send(write, work, to_send)
            work.open = [item for item in items if item.base not in work.endings]
            if work.open:
                await self._wait(write, work, [s for s in standings if s.item.base not in work.endings])
        return work.endings

    @staticmethod
    def _take_ended(work: _Round, standings: Sequence[Standing]) -> None:
        for s in standings:
            if s.turn in (Turn.DONE, Turn.FAILED):
                work.endings[s.item.base] = Ending(s, s.ref, s.facts, s.error, s.adopted)

    async def _settle(self, write: Write, work: _Round, standings: list[Standing]) -> list[Standing]:
        """Look up what may have happened: adopt what is found, return what is surely absent and may be sent."""
        try:
            answers = await write.look_up([s.key for s in standings])
        except Retryable as error:
            work.last_error = error
            return []
        found, absent, unsure = [], [], []
        for s in standings:
            answer = answers.get(s.key, Missing(sure=False, why="the look-up did not answer for this key"))
            if isinstance(answer, Ack):
                found.append(Ending(s, answer.ref, answer.facts, adopted=True))
            elif answer.sure and (s.age_s or 0.0) >= write.settle_s:
                absent.append(s)
            else:
                unsure.append(s)
                work.last_error = self._doubt(write, s, answer)
        if found:
            await self._conclude(write, work, found)
        if unsure:
            await self._db(ledger.unsure, write.scope, unsure)
        if absent:
            await self._db(ledger.called, write.scope, absent)
        return absent

    @staticmethod
    def _doubt(write: Write, standing: Standing, answer: Missing) -> StillUnsure:
        return StillUnsure(
            f"{write.scope.system} did not confirm {write.scope.operation}, and a look-up by key does not show it yet.",
            remedy="It is looked up again by itself. After twice the settling time, check the record in the system.",
            system=write.scope.system,
            operation=write.scope.operation,
            detail={"key": standing.key, "age_s": standing.age_s, "settle_s": write.settle_s, "why": answer.why},
        )

    async def _send(self, write: Write, work: _Round, standings: list[Standing]) -> None:
        by_key = {s.key: s for s in standings}
        try:
            answers = await during("effect.in_flight", write.send({key: s.item for key, s in by_key.items()}))
        except UnknownOutcome as error:
            work.last_error = error
            return
        except (Retryable, AuthExpired) as error:
            work.last_error = error
            await self._db(ledger.never_left, write.scope, standings)
            return
        except AccordantError as error:
            answers = dict.fromkeys(by_key, Refusal(error.as_dict()))
        reach("effect.after_answer")
        await self._conclude(write, work, [_ending(by_key[k], a) for k, a in answers.items()])
        reach("effect.after_outcome")

    async def _wait(self, write: Write, work: _Round, standings: list[Standing]) -> None:
        """Pause before the next round, or give the keys free and tell the caller why it is not done."""
        work.tries += 1
        pause = _pause(write, work, standings)
        if time.monotonic() + pause > work.deadline:
            mine = [s for s in standings if s.turn is not Turn.HELD]
            await self._db(ledger.let_go, write.scope, mine)
            raise work.last_error if isinstance(work.last_error, Retryable) else self._give_up(write, work)
        await asyncio.sleep(pause)

    @staticmethod
    def _give_up(write: Write, work: _Round) -> AccordantError:
        if isinstance(work.last_error, StillUnsure | AuthExpired):
            return work.last_error
        return StillUnsure(
            f"{write.scope.operation} at {write.scope.system} has no known outcome yet.",
            remedy="It is looked up again by itself.",
            system=write.scope.system,
            operation=write.scope.operation,
            detail={"bases": [item.base for item in work.open[:10]]},
        )

    async def _conclude(self, write: Write, work: _Round, endings: list[Ending]) -> None:
        def store(connection: Connection) -> None:
            ledger.conclude(connection, write.scope, endings)
            write.concluding(connection, endings)

        await self._db(store)
        work.endings.update({e.standing.item.base: e for e in endings})

    async def _db(self, act: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(partial(self._in_transaction, act, *arguments))

    def _in_transaction(self, act: Callable[..., Any], *arguments: Any) -> Any:
        with self._database.begin() as connection:
            return act(connection, *arguments)


def _ending(standing: Standing, answer: Ack | Refusal) -> Ending:
    if isinstance(answer, Ack):
        return Ending(standing, answer.ref, answer.facts)
    if not isinstance(answer, Refusal):
        raise Bug(f"A write answered {type(answer).__name__}.", code="effect.answer")
    return Ending(standing, error=answer.error)


def _pause(write: Write, work: _Round, standings: Sequence[Standing]) -> float:
    """Wait as long as the next step needs: the settling time that is left, the system's own wish, or a back-off."""
    backoff = float(min(0.05 * 2**work.tries, 2.0))
    if isinstance(work.last_error, RateLimited):
        return max(backoff, work.last_error.retry_after_s)
    settling = [write.settle_s - (s.age_s or 0.0) for s in standings if s.turn is Turn.LOOK_UP]
    return max(backoff, min(max(settling, default=0.0), 1.0))
