"""Step × fault: whatever a system does at any write of any flow, every record stands once, or a case names the money.

The matrix is made of the flows' own steps: `steps.json` holds what a story without faults writes, and a test fails
when the flows write something else. `make test` runs a set that covers each step and each fault; `make proof` all.
"""

from __future__ import annotations

import os

import pytest
from firm import CRM, HANG_S, House
from from_won_to_paid import Step, is_whole, keep_steps, known_steps, play, steps_of

IS_PROOF = bool(os.environ.get("ACCORDANT_PROOF"))
IS_RECORDING = bool(os.environ.get("ACCORDANT_RECORD_STEPS"))
FAULTS = {
    "500": {"times": 2},
    "429": {"times": 3},
    "expired_token": {},
    "html_error": {},
    "half_body": {},
    "slow": {},
    "timeout_before_commit": {},
    "timeout_after_commit": {},
    "late_commit": {"options": {"delay_s": 2 * HANG_S}},
    "search_lag": {},
}
LAG_S = 0.8


def whole_matrix() -> list[tuple[Step, str]]:
    return [(step, fault) for step in known_steps() for fault in FAULTS if is_short(step, fault)] + batches()


def is_short(step: Step, fault: str) -> bool:
    """The CRM's throttling is the end of the day's budget: an hour's wait, which is not for this test."""
    return not (step.system == CRM and fault == "429")


def batches() -> list[tuple[Step, str]]:
    """The writes of many records at once, of which some may fail alone."""
    return [(step, "partial_batch") for step in known_steps() if step.operation == "post_time"]


def covering_set() -> list[tuple[Step, str]]:
    """Each step once, and each fault as often as the steps allow."""
    cells, turn = [], 0
    for step in known_steps():
        faults = [fault for fault in FAULTS if is_short(step, fault)]
        cells.append((step, faults[turn % len(faults)]))
        turn += 3
    return cells + batches()


def arm(house: House, step: Step, fault: str) -> None:
    """Let a fault strike a step; a search that lags matters only to who must look what became of a write."""
    facts = {**FAULTS.get(fault, {})}
    if fault == "search_lag":
        house.systems.fault(step.system, fault, times=None, options={"lag_s": LAG_S})
        fault = "timeout_after_commit"
    house.systems.fault(step.system, fault, on=step.call, **facts)


def calls(steps: list[Step]) -> set[tuple[str, str, str]]:
    return {(step.flow, step.system, step.call) for step in steps}


class TestStepByFault:
    @pytest.mark.parametrize(
        ("step", "fault"),
        [
            pytest.param(*cell, id=f"{cell[0].name}-{cell[1]}")
            for cell in (whole_matrix if IS_PROOF else covering_set)()
        ],
    )
    def test_every_record_stands_once_after(self, house, step, fault):
        """R-TST-09, R-ORC-07, R-RES-04, R-RES-06, R-RES-18."""

        def before(flow: str) -> None:
            if flow == step.flow:
                arm(house, step, fault)

        play(house, before)

        struck = [f for f in house.systems[step.system].faults.as_json() if f["on"] == step.call]
        assert struck[0]["struck"] > 0, "the fault never struck: the step is not where the record says"
        is_whole(house)


class TestSteps:
    def test_the_matrix_is_made_of_what_the_flows_write(self, house):
        assert play(house) == []
        is_whole(house)
        written = steps_of(house)
        if IS_RECORDING:
            keep_steps(written)

        # Which of two operations under way at once made a call is told by the clock; the calls are certain.
        assert calls(written) == calls(known_steps()), "record them anew with ACCORDANT_RECORD_STEPS=1"


class TestTakenAgain:
    """Another process takes the run after so many writes: the first is fenced, the second replays and goes on."""

    @pytest.mark.parametrize("writes", range(1, 9) if IS_PROOF else (2, 5))
    def test_an_activation_taken_over_ends_the_same(self, house, writes):
        """R-ORC-01, R-TST-10."""

        def taken_over() -> bool:
            done = house.count(
                """select count(*) as n from effect e join run r on r.id = e.run_id
                   where r.flow = 'activate-project' and e.state = 'done'"""
            )
            return done >= writes

        house.work()
        house.until(taken_over, f"{writes} writes", every_s=0.002)
        (run,) = house.rows("update run set attempt = attempt + 1 where flow = 'activate-project' returning id, state")
        if run.state == "running":
            house.until(lambda: house.loop.do(house.worker.engine.resume(run.id)), "the fenced execution has ended")
        house.run_ends("activate-project")
        house.run_ends("open-workspace")
        play_on = house.book(house.firm.deals[0], 8)
        house.approve(play_on)
        house.run_ends("time-to-bill")
        house.agrees()
        assert house.open_cases() == {}
