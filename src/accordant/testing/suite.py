"""What all contract suites share: a factory of benches, checks that open one, and the proof of writes under faults."""

from __future__ import annotations

import asyncio
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from accordant.kernel import AccordantError, UnknownOutcome
from accordant.ports import Absent, Failed, Found, LookUp, Permission, Port, effects_of, level_of
from accordant.simulators._shared import Document
from accordant.testing.bench import Bench

Story = Callable[..., Awaitable[None]]

STRIKES: dict[str, dict[str, Any]] = {
    **{
        name: {"name": name}
        for name in (
            "429",
            "500",
            "expired_token",
            "timeout_before_commit",
            "timeout_after_commit",
            "half_body",
            "html_error",
        )
    },
    "outage": {"name": "500", "times": None},  # from here on it is down: asking again does not help
}
"""What strikes every call of every write in turn."""


def check(*needs: str) -> Callable[[Story], Callable[..., None]]:
    """Make a test of an async story: it runs with a fresh bench as its argument `bench`.

    Args:
        needs: what the bench must not lack; otherwise the check is listed as not applicable, with the bench's reason.
    """

    def made(story: Story) -> Callable[..., None]:
        @functools.wraps(story)
        def test(self: ContractSuite, **given: Any) -> None:
            async def told() -> None:
                async with self.bench() as bench:
                    bench.require(*needs)
                    await story(self, bench=bench, **given)

            asyncio.run(told())

        signature = inspect.signature(story)
        shown = [parameter for name, parameter in signature.parameters.items() if name != "bench"]
        test.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]  # what pytest fills
        return test

    return made


class ContractSuite(ABC):
    """The checks of one capability. A connector's author subclasses it and gives `connector` and `bench`.

    Attributes:
        capability: the port; None for what every connector owes.
        connector: the connector's name, as the estate file uses it.
        strikes: faults that are tried on writes; narrower for a slow system.
    """

    capability: ClassVar[type[Port] | None] = None
    connector: ClassVar[str]
    strikes: ClassVar[Mapping[str, Mapping[str, Any]]] = STRIKES

    @abstractmethod
    def bench(self) -> AbstractAsyncContextManager[Any]:
        """Return a bench that is opened with `async with`; every check asks for one of its own."""

    @classmethod
    def level(cls) -> Permission:
        """Return what passing this suite is needed for."""
        return Permission.READ if cls.capability is None else level_of(cls.capability)

    @classmethod
    def checks(cls) -> tuple[str, ...]:
        """Return the names of the checks, sorted."""
        return tuple(
            sorted(name for name, _ in inspect.getmembers(cls, inspect.isfunction) if name.startswith("test_"))
        )


async def nothing(_: Any) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Write:
    """One write of a capability, and how it is seen to be done.

    Args:
        do: makes the write, always under the same keys of the bench; takes the bench and what `prepare` returned.
        is_done: asks the connector: by look-up, or by reading back.
        prepare: brings the system to where the write may begin.
    """

    do: Callable[[Any, Any], Awaitable[Any]]
    is_done: Callable[[Any, Any], Awaitable[bool]]
    prepare: Callable[[Any], Awaitable[Any]] = nothing


Books = list[tuple[Any, ...]]


