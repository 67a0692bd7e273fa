"""A small firm, and the same one loaded into its systems."""

from __future__ import annotations

from datetime import date

import pytest

from accordant.simulators.firm import Firm, SimulatedEstate


@pytest.fixture(scope="session")
def demo_firm() -> Firm:
    return Firm.generate(7, today=date(2026, 11, 20))


@pytest.fixture(scope="session")
def firm() -> Firm:
    return Firm.generate(7, engagements=6, lines=60, today=date(2026, 11, 20))


@pytest.fixture
def estate(firm: Firm) -> SimulatedEstate:
    return SimulatedEstate(firm)
