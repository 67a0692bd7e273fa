"""Workers die with work in hand; the systems' own books say what that did, with every protection on and one off."""

from __future__ import annotations

import os

import pytest

from accordant.runtime.drill import CrashPlan, run_crash_drill

pytestmark = pytest.mark.skipif(
    not os.environ.get("ACCORDANT_PROOF"), reason="minutes long: `make proof`, or `accordant drill crash` by hand"
)

HARMFUL = {
    "lookup": ("effect.in_flight", "effect.after_answer"),
    "intent": ("effect.in_flight", "effect.after_answer"),
    "dedupe": ("effect.after_outcome", "run.in_resume"),
    "lock": ("effect.in_flight", "effect.after_answer"),
    "reaper": ("effect.after_intent", "effect.in_flight"),
}
"""Each protection, with the points at which its absence hurts."""


@pytest.fixture
def data(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)  # the server runs as its own user when we are root
    return tmp_path


def test_nothing_is_lost_and_nothing_doubled(data):
    report = run_crash_drill(CrashPlan(kills=40, seed=2), data)

    assert report.kills == 40
    assert report.damage == 0, report.as_json()


@pytest.mark.parametrize("protection", HARMFUL)
def test_without_a_protection_there_is_damage(data, protection):
    plan = CrashPlan(kills=10, seed=3, without=protection, engagements=10, lines=60, points=HARMFUL[protection])
    report = run_crash_drill(plan, data)

    assert report.damage > 0, report.as_json()