class EffectContract(ContractSuite):
    """What every write promises: its word agrees with the system's books, whichever call fails, and it is done once.

    Attributes:
        writes: by the operation's name.
    """

    writes: ClassVar[Mapping[str, Write]]
    _clean: ClassVar[dict[tuple[type, str], Books]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the checks of writes for each of them."""
        if "write" in metafunc.fixturenames:
            metafunc.parametrize("write", self.writes)
        if "strike" in metafunc.fixturenames:
            metafunc.parametrize("strike", self.strikes)

    @check()
    async def test_a_write_is_done_once_it_says_so_and_the_books_show_it(self, bench: Bench, write: str) -> None:
        """The look-up denies it before, finds it after, and the books have changed."""
        made = self.writes[write]
        stage = await made.prepare(bench)
        before = await _seen(bench)

        found_before = await made.is_done(bench, stage)
        await made.do(bench, stage)

        assert not found_before
        assert await made.is_done(bench, stage)
        assert await _seen(bench) != before
        await bench.audit()

    def test_whichever_call_fails_its_word_agrees_with_the_books_and_looked_up_and_sent_again_it_is_there_once(
        self, write: str, strike: str
    ) -> None:
        """The fault strikes the first call of the write, then the second, and so on until none is left."""
        calls = 0
        while asyncio.run(self._struck(write, strike, calls)):
            calls += 1

        assert calls > 0, f"{strike} strikes no call of {write}: see `calls` of the bench"

    def test_a_write_that_commits_after_the_look_up_is_adopted_and_not_doubled(self, write: str) -> None:
        """The answer never comes and the look-up may still deny it; once it is there, it is found and whole."""
        calls = 0
        while (met := asyncio.run(self._late(write, calls))) is False:
            calls += 1

        assert met, f"no call of {write} leaves its outcome unknown"

    async def _struck(self, name: str, strike: str, call: int) -> bool:
        """Let a fault strike one call of a write; False when the write has no such call."""
        write, after = self.writes[name], await self._after(name)
        async with self.bench() as bench:
            bench.require("faults", strike)
            stage = await write.prepare(bench)
            before = await _seen(bench)
            armed = bench.fault(**self.strikes[strike], after=call)
            said = await self._word(name, bench, stage)
            bench.calm()
            if not armed.struck:
                return False
            where = f"{name}, {strike} at call {call + 1}: {said}"
            found, now = await write.is_done(bench, stage), await _seen(bench)
            assert said == "unknown" or (said == "done") == found, where
            assert not found or now == after, where
            assert found or name in bench.in_parts or now == before, where
            if not found or (bench.enforces_keys and said != "done"):
                await write.do(bench, stage)
            assert await write.is_done(bench, stage), where
            assert await _seen(bench) == after, where
            await bench.audit()
        return True

    async def _late(self, name: str, call: int) -> bool | None:
        """Let one call commit late; False when that call left no doubt, None when the write has no such call."""
        write, after = self.writes[name], await self._after(name)
        async with self.bench() as bench:
            bench.require("faults", "late_commit")
            stage = await write.prepare(bench)
            armed = bench.fault("late_commit", after=call)
            said = await self._word(name, bench, stage)
            bench.calm()
            if not armed.struck:
                return None
            if said != "unknown":
                return False
            await write.is_done(bench, stage)
            await bench.commit_late()
            if not await write.is_done(bench, stage):
                assert name in bench.in_parts, f"{name}: what came late at call {call + 1} is not found"
                await write.do(bench, stage)
            assert await _seen(bench) == after, f"{name}, late at call {call + 1}"
        return True

    async def _word(self, name: str, bench: Bench, stage: Any) -> str:
        """Make the write and return its word: done, unknown, or not done."""
        try:
            await self.writes[name].do(bench, stage)
        except UnknownOutcome as error:
            is_batch = self.capability is not None and effects_of(self.capability)[name].batch
            assert error.lookup_key or is_batch, "an unknown outcome names the key to look up"
            return "unknown"
        except AccordantError as error:
            assert not any(secret in str(error.as_dict()) for secret in bench.secrets)
            return "not done"
        return "done"

    async def _after(self, name: str) -> Books:
        """Return the books after the write without any fault."""
        place = (type(self), name)
        if place not in self._clean:
            async with self.bench() as bench:
                stage = await self.writes[name].prepare(bench)
                await self.writes[name].do(bench, stage)
                self._clean[place] = await _seen(bench)
        return self._clean[place]


async def _seen(bench: Bench) -> Books:
    """Return the books in an order of their own, without the system's ids."""
    rows = [
        (d.kind, bench.plain(d.key), d.source, d.entity, d.currency, d.amount, d.quantity, d.state, _facts(d))
        for d in await bench.books()
    ]
    return sorted(rows, key=str)


def _facts(document: Document) -> list[tuple[str, Any]]:
    return sorted(document.facts.items(), key=str)


def is_found(answers: LookUp, *keys: str) -> bool:
    """Say whether a look-up found all of the keys; it must not be unsure of any, and answers every one."""
    given = [answers[key] for key in keys]
    assert all(isinstance(answer, Found | Absent) for answer in given), given
    return all(isinstance(answer, Found) for answer in given)


def raise_refusals(outcomes: Mapping[str, Any]) -> None:
    """Raise the first refusal of a batch, so that a batch in which a line failed counts as refused."""
    for outcome in outcomes.values():
        if isinstance(outcome, Failed):
            raise AccordantError(str(outcome.error["message"]))


async def require_plural(
    find: Callable[[tuple[str, ...]], Awaitable[LookUp]], key: str, count: int, *, ref: Any
) -> None:
    """Ask for a known key among unknown ones, some of which look like it; every key must get its own answer."""
    near = (key.upper() + "x", key.replace("#1", "#12"), "%", key[:-1] + "_")
    strangers = tuple(dict.fromkeys([*near, *(f"stranger_{n}#1" for n in range(count))]))[: max(count - 1, 0)]
    keys = (*strangers[: count // 2], key, *strangers[count // 2 :])

    answers = await find(keys)

    assert set(answers) == set(keys)
    assert answers[key].written.ref == ref  # type: ignore[union-attr]  # anything but Found fails here
    assert [answers[other] for other in strangers] == [Absent()] * len(strangers)
