"""One house per scenario: fresh systems, a fresh database, a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from firm import House, a_firm, open_house
from sqlalchemy import URL

from accordant.simulators.firm import Firm


@pytest.fixture
def open_firm(owner_url: URL, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Open the firm that a scenario needs: `open_firm(deals=(0, 1))`."""
    with ExitStack() as stack:

        def opened(firm: Firm | None = None, *, deals: tuple[int, ...] = (0,), **options: object) -> House:
            return stack.enter_context(open_house(owner_url, tmp_path, firm or a_firm(deals=deals), **options))

        yield opened


@pytest.fixture
def house(open_firm: Callable[..., House]) -> House:
    """A firm with one deal: time and materials, in the United Kingdom."""
    return open_firm()
