"""A simulated account with connectors to it."""

import pytest
from kantata_builders import Bench


@pytest.fixture
def bench():
    return Bench()
