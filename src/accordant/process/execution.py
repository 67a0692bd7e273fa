"""How the engine runs a flow: take the run, tell the story, keep its end, start what waited behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from accordant import cases
from accordant.kernel import AccordantError
from accordant.platform.durable import (
    Fenced,
    Overtaking,
    Parked,
    RunState,
    Start,
    Taken,
    end_run,
    require_hold,
    wait_for_answer,
)
from accordant.platform.storage import maybe
from accordant.process.flow import Flow
from accordant.process.problem import TELL_AND_ANSWER, Problem
from accordant.process.run import House, Run
from accordant.process.saga import Compensated, Dismissed

log = structlog.get_logger(__name__)


def body_of(flow: Flow[Any, Any], house: Callable[[], House]) -> Callable[[Taken], Any]:
    """Return what the engine calls for every execution of a run of this flow."""

    async def execute(taken: Taken) -> dict[str, Any]:
        run = Run(house(), taken)
        if dismissed := await asyncio.to_thread(_in_transaction, house(), partial(_dismissal, taken.run_id)):
            run.stop(dismissed)
        try:
            output = await flow.tell(run, flow.input_model.model_validate(taken.input))
        except (Parked, Fenced):
            raise
        except Compensated as error:
            await _end(run, taken, house(), RunState.COMPENSATED, error.as_dict())
            return {"compensated": error.message}
        except Dismissed as error:
            await _end(run, taken, house(), RunState.DISMISSED, error.as_dict())
            return {"dismissed": error.message}
        except Exception as error:
            log.exception("run.failed", run=run.id, error=type(error).__name__)
            await _fail(run, taken, house(), error)
            raise
        outcome: dict[str, Any] = output.model_dump(mode="json")
        await _end(run, taken, house(), RunState.DONE, outcome)
        return outcome

    return execute


def _dismissal(run_id: str, connection: Connection) -> Dismissed | None:
    """Return the end that a person chose for a run that had failed, None when it shall go on."""
    row = maybe(
        connection,
        """select resolution -> 'resolution' as answer from gate
           where run_id = :id and kind = 'failed' and resolved_at is not null order by resolved_at desc limit 1""",
        id=run_id,
    )
    answer = row.answer if row else None
    if not answer or answer["kind"] not in (cases.Action.DISMISS, cases.Action.COMPENSATE):
        return None
    return Dismissed(answer["reason"], code=f"run.{answer['kind']}")


async def _end(run: Run, taken: Taken, house: House, state: RunState, outcome: dict[str, Any]) -> None:
    def end(connection: Connection) -> None:
        require_hold(connection, taken)
        blocked = end_run(connection, taken.run_id, state, outcome)
        if blocked is not None:
            house.starter.start_in(connection, Start(**{**blocked, "overtaking": Overtaking(blocked["overtaking"])}))

    await run.finish()
    await asyncio.to_thread(_in_transaction, house, end)


async def _fail(run: Run, taken: Taken, house: House, error: Exception) -> None:
    """Keep the failure and open a case: a run that stopped is never silent (R-FMC-31)."""
    known = error if isinstance(error, AccordantError) else None
    problem = run.told(
        Problem.of(known, about=taken.run_id, actions=TELL_AND_ANSWER)
        if known
        else Problem(
            code="run.failed",
            sentence=f"{taken.start['flow']} stopped by an unexpected error; nothing more was written.",
            remedy="Retry; when it stops again, hand the run's page to integration support.",
            role="integration_support",
            about=taken.run_id,
            details={"error": type(error).__name__},
        )
    )

    def fail(connection: Connection) -> None:
        require_hold(connection, taken)
        end_run(
            connection, taken.run_id, RunState.FAILED, known.as_dict() if known else {"error": type(error).__name__}
        )
        case_id = cases.open_case(connection, problem, at=datetime.now(UTC))
        wait_for_answer(connection, taken, case_id)

    await run.flush()
    await asyncio.to_thread(_in_transaction, house, fail)


def _in_transaction(house: House, work: Callable[[Connection], Any]) -> Any:
    with house.engine.database.begin() as connection:
        return work(connection)
