"""The firm of one cell of the step × fault matrix: a deal that is won already, and a product that has not begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firm import House, a_firm, open_house
from sqlalchemy import URL


@pytest.fixture
def house(owner_url: URL, tmp_path: Path) -> Iterator[House]:
    with open_house(owner_url, tmp_path, a_firm(), is_open=False) as opened:
        opened.win()
        yield opened
