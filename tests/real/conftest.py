"""A real Tryton for the tests of this folder: one server per run, on a copy of books that are made once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from accordant.runtime.tryton_firm import TrytonFirm, books_of, tryton_firm
from accordant.runtime.tryton_server import TrytonHome
from accordant.simulators.firm.firm import Firm

HOME = TrytonHome(Path(__file__).parents[2] / ".tryton")


@pytest.fixture(scope="session")
def today() -> date:
    """The day on which the tests run: Tryton refuses what it takes for the future."""
    return datetime.now(UTC).date()


@pytest.fixture(scope="session")
def firm(today: date) -> Firm:
    """A small firm."""
    return Firm.generate(5, engagements=6, lines=40, today=today)


@pytest.fixture(scope="session")
def tryton(firm: Firm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonFirm]:
    """The firm's ERP, served on a free port."""
    if not HOME.template.exists():
        pytest.fail("There is no Tryton in .tryton; run `make tryton` once, it takes about a minute.", pytrace=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tryton_firm(HOME, tmp_path_factory.mktemp("tryton"), books_of(firm, {"uk01": "04-01"}), port=port) as running:
        yield running
