"""The account that every test here starts from."""

from __future__ import annotations

import pytest
from netsuite_account import Account, open_account


@pytest.fixture
def account() -> Account:
    return open_account()
