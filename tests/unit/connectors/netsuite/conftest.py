"""The connected account that every test here starts from."""

from __future__ import annotations

import pytest
from netsuite_erp import Erp, open_erp


@pytest.fixture
def erp() -> Erp:
    return open_erp()
