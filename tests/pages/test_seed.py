"""The firm that the pages are shown with keeps the rules of the ledger."""

from __future__ import annotations

from accordant import ledger
from accordant.console import ConsoleDeps
from accordant.platform.storage import one


class TestSeed:
    def test_breaks_no_rule_of_the_ledger(self, filled: tuple[ConsoleDeps, object]) -> None:
        with filled[0].worker.begin() as connection:
            assert ledger.invariants(connection) == []

    def test_tells_every_state_of_an_engagement(self, filled: tuple[ConsoleDeps, object]) -> None:
        with filled[0].worker.begin() as connection:
            found = one(connection, "select count(distinct (state, status)) as n from engagement_state")

        assert found.n == 5
