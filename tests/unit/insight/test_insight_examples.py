"""The worked examples in the docstrings of the read models hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from accordant import insight

MODULES = [f"accordant.insight.{module.name}" for module in pkgutil.iter_modules(insight.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = [doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES]

    assert sum(len(test.examples) > 0 for tests in found for test in tests) >= 4
